"""Real answers kept in a file, with the time of every piece, and replayed at their own pace.

So one key serves a class. A recording holds what was asked and what came, and nothing of how it
was asked: no key, no header, no address with a password in it.
"""

import os
import re
import threading
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from datetime import date
from itertools import chain, count
from pathlib import Path
from typing import Any, Literal

from labkit.backends.remote.api_keys import MASK, without_keys
from labkit.backends.remote.model import RemoteModel
from labkit.checks import checked_path, is_number
from labkit.data import FOLDER
from labkit.errors import LabError
from labkit.filesystem.read import read_shared, wrong_content
from labkit.filesystem.write import write_json

from .capabilities import check_backend
from .generate import Backend, generate
from .http_timing import HttpTiming
from .prompts import Messages, checked_prompt
from .reply import Reply, Step, Stream
from .settings import Settings
from .timings import EngineTimings

RECORDINGS = FOLDER / "recordings"
FORMAT = 1
MOST_OF_NAME = 60  # characters of a model's name in that of a file, which has 255 bytes at most
SPEEDS = "above 0; 1 is the pace of the recording, float('inf') all at once"
# What an answer in a file and an `Outcome` both hold under the same name: known from the start, and
# of the whole answer alone.
_AT_FIRST = ("prompt_tokens", "cached_tokens", "chunked")
_AT_LAST = ("output_tokens", "thinking_tokens", "timings", "price_usd", "thinking_price_usd")


@dataclass(frozen=True, slots=True)
class _RecordedAnswer:
    """One answer as it is written down: what a `Reply` holds, save the model's name."""

    raw: bool
    prompt: str | tuple[dict[str, Any], ...]
    settings: Settings
    steps: tuple[Step, ...]
    prompt_tokens: int | None
    output_tokens: int | None
    finish: Literal["stop", "length", "content_filter", "tool_calls"]
    origin: str
    chunked: bool
    timings: EngineTimings | None
    wire: HttpTiming | None  # the reply's ``http``, as files have it
    price_usd: float | None
    cached_tokens: int | None = None  # these three are in no file of version 0.1
    thinking_tokens: int | None = None
    thinking_price_usd: float | None = None


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A file's content."""

    labkit_recording: Literal[1]
    model: str
    provider: str
    date: str
    answers: tuple[_RecordedAnswer, ...]


def record(
    backend: Backend,
    prompt: str | Messages,
    *more: str | Messages,
    name: str | None = None,
    folder: Path | str = RECORDINGS,
    raw: bool = False,
    **settings,
) -> Path:
    """Asks a model and keeps its answers in a file, for `replay`.

    Args:
        backend: a provider, a server or a model of this machine.
        prompt: as for `labkit.stream`.
        more: further prompts for the same file.
        name: of the file, which replaces one of that name; None: the model's name and the date,
            and a number where there is such a file.
        folder: where it is kept.
        raw: as for `labkit.stream`.
        settings: as for `labkit.stream`.
    Returns:
        The file.
    Raises:
        LabError: an answer failed, was interrupted or repeats a key, and nothing is kept; or it
            cannot be written.
        ValueError: a bad prompt, setting, name or folder, or a recording instead of a model.
    """
    check_backend("backend", backend)
    if isinstance(backend, Recording):
        raise ValueError(f"backend must be a model, not a recording; got {backend!r}")
    folder, hint = checked_path("folder", folder), "Name another folder=…."
    if folder == RECORDINGS and not FOLDER.is_dir():
        raise LabError("There is no checkout of the lab here.", "Name a folder: folder=…")
    file = None if name is None else folder / f"{_checked_name(name)}.json"
    for each in (prompt, *more):
        checked_prompt(each, raw=raw)
    try:  # before anything is asked, and paid for
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # of a null byte
        reason = getattr(error, "strerror", None) or error
        raise LabError(f"{str(folder)!r} cannot be written: {reason}.", hint) from None
    replies = [generate(backend, each, raw=raw, **settings) for each in (prompt, *more)]
    for reply in replies:
        if reply.finish in ("failed", "interrupted"):
            what = reply.error.splitlines()[0] if reply.error else f"{backend.name} was stopped."
            raise LabError(what, "Nothing was kept. Record it again.")
        written = f"{reply.thinking}\n{reply.text}"  # of a server it comes masked already
        if MASK in written or without_keys(written) != written:
            raise LabError(
                f"The answer of {backend.name} repeats a key.", "Nothing was kept. Reword it."
            )
    served = isinstance(backend, RemoteModel)
    recorded = _Recorded(
        FORMAT,
        model=backend.model if served else backend.name,
        provider=backend.kind if served else type(backend).__name__,
        date=date.today().isoformat(),
        answers=tuple(_answer(reply, raw) for reply in replies),
    )
    return write_json(file or _free_file(folder, backend.name), asdict(recorded), hint=hint)


def _free_file(folder: Path, model: str) -> Path:
    """A file of today that is not there yet, by the model's name."""
    plain = re.sub(r"[^\w.]+", "-", model)[:MOST_OF_NAME].strip("-.") or "model"
    day = f"{plain}-{date.today().isoformat()}"
    names = chain([day], (f"{day}-{number}" for number in count(2)))
    files = (folder / f"{name}.json" for name in names)
    return next(file for file in files if not os.path.lexists(file))


