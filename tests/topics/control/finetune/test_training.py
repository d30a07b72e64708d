"""LoRA training: losses against a plain peft loop, and every kind of odd data."""

import html
import json
import math
from dataclasses import replace

import pytest
import torch
from ipywidgets import DOMWidget

import labkit
from labkit.errors import LabError
from labkit.topics.control.finetune import training
from labkit.topics.control.finetune.loss import batch_loss, batches, example_ids
from labkit.topics.control.finetune.result import TuningOptions
from labkit.topics.control.finetune.training import TrainingRun

ROWS = [(f"Say word {word}.", f"word {word}") for word in ("cat", "hat", "mat", "sat", "the")]


@pytest.fixture(scope="module")
def tiny(make_tiny, tmp_path_factory):
    return labkit.load(str(make_tiny(tmp_path_factory.mktemp("tiny") / "tiny")))


@pytest.fixture(scope="module")
def tuning(tiny):
    rows = ROWS * 4
    return labkit.control.fine_tune(tiny, rows, steps=20, learning_rate=0.02, rank=4)


def test_it_learns_and_leaves_the_model_as_it_is(tiny, tuning):
    assert tuning.ended == "all steps" and len(tuning.losses) == 20
    assert tuning.losses[-1].loss < tuning.losses[0].loss
    assert [each.step for each in tuning.held_out] == [0, 10, 20]
    assert not any("lora" in name for name, _ in tiny.model.named_parameters())
    assert all("lora" in n for n, w in tuning.tuned.model.named_parameters() if w.requires_grad)


def test_its_losses_are_those_of_a_plain_peft_loop(tiny, tuning):
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    options = TuningOptions(steps=20, learning_rate=0.02, rank=4)
    model = AutoModelForCausalLM.from_pretrained(tiny.folder, dtype=torch.float32)
    torch.manual_seed(0)
    model = get_peft_model(
        model, LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", lora_dropout=0.0)
    )
    train = [example_ids(tiny, each.prompt, each.answer) for each in tuning.examples.train]
    weights = [each for each in model.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=0.02)
    for batch, point in zip(batches(train, options), tuning.losses, strict=True):
        width = max(len(ids) for ids, _ in batch)
        ids = torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in batch])
        mask = torch.tensor([[1] * len(i) + [0] * (width - len(i)) for i, _ in batch])
        labels = torch.tensor([[-100] * n + i[n:] + [-100] * (width - len(i)) for i, n in batch])
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        assert loss.item() == pytest.approx(point.loss, abs=1e-4)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()


def test_a_stopped_training_keeps_its_adapter(tiny):
    run = TrainingRun(tiny, ROWS, steps=50, learning_rate=0.02)
    steps = run.steps()
    for _ in range(3):
        next(steps)
    steps.close()
    tuning = run.result()
    assert tuning.ended == "stopped" and len(tuning.losses) == 3
    assert tuning.read == set(tuning.examples.train)
    assert f"held out {tuning.held_out[0].loss:.2f} before the first step" in tuning.summary
    assert tuning.book_entries == ()  # nothing held out was asked since
    assert any(w.abs().sum() > 0 for n, w in tuning.tuned.model.named_parameters() if "lora_B" in n)


def test_time_ends_it(tiny):
    tuning = labkit.control.fine_tune(tiny, ROWS, steps=500, minutes=1e-6)
    assert tuning.ended == "out of time" and len(tuning.losses) == 1
    assert [each.step for each in tuning.held_out] == [0, 1]


def test_a_training_that_diverges_says_so_and_keeps_the_last_good_weights(tiny):
    tuning = labkit.control.fine_tune(tiny, ROWS * 3, steps=60, learning_rate=1e4)
    assert tuning.ended == "diverged"
    assert "diverged at step" in tuning.notes[-1] and "learning rate" in tuning.notes[-1]
    panel = labkit.control.tune_panel(tiny, ROWS, steps=20, learning_rate=1.0)
    panel.finished()
    assert ("diverged at step" in panel.notes.value) == (panel.result.ended == "diverged")
    weights = [w for n, w in tuning.tuned.model.named_parameters() if "lora" in n]
    assert all(w.isfinite().all() for w in weights)
    ids, start = example_ids(tiny, *ROWS[0])
    with torch.inference_mode():
        scores = tuning.tuned.model(input_ids=torch.tensor([ids[:start]])).logits
    assert scores.isfinite().all()


