"""Strength, learned and forgotten, and the forms that a tuned model is kept in."""

import math
import shlex
from fractions import Fraction

import pytest
import torch
from ipywidgets import DOMWidget

import labkit
from labkit.errors import LabError
from labkit.models.quantize import get_copies
from labkit.models.storage import store
from labkit.topics.control.finetune import figures, keep, strength
from labkit.topics.control.finetune.adapter import at_strength
from labkit.topics.control.finetune.strength import (
    StrengthPoint,
    StrengthSweep,
    bits_per_byte,
    last_logprobs,
)

ROWS = [(f"Say word {word}.", f"word {word}") for word in ("cat", "hat", "mat", "sat", "the")] * 4


@pytest.fixture
def tuning(home, tiny_gguf):
    model = labkit.load(str(tiny_gguf))
    return labkit.control.fine_tune(model, ROWS, steps=10, learning_rate=0.1, rank=4)


def test_at_strength_0_it_is_the_base_model(tuning):
    ids = [5, 9, 20, 33]
    with at_strength(tuning.tuned, 0):
        off = last_logprobs(tuning.tuned, ids)
    assert torch.allclose(off, last_logprobs(tuning.base, ids), atol=1e-5)
    assert not torch.allclose(off, last_logprobs(tuning.tuned, ids), atol=1e-2)


def test_a_sweep_measures_learned_and_forgotten(tuning, monkeypatch):
    from labkit.topics.control.finetune import strength as module

    texts = {"corpus.txt": "the cat sat", "finetune/general.json": {"prompts": ["the", "a cat"]}}
    monkeypatch.setattr(module, "read_data", texts.__getitem__)
    sweep = labkit.control.vary_strength(tuning, strengths=(each for each in (1, 0, 2)))
    assert [each.strength for each in sweep.points] == [0, 1, 2]
    assert sweep.at(0.0).kl_bits == pytest.approx(0, abs=1e-6)
    assert sweep.at(1.0).kl_bits > 0
    for batched, prompt in zip(
        module._general_logprobs(tuning.base), ["the", "a cat"], strict=True
    ):
        alone = last_logprobs(tuning.base, tuning.base.encode(prompt, raw=True))
        assert torch.allclose(batched, alone, atol=1e-5)
    assert sweep.at(1.0).held_out_loss == pytest.approx(tuning.held_out[-1].loss, abs=1e-5)
    text = texts["corpus.txt"]
    ids = tuning.base.encode(text, raw=True)
    with torch.inference_mode():
        loss = tuning.base.model(
            input_ids=torch.tensor([ids]), labels=torch.tensor([ids])
        ).loss.item()
    bits = loss * (len(ids) - 1) / math.log(2) / len(text)
    assert sweep.at(0.0).bits_per_byte == pytest.approx(bits, rel=1e-4)
    assert bits_per_byte(tuning.base, text) == pytest.approx(bits, rel=1e-4)
    assert [trace.y[0] for trace in labkit.plot(sweep).data][1] == sweep.at(0.0).bits_per_byte
    assert len(labkit.plot(sweep, kind="tokens", strength=2.0).data[0].x) == 8
    assert "wanted" in labkit.plot(sweep, kind="answers").html
    panel = labkit.explore(sweep, strength=0.0)
    before = tuple(panel.bars.data[0].x)
    panel.strength.value = 2.0
    assert tuple(panel.bars.data[0].x) != before
    assert panel.strength.description == "strength: 2"
    assert list(panel.curves.data[0].marker.size) == [8, 8, 16]
    bars, curves = panel.static_form()
    assert bars.data[0].x == panel.bars.data[0].x and curves.data[0].marker.size == (8, 8, 16)
    assert not isinstance(bars, DOMWidget) and not isinstance(curves, DOMWidget)
    fresh = labkit.plot(sweep, kind="tokens", strength=2.0)
    assert panel.bars.data[0].x == fresh.data[0].x and panel.bars.layout == fresh.layout


