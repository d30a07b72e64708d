"""What the checks found: a Markdown table for people, a JSON file for programs."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One check: what was found, what was allowed, and whether it passed.

    ``passed`` is None where nothing was decided: a number for information, or a skipped check.
    """

    test: str
    check: str
    value: str
    bound: str = ""
    passed: bool | None = None


class Report:
    """All rows so far; the file is written anew with each, so that a killed run leaves one."""

    def __init__(self, path: Path):
        self.path, self.rows, self.about = path, [], {}

    def add(self, row):
        self.rows.append(row)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = {"about": self.about, "checks": [asdict(row) for row in self.rows]}
        self.path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def failed(self, test):
        return [row for row in self.rows if row.test == test and row.passed is False]

    def table(self):
        yield ", ".join(f"{name} {value}" for name, value in self.about.items())
        yield ""
        yield "| test | check | value | bound | |"
        yield "|---|---|---|---|---|"
        words = {True: "passed", False: "FAILED", None: "–"}
        for row in self.rows:
            cells = [row.test.rpartition("::")[2], row.check, row.value, row.bound]
            escaped = [cell.replace("|", r"\|").replace("\n", " ") for cell in cells]
            yield f"| {' | '.join([*escaped, words[row.passed]])} |"


class Checks:
    """The checks of one test. A failed one lets the test go on, and fails it at its end."""

    def __init__(self, report, test, dry):
        self._report, self._test, self._dry = report, test, dry

    def note(self, check, value):
        """A number for information."""
        self._add(check, value, "", None)

    def same(self, check, value, expected):
        self._add(check, value, f"= {_text(expected)}", value == expected)

    def at_most(self, check, value, bound):
        self._add(check, value, f"≤ {_text(bound)}", value <= bound)

    def at_least(self, check, value, bound):
        self._add(check, value, f"≥ {_text(bound)}", value >= bound)

    def within(self, check, value, share):
        """A ratio that is to be 1, give or take a share; of a dry run's numbers it is nothing."""
        passed = None if self._dry else abs(value - 1) <= share
        self._add(check, value, f"1 ± {share:g}", passed)

    def fast(self, check, value, bound):
        """As `at_least`, of a speed: in a dry run, for information."""
        self._add(check, value, f"≥ {_text(bound)}", None if self._dry else value >= bound)

    def _add(self, check, value, bound, passed):
        self._report.add(Row(self._test, check, _text(value), bound, passed))


def _text(value):
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
