"""Several backends at once, over real servers: together, unharmed by one another, stopped."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import pytest

import labkit
from labkit.backends.http_timing import PARTS, HttpTiming
from labkit.backends.reply import Outcome, Reply, Step
from labkit.backends.settings import Settings
from labkit.backends.timings import EngineTimings
from labkit.errors import LabError
from labkit.topics.comparison.side_by_side.answer_columns_figures import numbers
from labkit.topics.comparison.side_by_side.concurrent import ConcurrentRun, name_each
from labkit.topics.comparison.side_by_side.time_split import load_s, model_s, network_s, split_time

QUESTION = "Why is the sky blue?"


def test_servers_that_wait_for_each_other_are_asked_together(make_relay):
    """One after the other it would never end: each word waits for the other server's."""
    relay = make_relay("a", "b", "c")
    backends = [relay.backend(number, of=3) for number in range(3)]
    side = labkit.compare(QUESTION, backends)
    assert side.texts == tuple(f"a{n} b{n} c{n} " for n in range(3))
    assert side.errors == (None, None, None)


def test_in_turn_is_one_after_the_other(make_relay):
    relay = make_relay("a", "b", patience_s=0.3)
    backends = [relay.backend(number, of=2) for number in range(2)]
    side = labkit.compare(QUESTION, backends, sequential=True)
    assert side.texts == ("a0 ", "a1 ")  # the first waited in vain for the second
    assert side.sequential and all(side.errors)


def test_the_names_of_a_mapping_and_of_a_model_given_twice(make_relay):
    relay = make_relay("a")
    one = relay.backend(0, of=1)
    assert [column.name for column in ConcurrentRun("x", [one, one]).columns] == [
        one.name,
        f"{one.name} (2)",
    ]
    taken = SimpleNamespace(name=f"{one.name} (2)", stream=print)
    names = [one.name, f"{one.name} (2)", f"{one.name} (3)"]
    for given in ([one, one, taken], [one, taken, one]):
        assert len(name_each(given)) == 3
    assert list(name_each([one, taken, one])) == names
    side = labkit.compare("x", {"<b>here": one})
    assert side.names == ("<b>here",) and side.texts == ("a0 ",)
    assert "<b>here" not in labkit.plot(side, kind="answers").html


@pytest.mark.slow
def test_real_models_write_at_the_same_time_and_the_same_as_alone(smollm2, local, llama_process):
    _, server = llama_process
    run = ConcurrentRun(QUESTION, [smollm2, local, server], temperature=0, max_tokens=24)
    order = [number for number in run.updates() if number is not None]
    assert {column.error for column in run.columns} == {None}
    # One after the other, it would be three blocks; the fastest may end before the last begins.
    assert sum(before != after for before, after in pairwise(order)) > 2, order
    alone = [
        labkit.generate(each, QUESTION, temperature=0, max_tokens=24)
        for each in (smollm2, local, server)
    ]
    assert [reply.text for reply in run.replies] == [reply.text for reply in alone]


@pytest.mark.slow
def test_a_server_killed_in_the_middle_leaves_the_others_unharmed(local, llama_process):
    process, server = llama_process
    run = ConcurrentRun(QUESTION, [local, server], temperature=0, max_tokens=60)
    for number in run.updates():
        if number == 1 and len(run.columns[1].steps) == 3:
            process.send_signal(signal.SIGKILL)
    whole, cut = run.replies
    assert cut.finish == "failed" and 3 <= len(cut.steps) < 60
    assert "→" in cut.error and server.where in cut.error
    alone = labkit.generate(local, QUESTION, temperature=0, max_tokens=60)
    assert (whole.text, whole.finish, whole.error) == (alone.text, alone.finish, None)
    assert alone.text.startswith(cut.text[:20])  # the partial answer is kept


def test_a_server_that_is_not_there_is_a_sentence_in_its_column(make_relay):
    relay = make_relay("a", "b")
    nobody = labkit.connect("http://127.0.0.1:9", "m", kind="OpenAI-compatible")
    side = labkit.compare(QUESTION, [relay.backend(0, of=1), nobody])
    assert side.texts == ("a0 b0 ", "")
    assert side.errors[0] is None and "does not answer" in side.errors[1]
    assert side.replies[1].finish == "failed" and "failed" in side.summary


class Broken:
    """A backend with a fault of its own, whose words may hold what nobody should see."""

    name = "broken"

    def __init__(self, error):
        self.error = error

    def stream(self, prompt, *, raw=False, **settings):
        raise self.error


