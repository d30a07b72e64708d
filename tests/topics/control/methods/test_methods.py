"""Methods on the same items: each method's answers are those that it would give alone."""

from dataclasses import replace

import pytest

import labkit
from labkit.errors import LabError
from labkit.topics.control.finetune.examples import TuningExample
from labkit.topics.control.methods import answerers
from labkit.topics.control.methods.answerers import likeliest_label, nearest_example, with_shown
from labkit.topics.control.methods.compare import labels_of

KINDS = {"cat": "pet", "mat": "thing", "dog": "pet", "hat": "thing", "rat": "pet"}
ROWS = [(f"Which kind?\nthe {word}", kind) for word, kind in KINDS.items()]


@pytest.fixture(scope="module")
def tiny(make_tiny, tmp_path_factory):
    return labkit.load(str(make_tiny(tmp_path_factory.mktemp("tiny") / "tiny")))


@pytest.fixture(scope="module")
def comparison(tiny):
    tuning = labkit.control.fine_tune(tiny, ROWS * 4, steps=20, learning_rate=0.03, rank=4)
    return labkit.control.compare_methods(tuning, shots=2, items=4)


def test_all_methods_answer_the_same_items(comparison):
    names = [each.name for each in comparison.methods]
    assert names == [
        "the model alone",
        "2 examples in the prompt",
        "a constraint",
        "a constraint and 2 examples",
        "fine-tuned",
    ]
    asked = [[row.example for row in each.answers] for each in comparison.methods]
    assert all(own == asked[0] for own in asked) and len(asked[0]) == 4
    assert all(each.answer_ms > 0 and each.weights_bytes > 0 for each in comparison.methods)


def test_within_a_constraint_each_answer_is_a_label(comparison):
    for each in comparison.methods[2:4]:
        assert {row.answer for row in each.answers} <= {"pet", "thing"}


def test_shares_and_differences_are_of_the_same_items(comparison):
    first, *_, last = comparison.methods
    gain = comparison.differences[-1]
    assert gain.gained - gain.lost == last.right - first.right and gain.count == 4
    figure = labkit.plot(comparison)
    assert list(figure.data[0].x) == [each.right / 4 for each in comparison.methods]
    assert "fine-tuned" in labkit.plot(comparison, kind="answers").html
    assert [each.model for each in comparison.book_entries] == [
        each.name for each in comparison.methods
    ]


def test_the_likeliest_label_is_that_of_the_lowest_loss(tiny):
    from labkit.topics.control.finetune.loss import example_ids, mean_loss

    labels = ["pet", "thing", "the"]

    def nats(label):
        ids, start = example_ids(tiny, "Say it.", label)
        return mean_loss(tiny, [(ids, start)]) * (len(ids) - start)

    asked = TuningExample("Say it.", "pet")
    assert likeliest_label(tiny, labels)(asked) == min(labels, key=nats)


def test_the_nearest_example_leaves_out_what_all_begin_with():
    import numpy as np

    class Letters:
        """Counts of letters in place of meanings."""

        def __init__(self):
            self.seen = []

        def embed(self, texts):
            self.seen += texts
            counts = np.array([[t.count(c) for c in "abcdefghijklmnopqrstuvwxyz"] for t in texts])
            return counts / np.linalg.norm(counts, axis=1, keepdims=True)

    train = labkit.control.load_examples([*ROWS[:4], *ROWS[:1]]).train
    letters = Letters()
    answer = nearest_example(letters, train)
    assert answer(TuningExample("Which kind?\nthe dogs", "thing")) == "pet"
    assert not any("Which kind?" in each for each in letters.seen)


def test_examples_stand_before_the_prompt(tiny):
    shown = labkit.control.load_examples(ROWS[:1]).train
    found = with_shown(tiny, "now", shown)
    if tiny.chat:
        assert [each["role"] for each in found] == ["user", "assistant", "user"]
        assert found[1]["content"] == "pet" and found[2]["content"] == "now"
    else:
        assert found == "Which kind?\nthe cat\npet\n\nnow"


