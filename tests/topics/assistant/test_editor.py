"""The panel: only the newest key counts, Tab and Esc are counted, and no connection is tried."""

import threading
import time

import pytest

import labkit
from labkit.lab_book.entry import entries_of
from labkit.topics.assistant.completion.complete import Completion
from labkit.topics.assistant.editor import suggester as suggesting
from labkit.topics.assistant.editor.figures import BUDGET_MS, code_html, meter_html
from labkit.topics.assistant.editor.ghost_field import GhostField
from labkit.topics.assistant.editor.suggester import Request, Suggester


def send(panel, **content):
    """What the page's script sends."""
    panel.field._handle_custom_msg(content, [])


@pytest.fixture
def panel(talker):
    made = labkit.assistant.editor_panel(talker, "one, two, three, four,", "\n")
    made.wait()
    return made


def test_the_first_suggestion_is_there_without_a_key(panel):
    assert (panel.field.before, panel.field.after) == ("one, two, three, four,", "\n")
    assert panel.field.ghost["number"] == 0 and panel.field.ghost["text"].startswith(" five")
    assert "the engine alone" in panel.meter.value and "prefix only" in panel.summary
    assert panel.book_entries == ()


def test_what_is_typed_is_completed_and_counted(panel):
    send(panel, kind="ask", number=3, before="a, b, c, d,", after="")
    panel.wait()
    assert panel.field.ghost["number"] == 3 and panel.field.ghost["text"].startswith(" e")
    send(panel, kind="shown", ms=321.0)
    send(panel, kind="accepted")
    send(panel, kind="refused")
    send(panel, kind="left")
    assert (panel.accepted, panel.refused) == (1, 1)
    assert 'role="' not in panel.status.value and "1 accepted" in panel.status.value
    assert "321 ms" in panel.meter.value and f"budget {BUDGET_MS} ms" in panel.meter.value
    (entry,) = panel.book_entries
    assert (entry.name, entry.value) == ("key_to_ghost_ms", 321.0)
    assert entries_of(panel) == panel.book_entries


def test_below_the_threshold_it_stays_silent(panel):
    panel.threshold.value = 0.0
    send(panel, kind="ask", number=1, before="a, b, c,", after="")
    panel.wait()
    ghost = panel.field.ghost
    assert (ghost["number"], ghost["silent"], panel.withheld) == (1, True, 2), "the first too"


def test_the_slider_decides_at_once_about_what_was_suggested(panel):
    sure = panel.suggestion.mean_logprob
    assert not panel.field.ghost["silent"] and panel.withheld == 0 and -3 < sure < -0.1
    for threshold, silent in ((0.0, True), (-3.0, False), (0.0, True)):
        panel.threshold.value = threshold
        assert panel.field.ghost["silent"] is silent and panel.withheld == silent
        assert f"{panel.withheld} withheld" in panel.status.value


def test_it_tries_no_connection(talker):
    panel = labkit.assistant.editor_panel(talker, "a, b, c,", watch=labkit.watch_network)
    panel.wait()
    send(panel, kind="ask", number=1, before="one, two,", after="")
    panel.wait()
    assert panel.suggestion.text and "connections tried: none" in panel.summary


def test_a_connection_that_is_tried_is_counted(talker, monkeypatch):
    import socket

    def open_stream(*arguments, **options):
        with socket.socket() as one:
            one.connect_ex(("127.0.0.1", 9))
        return real(*arguments, **options)

    real = suggesting.open_stream
    monkeypatch.setattr(suggesting, "open_stream", open_stream)
    panel = labkit.assistant.editor_panel(talker, "a, b,", watch=labkit.watch_network)
    panel.wait()
    assert "connections tried: 127.0.0.1, port 9, " in panel.summary


