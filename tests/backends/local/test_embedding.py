"""Embeddings of the real MiniLM."""

import numpy as np
import pytest

import labkit
from labkit.backends.local.embedding import BATCH_SIZE, MOST_TOKENS, Embedder
from labkit.errors import LabError


@pytest.fixture(scope="module")
def minilm(minilm_files):
    return Embedder("minilm")


def test_similarities_are_the_published_ones(minilm):
    """The example of the hub's documentation of sentence similarity, with this very model."""
    texts = ["That is a happy dog", "That is a very happy person", "Today is a sunny day"]
    vectors = minilm.embed(["That is a happy person", *texts])
    assert vectors.shape == (4, 384) and vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert vectors[1:] @ vectors[0] == pytest.approx([0.69458, 0.94292, 0.25688], abs=1e-4)


def test_a_batch_changes_no_vector(minilm):
    texts = [f"sentence {n}" + " and more" * n for n in range(BATCH_SIZE + 3)]
    alone = np.concatenate([minilm.embed([text]) for text in texts])
    assert minilm.embed(texts) == pytest.approx(alone, abs=1e-5)
    assert minilm.embed([]).shape == (0, 384)
    assert minilm.embed(iter(texts[:2])) == pytest.approx(alone[:2], abs=1e-5)
    for wrong in ("hello", [None], 5):
        with pytest.raises(ValueError, match="texts must be one or more texts"):
            minilm.embed(wrong)


def test_a_text_is_read_to_its_limit(minilm):
    beginning = "word " * (MOST_TOKENS - 2)  # and two tokens that frame it
    vectors = minilm.embed([beginning, beginning + "and something else"])
    assert vectors[0] == pytest.approx(vectors[1], abs=1e-6)


def test_what_writes_is_not_an_embedder_and_the_reverse():
    with pytest.raises(LabError, match="smollm2-135m is not an embedding model") as error:
        Embedder("smollm2-135m")
    assert "all-minilm-l6-v2" in error.value.hint
    with pytest.raises(LabError, match="all-minilm-l6-v2 makes embeddings") as error:
        labkit.load("minilm")
    assert "Embedder" in error.value.hint
