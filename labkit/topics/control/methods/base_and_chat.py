"""The same prompts for a chat model, for it without its template, and for a base model."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from labkit.backends.capabilities import ScoringModel
from labkit.backends.generate import generate
from labkit.backends.local.model import LocalModel, load
from labkit.backends.reply import Reply
from labkit.checks import check_type, checked_several
from labkit.errors import LabError
from labkit.formatting import in_lines
from labkit.interrupts.cell import progress
from labkit.lab_book.entry import BookEntry, entry_of_share
from labkit.models.storage.inventory import require_stored
from labkit.stats import share_interval

PROMPTS = (
    "What is the capital of France?",
    "How many days has a week?",
    "Who wrote Hamlet?",
    "Why do we sleep?",
    "Dear neighbour, I am writing because",
    "The old lighthouse stood on",
)


@dataclass(frozen=True, slots=True)
class PromptForm:
    """One model that got the prompts in one form.

    Attributes:
        name: the model, and the form: ``"chat template"`` or ``"raw text"``.
        replies: its answers, in the order of the prompts.
    """

    name: str
    replies: tuple[Reply, ...]

    @property
    def answered(self) -> tuple[float, float, float]:
        """Low end, share and high end of prompts after which it wrote anything at all, 95 %."""
        share = sum(map(has_text, self.replies)) / len(self.replies)
        low, high = share_interval(share, len(self.replies))
        return low, share, high

    @property
    def summary(self) -> str:
        """How many prompts it answered, and how many answers it ended."""
        written = [each for each in self.replies if has_text(each)]
        low, _, high = self.answered
        ended = sum(each.finish == "stop" for each in written)
        return (
            f"{self.name}: {len(written)} of {len(self.replies)} answered ({low:.0%} to "
            f"{high:.0%}), {ended} of them ended before the limit"
        )


def has_text(reply: Reply) -> bool:
    """Whether there is more than white space in an answer."""
    return bool(reply.text.strip())


@dataclass(frozen=True, slots=True, repr=False)
class BaseComparison:
    """The same prompts as chat and as raw text (measured).

    Attributes:
        prompts: the prompts.
        forms: the forms that were done, in their order.
        missing: a base model that is not here, and what it would need.
    """

    prompts: tuple[str, ...]
    forms: tuple[PromptForm, ...]
    missing: tuple[str, ...] = ()

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: the share of prompts that were answered in each form."""
        label = f"prompts that were answered at all, of {len(self.prompts)}"
        return tuple(
            entry_of_share(
                "answered_percent", label, each.answered[1], each.answered[::2], model=each.name
            )
            for each in self.forms
        )

    @property
    def summary(self) -> str:
        """How many prompts were answered in each form."""
        each = "; ".join(form.summary for form in self.forms) or "stopped before the first form"
        return f"{each} (measured)"

    def __repr__(self) -> str:
        return in_lines(self.summary, *self.missing)


def compare_base(
    model: LocalModel,
    prompts: Iterable[str] = PROMPTS,
    *,
    base: str | LocalModel = "gemma-3-270m",
    max_tokens: int = 30,
) -> BaseComparison:
    """The same prompts for a chat model with its template, without it, and for a base model.

    A base model continues a text; a chat model was trained further, on texts with marks of who
    speaks and where a turn ends, and its template writes those marks. All write at temperature 0.
    Nothing is downloaded: a base model that is not on this machine is named. An interrupt keeps
    the forms that were done.

    Args:
        model: from ``labkit.load``.
        prompts: texts, each answered in every form.
        base: name of a base model, or one that is loaded.
        max_tokens: limit of each answer; what ends there was not ended by the model.
    Raises:
        ValueError: there is no prompt, or base is not a model.
    """
    prompts = checked_several("prompts", prompts, str, "a list of texts")
    check_type("model", model, ScoringModel, "lab.load")
    if not isinstance(base, str):
        check_type("base", base, ScoringModel, "lab.load, or be the name of a model")
    options = {"temperature": 0.0, "max_tokens": max_tokens}
    models, missing = [model], []
    try:
        models.append(_loaded(base))
    except LabError as error:
        missing.append(f"{error.problem} To have it: {error.hint}")
    cases = [case for each in models for case in _forms(each)]
    done = []
    with progress(total=len(cases) * len(prompts), unit="answer", desc="chat and raw") as bar:
        for name, own, raw in cases:
            replies = []
            for prompt in prompts:
                replies.append(generate(own, prompt, raw=raw, **options))
                bar.update()
                if replies[-1].finish == "interrupted":
                    return BaseComparison(prompts, tuple(done), tuple(missing))
            done.append(PromptForm(name, tuple(replies)))
    return BaseComparison(prompts, tuple(done), tuple(missing))


def _loaded(base: str | LocalModel) -> LocalModel:
    if isinstance(base, str):
        require_stored(base)
        return load(base, accept_terms=True)  # they were accepted to get it
    return base


def _forms(model: LocalModel) -> Iterator[tuple[str, LocalModel, bool]]:
    """The forms in which a model can take a prompt."""
    if model.chat:
        yield f"{model.name}, chat template", model, False
    yield f"{model.name}, raw text", model, True