def test_a_sweep_that_was_stopped_at_once_says_so():
    stopped = StrengthSweep("m", "p", ())
    for show in (labkit.explore, lambda sweep: labkit.plot(sweep, kind="tokens")):
        with pytest.raises(ValueError, match="m: stopped before the first strength"):
            show(stopped)


def test_the_probability_of_an_answer_is_that_of_its_tokens(tuning):
    from labkit.topics.control.finetune.loss import example_ids, mean_loss
    from labkit.topics.control.finetune.strength import answer_probabilities

    prompt, answer = ROWS[0]
    ids, start = example_ids(tuning.tuned, prompt, answer)
    without_end = (ids[:-1], start)
    nats = mean_loss(tuning.tuned, [without_end]) * (len(ids) - 1 - start)
    found = answer_probabilities(tuning.tuned, [(prompt, answer), ROWS[1]])
    assert len(found) == 2 and found[0] == pytest.approx(math.exp(-nats), 1e-4)


def test_the_kept_forms_are_the_adapter(tuning):
    kept = labkit.control.keep_model(tuning, "my-cat", kind="F32")
    ids = tuning.base.encode("the cat", raw=True)
    wanted = last_logprobs(tuning.tuned, ids)
    merged = labkit.load("my-cat")
    assert torch.allclose(last_logprobs(merged, ids), wanted, atol=1e-4)

    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(tuning.base.folder, dtype=torch.float32)
    adapted = PeftModel.from_pretrained(base, kept.adapter)
    with torch.inference_mode():
        theirs = adapted(input_ids=torch.tensor([ids])).logits[0, -1].log_softmax(-1)
    assert torch.allclose(theirs, wanted, atol=1e-4)

    # transformers' own reader of GGUF, which knows nothing of the merged folder
    again = AutoModelForCausalLM.from_pretrained(
        kept.gguf_file.parent, gguf_file=kept.gguf_file.name, dtype=torch.float32
    )
    with torch.inference_mode():
        read = again(input_ids=torch.tensor([ids])).logits[0, -1].log_softmax(-1)
    assert torch.allclose(read, wanted, atol=1e-4)
    assert "FROM ./my-cat.F32.gguf" in kept.modelfile.read_text()

    from labkit.models.storage.inventory import inventory

    assert set(inventory()["my-cat"].folders) == {"safetensors", "gguf"}
    half = labkit.control.keep_model(tuning, "my-cat", strength=Fraction(1, 2), kind="F32")
    assert half.strength == 0.5 and "strength 0.5" in repr(half)


TAKEN = ["smollm2-135m", "coder", "minilm", "tokenizers", "datasets"]


@pytest.mark.parametrize(
    "name", ["Cat", "../cat", "", 3, "owner--name", "my--x", "facts.gguf", *TAKEN]
)
def test_names_that_are_none_or_taken(tuning, name):
    with pytest.raises(ValueError, match="name must be") as caught:
        labkit.control.keep_model(tuning, name)
    assert ("must be a new one" in str(caught.value)) == (name in TAKEN)


@pytest.mark.parametrize("kind", ["q8_0", "Q8", None])
def test_a_kept_model_is_replaced_as_a_whole_or_not_at_all(tuning, kind, monkeypatch):
    kept = labkit.control.keep_model(tuning, "mine", kind="F16")

    def sums():
        files = sorted(kept.folder.parent.rglob("*"))
        return [(file, store.sha256_of(file)) for file in files if file.is_file()]

    before = sums()
    with pytest.raises(ValueError, match="kind must be one of F32, F16"):
        labkit.control.keep_model(tuning, "mine", strength=0.5, kind=kind)

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(keep, "write_adapted", full)
    with pytest.raises(OSError, match="no space"):
        labkit.control.keep_model(tuning, "mine", strength=0.5)
    assert sums() == before and not store.unfinished("mine")
    tuning.base.gguf_file = None  # of a model that came as safetensors
    flat = labkit.control.keep_model(tuning, "mine", strength=0.5)
    assert flat.gguf_file is None and store.list_models()["mine"] == ("safetensors",)


