"""A small task and a score of it, which several tests look at."""

import pytest

import labkit


@pytest.fixture(scope="session")
def sentiment():
    return labkit.prompts.load_task("sentiment")


@pytest.fixture(scope="session")
def plain(sentiment):
    """A short prompt without the chat template."""
    return labkit.prompts.full_prompt(sentiment, examples=2).without("template", "system")


@pytest.fixture(scope="session")
def scored(untrained, sentiment, plain):
    return labkit.prompts.score(untrained, sentiment, plain, items=12, dtype="float32")
