"""What the tests of a shared server share: a Python without torch, and a class's tokenizers."""

import pytest

from .shared_tokenizers import serving_tokenizers

BLOCKED = ("torch", "transformers", "accelerate", "peft")


@pytest.fixture(scope="module")
def without_torch(tmp_path_factory):
    """A folder that makes these packages appear not to be installed, in every Python."""
    folder = tmp_path_factory.mktemp("without_torch")
    text = f"import sys\nsys.modules.update(dict.fromkeys({BLOCKED}))\n"
    (folder / "sitecustomize.py").write_text(text)
    return folder


@pytest.fixture(scope="session")
def tokenizers():
    """The address of the tokenizers."""
    with serving_tokenizers() as address:
        yield address
