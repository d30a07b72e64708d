"""Several backends at once, over real servers: together, unharmed by one another, stopped."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import labkit
from labkit.backends.http_timing import HttpTiming
from labkit.backends.reply import Reply, Step
from labkit.backends.settings import Settings
from labkit.backends.timings import EngineTimings
from labkit.errors import LabError
from labkit.topics.comparison.side_by_side.concurrent import ConcurrentRun
from labkit.topics.comparison.side_by_side.time_split import away_s, model_s, split_time

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
    side = labkit.compare(QUESTION, backends, in_turn=True)
    assert side.texts == ("a0 ", "a1 ")  # the first waited in vain for the second
    assert side.in_turn and all(side.errors)


def test_the_names_of_a_mapping_and_of_a_model_asked_twice(make_relay):
    relay = make_relay("a")
    one = relay.backend(0, of=1)
    assert [lane.name for lane in ConcurrentRun("x", [one, one]).lanes] == [
        one.name,
        f"{one.name} (2)",
    ]
    side = labkit.compare("x", {"<b>here": one})
    assert side.names == ("<b>here",) and side.texts == ("a0 ",)
    assert "<b>here" not in labkit.plot(side, kind="answers").html


@pytest.mark.slow
def test_real_models_write_at_the_same_time_and_the_same_as_alone(smollm2, near, llama_process):
    _, server = llama_process
    race = ConcurrentRun(QUESTION, [smollm2, near, server], temperature=0, max_tokens=24)
    order = [number for number in race.run() if number is not None]
    assert {lane.error for lane in race.lanes} == {None}
    lasts = [len(order) - 1 - order[::-1].index(number) for number in range(3)]
    firsts = [order.index(number) for number in range(3)]
    assert max(firsts) < min(lasts), order  # each had begun before any had ended
    alone = [labkit.generate(each, QUESTION, temperature=0, max_tokens=24)
             for each in (smollm2, near, server)]  # fmt: skip
    assert [reply.text for reply in race.replies] == [reply.text for reply in alone]


@pytest.mark.slow
def test_a_server_killed_in_the_middle_leaves_the_others_unharmed(near, llama_process):
    process, server = llama_process
    race = ConcurrentRun(QUESTION, [near, server], temperature=0, max_tokens=60)
    for number in race.run():
        if number == 1 and len(race.lanes[1].steps) == 3:
            process.send_signal(signal.SIGKILL)
    kept, cut = race.replies
    assert cut.finish == "failed" and 3 <= len(cut.steps) < 60
    assert "→" in cut.error and server.where in cut.error
    alone = labkit.generate(near, QUESTION, temperature=0, max_tokens=60)
    assert (kept.text, kept.finish, kept.error) == (alone.text, alone.finish, None)
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


def test_a_policy_holds_in_its_column_and_nothing_is_sent(make_relay):
    near, relay = make_relay("a").backend(0, of=1), make_relay("b")
    address = f"{relay.backend(0, of=1).base_url}"
    far = labkit.cloud(address, "m0", key="planted-key-4711")
    secret = "Mail it to ada.lovelace@analytical-engine.org"
    side = labkit.compare(secret, [near, far])
    assert side.texts == ("a0 ", "") and relay.asked == []
    assert "ada" in side.errors[1] or "mail" in side.errors[1].lower()
    passed = labkit.compare(QUESTION, [far])
    assert passed.texts == ("b0 ",) and len(relay.asked) == 1
    assert "planted" not in repr(side) + repr(passed) + labkit.plot(passed, kind="answers").html


@pytest.mark.parametrize(
    ("prompt", "settings", "named"),
    [("", {}, "prompt must"), ("x", {"temperature": -1}, "temperature must")],
)
def test_bad_input_is_the_learners_and_not_a_columns(make_relay, prompt, settings, named):
    with pytest.raises(ValueError, match=named):
        labkit.compare(prompt, [make_relay("a").backend(0, of=1)], **settings)
    with pytest.raises(ValueError, match="backends must be"):
        labkit.compare("x", [])


@pytest.mark.slow
def test_stop_stops_all_and_keeps_what_came(near, llama_process):
    _, server = llama_process
    race = ConcurrentRun("Tell me a very long story.", [near, server], max_tokens=900)
    moves = race.run()
    while not all(len(lane.steps) > 2 for lane in race.lanes):
        next(moves)
    moves.close()
    assert all(lane.ended for lane in race.lanes)
    counts = [len(lane.steps) for lane in race.lanes]
    assert all(2 < count < 900 for count in counts)
    time.sleep(0.5)
    assert [len(lane.steps) for lane in race.lanes] == counts
    assert {reply.finish for reply in race.replies} == {"interrupted"}
    again = labkit.compare(QUESTION, [near, server], temperature=0, max_tokens=4)
    assert [len(reply.steps) for reply in again.replies] == [4, 4]  # both are free again


def test_stop_does_not_wait_for_a_server_that_says_nothing(make_relay):
    silent = make_relay("a", "b", patience_s=60)
    silent.turn = 99  # its turn never comes
    talking = make_relay("a").backend(0, of=1)
    race = ConcurrentRun(QUESTION, [silent.backend(0, of=1), talking])
    moves = race.run()
    while not race.lanes[1].ended:
        next(moves)
    began = time.monotonic()
    moves.close()
    assert time.monotonic() - began < 30  # and not the minute that the server would take
    assert [reply.finish for reply in race.replies] == ["interrupted", "stop"]


def test_an_interrupted_cell_stops_all_and_returns_what_came(make_relay):
    """As Ctrl-C, or the notebook's stop button, in a process of its own."""
    relay = make_relay("a", "b", patience_s=60)
    base = relay.backend(0, of=2).base_url  # its second word waits for somebody who is not asked
    code = (
        "import labkit, sys; backend = labkit.connect(sys.argv[1], 'm0', kind='OpenAI-compatible');"
        "print('asking', flush=True); side = labkit.compare('x', [backend]);"
        "print(side.replies[0].finish, repr(side.texts[0]))"
    )
    told = subprocess.Popen([sys.executable, "-c", code, base], stdout=subprocess.PIPE, text=True)
    try:
        assert told.stdout.readline() == "asking\n"
        assert relay.wait_for(1)  # its first word is on the way
        threading.Event().wait(1.0)
        told.send_signal(signal.SIGINT)
        assert told.communicate(timeout=60)[0] == "interrupted 'a0 '\n"
    finally:
        told.kill()


