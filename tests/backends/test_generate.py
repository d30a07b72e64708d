"""A stream alone: closed from another thread, failing, interrupted; and what `collect` keeps."""

import threading

import pytest

from labkit.backends.capabilities import Backend, HasAddress, HasScores, runs_here
from labkit.backends.generate import collect, make_reply
from labkit.backends.reply import Outcome, RowsStream, Step, Stream
from labkit.backends.settings import Settings
from labkit.errors import LabError


def a_step(text, at=0.1):
    return Step(None, text, None, None, (), None, at)


def playing(*parts, finish="stop", **known):
    """A stream of these texts; what is an exception is raised there."""

    def steps(running):
        for number, part in enumerate(parts):
            if not isinstance(part, str):
                raise part
            if number == len(parts) - 1:
                running.note(finish=finish)
            yield a_step(part)

    return Stream(Settings(), steps, **known)


def test_an_answer_is_collected_and_its_outcome_read_from_stream_and_reply():
    running, seen = playing("a", "b", prompt_tokens=3), []
    steps = collect(running, seen.append)
    assert [step.text for step in steps] == ["a", "b"] and seen == steps
    reply = make_reply("m", "p", running, steps)
    assert (running.finish, reply.finish, reply.prompt_tokens) == ("stop", "stop", 3)
    assert reply.outcome == Outcome("stop", 3, output_tokens=2, thinking_tokens=0)
    assert reply.origin == "measured"


def test_what_came_before_a_failure_is_kept_and_one_at_once_is_raised():
    running = playing("a", LabError("It broke off.", "Ask again."))
    assert len(collect(running)) == 1
    assert (running.finish, running.error) == ("failed", "It broke off.\n  → Ask again.")
    with pytest.raises(LabError, match="It broke off"):
        collect(playing(LabError("It broke off.")))


@pytest.mark.parametrize("how", ["interrupt", "interrupt at its end", "stop", "stop at its end"])
def test_an_interrupt_and_a_stop_are_the_same(how):
    running, last = playing("a", "b"), 2 if "end" in how else 1
    seen = []

    def take(step):
        seen.append(step)
        if "interrupt" in how and len(seen) == last:
            raise KeyboardInterrupt

    steps = collect(running, take, lambda: "stop" in how and len(seen) == last)
    assert len(steps) == last and running.finish is None and list(running) == []
    assert make_reply("m", "p", running, steps).finish == "interrupted"


def test_closing_from_another_thread_ends_a_model_that_computes():
    """It is at a token then: that one still comes, and no other; its loop is left."""
    computing, go_on, left = threading.Event(), threading.Event(), threading.Event()

    def steps(_):
        try:
            for number in range(1000):
                if number == 1:
                    computing.set()
                    assert go_on.wait(20)
                yield a_step(str(number))
        finally:
            left.set()

    running = Stream(Settings(), steps)
    came = []
    reader = threading.Thread(target=lambda: came.extend(running))
    reader.start()
    assert computing.wait(20)
    running.close()
    assert not left.is_set()
    go_on.set()
    reader.join(20)
    assert [step.text for step in came] == ["0", "1"] and left.is_set()


def test_the_end_of_a_connection_that_was_cut_is_no_failure():
    cut = threading.Event()

    def steps(_):
        yield a_step("a")
        assert cut.wait(20)
        raise LabError("It broke off.")

    running = Stream(Settings(), steps, stop=cut.set)
    next(running)
    threading.Timer(0.1, running.close).start()
    assert list(running) == [] and running.finish is running.error is None


def test_rows_that_have_ended_stay_so_when_the_others_are_interrupted():
    streams = tuple(Stream(Settings()) for _ in range(2))

    def steps():
        streams[0].note(finish="stop")
        yield 0, a_step("a")
        raise KeyboardInterrupt

    assert len(collect(RowsStream(streams, steps()))) == 1
    assert [stream.finish for stream in streams] == ["stop", None]


def test_capabilities_are_asked_for_by_isinstance():
    class Here:
        name = "here"

        def stream(self, prompt, **settings):
            return playing("a")

    class There(Here):
        base_url = "http://127.0.0.1:9"

    assert isinstance(Here(), Backend) and not isinstance("openai", Backend)
    assert isinstance(There(), HasAddress) and not isinstance(There(), HasScores)
    assert runs_here(Here()) and not runs_here(There())


def test_an_interrupted_stream_ends_and_keeps_what_came():
    running = playing("a", "b", KeyboardInterrupt())
    assert [step.text for step in running] == ["a", "b"] and running.finish is None