def test_an_error_is_not_superseded_by_the_next_key(filler, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("out of luck")

    done = []
    suggester = Suggester(filler, "infill", lambda request, result: done.append(result))
    with monkeypatch.context() as patch:
        patch.setattr(suggesting, "collect", fail)
        suggester.ask(Request(1, "the cat ", ""))
        assert suggester.wait(30)
    suggester.ask(Request(2, "the hat ", ""))
    assert suggester.wait(30)
    assert suggester.superseded == 0 and "out of luck" in done[0]
    assert isinstance(done[1], Completion)


def test_before_the_first_suggestion_the_page_has_none():
    """The page asks for number 0 first: what is there before must have another number."""
    assert GhostField("a", "b", print, print).ghost["number"] == -1


def test_a_newer_key_ends_the_engines_work_for_an_older_one(filler):
    """Each of these would go on for 48 tokens: the model is random, and ends no line."""
    done, began = [], threading.Event()

    def finish(request, result):
        done.append((request.number, result))
        began.set()

    suggester = Suggester(filler, "infill", finish)
    suggester.ask(Request(1, "the cat ", ""))
    while suggester._stream is None:
        time.sleep(0.0005)
    stream = suggester._stream
    suggester.ask(Request(2, "the hat ", ""))
    suggester.ask(Request(3, "the mat ", ""))
    assert suggester.wait(30)
    assert [number for number, _ in done] == [3] and isinstance(done[0][1], Completion)
    assert suggester.superseded == 2 and suggester.completed == 1
    assert stream.finish is None  # it was not written to its end


def test_what_goes_wrong_is_said_and_the_next_key_works(panel, monkeypatch):
    def break_down(*_, **__):
        raise RuntimeError("<out of luck>")

    with monkeypatch.context() as patched:
        patched.setattr(suggesting, "open_stream", break_down)
        send(panel, kind="ask", number=1, before="a", after="")
        panel.wait()
    assert "Something went wrong: RuntimeError: &lt;out of luck&gt;" in panel.status.value
    send(panel, kind="ask", number=2, before="a, b, c,", after="")
    assert panel.wait().text and panel.field.ghost["number"] == 2


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("", "Type some code."),
        ("x" * 100_001, "the code must be at most 100,000 characters in a panel"),
    ],
)
def test_bad_input_is_a_sentence_in_place(panel, before, said):
    send(panel, kind="ask", number=2, before=before, after="")
    panel.wait()
    assert said in panel.status.value


def test_the_models_own_tokens_are_refused_in_place(filler):
    panel = labkit.assistant.editor_panel(filler, "the")
    send(panel, kind="ask", number=1, before="a<|fim_middle|>b", after="")
    panel.wait()
    assert "must not hold &lt;|fim_middle|&gt;" in panel.status.value


def test_its_static_form_shows_code_and_time(talker):
    first, meter, note = labkit.assistant.editor_panel(talker, "<b>, two, three,").static_form()
    assert "&lt;b&gt;, two" in first and "budget 200 ms" in meter and "shown while typing" in note
    assert "<i>" not in code_html("a", "b", "<i>")
    assert "–" in meter_html(None, None)


@pytest.mark.parametrize(
    ("code", "options", "error", "message"),
    [
        ("", {}, ValueError, "before must hold some code to go on from; got none"),
        (None, {}, ValueError, "before must be a text; got NoneType"),
        ("a", {"after": 7}, ValueError, "after must be a text; got int"),
        ("a" * 100_001, {}, ValueError, "the code must be at most 100,000 characters"),
        ("a", {"method": "magic"}, ValueError, "method must be one of"),
        ("a", {"method": "infill"}, labkit.LabError, "was not made to fill in the middle"),
    ],
)
def test_bad_arguments_get_a_sentence(talker, code, options, error, message):
    with pytest.raises(error, match=message):
        labkit.assistant.editor_panel(talker, code, **options)


def test_a_model_in_torch_is_refused(smollm2):
    with pytest.raises(labkit.LabError, match="The assistant runs in llama"):
        labkit.assistant.editor_panel(smollm2)
