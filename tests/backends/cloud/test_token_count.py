"""Claude's tokens: unknown without a key, counted by the endpoint with one."""

import pytest

from labkit.backends.cloud.anthropic_api import MODEL, count_tokens
from labkit.errors import LabError


@pytest.fixture
def endpoint(httpserver, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", httpserver.url_for(""))
    return httpserver


def test_without_a_key_nothing_is_sent_and_the_count_is_unknown(monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    assert count_tokens("Hello") is None


def test_the_endpoint_counts(endpoint):
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "Hello <b>"}]}
    endpoint.expect_oneshot_request(
        "/v1/messages/count_tokens",
        method="POST",
        json=asked,
        headers={"x-api-key": "sk-test", "anthropic-version": "2023-06-01"},
    ).respond_with_json({"input_tokens": 11})
    assert count_tokens("Hello <b>", "claude") == 11
    assert count_tokens("") == 0
    endpoint.check_assertions()


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (401, {"error": {"message": "invalid x-api-key"}}, "invalid x-api-key"),
        (500, {}, "status 500"),
        (200, {"tokens": 1}, "input_tokens"),
    ],
)
def test_a_refusal_gets_a_sentence(endpoint, status, body, sentence):
    endpoint.expect_request("/v1/messages/count_tokens").respond_with_json(body, status=status)
    with pytest.raises(LabError, match=sentence) as error:
        count_tokens("Hello")
    assert "sk-test" not in str(error.value)


def test_no_answer_gets_a_sentence(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    with pytest.raises(LabError, match="did not count"):
        count_tokens("Hello")