def a_reply(*times, **more):
    steps = tuple(Step(None, "ab ", None, None, (), None, at) for at in times)
    told = {"prompt_tokens": 5, "finish": "stop", **more}
    return Reply("made up", "x", Settings(), steps, **told)


def test_time_is_split_by_what_the_client_told():
    wire = HttpTiming("https://a", 0.1, 0.2, 0.3, 0.05, 0.5, 0.01, 2.0, bytes_sent=9)
    reply = a_reply(1.16, 3.16, http=wire, timings=EngineTimings("x", prompt_s=0.4))
    parts = split_time(reply)
    assert [part.name for part in parts][:3] == ["name lookup", "connection", "TLS"]
    assert [part.begin_s for part in parts][3:5] == pytest.approx([0.6, 0.65])
    assert parts[-1].end_s == pytest.approx(wire.elapsed_s)
    assert model_s(reply) == 0.4 and away_s(reply) == pytest.approx(0.76)


def test_time_in_this_process_has_two_parts():
    reply = a_reply(0.5, 0.8, 1.5)
    assert [(part.name, part.seconds) for part in split_time(reply)] == [
        ("first token", 0.5), ("stream", 1.0),
    ]  # fmt: skip
    assert away_s(reply) == 0
    assert split_time(a_reply()) == () and away_s(a_reply()) is None
    closed = a_reply(0.5, http=HttpTiming("https://a", wait_s=0.5))
    assert model_s(closed) is None and away_s(closed) is None  # a cloud tells nothing of its own


def test_labkit_compare_is_a_verb_in_whatever_order_things_are_imported():
    for code in (
        "import labkit.topics.comparison.side_by_side.concurrent, labkit",
        "import labkit; labkit.comparison.compare_texts",
    ):
        told = (
            "assert callable(labkit.compare) and labkit.topics.comparison.side_by_side.concurrent"
        )
        subprocess.run([sys.executable, "-c", f"{code}; {told}"], check=True, env=dict(os.environ))
