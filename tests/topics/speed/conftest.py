"""A backend that plays times that the test decides; no clock of this machine enters a number."""

import pytest

from labkit.backends.reply import Step, Stream
from labkit.backends.settings import Settings
from labkit.errors import LabError
from labkit.topics.speed.measure.measurement import Measurement
from labkit.topics.speed.measure.run import TimedRun
from labkit.topics.speed.measure.setup import Setup

SETUP = Setup(
    "a processor",
    "Linux x86_64",
    2,
    8 * 1024**3,
    (("engine", "scripted"), ("dtype", "float32")),
    "2026-11-01T12:00:00+00:00",
)


class Scripted:
    """Not a model. Each request plays the next row of times: seconds, or what to raise there."""

    name = "scripted"

    def __init__(self, *rows, chunks=False, output_tokens=None, thought=0, **known):
        self.rows, self.asked, self.synchronized = list(rows), [], 0
        self.chunks, self.thought = chunks, thought
        self.known = {"output_tokens": output_tokens, "chunked": chunks, **known}

    def synchronize(self):
        self.synchronized += 1

    def about(self):
        return {"engine": "scripted", "dtype": "float32"}

    def stream(self, prompt, *, raw=False, **settings):
        if not prompt:
            raise ValueError("prompt must have at least one character; got an empty text")
        self.asked.append((prompt, settings))
        times = self.rows[(len(self.asked) - 1) % len(self.rows)]
        return Stream(
            Settings(**settings),
            lambda running: self._play(running, times),
            **{"prompt_tokens": len(prompt), **self.known},
        )

    def _play(self, running, times):
        for number, at in enumerate(times):
            if at in (KeyboardInterrupt, LabError):
                raise at("The server went away.") if at is LabError else at
            token = (None, None) if self.chunks else (number, -0.1)
            yield Step(token[0], "ab ", token[1], None, (), None, at, number < self.thought)
        running.note(finish="length")


def a_run(ttft_s=0.5, gap_s=0.1, tokens=5, prompt_tokens=10, **more):
    times = tuple(ttft_s + gap_s * n for n in range(tokens))
    fields = {"output_tokens": tokens, "prompt_tokens": prompt_tokens, "finish": "length", **more}
    return TimedRun(times, **fields)


def a_measurement(*runs, **more):
    fields = {"max_tokens": 8, "warmup": (), "setup": SETUP, **more}
    return Measurement("made up", "prompt", runs=runs or (a_run(),) * 5, **fields)


@pytest.fixture
def make_scripted():
    return Scripted


@pytest.fixture
def make_run():
    return a_run


@pytest.fixture
def make_measurement():
    return a_measurement


@pytest.fixture(scope="session")
def tiny(make_tiny, tmp_path_factory):
    """A tiny random model, loaded once."""
    import labkit

    return labkit.load(str(make_tiny(tmp_path_factory.mktemp("speed") / "tiny")))


class Bars(list):
    """Progress bars that were closed, each as (name, done, total)."""

    def __init__(self):
        self.updates = []


@pytest.fixture
def bars(monkeypatch):
    """The progress bars that learners see."""
    from tqdm import std

    seen, close, update = Bars(), std.tqdm.close, std.tqdm.update

    def closed(bar):
        if not getattr(bar, "_noted", False):  # tqdm closes a bar again when it is forgotten
            bar._noted = True
            seen.append((bar.desc, bar.n, bar.total))
        close(bar)

    def updated(bar, n=1):
        result = update(bar, n)
        seen.updates.append(bar.n)
        return result

    monkeypatch.setattr(std.tqdm, "close", closed)
    monkeypatch.setattr(std.tqdm, "update", updated)
    return seen
