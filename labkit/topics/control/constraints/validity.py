"""Valid is not right: one task answered freely, with a schema, and with room to think first."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labkit.backends.capabilities import ScoringModel
from labkit.backends.constraints.constraint import Constraint, json_schema
from labkit.backends.local.decoding.constrained import token_mask
from labkit.backends.local.decoding.padded_answers import padded_answers
from labkit.backends.local.model import LocalModel
from labkit.backends.prompts import Messages
from labkit.checks import check_type, check_whole
from labkit.data import read_data
from labkit.formatting import in_lines, number_of
from labkit.interrupts.cell import progress
from labkit.lab_book.entry import BookEntry
from labkit.stats import paired_interval, share_interval

DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
FIELDS = {
    "name": {"type": "string", "minLength": 1, "maxLength": 30},
    "people": {"type": "integer", "minimum": 1, "maximum": 20},
    "day": {"enum": DAYS},
}
NOTES = {"notes": {"type": "string", "maxLength": 80}}
MAX_TOKENS = 72  # of an answer
FREE, ANSWER, NOTES_FIRST = "free", "schema", "schema, notes first"


@dataclass(frozen=True, slots=True)
class FieldsAnswer:
    """One answer of the task.

    Attributes:
        text: the message that was asked about.
        answer: what the model wrote.
        valid: whether it is JSON of the schema.
        right: whether every field is right.
    """

    text: str
    answer: str
    valid: bool
    right: bool


@dataclass(frozen=True, slots=True, repr=False)
class ValidityTest:
    """The same items answered in three forms (measured).

    Attributes:
        model: name of the model.
        answers: for each form, an answer for each item.
    """

    model: str
    answers: dict[str, tuple[FieldsAnswer, ...]]

    @property
    def count(self) -> int:
        """Number of items that were answered in all forms."""
        return min(map(len, self.answers.values()), default=0)

    def share(self, form: str, what: str) -> tuple[float, float, float]:
        """Low end, share and high end of ``"valid"`` or ``"right"`` answers, 95 %."""
        share = sum(getattr(each, what) for each in self.answers[form]) / self.count
        low, high = share_interval(share, self.count)
        return low, share, high

    def difference(self, form: str, other: str) -> tuple[float, float, float]:
        """Low end, difference and high end of right answers, `other` less `form`, in pairs."""
        pairs = list(zip(self.answers[form], self.answers[other], strict=True))
        gained = sum(b.right and not a.right for a, b in pairs)
        lost = sum(a.right and not b.right for a, b in pairs)
        low, high = paired_interval(gained, lost, self.count)
        return low, (gained - lost) / self.count, high

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: the share of valid answers of the schema that are right."""
        if not self.count:
            return ()
        low, share, high = (100 * each for each in self.share(ANSWER, "right"))
        label = "right answers under a schema"
        entry = BookEntry("schema_right_percent", label, share, "%", low, high, model=self.model)
        return (entry,)

    @property
    def summary(self) -> str:
        """Valid and right shares of each form."""
        if not self.count:
            return f"{self.model}: stopped before the first item"
        each = "; ".join(
            f"{form} {self.share(form, 'valid')[1]:.0%} valid, {self.share(form, 'right')[1]:.0%} "
            "right"
            for form in self.answers
        )
        low, gain, high = (100 * each for each in self.difference(ANSWER, NOTES_FIRST))
        return (
            f"{self.model}, {number_of(self.count, 'item')}: {each}. Notes first: "
            f"{gain:+.0f} points ({low:+.0f} to {high:+.0f}; measured)"
        )

    def __repr__(self) -> str:
        return in_lines(self.summary)


def compare_validity(model: LocalModel, *, items: int = 8) -> ValidityTest:
    """Has a model read bookings into JSON: freely, with a schema, and with notes before the fields.

    All forms are scored on the same items of the task ``fields``, at temperature 0. An interrupt
    keeps the items that were done.

    Args:
        model: from ``labkit.load``.
        items: number of items, of the task's practice half.
    Raises:
        ValueError: items is out of range.
        LabError: the model does not run here.
    """
    check_type("model", model, ScoringModel, "lab.load")
    task = read_data("tasks/fields.json")
    asked = [each for each in task["items"] if each["half"] == "practice"]
    check_whole("items", items, 1, len(asked))
    hint, plain, notes = task["format_hint"], _schema(FIELDS), _schema({**NOTES, **FIELDS})
    # What a form is asked for, what the answer keeps to, and what it is judged by.
    forms: dict[str, tuple[str, Constraint | None, Constraint]] = {
        FREE: (hint, None, plain),
        ANSWER: (hint, plain, plain),
        NOTES_FIRST: (_notes_hint(hint), notes, notes),
    }
    rows = [(number, form) for number in range(items) for form in forms]
    prompts = [_prompt(task, asked[number]["text"], forms[form][0]) for number, form in rows]
    texts: dict[tuple[int, str], str] = {}
    with progress(total=len(rows), unit="answer", desc="validity") as bar:
        try:
            for row, text in _written(model, prompts, [forms[form][1] for _, form in rows]):
                texts[rows[row]] = text
                bar.update()
        except KeyboardInterrupt:
            pass
    done = [number for number in range(items) if all((number, form) in texts for form in forms)]
    judged = {
        form: tuple(_judged(asked[number], texts[number, form], schema) for number in done)
        for form, (_, _, schema) in forms.items()
    }
    return ValidityTest(model.name, judged)


def _written(
    model: LocalModel, prompts: Sequence[Messages], constraints: Sequence[Constraint | None]
) -> Iterator[tuple[int, str]]:
    """Each prompt's number and its answer, as they end."""
    answers = padded_answers(
        model.model,
        [model.encode(each) for each in prompts],
        max_tokens=MAX_TOKENS,
        end_ids=model.end_ids,
        masks=[each and token_mask(model, each) for each in constraints],
    )
    for row, ids in answers:
        yield row, model.tokenizer.decode(ids, skip_special_tokens=True).strip()


def _schema(fields: dict) -> Constraint:
    return json_schema(
        {
            "type": "object",
            "properties": fields,
            "required": list(fields),
            "additionalProperties": False,
        }
    )


def _notes_hint(hint: str) -> str:
    return hint.replace("keys name,", "keys notes, name,").replace(
        '{"name"', '{"notes": "Ann Bell comes on Friday with one guest", "name"'
    )


def _prompt(task: dict, text: str, hint: str) -> Messages:
    question = f"{task['instruction']} {hint}\n{task['input_name']}: {text}"
    return [{"role": "system", "content": task["system"]}, {"role": "user", "content": question}]


def _judged(item: dict, answer: str, schema: Constraint) -> FieldsAnswer:
    valid = bool(schema.accepts(answer))
    right = False
    if valid:
        fields, wanted = json.loads(answer), json.loads(item["answer"])
        right = all(str(fields[key]).casefold() == str(wanted[key]).casefold() for key in wanted)
    return FieldsAnswer(item["text"], answer, valid, right)
