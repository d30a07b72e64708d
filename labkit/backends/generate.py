"""The two verbs that ask any model: `stream`, token by token, and `generate`, the whole answer."""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Protocol, runtime_checkable

from labkit.errors import LabError

from .prompts import Messages
from .reply import Reply, RowsStream, Step, Stream


@runtime_checkable
class Backend(Protocol):
    """Whatever can be asked for tokens: a local model, an engine, a server, a recording."""

    name: str

    def stream(self, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
        """Checks the arguments at once, then yields a `Step` for each token."""
        ...


def stream(model: Backend, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
    """An answer, token by token, as it is written.

    Args:
        model: from ``labkit.load``, or any other backend.
        prompt: a text, or chat messages as ``[{"role": "user", "content": "…"}, …]``. A text is
            put to a chat model as a user's message; a base model goes on with it.
        raw: go on with the text as it stands, with a chat model too.
        settings: see `Settings`: temperature, top_p, max_tokens, seed, stop …
    Raises:
        ValueError: for what is no model, a prompt or a setting out of bounds, at once.
    """
    if not hasattr(model, "stream"):
        raise ValueError(f'model must be loaded, as by labkit.load("smollm2-135m"); got {model!r}')
    return model.stream(prompt, raw=raw, **settings)


def generate(model: Backend, prompt: str | Messages, *, raw: bool = False, **settings) -> Reply:
    """An answer as a whole; arguments as for `stream`.

    Interrupting it (the notebook's stop button, Ctrl-C) stops the model; what was written until
    then comes back as a `Reply` with ``finish="interrupted"``. So does what a server wrote before
    it failed, with ``finish="failed"`` and the reason in ``error``.

    Raises:
        LabError: the server failed before its first token.
    """
    steps = []
    running = stream(model, prompt, raw=raw, **settings)
    try:
        for step in running:
            steps.append(step)
    except KeyboardInterrupt:
        running.close()
        running.finish = None  # also where its last token had just come: whoever asks must stop
    except LabError:
        if not steps or running.error is None:
            raise
    return make_reply(model.name, prompt, running, steps)


def make_reply(name: str, prompt: str | Messages, running: Stream, steps: Sequence[Step]) -> Reply:
    """A stream that has ended, or was stopped, and the steps that came of it."""
    return Reply(
        model=name,
        prompt=prompt,
        settings=running.settings,
        steps=tuple(steps),
        prompt_tokens=running.prompt_tokens,
        finish=running.finish or "interrupted",
        chunked=running.chunked,
        output_tokens=running.output_tokens,
        timings=running.timings,
        error=str(running.error) if running.error else None,
        origin=running.origin,
        http=running.http,
        price_usd=running.price_usd,
    )


def collect_rows(
    name: str, prompt: str | Messages, running: RowsStream, on_step: Callable[[], None]
) -> tuple[Reply, ...]:
    """Many answers as a whole; interrupting it stops the model and keeps what was written.

    Args:
        name: of the model.
        prompt: that all rows answer.
        running: from a model's ``stream_rows``.
        on_step: called after each token of any row, to show progress.
    Returns:
        A reply for each row that has a token, in the order of the rows.
    """
    steps: list[list[Step]] = [[] for _ in running.streams]
    try:
        with closing(running):
            for row, step in running:
                steps[row].append(step)
                on_step()
    except KeyboardInterrupt:
        pass
    written = zip(running.streams, steps, strict=True)
    return tuple(make_reply(name, prompt, stream, row) for stream, row in written if row)
