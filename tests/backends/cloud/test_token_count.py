"""Claude's tokens: unknown without a key, counted by the endpoint with one, as any request is."""

import pytest

from labkit.backends.cloud.token_count import MODEL, count_tokens
from labkit.errors import LabError

PATH = "/v1/messages/count_tokens"


@pytest.fixture
def endpoint(httpserver, planted, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", planted.key)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", httpserver.url_for(""))
    return httpserver


def test_without_a_key_nothing_is_sent_and_the_count_is_unknown(planted, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    assert count_tokens("Hello") is None


def test_the_endpoint_counts(endpoint, planted):
    asked = {"model": MODEL, "messages": [{"role": "user", "content": "Hello <b>"}]}
    endpoint.expect_oneshot_request(
        PATH, method="POST", json=asked, headers={"authorization": f"Bearer {planted.key}"}
    ).respond_with_json({"input_tokens": 11})
    assert count_tokens("Hello <b>", "claude") == 11
    assert count_tokens("") == 0
    endpoint.check_assertions()
    assert "anthropic-version" in endpoint.log[0][0].headers


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (401, {"error": {"message": "invalid x-api-key"}}, "invalid x-api-key"),
        (500, {}, "status 500"),
        (200, {"tokens": 1}, "input_tokens"),
        (200, {"input_tokens": "many"}, "input_tokens"),
        (200, {"input_tokens": -1}, "input_tokens"),
        (200, {"input_tokens": 1e300}, "input_tokens"),
        (200, [], "not an event"),
    ],
)
def test_a_refusal_and_rubbish_get_a_sentence(endpoint, planted, status, body, sentence):
    endpoint.expect_request(PATH).respond_with_json(body, status=status)
    with pytest.raises(LabError, match=sentence) as error:
        count_tokens("Hello")
    assert str(error.value).startswith("Anthropic did not count the tokens: ")
    planted.saw(error.value)


def test_a_key_that_is_repeated_is_masked(endpoint, planted):
    body = {"error": {"message": f"invalid key: {planted.key}"}}
    endpoint.expect_request(PATH).respond_with_json(body, status=401)
    with pytest.raises(LabError, match="invalid key: •••") as error:
        count_tokens("Hello")
    planted.saw(error.value)


def test_a_redirect_is_not_followed(endpoint, planted):
    elsewhere = {"Location": endpoint.url_for("/elsewhere")}
    endpoint.expect_request(PATH).respond_with_data(status=302, headers=elsewhere)
    with pytest.raises(LabError, match="302"):
        count_tokens("Hello")
    assert {request.path for request, _ in endpoint.log} == {PATH}


def test_a_policy_stands(endpoint, planted):
    with pytest.raises(LabError, match="Nothing was sent"):
        count_tokens("My card is 4111 1111 1111 1111.")
    assert not endpoint.log
    endpoint.expect_request(PATH).respond_with_json({"input_tokens": 9})
    assert count_tokens("My card is 4111 1111 1111 1111.", policy="redact") == 9
    assert "4111" not in endpoint.log[0][0].get_data(as_text=True)


def test_a_key_does_not_travel_in_the_open(planted, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", planted.key)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://192.0.2.1")
    with pytest.raises(ValueError, match="encrypted"):
        count_tokens("Hello")


def test_no_answer_gets_a_sentence(planted, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", planted.key)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    with pytest.raises(LabError, match="did not count"):
        count_tokens("Hello")
