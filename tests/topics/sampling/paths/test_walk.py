"""Step by step: wherever the walk goes, the scores are those of a fresh pass; and its panel."""

import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import labkit
from labkit.backends.local.decoding.cursor import Cursor
from labkit.backends.settings import Settings
from labkit.errors import LabError
from labkit.topics.sampling.paths.figures import branches_table
from labkit.topics.sampling.paths.walk import Walk
from labkit.topics.sampling.paths.walk_panel import walk_panel

PROMPT = "the cat sat on the mat"
VOCABULARY = 300
TOKEN = st.integers(0, VOCABULARY - 1)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), TOKEN),
        st.tuples(st.just("back"), st.integers(1, 6)),
        st.tuples(st.just("branch"), st.integers(0, 3)),
        st.tuples(st.just("write"), st.sampled_from(["the hat", "é", " a b c"])),
    ),
    max_size=24,
)


@pytest.fixture(scope="module", params=["llama", "gemma3_text"])
def tiny(request, make_tiny, tmp_path_factory):
    """With Gemma's window of 16 tokens, a walk crosses from cropping to reading anew, and back."""
    folder = tmp_path_factory.mktemp(request.param)
    window = {"sliding_window": 16} if request.param == "gemma3_text" else {}
    return labkit.load(make_tiny(folder, request.param, **window))


def fresh(model, ids):
    with torch.inference_mode():
        return model.model(torch.tensor([ids])).logits[0, -1].float().numpy()


def act(walk, kind, what):
    """One step of the learner's; one that is out of range changes nothing."""
    if kind == "take":
        walk.take(what)
    elif kind == "write":
        walk.write(what)
    elif kind == "back" and what <= len(walk.branch.tokens):
        walk.back(what)
    elif kind == "branch":
        names = [branch.name for branch in walk.result.branches]
        if what < len(names):
            walk.switch_to(names[what])
        else:
            walk.start_branch()


@pytest.mark.slow
@given(actions=ACTIONS)
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
def test_after_any_actions_the_scores_match_a_fresh_pass(tiny, actions):
    walk = Walk(tiny, PROMPT, raw=True)
    for kind, what in actions:
        act(walk, kind, what)
    inner = walk._cursor
    np.testing.assert_allclose(inner.scores, fresh(tiny, inner.ids), atol=1e-3)
    for branch in walk.result.branches:
        ids = [*inner.prompt_ids, *(token.token_id for token in branch.tokens)]
        assert branch.logprob == pytest.approx(
            text_logprob(tiny, ids, len(inner.prompt_ids)), abs=1e-3
        )


def text_logprob(model, ids, prompt_tokens):
    """The log-probability of what follows the prompt, from one pass over all of it."""
    with torch.inference_mode():
        logprobs = model.model(torch.tensor([ids])).logits[0].float().log_softmax(-1)
    pairs = zip(logprobs[prompt_tokens - 1 : -1], ids[prompt_tokens:], strict=True)
    return sum(float(row[token]) for row, token in pairs)


def test_on_the_real_model(smollm2):
    cursor = Cursor(smollm2, smollm2.encode("Why is the sky blue?"))
    start = cursor.ids
    for token in (504, 7042, 284):
        cursor.take(token)
    cursor.back(2)
    cursor.take(30)
    np.testing.assert_allclose(cursor.scores, fresh(smollm2, [*start, 504, 30]), atol=1e-2)
    cursor.go_to((*start, 504, 7042))
    np.testing.assert_allclose(cursor.scores, fresh(smollm2, cursor.ids), atol=1e-2)


def test_a_move_reads_only_what_is_new(make_tiny, tmp_path):
    model = labkit.load(make_tiny(tmp_path))
    passes = []
    model.model.register_forward_pre_hook(
        lambda _, args, more: passes.append(more["input_ids"].shape[1]), with_kwargs=True
    )
    cursor = Cursor(model, model.encode(PROMPT, raw=True))
    start = cursor.ids
    for token in range(10, 16):
        cursor.take(token)
    cursor.back(4)  # only the last token, whose scores are wanted
    cursor.go_to((*start, 10, 20, 21, 22))  # the branch's own three
    cursor.go_to(cursor.ids)  # nothing
    assert passes == [len(start), 1, 1, 1, 1, 1, 1, 1, 3]
    assert cursor.tokens_read == sum(passes)


