"""What is new with one event of an answer: texts, tokens, and the steps that they make."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate, chain, repeat

from labkit.backends.remote.api_keys import without_keys
from labkit.backends.steps import Alternative, Step

from .events import Content, ListedToken, Logprobs


class SurrogateJoiner:
    """Joins the halves of a character that come with two events; a lone half becomes U+FFFD.

    >>> join = SurrogateJoiner()
    >>> [join.push(piece) for piece in ("a\\ud83d", "\\ude00", "\\ude00")]
    ['a', '😀', '�']
    """

    def __init__(self):
        self._held = ""

    def push(self, text: str, *, last: bool = False) -> str:
        """The text that is whole with this piece."""
        text, self._held = self._held + text, ""
        if not last and "\ud800" <= text[-1:] <= "\udbff":
            text, self._held = text[:-1], text[-1]
        return joined(text)


def joined(text: str) -> str:
    """A text without halves of characters."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def parts(content: Content) -> tuple[str, str]:
    """What was thought, and what was answered, of a text, or of a list of parts as Mistral's."""
    if isinstance(content, str):
        return "", content
    texts = {True: "", False: ""}
    for part in content or ():
        is_thought = part.type == "thinking"
        texts[is_thought] += parts(part.thinking if is_thought else part.text)[1]
    return texts[True], texts[False]


def steps_of_tokens(
    texts: list[tuple[str, bool]], before: bool, listed: list[Step], count: int, elapsed_s: float
) -> list[Step]:
    """A step for each of n tokens; only a text of one token has a number and a logprob.

    The first bytes of a character and what may begin a stop string or a tag are held back by the
    server and come with the last of them.
    """
    thinking = texts[-1][1] if texts else before
    if count == 1:
        first = listed[0] if len(listed) == 1 else plain_step("", elapsed_s)
        return [replace(first, text="".join(text for text, _ in texts), thinking=thinking)]
    written = [plain_step(text, elapsed_s, thinking=kind) for text, kind in texts or [("", before)]]
    silent = plain_step("", elapsed_s, thinking=before or written[0].thinking)
    return [*[silent] * (count - len(written)), *written] if count > 0 else []


def steps_of_texts(
    texts: list[tuple[str, bool]], listed: list[Step], elapsed_s: float
) -> tuple[list[Step], list[Step]]:
    """A step for each token that is listed with a piece, or one for the piece; and other tokens.

    The blanks between a thought and its answer are in the tokens, and not in the texts.
    """
    steps = []
    for text, thinking in texts:
        begins = list(accumulate(step.text for step in listed))
        whole = [n for n, begin in enumerate(begins, 1) if begin == text]
        behind_blanks = [n for n, begin in enumerate(begins, 1) if begin.lstrip() == text]
        count = max(whole or behind_blanks, default=0)
        blanks = len(begins[count - 1]) - len(text) if count else 0
        each = _without_first(listed[:count], blanks) or [plain_step(text, elapsed_s)]
        steps += [replace(step, thinking=thinking) for step in each]
        listed = listed[count:]
    return steps, listed


def _without_first(listed: list[Step], characters: int) -> list[Step]:
    kept = []
    for step in listed:
        if 0 < characters >= len(step.text):
            characters -= len(step.text)
        else:
            kept.append(replace(step, text=step.text[characters:]))
            characters = 0
    return kept


def plain_step(
    text: str, elapsed_s: float, token_id=None, logprob=None, alternatives=(), *, thinking=False
) -> Step:
    """A step of a server, which tells neither the drawn logprob nor the entropy."""
    return Step(token_id, text, logprob, None, tuple(alternatives), None, elapsed_s, thinking)


def listed_steps(logprobs: Logprobs | None, elapsed_s: float) -> list[Step]:
    """A step for each token that is listed, with its logprob and the alternatives."""
    if logprobs is None:
        return []
    tokens = logprobs.content or logprobs.refusal or ()
    return [_listed(token, elapsed_s) for token in tokens] + list(_of_lists(logprobs, elapsed_s))


def _listed(token: ListedToken, elapsed_s: float) -> Step:
    likely = token.top_logprobs or ()
    top = [Alternative(each.id, _shown(each.token), each.logprob) for each in likely]
    return plain_step(joined(token.token), elapsed_s, token.id, token.logprob, top)


def _of_lists(logprobs: Logprobs, elapsed_s: float) -> Iterator[Step]:
    tokens, values = logprobs.tokens or (), logprobs.token_logprobs or ()
    likely = chain(logprobs.top_logprobs or (), repeat(None))  # may be fewer
    for text, logprob, tops in zip(tokens, values, likely, strict=False):
        best_first = sorted((tops or {}).items(), key=lambda pair: -pair[1])
        top = [Alternative(None, _shown(token), value) for token, value in best_first]
        yield plain_step(joined(text), elapsed_s, None, logprob, top)


def _shown(token: str) -> str:
    return without_keys(joined(token))
