"""OpenAI's interface with tokens: what a prompt's are, which came, and the likeliest next ones.

Sources: github.com/ggml-org/llama.cpp, tools/server/README.md, "POST /completion" (``n_probs``,
``logit_bias``) and "POST /v1/completions"; docs.vllm.ai, "OpenAI-Compatible Server", extra
parameters of completions (``return_tokens_as_token_ids``), and its option ``--max-logprobs``.
"""

import json
import re
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
import numpy as np

from labkit.backends.prompts import Messages
from labkit.backends.remote.protocols.events import LEAST_LOGPROB, Chunk, read_chunk
from labkit.backends.remote.protocols.openai_api import OpenAI
from labkit.backends.settings import Settings
from labkit.backends.thoughts import special_tags
from labkit.models.tokenizers.plain import PlainTokenizer

KINDS = ("llama.cpp", "vLLM")
BIAS = 1000  # to a score: that token is written for certain
_LIST = b'"top_logprobs":['
_LISTED = re.compile(
    rb'{"id":(\d+),"token":"(?:[^"\\]|\\.)*+","bytes":\[[\d,]*+\],"logprob":([-+.\deE]+)},?'
)
_TOKEN = "token_id:"  # how vLLM writes a token in place of its text


@dataclass(frozen=True, slots=True)
class Leading:
    """The likeliest next tokens after a text.

    Attributes:
        ids: (n,) int, tokens.
        logprobs: (n,) float32, natural logarithms of their probabilities by the model's own scores.
        read: number of tokens that the server read anew; None if it does not say so.
        read_s: seconds that it took to read them; None if it does not say so.
    """

    ids: np.ndarray
    logprobs: np.ndarray
    read: int | None
    read_s: float | None


@dataclass(frozen=True, slots=True)
class TokenProtocol(OpenAI):
    """See `RemoteProtocol`; texts go out as tokens.

    Attributes:
        tokenizer: the model's own.
    """

    tokenizer: PlainTokenizer = field(kw_only=True, repr=False)

    def encode(self, text: str) -> list[int]:
        """The tokens of a text; the token that begins every text is not repeated."""
        begins = text.startswith(self.tokenizer.special_tokens_map.get("bos_token") or "\0")
        return self.tokenizer(text, add_special_tokens=not begins)["input_ids"]

    def body(self, prompt: str | Messages, settings: Settings, *, raw: bool) -> dict[str, Any]:
        assert isinstance(prompt, str)
        asked = OpenAI.body(self, prompt, settings, raw=raw)
        return asked | self._form | {"prompt": self.encode(prompt)}

    @property
    def _form(self) -> dict[str, Any]:
        if self.kind == "vLLM":
            return {"return_tokens_as_token_ids": True}
        return {"preserved_tokens": special_tags(self.tokenizer.chat_template or "")}

    def translator(self) -> Callable[[Any], Chunk]:
        return self._read if self.kind == "vLLM" else read_chunk

    def _read(self, event: Any) -> Chunk:
        """An event of vLLM, its logprobs in the form that has the tokens' numbers."""
        for choice in event.get("choices") or ():
            lists = choice.get("logprobs")
            if lists and lists.get("tokens"):
                own = zip(lists["tokens"], lists["token_logprobs"], strict=True)
                likely = [
                    sorted(map(self._listed, tops.items()), key=lambda each: -each["logprob"])
                    for tops in lists.get("top_logprobs") or ()
                ]
                content = [self._listed(each) for each in own]
                for token, tops in zip(content, likely, strict=False):
                    token["top_logprobs"] = tops
                choice["logprobs"] = {"content": content}
        return read_chunk(event)

    def _listed(self, pair: tuple[str, float]) -> dict[str, Any]:
        number = _number(pair[0])
        return {"id": number, "token": self.tokenizer.decode([number]), "logprob": pair[1]}

    def ask_leading(
        self, client: Any, ids: Sequence[int], count: int, *, keep: bool = True
    ) -> Leading:
        """The likeliest tokens after a text.

        Args:
            client: of this protocol.
            ids: tokens of the text.
            count: number of tokens that are given; of vLLM, -1 for all.
            keep: whether the server may use what it knows of an earlier prompt.
        """
        asked = {"model": self.model, "prompt": list(ids), "max_tokens": 1, "temperature": 0}
        asked |= {"logprobs": count, **self._form}
        if self.kind == "llama.cpp":
            # It gives nothing for a token that is a part of a character. So it is made to write a
            # whole one; what it gives is what it expected before that.
            letter = self.tokenizer("a", add_special_tokens=False)["input_ids"][-1]
            asked |= {"cache_prompt": keep, "logit_bias": [[letter, BIAS]]}
        answer = client.post("/completions", body=asked, cast_to=httpx2.Response)
        return read_leading(answer.content)


def read_leading(content: bytes) -> Leading:
    """What stands in the answer of either server; a ValueError or the like for anything else."""
    ids, values, rest = _read_list(content)
    answer = json.loads(rest)
    if not ids:
        tops = answer["choices"][0]["logprobs"]["top_logprobs"][0]
        ids, values = array("q", map(_number, tops)), array("f", tops.values())
    timings = answer.get("timings") or {}
    read_ms = timings.get("prompt_ms")
    logprobs = np.nan_to_num(np.array(values, np.float32), nan=LEAST_LOGPROB)
    return Leading(
        np.array(ids, np.int64),
        np.clip(logprobs, LEAST_LOGPROB, 0),
        timings.get("prompt_n"),
        None if read_ms is None else read_ms / 1000,
    )


def _read_list(content: bytes) -> tuple[array, array, bytes]:
    """The numbers and logprobs in llama.cpp's list of the likeliest, and the answer without it.

    As objects of Python, 50,000 tokens with their texts would take 50 MB for a moment.
    """
    ids, values = array("q"), array("f")
    begin = end = content.find(_LIST) + len(_LIST)
    found = _LISTED.match(content, begin) if begin >= len(_LIST) else None
    while found:
        ids.append(int(found[1]))
        values.append(float(found[2]))
        end = found.end()
        found = _LISTED.match(content, end)
    return ids, values, content[:begin] + content[end:] if ids else content


def _number(name: str) -> int:
    if not name.startswith(_TOKEN):
        raise ValueError(f"a token should be written as {_TOKEN}0")
    return int(name.removeprefix(_TOKEN))
