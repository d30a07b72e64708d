"""What a backend can do beyond `stream`: a protocol for each, to be asked for with isinstance."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from .prompts import Messages
from .reply import RowsStream, Stream
from .settings import Settings

# What somebody can do whose model is served, where a verb needs its weights.
WITH_WEIGHTS = (
    'Take one whose weights are in this process: lab.load("smollm2-135m"), with torch and without '
    "LABKIT_SERVER."
)


@runtime_checkable
class Backend(Protocol):
    """Whatever can be asked for tokens: a local model, an engine, a server, a recording."""

    name: str

    def stream(self, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
        """Checks the arguments at once, then yields a `Step` for each token."""


def check_backend(name: str, value: Any) -> None:
    """Raises a ValueError unless an argument, of this name, can be asked for tokens."""
    if not isinstance(value, Backend):
        raise ValueError(f'{name} must be loaded, as by lab.load("smollm2-135m"); got {value!r}')


@runtime_checkable
class HasScores(Protocol):
    """Gives the score of every token of the vocabulary."""

    def scores(self, prompt: str | Messages, *, raw: bool = False) -> tuple[list[int], Any]:
        """The prompt's token ids, and the scores of the next token."""


@runtime_checkable
class ScoringModel(Protocol):
    """A model whose tokens and scores are all accessible: from `labkit.load`, in torch or served.

    Attributes:
        name: the model's name.
        model: transformers' own model, or what has its configuration.
        tokenizer: transformers' own tokenizer, or one that is called like it.
        context: most tokens that it can attend to.
        chat: whether it has a chat template.
        gguf_file: GGUF file that it came from, or None.
    """

    name: str
    tokenizer: Any
    context: int
    chat: bool
    gguf_file: Path | None

    @property
    def model(self) -> Any:
        """See above."""

    @property
    def end_ids(self) -> frozenset[int]:
        """The tokens that end an answer."""

    def encode(self, prompt: str | Messages, *, raw: bool = False) -> list[int]:
        """The tokens that the model reads for a prompt."""

    def scores(self, prompt: str | Messages, *, raw: bool = False) -> tuple[list[int], Any]:
        """The prompt's token ids, and the scores of the next token."""

    def stream(self, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
        """See `labkit.stream`."""

    def stream_rows(self, prompt: str | Messages, rows: Sequence[Settings], **how) -> RowsStream:
        """The steps of all rows as they come."""

    def text_of(self, token_id: int) -> str:
        """Text of a single token."""


@runtime_checkable
class HasPlan(Protocol):
    """Runs in torch, with a device, a dtype and an amount of memory that are known."""

    plan: Any


@runtime_checkable
class HasGgufFile(Protocol):
    """Came from a GGUF file."""

    gguf_file: Path | None


@runtime_checkable
class HasQuantizedWeights(Protocol):
    """Computes with the weights of a GGUF file as they are, in this process."""

    gguf_file: Path
    kind: str
    weights_bytes: int
    parameters: int


@runtime_checkable
class HasAddress(Protocol):
    """Runs behind an address, in another process or on another machine."""

    base_url: str


@runtime_checkable
class Priced(Protocol):
    """Can say before a request what it costs at most."""

    def estimate(self, prompt: str | Messages, *, max_tokens: int) -> Any:
        """What would be sent, and the highest price; None where nothing is charged."""


def model_of(backend: Backend) -> Backend:
    """The model that is asked: of a variant, which has settings of its own, the one behind it."""
    while isinstance(inner := getattr(backend, "backend", None), Backend):
        backend = inner  # which may be a variant too
    return backend


def runs_here(backend: Backend) -> bool:
    """Whether the model computes in this process, and not behind an address."""
    return not isinstance(model_of(backend), HasAddress)
