"""What may leave: a policy belongs to the backend itself, so that no verb can go round it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from labkit.backends.prompts import Messages
from labkit.checks import check_one_of
from labkit.errors import LabError

from .findings import Finding
from .redaction import Restorer, redact_all
from .scanner import LEAST_CONFIDENCE, check_confidence, check_kinds, scan

ACTIONS = {
    "block": "nothing is sent that has a finding",
    "redact": "findings are replaced, and put back into the answer",
    "ask": "somebody decides; where nobody can be asked, nothing is sent",
    "allow": "all is sent as it is",
}
SHOWN = 12  # findings that an error lists
ROLES = ("system", "developer", "user", "assistant", "tool")
# The words of the interface in a message; whatever else stands in their place is looked at too.
WORDS = {*ROLES, "role", "content", "type", "text", "name"}


@dataclass(frozen=True, slots=True, repr=False)
class ScreenedPrompt:
    """What a policy lets out.

    Attributes:
        prompt: as it may be sent.
        findings: what was found in it, whether taken out or let through.
        restorer: for the text of the answer, piece by piece; None where nothing was taken out.
    """

    prompt: str | Messages
    findings: tuple[Finding, ...]
    restorer: Restorer | None = None

    def __repr__(self) -> str:
        done = "taken out" if self.restorer else "let through"
        return f"<ScreenedPrompt: {len(self.findings)} findings {done}>"


@dataclass(frozen=True, slots=True, repr=False)
class Policy:
    """What happens to a prompt in which a secret or personal data is found.

    Attributes:
        action: ``"block"``, ``"redact"``, ``"ask"`` or ``"allow"``, see `ACTIONS`.
        kinds: the kinds that count, one or more of `KINDS`; None: all, a person's name only beside
            something else, because a name alone stands in many a harmless question.
        least_confidence: findings less sure are let through.
        harmless: texts that you looked at and that may leave, such as a name everybody knows.
        ask: for ``"ask"``: gets the findings and returns another action; None: nobody is there
            to be asked.
    Raises:
        ValueError: names the argument, its bound and the value given.
    """

    action: str = "ask"
    kinds: tuple[str, ...] | None = None
    least_confidence: float = LEAST_CONFIDENCE
    harmless: tuple[str, ...] = ()
    ask: Callable[[Sequence[Finding]], str] | None = None

    def __post_init__(self):
        check_one_of("action", self.action, ACTIONS)
        if isinstance(self.kinds, Iterable) and not isinstance(self.kinds, str):
            object.__setattr__(self, "kinds", tuple(self.kinds))  # a generator is read once
        check_kinds(self.kinds)
        if self.kinds == ():
            raise ValueError("kinds must be one or more, or None for all of them; got ()")
        is_several = isinstance(self.harmless, Iterable) and not isinstance(self.harmless, str)
        harmless = tuple(self.harmless) if is_several else (None,)
        if not all(isinstance(each, str) for each in harmless):
            raise ValueError(  # without the value, which may be a secret
                f"harmless must be several texts; got {type(self.harmless).__name__}"
            )
        object.__setattr__(self, "harmless", harmless)
        check_confidence(self.least_confidence)
        if self.ask is not None and not callable(self.ask):
            raise ValueError(f"ask must be a function of the findings, or None; got {self.ask!r}")

    def __repr__(self) -> str:
        kinds = "all kinds" if self.kinds is None else ", ".join(self.kinds)
        return f"<Policy {self.action}: {ACTIONS[self.action]}; {kinds}>"

    def apply(self, prompt: str | Messages, stop: Sequence[str] = ()) -> ScreenedPrompt:
        """The prompt as it may be sent, and what restores the answer.

        Args:
            prompt: a text or chat messages; of these every text is looked at, and every name of a
                field or a role that is not one of the interface's.
            stop: strings that leave with it: what one gives away is found in the others too.
        Raises:
            LabError: the policy does not let it out. The sentence names what was found, masked.
            ValueError: `ask` returned no action.
        """
        texts: list[str] = []
        _map_texts([prompt, *stop], lambda text: texts.append(text) or text)
        found = self._found(texts)
        every = tuple(finding for each in found for finding in each)
        action = self._decide(every) if every else "allow"
        if action == "block":
            raise _refusal(texts, found)
        if action == "allow":
            return ScreenedPrompt(prompt, every)
        changed, found, placeholders = redact_all(texts, found, self.harmless)
        every = tuple(finding for each in found for finding in each)
        take = iter(changed)
        screened, *stops = _map_texts([prompt, *stop], lambda _: next(take))
        if stops != [*stop]:  # where the answer ends cannot be a placeholder
            raise LabError(
                "Nothing was sent: a stop string holds what should not leave this machine.",
                'Choose another, or backend.policy = lab.Policy("allow").',
            )
        return ScreenedPrompt(screened, every, Restorer(placeholders))

    def _found(self, texts: Sequence[str]) -> list[tuple[Finding, ...]]:
        if self.action == "allow":
            return [()] * len(texts)
        look = partial(scan, kinds=self.kinds, least_confidence=self.least_confidence)
        found = [
            tuple(each for each in look(text) if each.text not in self.harmless) for text in texts
        ]
        kinds = {finding.kind for findings in found for finding in findings}
        return [()] * len(texts) if self.kinds is None and kinds == {"person"} else found

    def _decide(self, findings: Sequence[Finding]) -> str:
        if self.action != "ask":
            return self.action
        if self.ask is None:
            return "block"
        answer = self.ask(findings)
        check_one_of("the answer of ask", answer, ("block", "redact", "allow"))
        return answer


def screen(policy: Policy | None, prompt: str | Messages, stop: Sequence[str]) -> ScreenedPrompt:
    """See `Policy.apply`; None lets all out. A stop string leaves too, and cannot be put back.

    It gives a copy: a message that is changed afterwards leaves as it was looked at.

    Raises:
        ValueError: a message has more than a known role and a content.
    """
    is_text = isinstance(prompt, str)
    prompt = str.__str__(prompt) if is_text else [_plain_message(each) for each in prompt]
    if policy is None:
        return ScreenedPrompt(prompt, ())
    return policy.apply(prompt, stop)


def _plain_message(message: Mapping[str, Any]) -> dict[str, str]:
    role, content, *more = message["role"], message["content"], *message.keys()
    if role not in ROLES or {*more} != {"role", "content"}:  # what is wrong may be a secret
        raise ValueError(
            "prompt must have messages of a role and a content, and nothing else; roles are "
            f"{', '.join(ROLES)}; got another role, or another field"
        )
    # Of a subclass of str, the text itself: it could equal whatever it is compared with.
    return {"role": str.__str__(role), "content": str.__str__(content)}


def as_policy(policy: Policy | str | None) -> Policy | None:
    """A policy; an action alone stands for the policy that has it, None for none.

    Raises:
        ValueError: for anything else.
    """
    if policy is None or isinstance(policy, Policy):
        return policy
    if isinstance(policy, str):
        return Policy(policy)
    raise ValueError(f"policy must be a lab.Policy, an action's name or None; got {policy!r}")


def _map_texts(part: Any, change: Callable[[str], str]) -> Any:
    """The same prompt with every text changed; the words of the interface are left."""
    if isinstance(part, str):
        return part if part in WORDS else change(part)
    if isinstance(part, Mapping):
        return {_map_texts(key, change): _map_texts(each, change) for key, each in part.items()}
    if isinstance(part, list | tuple):
        return [_map_texts(each, change) for each in part]
    return part


def _refusal(texts: Sequence[str], found: Sequence[Sequence[Finding]]) -> LabError:
    lines = [
        f"    {finding.kind} {finding.masked}, {_place(text, finding)}, by {finding.rule}"
        for text, findings in zip(texts, found, strict=True)
        for finding in findings
    ]
    more = [f"    and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    listed = "\n".join([*lines[:SHOWN], *more])
    return LabError(
        f"Nothing was sent: the prompt holds what should perhaps not leave this machine.\n{listed}",
        'Send it with placeholders: backend.policy = lab.Policy("redact"). Let single texts '
        'through: lab.Policy("ask", harmless=("…",)). Or send it as it is: '
        'lab.Policy("allow").',
    )


def _place(text: str, finding: Finding) -> str:
    line = text.count("\n", 0, finding.start) + 1
    return f"line {line}, character {finding.start - text.rfind(chr(10), 0, finding.start)}"
