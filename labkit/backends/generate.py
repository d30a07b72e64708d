"""The two verbs that ask any model: `stream`, token by token, and `generate`, the whole answer."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from labkit.errors import LabError
from labkit.interrupts.cell import begin_work

from .capabilities import Backend, check_backend
from .prompts import Messages
from .reply import Reply, RowsStream, Step, Stream


def stream(model: Backend, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
    """An answer, token by token, as it is written.

    Of a model that thinks first, the steps of its thought say so: ``step.thinking``.

    Args:
        model: from ``labkit.load``, or any other backend.
        prompt: a text, or chat messages as ``[{"role": "user", "content": "…"}, …]``. A text is
            put to a chat model as a user's message; a base model continues it.
        raw: continue the text as it stands, with a chat model too.
        settings: see `Settings`: temperature, top_p, max_tokens, seed, stop, thinking …
    Raises:
        ValueError: at once: not a model, or a prompt or a setting out of range.
    """
    check_backend("model", model)
    begin_work()
    return model.stream(prompt, raw=raw, **settings)


def generate(model: Backend, prompt: str | Messages, *, raw: bool = False, **settings) -> Reply:
    """An answer as a whole; arguments as for `stream`.

    What a model thought before it is not in its ``text``: see ``reply.thinking``, and
    ``thinking_tokens``, ``thinking_s`` and ``thinking_price_usd``.

    Interrupting it (the notebook's stop button, Ctrl-C) stops the model; what was written until
    then comes back as a `Reply` with ``finish="interrupted"``. So does what a server wrote before
    it failed, with ``finish="failed"`` and the reason in ``error``.

    Raises:
        LabError: the server failed before its first token.
    """
    running = stream(model, prompt, raw=raw, **settings)
    return make_reply(model.name, prompt, running, collect(running))


def collect(
    running: Stream | RowsStream,
    on_step: Callable[[Any], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> list[Any]:
    """The steps of a stream, until it ends, fails, is interrupted or is to stop.

    Args:
        running: of one answer, or of many.
        on_step: called with each step as it comes.
        stop: asked after each step, whether it is the last one.
    Raises:
        LabError: it failed before its first step; later failures are in the stream's outcome.
    """
    steps = []
    try:
        for step in running:
            steps.append(step)
            on_step(step)
            if stop():
                running.interrupt()
    except KeyboardInterrupt:
        running.interrupt()
    except LabError:
        if not steps:
            raise
    finally:
        running.close()
    return steps


def make_reply(name: str, prompt: str | Messages, running: Stream, steps: Sequence[Step]) -> Reply:
    """A stream that has ended, or was stopped, and the steps that came of it."""
    outcome = replace(running.outcome, finish=running.finish or "interrupted")
    return Reply(name, prompt, running.settings, tuple(steps), outcome)


def collect_rows(
    name: str, prompt: str | Messages, running: RowsStream, on_step: Callable[[], None]
) -> tuple[Reply, ...]:
    """Many answers as a whole; interrupting it stops the model and keeps what was written.

    Args:
        name: of the model.
        prompt: the prompt that every row answers.
        running: from a model's ``stream_rows``.
        on_step: called after each token of any row, to show progress.
    Returns:
        A reply for each row that has a token, in the order of the rows.
    """
    rows: list[list[Step]] = [[] for _ in running.streams]
    for row, step in collect(running, lambda _: on_step()):
        rows[row].append(step)
    written = zip(running.streams, rows, strict=True)
    return tuple(make_reply(name, prompt, stream, steps) for stream, steps in written if steps)
