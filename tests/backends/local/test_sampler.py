"""From scores to a token: against transformers' `generate`, and against the probabilities."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from labkit.backends.local.processors import draw_from_scores, scores_by_stage
from labkit.backends.local.sampler import Sampler, build_chain, draw
from labkit.backends.settings import STAGES, Settings

SAMPLED = [
    {"temperature": 1.0},
    {"temperature": 1.3, "top_k": 40, "top_p": 0.9},
    {"temperature": 0.7, "min_p": 0.05, "repetition_penalty": 1.2},
    {"temperature": 1.1, "typical_p": 0.8, "top_k": 200},
    {
        "temperature": 1.4,
        "top_k": 300,
        "top_p": 0.97,
        "min_p": 0.001,
        "typical_p": 0.95,
        "repetition_penalty": 1.15,
    },  # all that transformers has, in its own order
]


@pytest.mark.parametrize("chosen", SAMPLED, ids=str)
def test_the_chain_gives_the_scores_of_generate(smollm2, chosen):
    ids = smollm2.encode("Why is the sky blue?")
    torch.manual_seed(11)
    expected = smollm2.model.generate(
        torch.tensor([ids]),
        do_sample=True,
        max_new_tokens=12,
        output_scores=True,
        output_logits=True,
        return_dict_in_generate=True,
        **{"top_k": 0, **chosen},
    )
    for index, (logits, scores) in enumerate(zip(expected.logits, expected.scores, strict=True)):
        so_far = expected.sequences[0, : len(ids) + index].tolist()
        stages = scores_by_stage(logits[0].numpy(), so_far, Settings(**chosen))
        np.testing.assert_allclose(list(stages.values())[-1], scores[0].numpy(), rtol=1e-5)


@given(
    st.integers(0, 2**32 - 1),
    st.builds(
        Settings,
        temperature=st.sampled_from([0, 0.3, 1, 2.5]),
        top_k=st.none() | st.integers(1, 70),
        top_p=st.floats(0.01, 1),
        min_p=st.floats(0, 0.99),
        typical_p=st.floats(0.01, 1),
        repetition_penalty=st.floats(0.5, 2),
        presence_penalty=st.floats(-2, 2),
        frequency_penalty=st.floats(-2, 2),
        order=st.permutations(STAGES),
    ),
)
def test_the_chain_in_numpy_is_that_of_transformers_processors(seed, chosen):
    """Where a sum ends within rounding of a bound, one token more or less may remain."""
    row = torch.randn(1, 60, generator=torch.Generator().manual_seed(seed)) * 3
    ids = torch.tensor([[1, 2, 2, 59]])
    stages = scores_by_stage(row[0].numpy(), ids[0].tolist(), chosen)
    chain = build_chain(chosen)
    assert list(stages) == ["scores", *chain]
    for stage, process in chain.items():
        row = process(ids, row)
        ours, theirs = stages[stage], row[0].numpy()
        assert (np.isfinite(ours) != np.isfinite(theirs)).sum() <= 1
        both = np.isfinite(ours) & np.isfinite(theirs)
        np.testing.assert_allclose(ours[both], theirs[both], rtol=1e-5, atol=1e-6)
        if not both.all() and (np.isfinite(ours) != np.isfinite(theirs)).any():
            return


def test_a_sampled_token_records_the_models_and_the_chains_logprob():
    scores = torch.randn(1, 60, generator=torch.Generator().manual_seed(1))
    chosen = Settings(temperature=0.6, top_k=5, seed=3)
    ids, (token,) = Sampler([chosen], 4).sample(torch.tensor([[0]]), scores)
    own = scores[0].log_softmax(-1)
    chained = scores_by_stage(scores[0].numpy(), [0], chosen)["top_k"]
    assert token.token_id == ids.item()
    assert token.logprob == pytest.approx(own[token.token_id].item())
    shares = torch.from_numpy(chained).log_softmax(-1)
    assert token.drawn_logprob == pytest.approx(shares[token.token_id].item())
    assert [token_id for token_id, _ in token.leading] == own.topk(4).indices.tolist()
    entropy = -(own.exp() * own).sum().item() / math.log(2)
    assert token.entropy_bits == pytest.approx(entropy, abs=1e-5)


def test_temperature_0_leaves_no_choice():
    sampler = Sampler([Settings(temperature=0, seed=1)], 3)
    ids, (token,) = sampler.sample(torch.tensor([[0]]), torch.tensor([[0.0, 2.0, 1.0]]))
    assert (ids.item(), token.drawn_logprob) == (1, 0.0)
    assert token.logprob == pytest.approx(math.log(math.exp(2) / (1 + math.e + math.exp(2))))
    assert [token_id for token_id, _ in token.leading] == [1, 2, 0]


def test_settings_that_change_nothing_make_no_stage():
    assert build_chain(Settings(temperature=1)) == {}


def test_the_stages_come_in_the_order_asked_for():
    order = tuple(reversed(STAGES))
    chosen = Settings(temperature=2, top_p=0.9, top_k=5, presence_penalty=1, order=order)
    assert list(build_chain(chosen)) == ["top_p", "top_k", "temperature", "presence_penalty"]


def test_the_order_decides():
    """top_p before a high temperature keeps fewer tokens than after it."""
    scores = np.linspace(5, 0, 50, dtype=np.float32)
    remaining = {}
    for first in ("temperature", "top_p"):
        order = (first, *(stage for stage in STAGES if stage != first))
        chosen = Settings(temperature=3, top_p=0.8, order=order)
        last = list(scores_by_stage(scores, [0], chosen).values())[-1]
        remaining[first] = np.isfinite(last).sum()
    assert remaining["top_p"] < remaining["temperature"]


def test_presence_penalty_is_taken_off_once():
    scores = np.zeros(4, dtype=np.float32)
    stages = scores_by_stage(scores, [1, 2, 2], Settings(temperature=1, presence_penalty=1.5))
    assert stages["presence_penalty"].tolist() == [0, -1.5, -1.5, 0]


def test_frequency_penalty_is_taken_off_as_often_as_the_token_occurred():
    """Beside a reference by hand, in torch: score − f × count of the token in the context."""
    scores = torch.randn(1, 50, generator=torch.Generator().manual_seed(4))
    ids = [7, 3, 7, 49, 7, 3]
    counts = torch.bincount(torch.tensor(ids), minlength=50)
    chosen = Settings(temperature=1, frequency_penalty=0.7)
    row = scores_by_stage(scores[0].numpy(), ids, chosen)["frequency_penalty"]
    expected = scores - 0.7 * counts
    torch.testing.assert_close(torch.from_numpy(row), expected[0])
    (process,) = build_chain(chosen).values()
    torch.testing.assert_close(
        process(torch.tensor([ids, ids]), scores.expand(2, -1))[1], expected[0]
    )


@pytest.mark.slow
@pytest.mark.parametrize("chosen", [{}, {"top_k": 8}, {"temperature": 1.5, "min_p": 0.02}], ids=str)
def test_tokens_are_drawn_as_often_as_their_probabilities_say(chosen):
    """Pearson's chi-square at a fixed seed, below its 99.9th percentile (Wilson-Hilferty)."""
    scores = 2 * torch.randn(1, 40, generator=torch.Generator().manual_seed(5))
    times, row = 20_000, Settings(**{"temperature": 0.9, "seed": 9, **chosen})
    stages = scores_by_stage(scores[0].numpy(), [0], row)
    shares = torch.from_numpy(list(stages.values())[-1]).softmax(-1).double()
    sampler = Sampler([row], 1)
    drawn = Counter(sampler.sample(torch.tensor([[0]]), scores)[0].item() for _ in range(times))
    assert all(shares[token] > 0 for token in drawn)
    often = [token for token in range(40) if times * shares[token] >= 5]
    chi2 = sum((drawn[t] - times * shares[t]) ** 2 / (times * shares[t]) for t in often).item()
    df = len(often) - 1
    assert chi2 < df * (1 - 2 / (9 * df) + 3.09 * math.sqrt(2 / (9 * df))) ** 3


