"""Sweeps: the answers are those of generate, and the measures are those of their texts."""

import pytest

import labkit
from labkit.backends.reply import Outcome, Reply, Step
from labkit.backends.settings import Settings
from labkit.topics.sampling.sweep.sweep import MEASURES, Sweep

PROMPT = "Why is the sky blue?"


@pytest.fixture(scope="module")
def swept(smollm2):
    return labkit.sweep(
        smollm2,
        PROMPT,
        temperatures=(0, 0.8, 1.6),
        top_ps=(0.9, 1),
        samples=3,
        max_tokens=10,
        seed=5,
    )


def made_up(texts, temperature=1.0, finish="length"):
    """Replies by hand: each word is a token."""
    replies = []
    for seed, text in enumerate(texts):
        words = text.split()
        steps = [Step(hash(w), f"{w} ", -1.0, -1.0, (), 2.0, 0.1 * i) for i, w in enumerate(words)]
        chosen = Settings(temperature=temperature, seed=seed)
        replies.append(Reply("made up", "prompt", chosen, tuple(steps), Outcome(finish, 3)))
    return replies


def test_every_pair_of_settings_has_its_samples(swept):
    assert len(swept.replies) == 3 * 2 * 3
    pairs = [(cell.temperature, cell.top_p) for cell in swept.cells]
    assert pairs == [(0, 0.9), (0, 1), (0.8, 0.9), (0.8, 1), (1.6, 0.9), (1.6, 1)]
    for cell in swept.cells:
        assert [reply.settings.seed for reply in cell.replies] == [5, 6, 7]
        assert all(len(reply.steps) == 10 for reply in cell.replies)
    assert swept.tokens == 180
    labels = [each.label for each in swept.book_entries]
    assert labels == ["alike at temperature 0, top_p 0.9", "alike at temperature 1.6"]


def test_an_answer_is_what_generate_gives(smollm2, swept):
    for reply in (swept.replies[0], swept.replies[7], swept.replies[-1]):
        chosen = reply.settings
        alone = labkit.generate(
            smollm2,
            PROMPT,
            temperature=chosen.temperature,
            top_p=chosen.top_p,
            seed=chosen.seed,
            max_tokens=10,
        )
        assert alone.text == reply.text
        assert reply.prompt_tokens == alone.prompt_tokens


def test_the_prompt_is_read_once_and_rows_that_ended_drop_out(make_tiny, tmp_path, monkeypatch):
    """By the passes through the model: rows and tokens of each."""
    tiny = labkit.load(make_tiny(tmp_path))
    options = {"temperatures": (0, 1), "samples": 3, "max_tokens": 5, "raw": True, "seed": 4}
    replies = labkit.sweep(tiny, "the cat sat", **options).replies
    # The end token: one that some rows come to, and others do not.
    ends = {reply.steps[2].token_id for reply in replies[-2:]}
    monkeypatch.setitem(tiny.__dict__, "end_ids", frozenset(ends))
    passes = []
    tiny.model.register_forward_pre_hook(
        lambda _, args, more: passes.append(tuple(more["input_ids"].shape)), with_kwargs=True
    )
    swept = labkit.sweep(tiny, "the cat sat", **options)
    lengths = [len(reply.steps) for reply in swept.replies]
    assert len(lengths) == 6 and min(lengths) < max(lengths)
    first, *steps = passes
    assert first == (1, len(tiny.encode("the cat sat", raw=True)))
    running = [sum(length > step for length in lengths) for step in range(1, max(lengths))]
    assert steps == [(rows, 1) for rows in running]


def test_temperature_0_gives_the_same_answer_for_every_seed(swept):
    assert len({reply.text for reply in swept.replies[:6]}) == 1
    assert swept.cells[0].measures["self_similarity"].middle == 1
    assert swept.cells[-1].measures["self_similarity"].middle < 0.5


def test_measures_of_texts_worked_out_by_hand():
    replies = made_up(["a b c d", "a b c d", "e f g h"])
    measures = Sweep("made up", "p", tuple(replies), 1.0).cells[0].measures
    assert set(measures) == set(MEASURES)
    assert measures["self_similarity"].low == 0 and measures["self_similarity"].high == 0.5
    assert measures["distinct_2"].middle == 1
    assert measures["entropy_bits"].middle == 2
    assert measures["tokens"].high == 4
    assert measures["stopped"].middle == 0 and 0.5 < measures["stopped"].high < 0.6
    looped = made_up(["x " * 12, "one two three four five six"], finish="stop")
    measures = Sweep("made up", "p", tuple(looped), 1.0).cells[0].measures
    assert measures["looped"].middle == 0.5 and measures["stopped"].middle == 1


def test_at_temperature_0_a_share_has_no_interval():
    """Every draw is the same one, whatever the seed: more of them say nothing more."""
    both = [
        Sweep("m", "p", tuple(made_up(["a b"] * 6, temperature)), 1.0).cells[0].measures["stopped"]
        for temperature in (0, 1)
    ]
    assert (both[0].low, both[0].high) == (0, 0) < (0, both[1].high)