@pytest.mark.parametrize(("bad", "good"), [(10, 0), (15, 10)])
def test_only_weights_whose_loss_was_judged_are_kept(tiny, monkeypatch, bad, good):
    """The held-out loss of weights that are taken back is not that of the adapter either."""
    run = training.TrainingRun(tiny, ROWS * 2, steps=20, batch_size=1)
    kept, count = [], iter(range(20))

    def loss(*arguments):
        if torch.is_inference_mode_enabled():  # of held-out examples
            return batch_loss(*arguments)
        kept.append([each.detach().clone() for each in run._weights])
        return batch_loss(*arguments) + (100 if next(count) == bad else 0)

    monkeypatch.setattr(training, "batch_loss", loss)
    assert len(list(run.steps())) == bad
    tuning = run.result()
    assert all(map(torch.equal, run._weights, kept[good])) and len(kept) == bad + 1
    assert [each.step for each in tuning.held_out] == [0, 10][: 1 + good // 10]
    assert f"is the one after {good} steps" in tuning.notes[-1]
    taken = list(batches(tuning.examples.train, tuning.options))[:good]
    assert tuning.read == {each for batch in taken for each in batch}


def test_a_loss_that_is_no_number_ends_it(tiny):
    run = TrainingRun(tiny, ROWS, steps=5)
    steps = run.steps()
    next(steps)
    with torch.no_grad():
        run._weights[0].fill_(math.nan)
    assert list(steps) == []
    assert run.result().ended == "diverged" and run._weights[0].isfinite().all()


def test_one_example_and_ten_thousand_are_a_sentence_each(tiny):
    one = TrainingRun(tiny, ROWS[:1], steps=2).result()
    assert "one example" in one.notes[0] and "held out" in one.notes[1]
    many = TrainingRun(tiny, ROWS * 2000, steps=2).result()
    assert "8 of 8,000 examples are read" in many.notes[0]


def test_another_script_is_a_sentence(tiny):
    rows = [("Say it.", "猫は座った")] * 6
    assert "script" in TrainingRun(tiny, rows, steps=2).result().notes[-1]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "there is no example"),
        (["cat", "dog"], "labels alone teach nothing"),
        ([{"label": "cat"}], "labels alone teach nothing"),
        ([("a", "")], "must have a prompt and an answer"),
        ([(1, 2)], "must have a prompt and an answer"),
        ([("a", "b"), ("a", "\ud83d")], "the answer of example 2 must be Unicode"),
        ([{"prompt": "\ud83d", "answer": "b"}], "the prompt of example 1 must be Unicode"),
        ("pictures", "source must be one of"),
        (None, "or a list of pairs"),
        (7, "or a list of pairs"),
        ({"prompt": "a", "answer": "b"}, "or a list of pairs"),
        ([("the cat", "sat. " * 150)], "must have at most 128 tokens"),
    ],
)
def test_bad_examples_are_a_sentence_each(tiny, rows, says):
    with pytest.raises(ValueError, match=says):
        TrainingRun(tiny, rows, steps=1)


def test_files_are_read(tmp_path):
    table = tmp_path / "own.csv"
    table.write_text("text,label\n" + "\n".join(f"mail {n},desk {n}" for n in range(10)))
    examples = labkit.control.load_examples(table)
    numbers = [each.prompt.removeprefix("mail ") for each in (*examples.train, *examples.held_out)]
    assert sorted(numbers) == list("0123456789") and len(examples.held_out) == 2
    assert [each.answer for each in examples.train] == [f"desk {each}" for each in numbers[:8]]
    lines = tmp_path / "own.jsonl"
    lines.write_text("\n".join(json.dumps({"prompt": "a", "answer": "b"}) for _ in range(3)))
    assert len(labkit.control.load_examples(lines).train) == 3
    lines.write_text("{")
    with pytest.raises(LabError, match="cannot be read as examples"):
        labkit.control.load_examples(lines)
    with pytest.raises(LabError):
        labkit.control.load_examples(tmp_path / "none.csv")


@pytest.mark.parametrize(
    "labels", [[f"label {n % 5}" for n in range(100)], [f"label {n // 20}" for n in range(100)]]
)
def test_what_is_held_out_is_of_all_kinds_however_the_rows_are_sorted(labels):
    rows = [(f"mail {n}", label) for n, label in enumerate(labels)]
    examples = labkit.control.load_examples(rows)
    assert len(examples.held_out) == 20
    for part in (examples.train[:40], examples.held_out):
        assert {each.answer for each in part} == set(labels)
    assert labkit.control.load_examples(rows) == examples  # the same each time
    assert labkit.control.load_examples(examples) is examples


def test_an_example_that_is_there_twice_is_on_one_side():
    examples = labkit.control.load_examples(ROWS * 4)
    assert len(examples.train) == 16 and len(examples.held_out) == 4
    assert not set(examples.train) & set(examples.held_out)


@pytest.mark.parametrize(
    ("row", "prompt"),
    [
        ({"instruction": "Sum up.", "input": "Rain.", "output": "b"}, "Sum up.\n\nRain."),
        ({"instruction": "Why?", "context": "Rain.", "response": "b"}, "Why?\n\nRain."),
        ({"instruction": "Sum up.", "input": " ", "output": "b"}, "Sum up."),
        ({"instruction": "Sum up.", "input": "A", "output": "b", "text": "A b"}, "Sum up.\n\nA"),
        ({"input": "a", "output": "b", "": "1"}, "a"),
        ({"instruction": "Sort.", "text": "Rain.", "label": "b"}, "Sort.\n\nRain."),
        ({"instruction": "Be brief.", "question": "Why?", "answer": "b"}, "Be brief.\n\nWhy?"),
    ],
)
def test_an_instruction_keeps_what_it_is_about(row, prompt):
    (example,) = labkit.control.load_examples([row]).train
    assert (example.prompt, example.answer) == (prompt, "b")