def test_a_copy_in_another_format_replaces_no_kept_model(tuning):
    kept = labkit.control.keep_model(tuning, "mine", kind="Q8_0")
    other = labkit.control.keep_model(tuning, "mine-f16", strength=0.5, kind="F32")
    with pytest.raises(LabError, match="would replace mine-f16"):
        get_copies(kept.gguf_file, ["Q4_0", "F16"])
    assert not store.damaged(other.gguf_file.parent) and set(store.list_models()) >= {"mine-f16"}
    assert "mine-q4_0" not in store.list_models()
    get_copies(kept.gguf_file, ["F32"])
    with pytest.raises(ValueError, match="must be a new one"):
        labkit.control.keep_model(tuning, "mine-f32")


def test_every_strength_has_its_marker():
    points = (StrengthPoint(n / 10, 1.0, (), (), (), 1.0, n / 10) for n in range(21))
    figure = figures.strength_figure(StrengthSweep("m", "p", tuple(points)))
    assert [each.mode for each in figure.data] == ["lines+markers"] * 3


def test_one_prompt_is_no_plural():
    assert "1 prompt:" in keep.KeptCheck("m", (("merged folder", 0.0, 0.0),), 1).summary


def test_the_command_for_ollama_is_one_line_to_be_copied(tmp_path):
    folder = tmp_path / "a home" / ("long" * 30)
    kept = keep.KeptModel("mine", 1.0, folder, folder, None, folder / "Modelfile")
    *_, shown, command = repr(kept).splitlines()
    assert shown == str(folder)
    assert shlex.split(command) == ["ollama", "create", "mine", "-f", str(folder / "Modelfile")]


def test_a_kept_gguf_is_compared_or_it_says_why_not(tuning):
    pytest.importorskip("xllamacpp", reason="pip install 'labkit[llamacpp]'")
    kept = labkit.control.keep_model(tuning, "mine", kind="F32")
    check = labkit.control.check_kept(tuning, kept)
    assert [name for name, *_ in check.forms] == ["merged folder", "GGUF (F32)"]
    assert all(difference < 1e-2 for _, difference, _ in check.forms) and check.missing == ()
    flat = torch.full((tuning.base.model.config.vocab_size,), 0.0).log_softmax(-1)
    assert flat.max() < -5
    _, difference, _ = keep._gguf_form(kept.gguf_file, [[5, 9]], [flat])
    assert math.isfinite(difference)
    kept.gguf_file.write_bytes(b"GGUF, damaged")
    check = labkit.control.check_kept(tuning, kept)
    assert [name for name, *_ in check.forms] == ["merged folder"]
    assert "GGUF not compared: " in repr(check) and "not compared" in labkit.plot(check).html


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("the cat", "the cat"),
        ("the cat\nthe hat", "the cat \n\nWhat"),
        ("the cat " * 20, "the cat"),
    ],
)
def test_an_answer_is_as_long_as_the_wanted_one_and_its_first_line(
    tuning, monkeypatch, wanted, found
):
    model, written, limits = tuning.tuned, "\n the cat \n\nWhat", []
    ids = model.tokenizer(written)["input_ids"]
    ids.insert(-1, model.tokenizer.bos_token_id)

    def answers(*_, max_tokens, is_complete, **__):
        limits.append(max_tokens)
        assert is_complete(ids) == ("\n" not in wanted)
        return [(0, ids)]

    monkeypatch.setattr(strength, "padded_answers", answers)
    assert strength.written_answers(model, ["a"], [wanted]) == [found]
    count = len(model.tokenizer(wanted, add_special_tokens=False)["input_ids"])
    assert limits == [max(24, count + 7)]


@pytest.mark.parametrize("strengths", [1.0, None, (), "1", ["1"]])
def test_strengths_that_are_none_are_a_sentence(tuning, strengths):
    with pytest.raises(ValueError, match="strengths must be one or more numbers"):
        labkit.control.vary_strength(tuning, strengths=strengths)
