"""The catalogue's numbers against the architectures themselves."""

import pytest

from labkit.errors import LabError
from labkit.models.catalogue import CATALOGUE, DEFAULT, GENERATIVE, find, full_name
from labkit.models.memory_plan import count_parameters
from labkit.models.prices import look_up_price, request_price


def config_of(entry, **changes):
    from transformers import AutoConfig

    fields = entry.config | changes
    return AutoConfig.for_model(fields.pop("model_type"), **fields)


@pytest.mark.parametrize("entry", GENERATIVE, ids=lambda entry: entry.name)
def test_parameters_are_those_of_the_architecture(entry):
    assert count_parameters(config_of(entry)) == entry.parameters


def test_parameters_of_the_embedding_model():
    import torch
    from transformers import AutoModel

    entry = CATALOGUE["all-minilm-l6-v2"]
    with torch.device("meta"):
        model = AutoModel.from_config(config_of(entry))
    assert sum(weight.numel() for weight in model.parameters()) == entry.parameters
    assert 4 * entry.parameters < entry.source.file_bytes < 4 * entry.parameters + 100_000


@pytest.mark.parametrize("name", ["qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"])
def test_an_output_matrix_that_is_stored_apart_is_counted_apart(name):
    entry = CATALOGUE[name]
    assert count_parameters(config_of(entry, tie_word_embeddings=False)) == entry.stored_parameters


def test_nicknames():
    assert {full_name(name) for name in ("coder", "minilm")} < set(CATALOGUE)
    assert full_name("smollm2-135m") == "smollm2-135m"


def test_the_default_needs_no_account():
    entry = CATALOGUE[DEFAULT]
    assert entry.terms is None
    assert entry.license == "Apache-2.0"
    assert entry.kind == "chat"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("smollm2-135", "smollm2-135m"), ("Gemma-270m", "gemma-3-270m"), ("codr", "coder")],
)
def test_an_unknown_name_suggests_the_nearest(wrong, right):
    with pytest.raises(LabError, match=f"Did you mean '{right}'"):
        find(wrong)


@pytest.mark.parametrize("look_up", [look_up_price, lambda model: request_price(model, 1, 1)])
def test_a_price_of_what_is_not_a_name(look_up):
    with pytest.raises(ValueError, match="model must be the provider's name of a model; got None"):
        look_up(None)