def _answer(reply: Reply, raw: bool) -> _RecordedAnswer:
    names = ("prompt", "settings", "steps", "finish", "origin", *_AT_FIRST, *_AT_LAST)
    return _RecordedAnswer(raw, **{name: getattr(reply, name) for name in names}, wire=reply.http)


def _checked_name(name: str) -> str:
    if not isinstance(name, str) or not re.fullmatch(r"\w[\w.\- ]{0,99}", name):
        raise ValueError(
            f"name must be 1 to 100 letters, digits, spaces, dots or dashes; got {name!r}"
        )
    return name.removesuffix(".json")


def replay(recording: str | Path, *, speed: float = 1.0) -> "Recording":
    """A recording as a backend: it answers what it was asked then, at the pace of then.

    Args:
        recording: the name of a file in ``data/recordings``, or the path of any.
        speed: how many times as fast; ``float("inf")``: all at once. The reported times are those
            of the recording in any case.
    Raises:
        LabError: there is no such file, or it is not a recording.
        ValueError: a bad speed.
    """
    if not (is_number(speed) or speed == float("inf")) or not speed > 0:
        raise ValueError(f"speed must be a number, {SPEEDS}; got {speed!r}")
    return Recording(_find(recording), speed)


def recordings(folder: Path | str = RECORDINGS) -> tuple[str, ...]:
    """The names of the recordings that are there, for `replay`.

    Raises:
        ValueError: a bad folder.
    """
    return tuple(sorted(file.stem for file in checked_path("folder", folder).glob("*.json")))


def _find(recording: str | Path) -> Path:
    checked_path("recording", recording)
    for file in (Path(os.path.expanduser(recording)), RECORDINGS / f"{recording}.json"):
        if os.path.isfile(file):
            return file
    known = ", ".join(recordings()) or "none yet"
    raise LabError(f"There is no recording {recording}.", f"In {RECORDINGS} there are: {known}.")


class Recording:
    """Answers of a model at an earlier time; always marked as such.

    Attributes:
        name: the model's, and that it is recorded.
        model: the model's name.
        provider: who answered then.
        date: when, as 2026-11-02.
        file: where it is kept.
        speed: how many times as fast as then it answers.
    """

    def __init__(self, file: Path, speed: float = 1.0):
        content = _read(file)
        self.file, self.speed = file, speed
        self.model, self.provider, self.date = content.model, content.provider, content.date
        self.name = f"{content.model} (recorded)"
        self._answers = content.answers

    @property
    def prompts(self) -> tuple[str | Messages, ...]:
        """What it was asked, and can answer."""
        return tuple(answer.prompt for answer in self._answers)

    def __repr__(self) -> str:
        count = len(self._answers)
        answers = f"{count} answer{'s' if count != 1 else ''}"
        return f"<Recording of {self.model} by {self.provider}, {self.date}: {answers}>"

    def stream(self, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
        """See `labkit.stream`. The stream's settings are those of the recording.

        Raises:
            LabError: it was not asked this.
            ValueError: a bad prompt or setting.
        """
        Settings(**settings)
        asked = checked_prompt(prompt, raw=raw)
        for answer in self._answers:
            if checked_prompt(answer.prompt, raw=answer.raw) == asked:
                return self._play(answer)
        known = "; ".join(_short(each) for each in self.prompts)
        raise LabError(
            f"{self.name} holds no answer to this prompt.",
            f"It was asked: {known}. Ask one of these (recording.prompts), or record another.",
        )

    def _play(self, answer: _RecordedAnswer) -> Stream:
        """An answer's steps, each when its time has come."""
        # A stand-in that was recorded is still a stand-in.
        then = "" if answer.origin == "measured" else f"; {answer.origin}"
        origin = f"recorded, {self.model}, {self.date}{then}"
        known, whole = (
            {name: getattr(answer, name) for name in names} for names in (_AT_FIRST, _AT_LAST)
        )
        whole |= {
            "http": answer.wire and replace(answer.wire, origin=origin),
            "finish": answer.finish,
        }
        stopped = threading.Event()

        def steps(running: Stream) -> Generator[Step]:
            began = time.perf_counter()
            for step in answer.steps:
                due = began + step.elapsed_s / self.speed
                wait_s = min(max(0.0, due - time.perf_counter()), threading.TIMEOUT_MAX)
                if stopped.wait(wait_s):
                    return
                yield step
            running.note(**whole)

        return Stream(answer.settings, steps, stop=stopped.set, origin=origin, **known)


def _short(prompt: str | Messages) -> str:
    text = prompt if isinstance(prompt, str) else str(prompt[-1]["content"])
    return repr(text if len(text) <= 60 else f"{text[:59]}…")


def _read(file: Path) -> _Recorded:
    """A recording's content, checked: the file may come from elsewhere."""
    what, hint = "a recording", "Record it again: lab.record makes them."
    content = read_shared(file, _Recorded, what, hint=hint)
    try:
        return _checked(content)
    except ValueError as error:
        raise wrong_content(file, what, str(error), hint) from None


def _checked(content: _Recorded) -> _Recorded:
    """What types alone cannot say."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", content.date):
        raise ValueError(f"its date is {content.date!r}")
    if not content.answers:
        raise ValueError("it holds no answer")
    for answer in content.answers:
        checked_prompt(answer.prompt, raw=answer.raw)
        times = [0.0, *(step.elapsed_s for step in answer.steps), 86400.0]
        if times != sorted(times):
            raise ValueError("its times do not follow one another")
    return content
