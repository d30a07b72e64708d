"""Calls that wait until the learner pauses."""

import asyncio
from collections.abc import Callable

PAUSE_S = 0.06  # shorter than the eye notices, longer than a key that repeats takes


class Debounce:
    """Delays calls until the learner pauses: only the last one is carried out.

    Where no event loop runs, in a script or a test, it is carried out at once.
    """

    def __init__(self):
        self._waiting: asyncio.TimerHandle | None = None

    def call(self, act: Callable[[], None]) -> None:
        """Carries it out after `PAUSE_S`, unless another call comes first."""
        if self._waiting:
            self._waiting.cancel()
        try:
            self._waiting = asyncio.get_running_loop().call_later(PAUSE_S, act)
        except RuntimeError:
            act()