def test_a_stop_ends_the_method_and_counts_no_half_answer(tiny, monkeypatch):
    from labkit.backends.generate import generate

    def stopped(*args, **options):
        return replace_finish(generate(*args, **options), "interrupted")

    tuning = labkit.control.fine_tune(tiny, ROWS * 4, steps=1)
    monkeypatch.setattr(answerers, "generate", stopped)
    found = labkit.control.compare_methods(tuning, shots=2, items=2)
    assert [each.name for each in found.methods] == ["the model alone", "2 examples in the prompt"]


def replace_finish(reply, finish, **more):
    return replace(reply, outcome=replace(reply.outcome, finish=finish, **more))


def test_a_method_that_fails_is_named_and_the_others_stay(tiny, monkeypatch):
    from labkit.backends.generate import generate

    def written(model, prompts, wanted):
        if isinstance(prompts[0], str) and model is tuning.tuned:
            raise LabError("The prompt is too long.", "Shorten it.")
        return ["pet"]

    def failed(*args, **options):
        return replace_finish(generate(*args, **options), "failed", error="It is too complex.")

    tuning = labkit.control.fine_tune(tiny, ROWS * 4, steps=1)
    monkeypatch.setattr(answerers, "written_answers", written)
    monkeypatch.setattr(answerers, "generate", failed)
    found = labkit.control.compare_methods(tuning, shots=1, items=1)
    assert [each.name for each in found.methods] == ["the model alone", "1 example in the prompt"]
    assert found.missing == (
        "a constraint: It is too complex.",
        "a constraint and 1 example: It is too complex.",
        "fine-tuned: The prompt is too long. To have it: Shorten it.",
    )
    assert found.title.endswith(", 1 item")
    for constraint in ("pet|thing", "", ["pet"]):
        with pytest.raises(ValueError, match="constraint must come from"):
            labkit.control.compare_methods(tuning, constraint=constraint)


def test_a_long_answer_can_be_right_within_a_constraint(tiny):
    """Its tokens are more than are written where all answers are short."""
    long = TuningExample("Say it.", "zx 9 " * 20)
    constraint = labkit.control.choices([long.answer])
    assert answerers.writes_within(tiny, constraint)(long) == long.answer.strip()


def test_few_different_answers_are_labels():
    assert sorted(labels_of(labkit.control.load_examples(ROWS * 2))) == ["pet", "thing"]
    assert labels_of(labkit.control.load_examples("format")) == []


def test_what_is_not_here_is_named(tiny, home):
    found = labkit.control.compare_classifiers(ROWS * 2, [tiny, "coder", "minilm"], items=2)
    assert len(found.methods) == 1 and len(found.missing) == 2
    assert "qwen2.5-coder-0.5b" in found.missing[0] and "models get" in found.missing[0]
    assert "minilm" in found.missing[1]


def test_bad_requests_are_a_sentence_each(tiny):
    compare = labkit.control.compare_classifiers
    with pytest.raises(ValueError, match="2 to 20 different answers"):
        compare("format", [tiny])
    with pytest.raises(ValueError, match=r"twice as many .* have 5, and 8 to train on"):
        compare([(f"t {n}", f"label {n % 5}") for n in range(10)], [tiny])
    with pytest.raises(ValueError, match="must have held-out ones"):
        compare(ROWS[:4], [tiny])
    for models in (tiny, "coder", (), None):
        with pytest.raises(ValueError, match="models must be a list"):
            compare(ROWS * 2, models)
    with pytest.raises(ValueError, match="models must come from"):
        compare(ROWS * 2, [3])
    with pytest.raises(ValueError, match="items"):
        compare(ROWS * 2, [tiny], items=0)


@pytest.mark.slow
def test_a_small_embedding_model_sorts_mails_well(minilm_files):
    """22 million weights and 50 examples: far above the 1 in 5 of chance."""
    found = labkit.control.compare_classifiers("mail", ["all-minilm-l6-v2"], items=50)
    assert found.methods[0].share[1] > 0.6