SHARES = st.lists(st.floats(0, 1, width=32), min_size=2, max_size=30).filter(any)


@given(SHARES, st.floats(0, 1, exclude_max=True))
def test_a_token_of_probability_0_is_never_drawn(probabilities, uniform):
    token = draw(torch.tensor([probabilities]), [[uniform]]).item()
    assert torch.tensor(probabilities)[token] > 0


def test_rows_of_different_settings_are_sampled_as_if_alone():
    scores = torch.randn(6, 80, generator=torch.Generator().manual_seed(2))
    ids = torch.arange(12).reshape(6, 2)
    rows = [
        Settings(temperature=t, top_p=p, seed=seed)
        for seed, (t, p) in enumerate([(0, 1), (1, 1), (0.5, 0.5), (1, 1), (0.5, 0.5), (2, 0.9)])
    ]
    _, together = Sampler(rows, 3).sample(ids, scores)
    for index, row in enumerate(rows):
        _, (alone,) = Sampler([row], 3).sample(ids[[index]], scores[[index]])
        assert together[index].token_id == alone.token_id
        assert together[index].drawn_logprob == pytest.approx(alone.drawn_logprob, abs=1e-5)


def test_remaining_rows_keep_their_random_numbers():
    scores = torch.zeros(3, 500)
    ids = torch.zeros(3, 1, dtype=torch.long)
    rows = [Settings(temperature=1, seed=seed) for seed in (4, 5, 6)]
    whole, fewer = Sampler(rows, 1), Sampler(rows, 1)
    whole.sample(ids, scores)
    fewer.sample(ids, scores)
    fewer.keep([0, 2])
    every, _ = whole.sample(ids, scores)
    some, _ = fewer.sample(ids[[0, 2]], scores[[0, 2]])
    assert some.tolist() == every[[0, 2]].tolist()


def test_repeated_draws_begin_as_a_stream_does():
    scores = torch.randn(1, 300, generator=torch.Generator().manual_seed(3))
    token, _ = Sampler([Settings(temperature=1, seed=21)], 1).sample(torch.tensor([[0]]), scores)
    drawn = draw_from_scores(scores[0].numpy(), 5, 21)
    assert drawn.shape == (5,) and drawn[0] == token.item()
