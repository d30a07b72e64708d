"""A scripted backend: a clock and texts that the test decides, as no real model would keep them."""

from labkit.backends.reply import Stream
from labkit.backends.settings import Settings
from labkit.backends.steps import Alternative, Step


class Scripted:
    """Not a model: it plays steps. ``steps`` are (text, elapsed_s) pairs."""

    name = "scripted"

    def __init__(self, steps):
        self.steps = steps
        self.closed = False

    def stream(self, prompt, *, raw=False, **settings):
        if not prompt:
            raise ValueError("prompt must have at least one character; got an empty text")
        return Stream(Settings(**settings), self._play, prompt_tokens=4)

    def _play(self, running):
        try:
            for number, (text, elapsed_s) in enumerate(self.steps):
                other = Alternative(number, text, -0.1)
                yield Step(number, text, -0.1, -0.1, (other,), 1.0, elapsed_s)
            running.note(finish="stop")
        finally:
            self.closed = True
