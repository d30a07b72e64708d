"""A prompt made of parts, each of which can be left out."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from labkit.backends.capabilities import ScoringModel
from labkit.backends.chat.chat_text import render_chat
from labkit.backends.prompts import check_text
from labkit.checks import check_type, check_whole
from labkit.errors import LabError

from .task import SolvedExample, Task

PARTS = ("system", "instruction", "examples", "format hint", "template")


@dataclass(frozen=True, slots=True, repr=False)
class Prompt:
    """What is said around an item; an empty part is left out.

    Attributes:
        system: the system message.
        instruction: what is to be done.
        examples: solved examples, in their order.
        format_hint: in which form to answer.
        template: whether the model's chat template is used.
    """

    system: str = ""
    instruction: str = ""
    examples: tuple[SolvedExample, ...] = ()
    format_hint: str = ""
    template: bool = True

    def __post_init__(self):
        for name in ("system", "instruction", "format_hint"):
            check_text(getattr(self, name), name)
        is_tuple = isinstance(self.examples, tuple)
        if not is_tuple or not all(isinstance(each, SolvedExample) for each in self.examples):
            raise ValueError(
                "examples must be a tuple of solved examples, such as those of a task; got "
                f"{self.examples!r:.80}"
            )

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts that it has, of `PARTS`."""
        return tuple(part for part in PARTS if getattr(self, _field(part)))

    def without(self, *parts: str) -> "Prompt":
        """The same prompt with some of its `PARTS` left out."""
        empty = Prompt(template=False)
        return replace(self, **{_field(part): getattr(empty, _field(part)) for part in parts})

    def changed(self, **parts: Any) -> "Prompt":
        """The same prompt with some parts replaced, such as ``instruction="…"``."""
        unknown = set(parts) - {_field(part) for part in PARTS}
        if unknown:
            known = ", ".join(map(_field, PARTS))
            raise ValueError(f"the parts of a prompt are {known}; got {sorted(unknown)[0]!r}")
        return replace(self, **parts)

    @property
    def label(self) -> str:
        """Its parts in a line."""
        shots = f"{len(self.examples)} examples"
        names = [shots if part == "examples" else part for part in self.parts]
        return " + ".join(names) or "the item alone"

    def text(self, task: Task, item: str) -> str:
        """All of it as one text, without a template, up to where the answer begins."""
        solved = [f"{_asked(task, each.text)} {each.answer}" for each in self.examples]
        return "\n\n".join(filter(None, [self.system, self._task, *solved, _asked(task, item)]))

    def messages(self, task: Task, item: str) -> list[dict[str, str]]:
        """The same as chat messages: an example is a question and its answer."""
        turns = [("system", self.system)] if self.system else []
        for each in self.examples:
            turns += [("user", _asked(task, each.text)), ("assistant", each.answer)]
        turns.append(("user", _asked(task, item)))
        first = next(n for n, (role, _) in enumerate(turns) if role == "user")
        turns[first] = ("user", "\n\n".join(filter(None, [self._task, turns[first][1]])))
        return [{"role": role, "content": content} for role, content in turns]

    @property
    def _task(self) -> str:
        return "\n".join(filter(None, [self.instruction, self.format_hint]))

    def __repr__(self) -> str:
        return self.label


def _field(part: str) -> str:
    if part not in (*PARTS, "format_hint"):
        raise ValueError(f"a part must be one of {', '.join(PARTS)}; got {part!r}")
    return part.replace(" ", "_")


def _asked(task: Task, text: str) -> str:
    return f"{task.input_name}: {text}\n{task.output_name}:"


def full_prompt(task: Task, *, examples: int | Iterable[SolvedExample] | None = None) -> Prompt:
    """The task's own prompt with all its parts.

    Args:
        task: from `load_task`.
        examples: how many of the task's examples, or examples of your own; None: all of its own.
    Raises:
        ValueError: more examples than the task has.
    """
    check_type("task", task, Task, "lab.prompts.load_task")
    if examples is None:
        chosen = task.examples
    elif isinstance(examples, Iterable):
        chosen = tuple(examples)
    else:
        check_whole("examples", examples, 0, len(task.examples), or_none=True)
        chosen = task.examples[:examples]
    return Prompt(task.system, task.instruction, chosen, task.format_hint)


def rendered(model: ScoringModel, prompt: Prompt, task: Task, item: str) -> str:
    """The whole text that the model reads for an item, up to where its answer begins."""
    if prompt.template:
        return render_chat(model.name, model.tokenizer, prompt.messages(task, item))
    return prompt.text(task, item)


def encoded(model: ScoringModel, prompt: Prompt, text: str) -> list[int]:
    """The tokens of such a text.

    Raises:
        LabError: it does not fit the model's context.
    """
    ids = model.tokenizer(text, add_special_tokens=not prompt.template, verbose=False)["input_ids"]
    if not ids or len(ids) >= model.context:
        raise LabError(
            f"A prompt of {len(ids):,} tokens does not fit: {model.name} takes 1 to "
            f"{model.context - 1:,}.",
            "Take shorter items or fewer examples.",
        )
    return ids