def test_whatever_is_raised_stays_in_its_column(make_relay):
    relay = make_relay("a")
    refused = Broken(ValueError("top_k must be left at None"))
    held_back = Broken(LabError("A secret was found.", "Take it out."))
    faulty = Broken(RuntimeError("Bearer sk-planted-key"))
    side = labkit.compare(QUESTION, [relay.backend(0, of=1), refused, held_back, faulty])
    assert side.texts[0] == "a0 "
    assert "top_k must" in side.errors[1] and "Take it out" in side.errors[2]
    assert "RuntimeError" in side.errors[3] and "sk-planted" not in repr(side)


def test_a_policy_applies_in_its_column_and_nothing_is_sent(make_relay):
    local, relay = make_relay("a").backend(0, of=1), make_relay("b")
    address = f"{relay.backend(0, of=1).base_url}"
    remote = labkit.cloud(address, "m0", key="planted-key-4711")
    secret = "Mail it to ada.lovelace@analytical-engine.org"
    side = labkit.compare(secret, [local, remote])
    assert side.texts == ("a0 ", "") and relay.asked == []
    assert "ada" in side.errors[1] or "mail" in side.errors[1].lower()
    passed = labkit.compare(QUESTION, [remote])
    assert passed.texts == ("b0 ",) and len(relay.asked) == 1
    assert "planted" not in repr(side) + repr(passed) + labkit.plot(passed, kind="answers").html


@pytest.mark.parametrize(
    ("prompt", "settings", "named"),
    [("", {}, "prompt must"), ("x", {"temperature": -1}, "temperature must")],
)
def test_bad_input_is_the_learners_and_not_a_columns(make_relay, prompt, settings, named):
    with pytest.raises(ValueError, match=named):
        labkit.compare(prompt, [make_relay("a").backend(0, of=1)], **settings)
    for wrong in ([], 3, "smollm2-135m", ["smollm2-135m"], {"a": None}, {1: Broken(None)}, {"": 1}):
        with pytest.raises(ValueError, match=r"backends.* must be"):
            labkit.compare("x", wrong)


@pytest.mark.slow
def test_stop_stops_all_and_keeps_what_came(local, llama_process):
    _, server = llama_process
    run = ConcurrentRun("Tell me a very long story.", [local, server], max_tokens=900)
    updates = run.updates()
    while not all(len(column.steps) > 2 for column in run.columns):
        next(updates)
    updates.close()
    assert all(column.ended for column in run.columns)
    counts = [len(column.steps) for column in run.columns]
    assert all(2 < count < 900 for count in counts)
    time.sleep(0.5)
    assert [len(column.steps) for column in run.columns] == counts
    assert {reply.finish for reply in run.replies} == {"interrupted"}
    again = labkit.compare(QUESTION, [local, server], temperature=0, max_tokens=4)
    assert [len(reply.steps) for reply in again.replies] == [4, 4]  # both are free again


def test_stop_does_not_wait_for_a_server_that_says_nothing(make_relay):
    silent = make_relay("a", "b", patience_s=60)
    silent.turn = 99  # its turn never comes
    talking = make_relay("a").backend(0, of=1)
    run = ConcurrentRun(QUESTION, [silent.backend(0, of=1), talking])
    updates = run.updates()
    while not run.columns[1].ended:
        next(updates)
    began = time.monotonic()
    updates.close()
    assert time.monotonic() - began < 30  # and not the minute that the server would take
    assert [reply.finish for reply in run.replies] == ["interrupted", "stop"]


