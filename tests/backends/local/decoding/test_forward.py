"""Many rows from one prompt: each as if alone, and no more memory than there is."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import labkit
from labkit.backends.constraints.constraint import choices
from labkit.backends.local import model as local_model
from labkit.backends.local.decoding import constrained, option_scores
from labkit.backends.local.decoding.cursor import Cursor
from labkit.backends.local.decoding.forward import prefill
from labkit.backends.local.kv_cache import growing_cache, rows_that_fit
from labkit.backends.settings import Settings
from labkit.models.machine import Gpu

PROMPT = "Why is the sky blue?"


@pytest.fixture(params=["llama", "gemma3_text"])
def tiny(request, make_tiny, tmp_path):
    window = {"sliding_window": 8} if request.param == "gemma3_text" else {}
    return labkit.load(make_tiny(tmp_path / request.param, request.param, **window))


def collect(rows):
    """Token ids and text of each row."""
    ids, texts = [[] for _ in rows.streams], ["" for _ in rows.streams]
    for row, step in rows:
        ids[row].append(step.token_id)
        texts[row] += step.text
    return ids, texts


@pytest.mark.slow
def test_each_row_is_what_it_is_alone(smollm2):
    rows = [
        Settings(temperature=temperature, top_p=top_p, seed=seed, max_tokens=12)
        for seed, (temperature, top_p) in enumerate([(0, 1), (0.7, 1), (0.7, 0.8), (1.4, 1)])
    ]
    ids, texts = collect(smollm2.stream_rows(PROMPT, rows))
    for row, own_ids, text in zip(rows, ids, texts, strict=True):
        chosen = {name: getattr(row, name) for name in ("temperature", "top_p", "seed")}
        alone = labkit.generate(smollm2, PROMPT, max_tokens=12, **chosen)
        assert own_ids == [step.token_id for step in alone.steps]
        assert text == alone.text


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, None])
def test_a_row_is_the_same_in_any_batch(tiny, batch_size):
    rows = [Settings(temperature=1, seed=seed, max_tokens=10 + 3 * seed) for seed in range(7)]
    prompt = "the cat sat on the mat"
    whole = tiny.stream_rows(prompt, rows, raw=True)
    split = tiny.stream_rows(prompt, rows, raw=True, batch_size=batch_size)
    assert collect(whole) == collect(split)
    assert [stream.finish for stream in whole.streams] == [s.finish for s in split.streams]


def test_rows_end_by_their_own_rules(smollm2):
    rows = [
        Settings(temperature=0, max_tokens=3),
        Settings(temperature=0, max_tokens=40, stop="blue"),
        Settings(temperature=0, max_tokens=6),
    ]
    running = smollm2.stream_rows(PROMPT, rows)
    ids, texts = collect(running)
    assert [stream.finish for stream in running.streams] == ["length", "stop", "length"]
    assert [len(each) for each in ids] == [3, len(ids[1]), 6]
    assert "blue" not in texts[1] and len(ids[1]) < 40


def test_it_is_split_where_memory_is_short(tiny, monkeypatch):
    rows = [Settings(temperature=1, seed=seed, max_tokens=4) for seed in range(5)]
    sizes = []

    class Watched(local_model.Batch):
        def __init__(self, *args, **more):
            super().__init__(*args, **more)
            sizes.append(len(self.running))

    monkeypatch.setattr(local_model, "Batch", Watched)
    monkeypatch.setattr(local_model, "rows_that_fit", lambda *_: 2)
    collect(tiny.stream_rows("the cat", rows, raw=True))
    assert sizes == [2, 2, 1]


def test_rows_that_fit_grow_with_memory_and_shrink_with_length(smollm2):
    config, gib = smollm2.model.config, 1024**3
    rows = [rows_that_fit(config, 100, "float32", free) for free in (0, gib, 8 * gib)]
    assert rows[0] == 1 < rows[1] < rows[2]
    assert rows_that_fit(config, 4000, "float32", gib) < rows[1]
    # What a row really takes: its cache, and the room that it grows by.
    row_bytes = 100 * 2 * 3 * 64 * 30 * 4
    assert rows[2] * row_bytes < 4 * gib


def test_the_gpus_memory_counts_on_a_gpu(smollm2, monkeypatch):
    free = []
    monkeypatch.setattr(local_model, "rows_that_fit", lambda *args: free.append(args[-1]) or 2)
    first, second = (Gpu("a GPU", 80 << 30, size << 30, None) for size in (3, 79))
    monkeypatch.setattr(smollm2, "plan", replace(smollm2.plan, device="cuda"))
    for gpus in ((first, second), ()):  # none: its memory could not be asked for
        machine = replace(local_model.inspect_machine(), gpus=gpus)
        monkeypatch.setattr(local_model, "usable_by_torch", lambda _, found=machine: found)
        next(smollm2.stream_rows(PROMPT, [Settings(), Settings()]))
    assert free == [3 << 30, 0]


def test_the_growing_cache_holds_the_same_as_transformers_own(tiny):
    from transformers import DynamicCache

    ids = list(range(2, 30))
    with torch.inference_mode():
        grown, scores = growing_cache(tiny.model.config), None
        for start in (0, 5, 6, 20):
            end = {0: 5, 5: 6, 6: 20, 20: 28}[start]
            grown, scores = prefill(tiny.model, ids[start:end], grown)
        plain = DynamicCache(config=tiny.model.config)
        expected = tiny.model(torch.tensor([ids]), past_key_values=plain, use_cache=True)
    torch.testing.assert_close(scores, expected.logits[:, -1].float(), atol=1e-4, rtol=1e-4)
    assert grown.get_seq_length() == plain.get_seq_length()


def test_stopping_stops_the_model_and_empty_rows_are_refused(smollm2):
    with pytest.raises(ValueError, match=r"rows must hold .*got none"):
        smollm2.stream_rows(PROMPT, [])
    running = smollm2.stream_rows(PROMPT, [Settings(), Settings()])
    next(running)
    running.close()
    with pytest.raises(StopIteration):
        next(running)
    assert [stream.finish for stream in running.streams] == [None, None]


@pytest.mark.parametrize("wrong", [-1, 300, 1.5, "a", None, 2**70])
def test_the_token_that_is_none_is_named(tiny, wrong):
    cursor = Cursor(tiny, [5, 299])
    with pytest.raises(ValueError) as caught:
        cursor.take(wrong)
    assert str(caught.value) == f"ids must be tokens, 0 to 299; got {wrong!r}"
    cursor.take(np.int64(7))
    assert cursor.ids == (5, 299, 7)


def test_a_time_holds_no_work_that_a_gpu_still_had_to_do(tiny, monkeypatch):
    """As on a GPU: the queue is worked off when somebody waits for it."""
    clock, queued = [0.0], [0.0]

    def wait(*_):
        clock[0] += queued[0]
        queued[0] = 0.0

    class Mask:
        def __init__(self, array):
            self.array = array

        def to(self, device):
            wait()
            return torch.tensor(self.array)

    for module in (option_scores, constrained):
        monkeypatch.setattr(module.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(option_scores, "synchronize", wait)
    queued[0] = 5.0
    assert option_scores.time_prefill(tiny.model, [5, 6, 7]) == 0 and clock == [5.0]
    monkeypatch.setattr(torch, "from_numpy", Mask)
    queued[0] = 5.0
    mode = constrained.ConstrainedMode(tiny, choices(["yes", "no"]))
    list(mode.stream("the cat", raw=True, max_tokens=2))
    assert mode.masks and {mask.mask_s for mask in mode.masks} == {0.0} and clock == [10.0]
