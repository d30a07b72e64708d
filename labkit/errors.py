"""The one error that a learner meets when something outside their code is missing or wrong.

Bad arguments raise ``ValueError`` with the argument, its bound and the value given. All else that
can go wrong (no network, no space, a file damaged, a package missing) raises a `LabError`.
"""

import os

PYTHON = "python" if os.name == "nt" else "python3"


def typed_here(text: str) -> str:
    """A text with its commands as this system knows them: Windows has no ``python3``."""
    return text.replace("python3 -m", f"{PYTHON} -m")


class LabError(Exception):
    """What went wrong, in one sentence, and what to do about it.

    >>> print(LabError("The disk is full.", "Make room on it."))
    The disk is full.
      → Make room on it.
    """

    def __init__(self, problem: str, hint: str = ""):
        super().__init__(problem, hint)
        self.problem = typed_here(problem)
        self.hint = typed_here(hint)

    def __str__(self) -> str:
        return f"{self.problem}\n  → {self.hint}" if self.hint else self.problem

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the sentence, and none of the lab's own lines (IPython asks)."""
        return [f"✗ {self}"]


class BusyError(LabError):
    """A server that may answer later: a rate limit is reached, or it is overloaded.

    Attributes:
        retry_after_s: seconds that the server asks to wait; None where it does not say.
    """

    def __init__(self, problem: str, hint: str = "", retry_after_s: float | None = None):
        super().__init__(problem, hint)
        self.retry_after_s = retry_after_s
