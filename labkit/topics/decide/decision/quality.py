"""The tests that say how good a model is at a kind of work, and where their results stand."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QualityTest:
    """A test of the lab, or a published one.

    Attributes:
        entries: its numbers in the lab book, each a name and a label; an empty label: any.
        run: what measures it.
        benchmark: the published benchmark that asks for the same, or None.
    """

    entries: tuple[tuple[str, str], ...]
    run: str
    benchmark: str | None = None


GRADED = ("triage", "sentiment", "arithmetic", "facts")
"""The tests of which `labkit.topics.decide.routing.grade` asks, clouds too."""


def _entries(name: str, *known: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return (*known, (graded_name(name), "")) if name in GRADED else known


def graded_name(test: str) -> str:
    """The name in the lab book of what a model got right of a test's items for a router."""
    return f"{test}_graded_percent"


def _of_prompts(task: str) -> QualityTest:
    known = ("right_answers_percent", f"right answers, {task}")
    return QualityTest(
        _entries(task, known, ("calibrated_percent", f"calibrated, {task}")),
        f'notebook 07: lab.prompts.score(model, lab.prompts.load_task("{task}"))',
    )


def _of_limits(name: str, run: str) -> QualityTest:
    return QualityTest(_entries(name, (f"{name}_right_percent", "")), f"notebook 08: {run}")


TESTS = {
    "triage": _of_prompts("triage"),
    "sentiment": _of_prompts("sentiment"),
    "fields": _of_prompts("fields"),
    "arithmetic": _of_limits("arithmetic", "lab.limits.arithmetic(model)"),
    "letters": _of_limits("letters", "lab.limits.letters(model)"),
    "facts": _of_limits("facts", "lab.limits.facts(model)"),
    "code": QualityTest(
        (("code_passed_percent", "pass@1, HumanEval"),),
        'notebook 08: lab.limits.write_code(model, "humaneval")',
        "HumanEval",
    ),
    "general": QualityTest((), "only published scores say it", "MMLU"),
}
