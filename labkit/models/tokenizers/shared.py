"""Tokenizers of a process that many kernels share: nine of them take 0.4 GB.

Where ``LABKIT_TOKENIZERS`` names the address of such a process, as a class's does
(`labkit.classroom.tokenizer_server`), a kernel keeps of each only its tokens' bytes, and asks that
process to split texts.
"""

import functools
import http.client
import io
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from labkit.errors import LabError

from .readers import Reader

ADDRESS = "LABKIT_TOKENIZERS"
METHODS = ("encode", "encode_each", "decode", "normalize", "offsets", "round_trips")
LARGEST = 64_000_000  # bytes of a question
WAIT_S, TIMEOUT_S = 20, 120  # for a process that is being restarted; for an answer
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def shared_address() -> str | None:
    """Where the tokenizers are; None: in this process."""
    return os.environ.get(ADDRESS) or None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All tokens of a tokenizer.

    Attributes:
        data: (bytes,) uint8, of all tokens, one after another.
        ends: (size,) int32, where each token's end; where the one before it ends too, it has none.
        ranks: (size,) int32, see `Reader.rank_of`; -1 for None.
        special: (size,) bool, see `Reader.is_special`.
    """

    data: np.ndarray
    ends: np.ndarray
    ranks: np.ndarray
    special: np.ndarray

    @classmethod
    def of(cls, reader: Reader) -> "Vocabulary":
        """That of a tokenizer."""
        pieces = list(map(reader.bytes_of, range(reader.size)))
        ranks = [-1 if (rank := reader.rank_of(i)) is None else rank for i in range(reader.size)]
        return cls(
            np.frombuffer(b"".join(pieces), np.uint8),
            np.cumsum([len(each) for each in pieces], dtype=np.int32),
            np.array(ranks, np.int32),
            np.array([reader.is_special(i) for i in range(reader.size)], bool),
        )


def pack(reader: Reader) -> bytes:
    """What a kernel keeps of a tokenizer, as the bytes of an ``.npz`` file."""
    names = {name: getattr(reader, name) for name in ("title", "kind", "size")}
    packed = io.BytesIO()
    np.savez(packed, **names, **asdict(Vocabulary.of(reader)))
    return packed.getvalue()


class SharedReader(Reader):
    """A tokenizer in another process of this machine.

    Args:
        name: one of `TOKENIZERS`.
        address: of that process.
    Raises:
        LabError: that process does not answer, or has no such tokenizer.
    """

    def __init__(self, name: str, address: str):
        self._url = f"{address}/{name}"
        with np.load(io.BytesIO(self._ask())) as packed:
            title, kind, size = (packed[each].item() for each in ("title", "kind", "size"))
            fields = {each: packed[each] for each in Vocabulary.__dataclass_fields__}
        super().__init__(name, title, kind, size, None)
        self._vocabulary = Vocabulary(**fields)

    def encode(self, text: str, *, special: bool = False) -> list[int]:
        """See `Reader`."""
        return self._call("encode", text, special=special)

    def encode_each(self, texts: Sequence[str]) -> list[list[int]]:
        """See `Reader`."""
        return self._call("encode_each", list(texts))

    def decode(self, ids: Sequence[int]) -> str:
        """See `Reader`."""
        return self._call("decode", list(ids))

    def bytes_of(self, token_id: int) -> bytes:
        """See `Reader`."""
        if not self._has(token_id):
            return b""
        start = self._vocabulary.ends[token_id - 1] if token_id else 0
        return self._vocabulary.data[start : self._vocabulary.ends[token_id]].tobytes()

    def is_special(self, token_id: int) -> bool:
        """See `Reader`."""
        return self._has(token_id) and bool(self._vocabulary.special[token_id])

    def rank_of(self, token_id: int) -> int | None:
        """See `Reader`."""
        rank = int(self._vocabulary.ranks[token_id]) if self._has(token_id) else -1
        return None if rank < 0 else rank

    def _has(self, token_id: int) -> bool:
        return 0 <= token_id < self.size

    def offsets(self, text: str, *, special: bool = False) -> list[tuple[int, int]]:
        """See `Reader`."""
        return [(start, end) for start, end in self._call("offsets", text, special=special)]

    def normalize(self, text: str) -> str:
        """See `Reader`."""
        return self._call("normalize", text)

    def round_trips(self, ids: Sequence[int]) -> list[bool]:
        """See `Reader`."""
        return self._call("round_trips", list(ids))

    def _call(self, method: str, *arguments: Any, **named: Any) -> Any:
        asked = json.dumps({"method": method, "arguments": arguments, "named": named}).encode()
        if len(asked) > LARGEST:
            raise LabError(f"The shared tokenizers take at most {LARGEST / 1e6:.0f} MB of text.")
        return json.loads(self._ask(asked))

    def _ask(self, body: bytes | None = None) -> bytes:
        """What it answers; where nobody does, it is being restarted, and is waited for."""
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                with _opener.open(self._url, body, timeout=TIMEOUT_S) as answer:
                    return answer.read()
            except urllib.error.HTTPError as error:
                raise LabError(error.read().decode(errors="replace")) from None
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() > deadline:
                    raise LabError(
                        f"The shared tokenizers do not answer: {error}", "Tell who leads the class."
                    ) from None
            time.sleep(0.5)


@functools.lru_cache(maxsize=32)
def open_shared(name: str, address: str) -> SharedReader:
    """That tokenizer, its tokens fetched once."""
    return SharedReader(name, address)
