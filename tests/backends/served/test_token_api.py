"""vLLM's answers with tokens as numbers; llama.cpp's are real ones in test_served.py."""

import json
from dataclasses import replace

import numpy as np
import pytest

from labkit.backends.remote.protocols.parameters import PARAMETERS
from labkit.backends.served.token_api import TokenProtocol, read_leading
from labkit.backends.settings import Settings


@pytest.fixture(scope="module")
def protocol(smollm2):
    from labkit.models.tokenizers.plain import read_plain_tokenizer

    tokenizer = read_plain_tokenizer(smollm2.folder)
    return TokenProtocol("m", "vLLM", PARAMETERS["vLLM"], tokenizer=tokenizer)


def test_a_text_is_sent_as_its_tokens(protocol):
    body = protocol.body("Hello there", Settings(seed=1), raw=True)
    assert body["prompt"] == protocol.tokenizer("Hello there")["input_ids"]
    assert body["return_tokens_as_token_ids"] is True


def test_events_of_vllm_have_numbers_and_texts(protocol):
    lists = {
        "tokens": ["token_id:504"],
        "token_logprobs": [-0.5],
        "top_logprobs": [{"token_id:28": -3.0, "token_id:504": -0.5}],
    }
    chunk = protocol.translator()({"choices": [{"text": "The", "logprobs": lists}]})
    (token,) = chunk.choices[0].logprobs.content
    assert (token.id, token.token, token.logprob) == (504, "The", -0.5)
    assert [each.id for each in token.top_logprobs] == [504, 28]


def test_an_event_without_numbers_is_refused(protocol):
    lists = {"tokens": ["The"], "token_logprobs": [-0.5], "top_logprobs": [{}]}
    with pytest.raises(ValueError, match="token_id"):
        protocol.translator()({"choices": [{"text": "The", "logprobs": lists}]})


@pytest.mark.parametrize("kind", ["vLLM", "llama.cpp"])
def test_the_likeliest_tokens_are_read_from_either_server(kind):
    if kind == "vLLM":
        logprobs = {
            "tokens": ["token_id:2"],
            "top_logprobs": [{"token_id:2": -0.1, "token_id:7": -9}],
        }
    else:
        tops = [
            {"id": i, "token": 'x"\\', "bytes": [1], "logprob": p} for i, p in ((2, -0.1), (7, -9))
        ]
        logprobs = {"content": [{"id": 5, "token": "a", "logprob": -4, "top_logprobs": tops}]}
    answer = {"choices": [{"text": "a", "logprobs": logprobs}]}
    if kind == "llama.cpp":
        answer["timings"] = {"prompt_n": 3, "prompt_ms": 250.0}
    leading = read_leading(json.dumps(answer, separators=(",", ":")).encode())
    assert leading.ids.tolist() == [2, 7]
    np.testing.assert_allclose(leading.logprobs, [-0.1, -9])
    assert (leading.read, leading.read_s) == ((3, 0.25) if kind == "llama.cpp" else (None, None))


def test_tags_that_are_special_tokens_are_asked_for(protocol):
    own = replace(protocol, kind="llama.cpp", parameters=PARAMETERS["llama.cpp"])
    assert "<think>" in own.body("a", Settings(seed=1), raw=True)["preserved_tokens"]