def test_a_window_that_was_left_is_read_again(make_tiny, tmp_path):
    model = labkit.load(make_tiny(tmp_path, "gemma3_text", sliding_window=16))
    cursor = Cursor(model, model.encode(PROMPT, raw=True))
    while len(cursor.ids) < 15:
        cursor.take(7)
    before = cursor.tokens_read
    cursor.back()
    assert cursor.tokens_read == before + 1
    for token in (7, 8, 9):
        cursor.take(token)
    before = cursor.tokens_read
    cursor.back()
    assert cursor.tokens_read == before + len(cursor.ids)
    np.testing.assert_allclose(cursor.scores, fresh(model, cursor.ids), atol=1e-3)


def test_a_walk_continues_after_an_interrupted_pass(tiny, monkeypatch):
    cursor = Cursor(tiny, tiny.encode(PROMPT, raw=True))
    layer = tiny.model.model.layers[1]
    with monkeypatch.context() as broken:
        broken.setattr(layer, "forward", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            cursor.take(9)
    assert cursor.ids == cursor.prompt_ids
    cursor.take(11)
    np.testing.assert_allclose(cursor.scores, fresh(tiny, cursor.ids), atol=1e-3)


def test_what_is_out_of_range_is_refused_and_changes_nothing(tiny):
    cursor = Cursor(tiny, tiny.encode(PROMPT, raw=True))
    for wrong, sentence in (
        (lambda: cursor.take(VOCABULARY), "0 to 299; got 300"),
        (lambda: cursor.take(-1), "0 to 299"),
        (lambda: cursor.back(), "as many as were taken; got 1"),
        (lambda: cursor.back(1.0), "tokens must be a whole number, 1 or more; got 1.0"),
        (lambda: cursor.back(None), "tokens must be a whole number, 1 or more; got None"),
        (lambda: cursor.go_to((1, 2)), "begin with the prompt"),
        (lambda: cursor.go_to((*cursor.ids, *[5] * 200)), "context of 128 tokens"),
    ):
        with pytest.raises(ValueError, match=sentence):
            wrong()
    assert cursor.ids == cursor.prompt_ids


def test_other_backends_are_refused_in_a_sentence():
    class Cloud:
        name = "cloud"

    with pytest.raises(LabError, match=r"walk needs every score .* 'cloud'"):
        Walk(Cloud(), PROMPT)


# -- the walk ----------------------------------------------------------------------------------


@pytest.fixture
def walk(tiny):
    return Walk(tiny, PROMPT, raw=True)


def test_candidates_are_the_likeliest_with_their_probabilities(tiny, walk):
    expected = torch.tensor(fresh(tiny, walk._cursor.ids)).log_softmax(-1).topk(10)
    assert [each.token_id for each in walk.candidates] == expected.indices.tolist()
    assert [each.logprob for each in walk.candidates] == pytest.approx(
        expected.values.tolist(), abs=1e-3
    )
    first = walk.candidates[0]
    walk.take_likeliest()
    taken = walk.branch.tokens[0]
    assert (taken.token_id, taken.rank) == (first.token_id, 1)
    assert taken.logprob == pytest.approx(first.logprob)


def test_a_draw_follows_the_temperature_and_the_seed(walk):
    best = walk.candidates[0].token_id
    walk.draw(0)
    assert walk.branch.tokens[0].token_id == best
    drawn = []
    for seed in (5, 5, 6, 7, 8):
        walk.draw(2.0, seed=seed)
        drawn.append(walk.branch.tokens[-1].token_id)
        walk.back()
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 1


def test_branches_and_their_shared_tokens(walk):
    for token in (10, 11, 12):
        walk.take(token)
    walk.start_branch()
    walk.back(2)
    walk.take(20)
    a, b = walk.result.branches
    assert (a.name, b.name) == ("A", "B")
    assert [token.token_id for token in a.tokens] == [10, 11, 12]
    assert [token.token_id for token in b.tokens] == [10, 20]
    assert a.shared_tokens(b) == b.shared_tokens(a) == 1
    assert b.probability == pytest.approx(math.exp(sum(token.logprob for token in b.tokens)))
    assert a.bits_per_token == pytest.approx(-a.logprob / math.log(2) / 3)
    assert walk.result.tokens_read < walk.result.tokens_without_cache
    best = min((a, b), key=lambda each: each.bits_per_token)
    least = f"2 branches walked, the least surprising {best.name}: {best.bits_per_token:.2f} bits"
    assert least in walk.result.summary
    walk.back(np.uint8(2))  # whose negative is 254
    alone = f"2 branches walked, the least surprising A: {a.bits_per_token:.2f} bits"
    assert alone in walk.result.summary, "B is empty again"
    walk.switch_to("A")
    assert walk.branch == a
    with pytest.raises(ValueError, match="one of A, B; got 'Z'"):
        walk.switch_to("Z")


def test_what_is_typed_is_taken_token_by_token(walk):
    walk.write(" the hat")
    assert walk.branch.text == " the hat"
    assert len(walk.branch.tokens) == len(walk._cursor.encode(" the hat"))
    for text in ("", "a" * 1000, "a" * 10_000_000):
        with pytest.raises(ValueError, match="1 to 24 tokens; got"):
            walk.write(text)


def test_a_character_of_several_tokens_is_whole_in_the_text(walk):
    walk.write("é€")
    assert walk.branch.text == "é€"
    walk.back()
    assert walk.branch.text.startswith("é")


def test_there_are_as_many_branches_as_letters(walk):
    for _ in range(25):
        walk.start_branch()
    with pytest.raises(ValueError, match="at most 26"):
        walk.start_branch()


# -- the table and the panel ---------------------------------------------------------------------


def test_the_table_escapes_and_marks_where_branches_differ(walk):
    walk.write("<b>x</b>")
    walk.start_branch()
    walk.back()
    walk.take(7)
    html = branches_table(walk.result, current="B").html
    assert "<b>x" not in html
    assert "▸ B" in html
    shared = walk.branch.shared_tokens(walk.result.branches[0])
    assert f"differs from A after {shared} tokens" in html
    walk.back()
    assert "differs from" not in branches_table(walk.result).html, "it only ends earlier"


@pytest.fixture
def panel(tiny):
    return walk_panel(tiny, PROMPT, raw=True)


def test_the_panel_moves_by_its_buttons(panel):
    label = panel.candidates[2].description
    panel.candidates[2].click()
    assert panel.walk.branch.tokens[0].rank == 3
    assert panel.candidates[2].description != label
    panel.likeliest.click()
    panel.temperature.value = 0
    panel.draw.click()
    assert [token.rank for token in panel.walk.branch.tokens] == [3, 1, 1]
    panel.back.click()
    panel.branch.click()
    panel.typed.value = "hat"
    panel.write.click()
    assert panel.typed.value == ""
    assert panel.chosen.value == "B"
    panel.chosen.value = "A"
    assert panel.walk.name == "A"
    assert [len(branch.tokens) for branch in panel.result.branches] == [2, 3]
    assert "2 branches" in panel.summary


def test_a_third_branch_stays_where_it_began(panel):
    panel.likeliest.click()
    for name in ("B", "C", "D"):
        panel.branch.click()
        assert panel.walk.name == panel.chosen.value == name
    assert panel.chosen.options == ("A", "B", "C", "D")
    panel.chosen.value = "B"
    assert panel.walk.name == "B"


def test_a_button_shows_token_and_probability(panel):
    best = panel.walk.candidates[0]
    assert f"{math.exp(best.logprob):.1%}" in panel.candidates[0].description
    assert repr(best.text) in panel.candidates[0].tooltip


def test_enter_in_the_box_writes(panel):
    panel.typed.value = "hat"
    panel.typed._handle_custom_msg({"event": "submit"}, [])
    assert panel.typed.value == "" and panel.walk.branch.text == "hat"


def test_an_interrupted_action_says_so_and_changes_nothing(panel, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    before = panel.walk.branch
    monkeypatch.setattr(panel.walk, "take", interrupt)
    panel.candidates[0].click()
    assert "Stopped" in panel._status.value and panel.walk.branch == before


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("no"), LabError("no")])
def test_what_is_typed_is_taken_whole_or_not_at_all(panel, monkeypatch, error):
    walk = panel.walk
    walk.take(9)
    take, before, scores, calls = walk.take, walk.branch, walk._cursor.scores, []

    def second_fails(token_id):
        calls.append(token_id)
        if len(calls) == 2:
            raise error
        take(token_id)

    monkeypatch.setattr(walk, "take", second_fails)
    panel.typed.value = " the hat"
    panel.write.click()
    assert len(calls) == 2 and walk.branch == before
    assert walk._cursor.ids == (*walk._cursor.prompt_ids, 9)
    np.testing.assert_allclose(walk._cursor.scores, scores, atol=1e-3)
    assert panel._offered == walk.candidates


