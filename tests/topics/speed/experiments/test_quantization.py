"""Number formats beside one another: on a tiny random file, and what the real one must show."""

from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labkit
from labkit.backends.llamacpp.model import expected_tokens
from labkit.models.quantize import get_copies
from labkit.topics.speed.experiments import process_memory, quantization
from labkit.topics.speed.experiments.kl_divergence import compare_scores, divergence_bits

pytest.importorskip("xllamacpp", reason="pip install 'labkit[llamacpp]'")

FEW = {"repeats": 2, "max_tokens": 4}


@pytest.fixture(scope="module")
def comparison(tiny_gguf, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("LABKIT_HOME", str(tmp_path_factory.mktemp("home")))
        kinds = ("Q4_0", "F32", "Q8_0")
        return labkit.speed.vary_quantization(tiny_gguf, "the cat", kinds=kinds, **FEW)


def test_every_format_is_measured(comparison):
    assert [file.kind for file in comparison.files] == ["F32", "Q8_0", "Q4_0"]  # most bits first
    assert [file.copied for file in comparison.files] == [False, True, True]
    assert (comparison.model, comparison.source, comparison.reference) == ("tiny", "F32", "F32")
    assert comparison.experiment.rounds == 2 and len(comparison.points) == 3
    sizes = [file.file_bytes for file in comparison.files]
    assert sizes == sorted(sizes, reverse=True)
    for file in comparison.files:
        assert file.measurement.output_tokens.median == 4
        assert dict(file.measurement.setup.software)["dtype"] == file.kind
        assert file.footprint.own and file.footprint.peak_bytes >= file.footprint.resident_bytes
    assert comparison.files[0].bits_per_weight == 32
    assert comparison.files[0].divergence.bits == (0,) * len(quantization.POSITIONS)
    near, far = (file.divergence.mean_bits for file in comparison.files[1:])
    assert 0 < near < far


def test_it_says_that_more_bits_are_no_better(comparison):
    caution = "All were made from the F32 file: more bits do not improve its weights"
    assert caution in comparison.summary and "data/corpus.txt" in repr(comparison)
    assert "scores" not in comparison.summary.partition(";")[0]  # the reference is not off itself


def test_the_figure_has_a_row_for_each(comparison):
    figure = labkit.plot(comparison)
    names = [f"{file.kind}: {file.bits_per_weight:.1f} bits" for file in comparison.files]
    names[0] = "F32, its own: 32.0 bits"
    assert all(list(bars.y) == names for bars in figure.data)
    size, memory, first, speed, off = figure.data
    assert list(size.x) == [file.file_bytes / 1e6 for file in comparison.files]
    assert list(memory.x) == [file.footprint.peak_bytes / 2**20 for file in comparison.files]
    assert list(first.x) == [file.measurement.ttft_s.median for file in comparison.files]
    assert list(speed.x) == [f.measurement.decode_tokens_per_s.median for f in comparison.files]
    assert list(off.x) == [file.divergence.mean_bits for file in comparison.files]
    notes = [note.text.replace("<br>", " ") for note in figure.layout.annotations]
    assert comparison.caution in notes
    assert labkit.plot(comparison, kind="texts").html.count("<tr>") == 3


def test_the_files_own_format_is_not_made_again(tiny_gguf, home, monkeypatch):
    asked = []
    real = quantization.get_copies
    monkeypatch.setattr(
        quantization, "get_copies", lambda file, kinds: asked.extend(kinds) or real(file, kinds)
    )
    monkeypatch.setattr(quantization, "measure_footprints", lambda engines: ())
    labkit.speed.vary_quantization(tiny_gguf, "the cat", kinds=("F32", "Q8_0"), **FEW)
    assert asked == ["Q8_0"]


@pytest.mark.parametrize("where", ["scores", "rounds", "memory"])
def test_a_stop_keeps_what_was_measured(tiny_gguf, home, monkeypatch, where):
    places = {
        "scores": (quantization, "expected_tokens"),
        "rounds": (quantization.OnDemandModel, "stream"),
        "memory": (process_memory, "measure_footprint"),
    }
    calls, owner, name = [], *places[where]
    real = getattr(owner, name)

    def second_is_stopped(*arguments, **more):
        calls.append(1)
        if len(calls) == {"scores": 2, "rounds": 6, "memory": 2}[where]:
            raise KeyboardInterrupt
        return real(*arguments, **more)

    monkeypatch.setattr(owner, name, second_is_stopped)
    comparison = labkit.speed.vary_quantization(tiny_gguf, "the cat", kinds=("Q8_0", "Q4_0"), **FEW)
    speeds = [bool(file.measurement) for file in comparison.files]
    held = [bool(file.footprint) for file in comparison.files]
    expected = {
        "scores": ([False], [False]),
        "rounds": ([True, True, False], [False] * 3),
        "memory": ([True] * 3, [True, False, False]),
    }
    assert (speeds, held) == expected[where]
    assert comparison.files[0].divergence is not None
    labkit.plot(comparison)
    assert comparison.summary and labkit.plot(comparison, kind="texts").html


def test_a_model_that_has_no_such_file(tiny, make_scripted):
    for model in (tiny, make_scripted((0.5,))):
        with pytest.raises(labkit.LabError, match=r"was not loaded from a GGUF file.*\n.*smollm2"):
            labkit.speed.vary_quantization(model)


LOGITS = st.lists(st.floats(-8, 8), min_size=5, max_size=5)


def logprobs(logits):
    scores = np.asarray(logits) - np.log(np.exp(logits).sum())
    return dict(sorted(enumerate(scores.tolist()), key=lambda pair: -pair[1]))


def best(known, top):
    return dict(list(known.items())[:top])


@settings(max_examples=200)
@given(LOGITS, LOGITS, st.integers(1, 5))
def test_the_likeliest_tokens_give_no_more_than_all(one, other, top):
    p, q = logprobs(one), logprobs(other)
    exact = sum(exp(p[token]) * (p[token] - q[token]) for token in p) / log(2)
    assert divergence_bits(p, q) == pytest.approx(exact, abs=1e-9)
    assert 0 <= divergence_bits(best(p, top), best(q, top)) <= exact + 1e-9
    assert divergence_bits(best(p, top), best(p, top)) == pytest.approx(0, abs=1e-9)


def test_positions_are_compared_one_by_one():
    even, sure = {1: log(0.5), 2: log(0.5)}, {1: log(0.75), 2: log(0.25)}
    divergence = compare_scores([even, sure], [even, {2: log(0.5), 1: log(0.5)}])
    assert divergence.bits[0] == 0
    assert divergence.mean_bits == pytest.approx((0.75 * log(1.5, 2) - 0.25) / 2)
    assert compare_scores([even], []) is None


@pytest.fixture(scope="module")
def exact(smollm2):
    """The real model's own file, and its copy in 32 bits."""
    copy = labkit.load_llamacpp(get_copies(smollm2.gguf_file, ["F32"])["F32"], context=256)
    yield copy
    copy.close()


@pytest.mark.slow
def test_in_32_bits_llamacpp_and_the_lab_score_alike(exact, smollm2):
    """Which holds the copy's weights, its names and its shapes to those that torch has."""
    ids = smollm2.encode("The harbour lay quiet in the morning, and one", raw=True)
    places = (4, len(ids))
    for place, scores in zip(places, expected_tokens(exact, ids, places, 50), strict=True):
        text = smollm2.tokenizer.decode(ids[:place])
        prediction = labkit.predict(smollm2, text, raw=True)
        ours = np.asarray(prediction.scores, float)
        ours -= np.log(np.exp(ours - ours.max()).sum()) + ours.max()
        theirs = np.array(list(scores.values()))
        assert theirs == pytest.approx(ours[list(scores)], abs=0.01)
        assert list(scores) == sorted(scores, key=scores.get, reverse=True)


@pytest.mark.slow
def test_a_thousand_tokens_tell_nearly_all(exact, smollm2):
    """Against the divergence over the whole vocabulary, which takes half a second a place."""
    own = labkit.load_llamacpp(smollm2.gguf_file, context=256)
    ids = exact.encode("The baker opens her shop at six in the morning. By then", raw=True)
    whole, some = (
        [list(expected_tokens(each, ids, (5, 9), top)) for each in (exact, own)]
        for top in (49_152, quantization.TOP)
    )
    assert len(whole[0][0]) == 49_152
    for true, found in zip(compare_scores(*whole).bits, compare_scores(*some).bits, strict=True):
        assert 0 < found <= true == pytest.approx(found, rel=0.05)
    own.close()
