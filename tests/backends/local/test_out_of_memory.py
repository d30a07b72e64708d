"""Out of memory in the middle of an answer, by a model whose forward pass raises torch's error."""

import gc

import pytest
import torch

import labkit
from labkit.backends.generate import collect_rows
from labkit.backends.local.decoding.beam_search import search_beams
from labkit.backends.local.decoding.cursor import Cursor
from labkit.backends.local.decoding.speculative import SpeculativeMode
from labkit.backends.local.decoding.tree_expansion import expand_tree
from labkit.backends.local.generation_modes import BatchMode, UncachedMode, grow_cache
from labkit.backends.local.kv_cache import GrowingLayer
from labkit.backends.settings import Settings
from labkit.errors import LabError

SENTENCE = "The GPU's memory is full: there was no room for more.\n  → Ask for fewer tokens"


@pytest.fixture
def tiny(make_tiny, tmp_path):
    return labkit.load(make_tiny(tmp_path / "tiny"), device="cpu", dtype="float32")


@pytest.fixture
def full_after(tiny, monkeypatch):
    """``full_after(passes)``: the memory is full in the forward pass after as many."""

    def limit(passes, error=None):
        forward = tiny.model.forward

        def counted(*args, **kwargs):
            nonlocal passes
            passes -= 1
            output = forward(*args, **kwargs)
            if passes < 0:
                raise error or torch.OutOfMemoryError("CUDA out of memory.")
            return output

        monkeypatch.setattr(tiny.model, "forward", counted)

    return limit


def layers_in_memory():
    gc.collect()
    return sum(type(each) is GrowingLayer for each in gc.get_objects())


MODES = [lambda m: m, UncachedMode, SpeculativeMode, lambda m: BatchMode(m, 3)]


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES, ids=["stream", "uncached", "speculative", "batch"])
def test_the_partial_answer_is_kept_and_the_memory_is_free(tiny, full_after, mode):
    backend = mode(tiny)
    whole = labkit.generate(backend, "the cat", raw=True, temperature=0, max_tokens=8)
    before = layers_in_memory()
    full_after(2)
    part = labkit.generate(backend, "the cat", raw=True, temperature=0, max_tokens=8)
    assert part.finish == "failed"
    assert part.error.startswith(SENTENCE)
    assert 1 <= len(part.steps) < len(whole.steps)
    ids = [step.token_id for step in whole.steps]
    assert [step.token_id for step in part.steps] == ids[: len(part.steps)]
    assert layers_in_memory() == before


def test_an_error_that_is_kept_holds_no_memory(tiny, full_after):
    before = layers_in_memory()
    full_after(3)
    running = labkit.stream(tiny, "the cat", raw=True, temperature=0, max_tokens=8)
    with pytest.raises(LabError, match="memory is full") as kept:
        list(running)
    assert running.finish == "failed"
    assert layers_in_memory() == before
    del kept


def test_rows_that_have_ended_stay_as_they_are(tiny, full_after):
    rows = [Settings(temperature=0, max_tokens=count) for count in (1, 6)]
    full_after(3)
    running = tiny.stream_rows("the cat", rows, raw=True)
    short, long = collect_rows(tiny.name, "the cat", running, lambda: None)
    assert (short.finish, short.error) == ("length", None)
    assert (long.finish, len(long.steps)) == ("failed", 3)
    assert long.error.startswith(SENTENCE)


def test_before_the_first_token_it_is_an_error(tiny, full_after):
    full_after(0)
    with pytest.raises(LabError, match="memory is full"):
        labkit.generate(tiny, "the cat", raw=True)


CALLS = {
    "scores": lambda m: m.scores("the cat", raw=True),
    "cursor": lambda m: Cursor(m, [2, 3, 4]),
    "beams": lambda m: search_beams(m, "the cat", 3, 4, raw=True),
    "tree": lambda m: list(expand_tree(m, [2, 3, 4], 2, 2)),
    "cache": lambda m: list(grow_cache(m, [4, 8])),
}


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_whatever_computes_says_so(tiny, full_after, call):
    before = layers_in_memory()
    full_after(0)
    with pytest.raises(LabError, match="The GPU's memory is full"):
        call(tiny)
    assert layers_in_memory() == before


@pytest.mark.parametrize(
    ("message", "memory"),
    [
        ("MPS backend out of memory (MPS allocated: 9 GB)", "The GPU's memory"),
        ("CUDA error: out of memory", "The GPU's memory"),
        ("DefaultCPUAllocator: can't allocate memory: you tried", "This machine's memory"),
        ("DefaultCPUAllocator: not enough memory: you tried", "This machine's memory"),
    ],
)
def test_other_devices_have_other_words(tiny, full_after, message, memory):
    full_after(0, RuntimeError(message))
    with pytest.raises(LabError, match=f"{memory} is full"):
        tiny.scores("the cat", raw=True)


def test_other_errors_stay_as_they_are(tiny, full_after):
    full_after(0, RuntimeError("shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes"):
        tiny.scores("the cat", raw=True)
