"""The catalogue's numbers against the architectures themselves."""

import pytest

from labkit.errors import LabError
from labkit.models.catalogue import CATALOGUE, DEFAULT, find
from labkit.models.memory_plan import count_parameters


@pytest.mark.parametrize("name", CATALOGUE)
def test_parameters_are_those_of_the_architecture(name):
    from transformers import AutoConfig

    fields = dict(CATALOGUE[name].config)
    config = AutoConfig.for_model(fields.pop("model_type"), **fields)
    assert count_parameters(config) == CATALOGUE[name].parameters


def test_the_default_needs_no_account():
    entry = CATALOGUE[DEFAULT]
    assert entry.terms is None
    assert entry.license == "Apache-2.0"
    assert entry.kind == "chat"


@pytest.mark.parametrize(
    ("wrong", "right"), [("smollm2-135", "smollm2-135m"), ("Gemma-270m", "gemma-3-270m")]
)
def test_an_unknown_name_suggests_the_nearest(wrong, right):
    with pytest.raises(LabError, match=f"Did you mean '{right}'"):
        find(wrong)
