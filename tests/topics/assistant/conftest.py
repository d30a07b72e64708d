"""Models in llama.cpp: the real one, which cannot fill in, and a tiny random one that has tokens
for it."""

import pytest

import labkit


@pytest.fixture(scope="module")
def filler(fim_gguf):
    model = labkit.load_llamacpp(fim_gguf, threads=1)
    yield model
    model.close()


@pytest.fixture(scope="module")
def talker(smollm2):
    """SmolLM2, whose file the other fixture has fetched."""
    model = labkit.load_llamacpp("smollm2-135m", threads=1)
    yield model
    model.close()
