"""`complete`: one suggestion at a cursor, with its time and how sure the model was of it."""

import re
import textwrap
from dataclasses import dataclass
from statistics import fmean

from labkit.backends.llamacpp.model import LlamaCppModel
from labkit.backends.reply import Stream
from labkit.formatting import in_lines, without_control
from labkit.interrupts.cell import begin_work

from .prompts import METHODS, check_tokens, chosen_method, completion_prompt

LINE_TOKENS, BLOCK_TOKENS, CHAT_TOKENS = 48, 128, 40  # a chat writes a fence, and often more
_FENCE = re.compile(r"```\w*\n(.*?)(?:```|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True, repr=False)
class Completion:
    """A suggestion at a cursor (measured).

    Attributes:
        model: name of the model.
        method: how it was asked for; see `completion_prompt`.
        text: what is suggested; up to the end of the line, or of the block.
        logprobs: natural logarithm of the probability of each token that was written.
        ttft_s: seconds to the first token; None: none came.
        elapsed_s: seconds until the suggestion was complete.
        finish: ``"end"`` of the line or block, ``"stop"`` by the model itself, ``"length"``; None:
            it was interrupted.
    """

    model: str
    method: str
    text: str
    logprobs: tuple[float, ...]
    ttft_s: float | None
    elapsed_s: float
    finish: str | None

    @property
    def mean_logprob(self) -> float | None:
        """How sure the model was, per token; 0 is certain. None: nothing was written."""
        return fmean(self.logprobs) if self.logprobs else None

    @property
    def summary(self) -> str:
        """Time, and how sure the model was, in a line."""
        if self.ttft_s is None:
            return f"{self.model}, {METHODS[self.method]}: nothing is suggested (measured)"
        sure = self.mean_logprob
        return (
            f"{self.model}, {METHODS[self.method]}: {1000 * self.elapsed_s:,.0f} ms, the first "
            f"token after {1000 * self.ttft_s:,.0f} ms; "
            f"mean log-probability {'unknown' if sure is None else f'{sure:.2f}'} (measured)"
        )

    def __repr__(self) -> str:
        return f"{without_control(self.text)}\n{in_lines(f'— {self.summary}')}"


def complete(
    model: LlamaCppModel,
    before: str,
    after: str = "",
    *,
    method: str | None = None,
    block: bool = False,
    max_tokens: int | None = None,
    reread: bool = False,
) -> Completion:
    """What a model suggests at a cursor: the rest of the line, or a block of lines.

    Args:
        model: from ``labkit.load_llamacpp``.
        before: the code before the cursor.
        after: the code after it.
        method: as for ``lab.assistant.completion_prompt``.
        block: whether to go on to the end of the block.
        max_tokens: limit, 1 to 500; None: 48 for a line, 128 for a block.
        reread: whether the prompt is read from its beginning, even if its first part was just read.
    Raises:
        ValueError: as for ``lab.assistant.completion_prompt``, or max_tokens is out of range.
        LabError: as for ``lab.assistant.completion_prompt``.
    """
    begin_work()
    method = chosen_method(model, method)
    stream = open_stream(
        model, before, after, method=method, block=block, max_tokens=max_tokens, reread=reread
    )
    return collect(model, stream, before, method=method, block=block)


def open_stream(
    model: LlamaCppModel,
    before: str,
    after: str,
    *,
    method: str,
    block: bool = False,
    max_tokens: int | None = None,
    reread: bool = False,
) -> Stream:
    """The tokens of a suggestion, at temperature 0; `complete` collects them."""
    check_tokens(max_tokens)
    prompt = completion_prompt(model, before, after, method=method, block=block)
    limit = max_tokens or (BLOCK_TOKENS if block else LINE_TOKENS)
    if method == "chat" and max_tokens is None:
        limit += CHAT_TOKENS
    more = {"cache_prompt": not reread}
    raw = isinstance(prompt, str)
    return model.stream(prompt, raw=raw, temperature=0.0, max_tokens=limit, more=more)


def collect(
    model: LlamaCppModel, stream: Stream, before: str, *, method: str, block: bool
) -> Completion:
    """The suggestion that a stream writes; the model is stopped where it is complete."""
    written, logprobs, times, is_over = "", [], [], False
    for step in stream:
        written += step.text
        times.append(step.elapsed_s)
        if step.logprob is not None:
            logprobs.append(step.logprob)
        _, is_over = cut_completion(_code(written, before, method), before, block=block)
        if is_over:
            stream.close()
            break
    text, _ = cut_completion(_code(written, before, method), before, block=block)
    if text and before.endswith("\n") and not text.endswith("\n"):
        text += "\n"  # the model ended where the code after the cursor goes on in a new line
    return Completion(
        model.name,
        method,
        text,
        tuple(logprobs),
        times[0] if times else None,
        times[-1] if times else 0.0,
        "end" if is_over else stream.outcome.finish,
    )


def _code(written: str, before: str, method: str) -> str:
    """The code in what was written; of a chat's answer, what stands in its first fence."""
    if method != "chat":
        return written
    found = _FENCE.search(written)
    code = found[1] if found else ""
    if not code.strip() or code[0].isspace():
        return code
    last = ([line for line in before.split("\n") if line.strip()] or [""])[-1]
    deeper = 4 if last.rstrip().endswith(":") else 0
    return textwrap.indent(code, " " * (indentation(last) + deeper))


def cut_completion(written: str, before: str = "", *, block: bool) -> tuple[str, bool]:
    """The first line that is not empty, or its block; and whether it is complete.

    Args:
        written: what the model wrote.
        before: the code before it; the first line that is written is the rest of its last one.
        block: whether the block is wanted.

    >>> cut_completion("  x = 1\\n  y = 2\\nz = 3", block=False)
    ('  x = 1\\n', True)
    >>> cut_completion("  x = 1\\n  y = 2\\nz = 3", block=True)
    ('  x = 1\\n  y = 2\\n', True)
    >>> cut_completion(" 1\\n  y = 2\\nz = 3", "  x =", block=True)
    (' 1\\n  y = 2\\n', True)
    >>> cut_completion("  x =", block=False)
    ('  x =', False)
    """
    lines = code_lines(written)
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is None:
        return written, False
    if not block:
        return "".join(lines[: first + 1]), lines[first].endswith("\n")
    begun = before.rpartition("\n")[2] if first == 0 else ""
    depth = indentation(begun + lines[first])
    for number in range(first + 1, len(lines)):
        if lines[number].strip() and indentation(lines[number]) < depth:
            return "".join(lines[:number]).rstrip() + "\n", True
    return written, False


def code_lines(text: str) -> list[str]:
    """The lines of code, each with its end; a form feed and the like end none, as in Python.

    >>> code_lines("a\\x0c\\nb")
    ['a\\x0c\\n', 'b']
    """
    return [line for line in re.split(r"(?<=\n)", text) if line]


def indentation(line: str) -> int:
    """Number of white characters at the beginning of a line."""
    return len(line) - len(line.lstrip())
