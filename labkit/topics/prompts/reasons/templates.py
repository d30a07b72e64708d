"""The same question with the right chat template, a wrong one, and none: over the vocabulary."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from labkit.backends.capabilities import ScoringModel
from labkit.backends.chat.chat_text import render_chat
from labkit.backends.prompts import checked_prompt
from labkit.errors import LabError
from labkit.formatting import in_lines
from labkit.lab_book.entry import BookEntry
from labkit.topics.prompts.scoring.arguments import check_model

# Formats of well-known models: the first that is not a model's own is the wrong one.
FORMATS = {
    "Qwen": "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n",
    "Llama 2": "[INST] {} [/INST]",
}
NEUTRAL = "\u2407user\u2407"  # a message that looks like no format
TOP = 8  # leading tokens that are shown of each


@dataclass(frozen=True, slots=True, repr=False)
class TemplateVariant:
    """What the model expects first after one way to write a question.

    Attributes:
        name: "right", "wrong" or "absent", and which format it is.
        text: the whole text that was read.
        tokens: number of its tokens.
        leading: text and probability of the likeliest first tokens.
        entropy_bits: how undecided the model is.
        distance: total variation distance from the right template's probabilities, 0 to 1: the
            share of probability that stands elsewhere.
    """

    name: str
    text: str
    tokens: int
    leading: tuple[tuple[str, float], ...]
    entropy_bits: float
    distance: float


@dataclass(frozen=True, slots=True, repr=False)
class TemplateComparison:
    """The same question in three formats (measured).

    Attributes:
        model: name of the model.
        question: the question.
        variants: with the right template, a wrong one, and none.
        silent_system: system message that the right template adds without being asked; empty:
            none.
    """

    model: str
    question: str
    variants: tuple[TemplateVariant, ...]
    silent_system: str

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: the probability that moves without the right template."""
        name, label = "template_moved_percent", "probability moved, template"
        return tuple(
            BookEntry(name, f"{label} {each.name}", 100 * each.distance, "%", model=self.model)
            for each in self.variants[1:]
        )

    @property
    def summary(self) -> str:
        """How much of the probability moves without the right template."""
        moved = ", ".join(f"{v.name} {v.distance:.0%}" for v in self.variants[1:])
        silent = f"; the template adds {self.silent_system!r}" if self.silent_system else ""
        return f"{self.model}: share of probability that moves: {moved}{silent} (measured)"

    def __repr__(self) -> str:
        return in_lines(self.summary)


def compare_templates(model: ScoringModel, question: str) -> TemplateComparison:
    """What a model expects first, with its chat template, another model's, and none.

    Args:
        model: a chat model from ``labkit.load``.
        question: a text.
    Raises:
        ValueError: the question is not a text.
        LabError: the model has no chat template, or does not run in this process.
    """
    check_model(model)
    checked_prompt(question, raw=True)
    if not model.chat:
        raise LabError(
            f"{model.name} is a base model without a chat template.",
            "Take a chat model, such as smollm2-135m.",
        )
    right = render_chat(model.name, model.tokenizer, [{"role": "user", "content": question}])
    own = render_chat(model.name, model.tokenizer, [{"role": "user", "content": NEUTRAL}])
    wrong = next(name for name, form in FORMATS.items() if form[:5] not in own)
    form = FORMATS[wrong]
    texts = {"right": right, f"wrong (that of {wrong})": form.format(question), "absent": question}
    variants, reference = [], None
    for name, text in texts.items():
        ids, scores = model.scores(text, raw=True)
        p = _softmax(scores)
        reference = p if reference is None else reference
        variants.append(_variant(name, text, len(ids), p, reference, model.text_of))
    return TemplateComparison(model.name, question, tuple(variants), silent_system(model))


def _softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores.astype(np.float64) - scores.max())
    return weights / weights.sum()


def _variant(
    name: str,
    text: str,
    tokens: int,
    p: np.ndarray,
    reference: np.ndarray,
    text_of: Callable[[int], str],
) -> TemplateVariant:
    best = np.argsort(-p)[:TOP]
    above = p[p > 0]
    return TemplateVariant(
        name=name,
        text=text,
        tokens=tokens,
        leading=tuple((text_of(int(each)), float(p[each])) for each in best),
        entropy_bits=float(-(above * np.log2(above)).sum()),
        distance=float(np.abs(p - reference).sum() / 2),
    )


def silent_system(model: ScoringModel) -> str:
    """The system message that a model's chat template adds where nobody wrote one.

    Found by rendering a question with an empty-looking marker as system message, and without one.

    Args:
        model: a chat model; any object with ``name`` and ``tokenizer``.
    Returns:
        The message; empty where the template adds none.
    """
    marker, user = "\u2407system\u2407", {"role": "user", "content": NEUTRAL}
    plain = render_chat(model.name, model.tokenizer, [user])
    try:
        system = [{"role": "system", "content": marker}, user]
        marked = render_chat(model.name, model.tokenizer, system)
    except LabError:  # the template has no system role
        return ""
    before, found, after = marked.partition(marker)
    if not found or not plain.startswith(before) or not plain.endswith(after):
        return ""
    return plain[len(before) : len(plain) - len(after)].strip()