def test_lines_of_json_end_at_line_feeds_alone(tmp_path):
    path, prompts = tmp_path / "own.jsonl", ["a\u2028b", "c\u0085d", "e"]
    rows = (json.dumps({"prompt": each, "answer": "f"}, ensure_ascii=False) for each in prompts)
    path.write_text("\r\n".join(rows), encoding="utf-8", newline="")
    found = labkit.control.load_examples(path)
    assert {each.prompt for each in found.train} == set(prompts)
    path.write_text("[" * 100_000)
    with pytest.raises(LabError, match="cannot be read as examples"):
        labkit.control.load_examples(path)


def test_a_tuned_model_is_not_taken_for_its_base(tuning):
    """What is made from its files would silently be the base model."""
    from labkit.backends.local.overrides import loaded_in, reading_copy

    tuned = tuning.tuned
    assert reading_copy(tuned) is tuned and reading_copy(tuned, "float32") is tuned
    tuned.tuning = replace(tuned.tuning, bfloat16_gain=9.0)
    assert reading_copy(tuned) is tuned
    for work in (
        lambda: labkit.control.fine_tune(tuned, ROWS, steps=1),
        lambda: labkit.control.tune_panel(tuned, ROWS),
        lambda: reading_copy(tuned, "bfloat16"),
        lambda: loaded_in(tuned, "bfloat16").__enter__(),
    ):
        with pytest.raises(LabError, match="do not hold its adapter") as caught:
            work()
        assert "keep_model" in caught.value.hint


def test_a_panel_reads_its_examples_once(tiny):
    panel = labkit.control.tune_panel(tiny, (row for row in ROWS), steps=2)
    for _ in range(2):
        panel.start().wait()
        assert len(panel.result.losses) == 2
    with pytest.raises(ValueError, match="source must be one of"):
        labkit.control.tune_panel(tiny, "pictures")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("empty.csv", "", "there is no example"),
        ("heads.csv", "prompt,answer\n", "there is no example"),
        ("empty.jsonl", "\n\n", "there is no example"),
        ("labels.csv", "label\nspam\nham\n", "labels alone teach nothing"),
        ("text.csv", "just text\nmore text\n", "must have a prompt and an answer"),
    ],
)
def test_files_without_examples_are_a_sentence_each(tmp_path, name, text, says):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ValueError, match=says):
        labkit.control.load_examples(path)
    assert path.read_text() == text


def test_the_labs_own_examples_are_sound():
    for examples in labkit.control.list_examples():
        assert len(examples.train) >= 20 and len(examples.held_out) >= 5, examples
        trained = {each.prompt for each in examples.train}
        assert not trained & {each.prompt for each in examples.held_out}
    kinds = {each.kind for each in labkit.control.load_examples("facts").probes}
    assert len(kinds) == 4


def test_a_second_run_is_not_drawn_under_the_first_ones_result(tiny):
    panel = labkit.control.tune_panel(tiny, ROWS, steps=2)
    panel.finished()
    assert "2 of 2 steps" in panel.figure.layout.title.text
    work = panel._work()
    next(work), next(work)
    panel._draw()
    assert panel.result is None and "of 2 steps" not in panel.figure.layout.title.text
    work.close()
    assert panel.result.ended == "stopped"


def test_the_panel_keeps_the_given_options(tiny):
    for options in ({"steps": 20_000, "learning_rate": 5.0}, {"learning_rate": 1e-8}):
        panel = labkit.control.tune_panel(tiny, ROWS, **options)
        assert all(getattr(panel, name).value == value for name, value in options.items())


def test_one_step_is_no_plural(tiny):
    done = labkit.control.fine_tune(tiny, ROWS * 2, steps=1)
    assert "1 of 1 step in" in done.title and "are read: 1 step of 4." in " ".join(done.notes)


def test_figure_and_panel_show_the_losses(tiny, tuning):
    figure = labkit.plot(tuning)
    assert list(figure.data[0].y) == [each.loss for each in tuning.losses]
    panel = labkit.control.tune_panel(tiny, ROWS, steps=3)
    assert "not run" in panel.static_form()[0]
    result = panel.finished()
    assert len(result.losses) == 3 and len(panel.figure.data[0].y) == 3
    assert panel.summary == result.summary
    (drawn,) = panel.static_form()
    assert [each.loss for each in result.losses] == list(drawn.data[0].y)
    assert not isinstance(drawn, DOMWidget)
    assert all(html.escape(note) in panel.notes.value for note in result.notes)
    assert bool(panel.notes.value) == bool(result.notes)
