"""llama.cpp that is in memory only while it is asked: even idle, it would slow others down."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labkit.backends.prompts import Messages
from labkit.backends.reply import Stream

from .model import LlamaCppModel, load_llamacpp


class OnDemandModel:
    """A GGUF file, opened anew each time; see `openmp` for why. Only what is open can be asked.

    Attributes:
        name: the model's, once it was opened.
        gguf_file: the file.
        context: the most tokens of prompt and answer together.
        threads: how many compute, once it was opened.
        load_s: seconds of each opening.
    """

    def __init__(self, gguf_file: Path, context: int):
        self.name, self.gguf_file, self.context = gguf_file.stem, gguf_file, context
        self.threads: int | None = None
        self.load_s: list[float] = []
        self._about: dict[str, str] = {}

    @contextmanager
    def opened(self) -> Iterator[LlamaCppModel]:
        """Opens it meanwhile.

        Raises:
            LabError: as for `load_llamacpp`.
        """
        engine = self._engine = load_llamacpp(self.gguf_file, context=self.context)
        self.name, self.threads, self._about = engine.name, engine.threads, engine.about()
        self.load_s.append(engine.load_s)
        try:
            yield engine
        finally:
            del self._engine
            engine.close()

    def stream(self, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
        """See `labkit.stream`."""
        return self._engine.stream(prompt, raw=raw, **settings)

    def about(self) -> dict[str, str]:
        """As of the model, when it was opened last."""
        return self._about
