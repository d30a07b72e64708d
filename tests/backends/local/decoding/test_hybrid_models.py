"""Models with layers that keep a state in place of keys: every mode, as transformers computes it.

The reference is one pass over the whole text, without a cache.
"""

from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM

import labkit
from labkit.backends.local import model as local_model
from labkit.backends.local.decoding.cursor import Cursor
from labkit.backends.local.decoding.forward import prefill
from labkit.backends.local.decoding.speculative import SpeculativeMode
from labkit.backends.local.generation_modes import UncachedMode
from labkit.backends.local.kv_cache import can_crop, state_bytes
from labkit.backends.reply import Stream
from labkit.backends.settings import Settings
from labkit.models.machine import inspect_machine
from labkit.topics.sampling.determinism.repeat import repeat
from labkit.topics.sampling.paths.beam_search import beam_search
from labkit.topics.sampling.paths.tree import grow_tree
from labkit.topics.speed.experiments.vary import vary_batch_size
from labkit.topics.speed.explain.kv_cache import measure_cache

from ....tiny_architectures import HYBRID, STATE_SPACE

ALL = HYBRID | STATE_SPACE
PROMPT = "the cat sat on the mat"


@pytest.fixture(scope="module", params=ALL)
def both(request, make_tiny, tmp_path_factory):
    """A model, and transformers' own of the same weights."""
    folder = make_tiny(tmp_path_factory.mktemp(request.param), request.param, **ALL[request.param])
    return labkit.load(folder), AutoModelForCausalLM.from_pretrained(folder).eval()


@torch.inference_mode()
def scores_of(reference, ids):
    return reference(torch.tensor([ids]), use_cache=False).logits[0, -1]


def tokens_of(reply):
    return [step.token_id for step in reply.steps]


def test_a_text_can_be_read_in_parts(both):
    model, reference = both
    ids = list(range(5, 30))
    with torch.inference_mode():
        cache, _ = prefill(model.model, ids[:9])
        _, scores = prefill(model.model, ids[9:], cache)
    torch.testing.assert_close(scores[0], scores_of(reference, ids), rtol=1e-3, atol=1e-4)


def test_a_cursor_goes_back(both):
    model, reference = both
    ids = model.encode(PROMPT, raw=True)
    cursor = Cursor(model, ids)
    for token_id in (5, 6, 7):
        cursor.take(token_id)
    cursor.back(2)
    cursor.go_to([*ids, 5, 9, 10])
    expected = scores_of(reference, [*ids, 5, 9, 10])
    torch.testing.assert_close(torch.tensor(cursor.scores), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("batch_size", [None, 2])
def test_rows_of_a_batch_write_what_each_writes_alone(both, batch_size):
    """All in one batch, and in several that share the prompt's state."""
    model, _ = both
    asked = {"temperatures": (0.5, 1.5), "samples": 3, "max_tokens": 6, "raw": True}
    swept = labkit.sweep(model, PROMPT, batch_size=batch_size, **asked)
    for reply in swept.replies:
        alone = labkit.generate(
            model,
            PROMPT,
            raw=True,
            temperature=reply.settings.temperature,
            seed=reply.settings.seed,
            max_tokens=6,
        )
        assert tokens_of(reply) == tokens_of(alone)


def test_beams_and_their_scores_match_generate(both):
    model, reference = both
    ids = torch.tensor([model.encode(PROMPT, raw=True)])
    found = beam_search(model, PROMPT, beams=3, max_tokens=6, raw=True)
    expected = reference.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        num_beams=3,
        num_return_sequences=3,
        max_new_tokens=6,
        do_sample=False,
        return_dict_in_generate=True,
        output_scores=True,
    )
    texts = expected.sequences[:, ids.shape[1] :].tolist()
    for reply, text, score in zip(found.beams, texts, expected.sequences_scores, strict=True):
        own = tokens_of(reply)
        assert own == text[: len(own)]
        mean = sum(step.logprob for step in reply.steps) / len(own)
        assert mean == pytest.approx(float(score), abs=1e-3)


def test_a_tree_has_the_likeliest_continuations(both):
    model, reference = both
    ids = model.encode(PROMPT, raw=True)
    tree = grow_tree(model, PROMPT, width=2, depth=3, raw=True)
    best, text = [], list(ids)
    for _ in range(3):
        best.append(int(scores_of(reference, text).argmax()))
        text.append(best[-1])
    assert best in [list(path) for path in _paths(tree)]


def _paths(tree):
    """The token ids of every text of the tree, from its first token on."""
    for node in tree.nodes:
        path = []
        while node is not None:
            path.insert(0, node.token_id)
            node = tree.nodes[node.parent] if node.parent is not None else None
        yield path


def test_other_modes_write_the_same(both):
    model, _ = both
    asked = {"raw": True, "temperature": 0, "max_tokens": 8}
    plain = labkit.generate(model, PROMPT, **asked)
    for mode in (UncachedMode(model), SpeculativeMode(model)):
        assert tokens_of(labkit.generate(mode, PROMPT, **asked)) == tokens_of(plain)


def test_repeats_and_batches_run(both):
    model, _ = both
    assert repeat(model, PROMPT, times=2, max_tokens=4, raw=True).conditions
    assert vary_batch_size(model, PROMPT, sizes=(1, 2), max_tokens=4, repeats=1).points


def test_the_state_does_not_grow_and_counts_for_every_row(both, monkeypatch):
    model, _ = both
    with torch.inference_mode():
        short, long = (prefill(model.model, range(5, 5 + length))[0] for length in (20, 60))
    assert state_bytes(short) == state_bytes(long) > 0
    assert not can_crop(short)
    small = replace(inspect_machine(), available_bytes=12 * state_bytes(long), gpus=())
    monkeypatch.setattr(local_model, "inspect_machine", lambda: small)
    monkeypatch.setattr(local_model, "rows_that_fit", lambda *_: 100)
    rows = [Stream(Settings())] * 100
    assert model._rows_that_fit(rows, list(range(5, 65)), long) == 3


@pytest.mark.parametrize("architecture", HYBRID)
def test_the_measured_cache_is_the_computed_one(make_tiny, tmp_path, architecture):
    model = labkit.load(make_tiny(tmp_path / "m", architecture, **HYBRID[architecture]))
    growth = measure_cache(model, lengths=(16, 32, 64))
    assert [size.used_bytes for size in growth.sizes] == [
        size.computed_bytes for size in growth.sizes
    ]