def test_chat_messages_are_swept_summarized_and_drawn(make_thinker, tmp_path):
    tiny = labkit.load(make_thinker(tmp_path))
    messages = [{"role": "user", "content": "the cat"}]
    options = {"samples": 2, "max_tokens": 2}
    swept = labkit.sweep(tiny, messages, temperatures=(0, 1), **options)
    assert len(swept.book_entries) == 2 and labkit.plot(swept).data
    twice = labkit.sweep(tiny, messages, temperatures=(1, 1.0), top_ps=(0.9, 0.9), **options)
    assert [len(cell.replies) for cell in twice.cells] == [2], "named twice, run once"
    assert len(twice.book_entries) == 1


def test_one_sample_has_no_self_similarity():
    measures = Sweep("m", "p", tuple(made_up(["a b"])), 1.0).cells[0].measures
    assert measures["self_similarity"] is None


def test_a_sweep_that_was_stopped_at_once_says_so():
    assert repr(Sweep("m", "p", (), 0.1)) == "m: stopped before the first token"


def test_an_interrupt_keeps_the_answers_so_far(smollm2, monkeypatch):
    from tqdm import std

    real, count = std.tqdm.update, iter(range(10_000))

    def update(self, n=1):
        if next(count) == 20:
            raise KeyboardInterrupt
        return real(self, n)

    monkeypatch.setattr(std.tqdm, "update", update)
    stopped = labkit.sweep(smollm2, PROMPT, temperatures=(1,), samples=4, max_tokens=40)
    assert stopped.tokens == 21
    assert {reply.finish for reply in stopped.replies} == {"interrupted"}
    assert "(stopped, measured)" in stopped.summary
    assert "(stopped, measured)" in labkit.plot(stopped).layout.title.text
    assert (
        labkit.plot(stopped).data and "interrupted" not in labkit.plot(stopped, kind="texts").html
    )


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"samples": 0}, "samples must be"),
        ({"samples": "many"}, "samples must be"),
        ({"temperatures": (1, "hot")}, r"temperatures must be .* numbers, .*; got \(1, 'hot'\)"),
        ({"temperatures": (1, -1)}, "temperature must be .* got -1"),
        ({"temperature": 1}, r"temperature must be given as temperatures=\(1,\)"),
        ({"top_p": 0.9}, r"top_p must be given as top_ps=\(0.9,\)"),
        ({"top_ps": (2,)}, "top_p must be"),
        ({"samples": 10**9}, "samples must be a whole number, 1 to 1,000; got"),
        ({"temperatures": ()}, "temperatures must be one or more numbers"),
        ({"temperatures": 0.5}, "temperatures must be one or more numbers"),
        ({"temperatures": "hot"}, "temperatures must be one or more numbers"),
        ({"top_ps": None}, "top_ps must be one or more numbers"),
        ({"seed": "lucky"}, "seed must be"),
        ({"batch_size": "x"}, "batch_size must be a whole number, 1 or more, or None; got 'x'"),
        ({"max_tokens": 0}, "max_tokens must be"),
    ],
)
def test_bad_input_is_named(smollm2, bad, sentence):
    with pytest.raises(ValueError, match=sentence):
        labkit.sweep(smollm2, PROMPT, **bad)


# -- figures -------------------------------------------------------------------------------------


def test_the_curves_have_the_measures(swept):
    figure = labkit.plot(swept)
    assert 2 <= len(figure.data) / 2 <= len(MEASURES)
    wanted = [cell.measures["self_similarity"].middle for cell in swept.cells if cell.top_p == 1]
    assert list(figure.data[1].y) == wanted and list(figure.data[1].x) == [0, 0.8, 1.6]
    assert {trace.line.dash for trace in figure.data} == {"solid", "dash"}


def test_a_measure_that_is_the_same_in_all_answers_is_a_line_and_no_empty_graph():
    texts = ["a b c d", "a b c d", "e f g h", "e f i j"]
    figure = labkit.plot(Sweep("m", "p", tuple(made_up(texts)), 1.0))
    headings = {each.text for each in figure.layout.annotations}
    assert MEASURES["looped"] not in headings and MEASURES["self_similarity"] in headings
    assert f"{MEASURES['looped']}: 0" in figure.layout.title.text
    one = labkit.plot(Sweep("m", "p", tuple(made_up(["a"])), 1.0))
    assert one.data, "a single answer is still drawn"


def test_the_table_shows_the_texts_and_escapes_them(swept):
    page = labkit.plot(swept, samples=2, kind="texts").html
    assert page.count("seed 5") == 1 and "6 more answers" in page
    nasty = Sweep("m", "p", tuple(made_up(["<script>alert(1)</script> x"])), 1.0)
    assert "<script>" not in labkit.plot(nasty, kind="texts").html
    with pytest.raises(TypeError, match="plot draws what the lab's verbs return; got str"):
        labkit.plot("the sea", kind="texts")


def test_the_summary_has_both_ends(swept):
    summary = swept.summary
    assert "18 answers, 180 tokens" in summary
    assert "temperature 0, top_p 0.9: self-similarity 1.00" in summary
    assert "temperature 1.6" in summary
