"""Work that waits until the learner's hand rests."""

import asyncio
from collections.abc import Callable

REST_S = 0.06  # shorter than the eye notices, longer than a key that repeats takes


class Debounce:
    """Puts off what may wait until the learner's hand rests: only the last call is carried out.

    Where no event loop runs, in a script or a test, it is carried out at once.
    """

    def __init__(self):
        self._waiting: asyncio.TimerHandle | None = None

    def call(self, act: Callable[[], None]) -> None:
        """Carries it out after `REST_S`, unless another call comes first."""
        if self._waiting:
            self._waiting.cancel()
        try:
            self._waiting = asyncio.get_running_loop().call_later(REST_S, act)
        except RuntimeError:
            act()
