"""A real vLLM, which somebody has started: LABKIT_TEST_VLLM holds its address.

    vllm serve FOLDER --dtype float32 --enforce-eager --host 127.0.0.1 --max-logprobs -1 \
        --served-model-name smollm2-135m

FOLDER is the model's own: `labkit.load("smollm2-135m").folder`.
"""

import os

import numpy as np
import pytest

import labkit as lab
from labkit.topics.sampling.next_token.prediction import softmax

from .test_notebooks import learner_environment, run_notebook

SERVED = (
    "00_start",
    "01_tokens",
    "02_sampling",
    "04_compare",
    "05_privacy",
    "07_prompts",
    "10_decide",
)
ADDRESS = os.environ.get("LABKIT_TEST_VLLM")
PROMPTS = [
    "The capital of France is",
    "Why is the sky blue?",
    "def add(a, b):\n    return",
    "1 + 1 =",
    "Une pomme est un",
    "Der Hund",
    "Once upon a time",
    "import numpy as np\n",
    "水は",
    "Dear Sir or Madam,",
]

pytestmark = pytest.mark.skipif(
    not ADDRESS, reason="no vLLM: LABKIT_TEST_VLLM names no address (see this file's first lines)"
)


@pytest.fixture(scope="module")
def served():
    return lab.load("smollm2-135m", server=ADDRESS)


def test_its_scores_are_those_of_the_same_weights_here(served, smollm2):
    divergences = []
    for raw in (True, False):
        for prompt in PROMPTS:
            ids, scores = served.scores(prompt, raw=raw)
            here, expected = smollm2.scores(prompt, raw=raw)
            assert ids == here
            p, q = (softmax(each.astype(np.float64)) for each in (expected, scores))
            divergences.append(float((p * (np.log(p) - np.log(q))).sum()))
    print(f"mean KL {np.mean(divergences):.1e}, largest {max(divergences):.1e}")
    assert np.mean(divergences) < 1e-4


def test_what_it_writes_is_what_the_weights_here_write(served, smollm2):
    texts = [
        lab.generate(model, "Why is the sky blue?", temperature=0, max_tokens=16).text
        for model in (served, smollm2)
    ]
    assert texts[0] == texts[1]


@pytest.mark.usefixtures("notebook_files")
@pytest.mark.parametrize("name", SERVED)
def test_a_notebook_runs_unchanged_and_without_torch(name, without_torch):
    run_notebook(name, learner_environment(ADDRESS, without_torch))