@pytest.mark.slow
def test_an_interrupted_cell_stops_all_and_returns_what_came(make_relay):
    """As Ctrl-C, or the notebook's stop button, in a process of its own."""
    relay = make_relay("a", "b", patience_s=60)
    base = relay.backend(0, of=2).base_url  # its second word waits for somebody who is not asked
    code = (
        "import labkit, sys; backend = labkit.connect(sys.argv[1], 'm0', kind='OpenAI-compatible');"
        "print('asking', flush=True); side = labkit.compare('x', [backend]);"
        "print(side.replies[0].finish, repr(side.texts[0]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, base], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "asking\n"
        assert relay.wait_for(1)  # its first word is on the way
        threading.Event().wait(1.0)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[0] == "interrupted 'a0 '\n"
    finally:
        process.kill()


def a_reply(*times, **more):
    steps = tuple(Step(None, "ab ", None, None, (), None, at) for at in times)
    outcome = Outcome(**{"prompt_tokens": 5, "finish": "stop", **more})
    return Reply("made up", "x", Settings(), steps, outcome)


def test_time_is_split_by_the_clients_timing():
    wire = HttpTiming("https://a", 0.1, 0.2, 0.3, 0.05, 0.5, 0.01, 2.0, bytes_sent=9)
    reply = a_reply(1.16, 3.16, http=wire, timings=EngineTimings("x", prompt_s=0.4))
    parts = split_time(reply)
    assert [part.name for part in parts][:3] == ["name lookup", "connection", "TLS"]
    assert [part.begin_s for part in parts][3:5] == pytest.approx([0.6, 0.65])
    assert parts[-1].end_s == pytest.approx(wire.elapsed_s)
    assert model_s(reply) == 0.4 and network_s(reply) == pytest.approx(0.76)


def test_time_in_this_process_has_two_parts():
    reply = a_reply(0.5, 0.8, 1.5)
    assert [(part.name, part.seconds) for part in split_time(reply)] == [
        ("to the first token", 0.5),
        ("stream", 1.0),
    ]
    assert network_s(reply) == 0
    assert split_time(a_reply()) == () and network_s(a_reply()) is None
    closed = a_reply(0.5, http=HttpTiming("https://a", wait_s=0.5))
    assert model_s(closed) is None and network_s(closed) is None  # a cloud tells nothing of its own


def test_labkit_compare_is_a_verb_in_whatever_order_things_are_imported():
    for code in (
        "import labkit.topics.comparison.side_by_side.concurrent, labkit",
        "import labkit; labkit.comparison.compare_texts",
    ):
        check = (
            "assert callable(labkit.compare) and labkit.topics.comparison.side_by_side.concurrent"
        )
        subprocess.run([sys.executable, "-c", f"{code}; {check}"], check=True, env=dict(os.environ))


def test_loading_is_neither_the_network_nor_the_models_work():
    wire = HttpTiming("http://a", wait_s=2.5, first_token_s=0.1, stream_s=1.0)
    own = EngineTimings("Ollama", load_s=2.0, prompt_s=0.58)
    reply = a_reply(2.6, 3.6, http=wire, timings=own)
    assert load_s(reply) == 2.0 and model_s(reply) == 0.58
    assert network_s(reply) == pytest.approx(0.02)


def test_thinking_is_a_part_of_its_own():
    steps = [Step(None, "ab ", None, None, (), None, at, at < 1) for at in (0.5, 0.7, 1.0, 1.5)]
    here = Reply("m", "x", Settings(), tuple(steps), Outcome("stop", 5))
    assert [(part.name, round(part.seconds, 6)) for part in split_time(here)] == [
        ("to the first token", 0.5),
        ("thinking", 0.5),
        ("stream", 0.5),
    ]
    wire = HttpTiming("https://a", wait_s=0.2, first_token_s=2.0, stream_s=1.0)
    hidden = a_reply(2.2, 3.2, http=wire, chunked=True, output_tokens=99, thinking_tokens=90)
    assert [part.name for part in split_time(hidden)] == [PARTS["wait_s"], "thinking", "stream"]
    assert split_time(hidden)[-1].end_s == pytest.approx(wire.elapsed_s)
    timed = replace(hidden, outcome=replace(hidden.outcome, timings=EngineTimings("x", prompt_s=1)))
    assert network_s(timed) is None, "some of the wait was thinking"


def test_what_was_thought_is_said_and_shown_apart(thinker):
    side = labkit.compare("Why?", {"it": thinker}, temperature=0, max_tokens=20)
    assert side.texts == ("Yes",) and "thought 5 tokens in" in side.summary
    assert "\n(thought 5 tokens in" in repr(side)
    html = labkit.plot(side, kind="answers").html
    assert "<details><summary>thinking</summary>" in html and "Hm" in html
    rows = dict(numbers(side.replies[0], True))
    assert rows["tokens of thinking, its price"] == "5"
    cut = labkit.compare("Why?", {"it": thinker}, temperature=0, max_tokens=3)
    html = labkit.plot(cut, kind="answers").html
    assert (
        "<details open>" in html
        and "✓ cut at max_tokens after" in html
        and ", without an answer" in html
    )
    assert labkit.plot(side).data and labkit.plot(side, kind="arrivals").data[0].y[-1] == 3
