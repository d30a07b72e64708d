"""The scripted model, as a fixture."""

import pytest

from .scripted_model import Scripted


@pytest.fixture
def scripted():
    return Scripted([("<b>One</b>", 0.5), (" two", 0.6), (" three", 0.8)])
