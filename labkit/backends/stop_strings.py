"""Text that ends before a stop string."""


class StopScanner:
    """Passes text on until a stop string appears, even one spread over several tokens.

    >>> scan = StopScanner(("END",))
    >>> scan.push("all is well E"), scan.push("ND and more"), scan.stopped
    ('all is well ', '', True)
    """

    def __init__(self, stops: tuple[str, ...]):
        self._stops, self._held, self.stopped = stops, "", False

    def push(self, text: str, *, last: bool = False) -> str:
        """The text that surely stands before any stop string; of the last piece, all of it."""
        text, self._held = self._held + text, ""
        cuts = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if cuts:
            self.stopped = True
            return text[: min(cuts)]
        held = 0 if last else max((overlap(text, stop) for stop in self._stops), default=0)
        cut = len(text) - held
        self._held = text[cut:]
        return text[:cut]


def overlap(text: str, stop: str) -> int:
    """How many characters at the end of the text could begin the stop string."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)
