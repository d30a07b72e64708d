"""The three penalties beside llama.cpp's own sampler, on its own scores of a text that repeats."""

import numpy as np
import pytest

import labkit
from labkit.backends.local.processors import scores_by_stage
from labkit.backends.remote.protocols.parameters import request_fields
from labkit.backends.settings import Settings

pytest.importorskip("xllamacpp", reason="pip install 'labkit[llamacpp]'")

TEXT = "The cat sat on the mat. The cat sat on the hat. The dog sat on the"


@pytest.fixture(scope="module")
def engine(smollm2):
    model = labkit.load_llamacpp("smollm2-135m", context=512)
    yield model
    model.close()


def drawn_from(engine, ids, size, settings):
    """(size,): the probabilities that llama.cpp draws the next token with."""
    asked = request_fields("llama.cpp", settings, raw=True)
    # What it draws first is of no matter; it gives nothing for a part of a character.
    more = {"prompt": ids, "n_predict": 1, "n_probs": size, "post_sampling_probs": True}
    (step,) = engine.ask("/completion", {**asked, **more})["completion_probabilities"]
    shares = np.zeros(size)
    for each in step["top_probs"]:
        shares[each["id"]] = each["prob"]
    return shares


@pytest.mark.parametrize(
    "penalties",
    [
        {"frequency_penalty": 0.8},
        {"frequency_penalty": -0.3},
        {"presence_penalty": 1.1},
        {"frequency_penalty": 0.4, "presence_penalty": -0.6},
    ],
    ids=str,
)
def test_penalties_are_those_of_llamacpp(engine, smollm2, penalties):
    ids, size = engine.encode(TEXT, raw=True), len(smollm2.tokenizer)
    plain = drawn_from(engine, ids, size, Settings(temperature=1, seed=3))
    theirs = drawn_from(engine, ids, size, Settings(temperature=1, seed=3, **penalties))
    with np.errstate(divide="ignore"):
        scores = np.log(plain).astype(np.float32)
    stages = scores_by_stage(scores, ids, Settings(temperature=1, **penalties))
    ours = np.exp(list(stages.values())[-1])
    assert np.abs(theirs - plain).max() > 0.01, "they change something"
    np.testing.assert_allclose(ours / ours.sum(), theirs, atol=2e-5)