def test_what_does_not_fit_the_context_is_refused_before_its_first_token(walk):
    walk._cursor.go_to((*walk._cursor.ids, *[5] * (127 - len(walk._cursor.ids))))
    read = walk._cursor.tokens_read
    with pytest.raises(ValueError, match="128 tokens together with the 127 before it; got"):
        walk.write(" the hat")
    assert not walk.branch.tokens and walk._cursor.tokens_read == read


@pytest.mark.parametrize("token_id", [-1, 300, 5.0, None, "a"])
def test_what_is_no_token_is_named(walk, token_id):
    with pytest.raises(ValueError, match=r"token_id must be a whole number, 0 to 299; got"):
        walk.take(token_id)
    assert not walk.branch.tokens


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "text must be 1 to 24 tokens; got 0"),
        ("<b>ten</b> " * 1_000_000, "1 to 24 tokens; got 11,000,000 characters"),
        ("\ud800", "text must be Unicode"),
    ],
    ids=["empty", "ten megabytes", "surrogate"],
)
def test_bad_input_gets_a_sentence_in_place(panel, typed, sentence):
    panel.typed.value = typed
    panel.write.click()
    assert 'role="alert"' in panel._status.value
    assert sentence in panel._status.value
    assert not panel.walk.branch.tokens
    parts = (panel._text, panel._status, panel._table)
    assert sum(len(widget.value) for widget in parts) < 5000
    panel.likeliest.click()
    assert 'role="alert"' not in panel._status.value


def test_back_is_off_at_the_prompt(panel):
    assert panel.back.disabled
    panel.likeliest.click()
    assert not panel.back.disabled


def test_of_a_long_prompt_the_end_is_shown(smollm2):
    text = walk_panel(smollm2, f"Begin. {'word ' * 400}At last", raw=True)._text.value
    assert "At last" in text and "Begin" not in text and len(text) < 3000


def test_html_in_the_prompt_is_escaped(tiny):
    assert "<b>" not in walk_panel(tiny, "<b>bold", raw=True)._text.value.replace(
        "<b>Prompt", ""
    ).replace("<b>Then", "")


def test_a_static_page_shows_two_branches(panel, monkeypatch):
    displayed = []
    monkeypatch.setenv("LABKIT_STATIC", "1")
    monkeypatch.setattr("IPython.display.display", lambda *things: displayed.extend(things))
    panel._ipython_display_()
    assert "differs from A after 0 tokens" in displayed[0].data
    assert [len(branch.tokens) for branch in panel.result.branches] == [6, 6]


def test_a_drawn_token_obeys_all_settings(walk):
    inner = walk._cursor
    best = walk.candidates[0].token_id
    assert inner.draw(Settings(temperature=2, top_k=1)) == best
