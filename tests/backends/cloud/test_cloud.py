"""Clouds: what each provider is sent, what it costs, and whose key is seen by nobody."""

import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

import labkit
from labkit.backends.cloud.providers import PROVIDERS
from labkit.backends.remote import api_keys
from labkit.backends.remote.budget import Budget, Estimate
from labkit.backends.remote.discovery import Server
from labkit.models.prices import max_price
from labkit.topics.comparison.provider_key_panel import ApiKeyPanel

from ..tls_server import HANG_UP, chat_end, chat_event, text

QUESTION = "Why is the sky blue?"
OPENAI_STYLE = [name for name, known in PROVIDERS.items() if known.speaks == "openai"]
# github.com/mistralai/client-python, models/chatcompletionstreamrequest.py: it refuses others.
MISTRAL_FIELDS = {
    "model",
    "messages",
    "stream",
    "temperature",
    "top_p",
    "max_tokens",
    "stop",
    "random_seed",
    "presence_penalty",
    "frequency_penalty",
}


def ask(server, name="openai", model=None, prompt=QUESTION, cloud=None, **settings):
    model = model or PROVIDERS[name].model or "gpt-4.1-nano"
    cloud = cloud or labkit.cloud(name, model, address=server.address)
    return labkit.generate(cloud, prompt, **settings)


def test_an_answer_with_its_usage_its_price_and_its_way(provider, planted):
    server = provider()
    server.answer(text("Rayleigh "), 0.05, text("scattering."), chat_end(14, 5))
    cloud = labkit.cloud("openai", address=server.address)
    reply = labkit.generate(cloud, QUESTION, temperature=0.3, max_tokens=50)
    assert (reply.text, reply.finish, reply.chunked) == ("Rayleigh scattering.", "stop", True)
    assert (reply.prompt_tokens, reply.output_tokens) == (14, 5)
    assert reply.price_usd == pytest.approx((14 * 0.10 + 5 * 0.50) / 1e6)
    assert (reply.model, reply.origin) == ("gpt-6-luna (OpenAI)", "measured")
    assert server.requests[0].headers["authorization"] == f"Bearer {planted.key}"
    assert server.requests[0].body["messages"] == [{"role": "user", "content": QUESTION}]
    planted.saw(cloud, reply, reply.http, repr(cloud._client), labkit.clouds())


@pytest.mark.parametrize("name", OPENAI_STYLE)
def test_requests_are_what_the_interface_takes(provider, name):
    from openai.types.chat import ChatCompletionMessageParam
    from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

    server = provider(name)
    server.answer(text("Hi"), chat_end(3, 1))
    prompt = [{"role": "system", "content": "Be short."}, {"role": "user", "content": QUESTION}]
    ask(server, name, prompt=prompt, max_tokens=7, stop="\n\n", temperature=0.2, top_p=0.9)
    sent = server.requests[0].body
    if name != "mistral":  # it calls some of them otherwise
        TypeAdapter(CompletionCreateParamsStreaming).validate_python(sent)
    TypeAdapter(list[ChatCompletionMessageParam]).validate_python(sent["messages"])
    assert sent["stream"] is True and sent["temperature"] == 0.2 and sent["stop"] == ["\n\n"]
    assert 7 in (sent.get("max_tokens"), sent.get("max_completion_tokens"))
    if name == "mistral":
        assert sent.keys() <= MISTRAL_FIELDS
    else:
        own = {"provider"} if name == "openrouter" else set()
        assert sent.keys() - own <= get_type_hints(CompletionCreateParamsStreaming).keys()


def test_a_model_that_thinks_takes_no_temperature(provider):
    server = provider()
    server.answer(text("Hi"), chat_end(3, 1))
    reply = ask(server, model="gpt-6-astra")
    sent = server.requests[0].body
    assert not sent.keys() & {
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "seed",
        "stop",
    }
    assert reply.settings.temperature == 1.0 and reply.settings.seed is None
    cloud = labkit.cloud("openai", "gpt-6-astra", address=server.address)
    with pytest.raises(ValueError, match=r"temperature must be left at 1.0: OpenAI"):
        cloud.stream(QUESTION, temperature=0.5)
    with pytest.raises(ValueError, match="raw must be left at False"):
        cloud.stream(QUESTION, raw=True)


def test_what_was_thought_has_its_own_tokens_seconds_and_price(provider):
    """It is hidden, and does not make the rest faster: a word each 0.05 s after a second."""
    server = provider()
    words = [part for _ in range(10) for part in (0.05, text("word "))]
    thought = {"completion_tokens_details": {"reasoning_tokens": 1000}}
    server.answer(text(""), 1.0, *words, chat_end(14, 1010, **thought))
    reply = ask(server, model="gpt-6-astra", max_tokens=2000)
    assert (reply.output_tokens, reply.thinking_tokens) == (1010, 1000)
    assert reply.decode_tokens_per_s == pytest.approx(20, rel=0.3)
    assert reply.thinking_s == reply.ttft_s >= 1.0
    assert reply.thinking_price_usd / reply.price_usd == pytest.approx(1000 / 1010, rel=0.05)
    assert f"for ${reply.thinking_price_usd:.6f}" in repr(reply)
    by_hand = labkit.cloud(f"{server.address}/v1", "m", price_usd_per_million=(1, 2))
    server.answer(text("word"), chat_end(14, 1001, **thought))
    reply = labkit.generate(by_hand, QUESTION)
    assert reply.price_usd == pytest.approx((14 + 2 * 1001) / 1e6)
    assert reply.thinking_price_usd == pytest.approx(2 * 1000 / 1e6)


def test_google_counts_a_thought_in_the_total_alone(provider):
    server = provider("google")
    server.answer(text("word"), chat_end(14, 10, total_tokens=124))
    reply = ask(server, "google", "gemini-2.5-flash")
    assert (reply.output_tokens, reply.thinking_tokens) == (110, 100)
    assert reply.thinking_price_usd == pytest.approx(100 * 2.5 / 1e6)


def test_openrouters_own_price_has_no_known_parts(provider):
    server = provider("openrouter")
    thought = {"completion_tokens_details": {"reasoning_tokens": 9}}
    server.answer(text("word"), chat_end(14, 10, cost=0.001, **thought))
    reply = ask(server, "openrouter")
    assert (reply.price_usd, reply.thinking_price_usd, reply.thinking_tokens) == (0.001, None, 9)


def test_a_thought_is_restored_too(provider):
    """A placeholder that was begun in the thought is not ended by the answer."""
    server = provider()
    cloud = labkit.cloud("openai", address=server.address, policy=labkit.Policy("redact"))
    thought = {"index": 0, "delta": {"reasoning_content": "Is [CARD_1] or [CA"}}
    event = chat_event(choices=[{**thought, "finish_reason": None}])
    server.answer(event, text("RD_1]: [CARD_1]"), chat_end(9, 4))
    reply = labkit.generate(cloud, "Is 4111 1111 1111 1111 a test card?")
    assert reply.thinking == "Is 4111 1111 1111 1111 or [CA"
    assert reply.text == "RD_1]: 4111 1111 1111 1111"


def test_the_default_models_are_known_and_priced():
    for name, known in PROVIDERS.items():
        assert all(each.names for each in known.families.values())
        if known.model:
            assert known.parameters(known.model).names["max_tokens"]
            assert 0 < max_price(known.model, known.prices[0], 1000, 1000) < 0.01, name
    from anthropic.types.model_param import ModelParam
    from openai.types.shared.chat_model import ChatModel

    assert PROVIDERS["openai"].model in ChatModel.__args__
    assert PROVIDERS["anthropic"].model in ModelParam.__args__[0].__args__


@pytest.mark.parametrize(
    "model, temperature, more",
    [
        ("gpt-6-luna", True, {"reasoning_effort": "none"}),
        ("gpt-5.4-mini-2026-03-17", True, {"reasoning_effort": "none"}),
        ("gpt-6.1-sol", False, {}),
        ("gpt-5-nano", False, {}),
        ("o4-mini", False, {}),
        ("gpt-4.1-nano", True, {}),
    ],
)
def test_families_of_openai(model, temperature, more):
    parameters = PROVIDERS["openai"].parameters(model)
    assert ("temperature" in parameters.names) is temperature
    assert {k: v for k, v in parameters.more.items() if k != "stream_options"} == more


def test_a_call_is_one_connection_and_looks_up_nothing_else(provider):
    """With the scanner on, the price reckoned and the key found: one connection, to that place."""
    server = provider(host="127.0.0.1")
    server.answer(text("Hi"), chat_end(1, 1))
    with labkit.watch_network() as watch:
        ask(server, cloud=labkit.cloud("openai", address=server.address, budget=Budget(1)))
    (attempt,) = watch.log.attempts
    assert (attempt.address, attempt.port) == ("127.0.0.1", server.port)
    assert attempt.library.startswith(("httpcore2/", "pytest_socket/"))


def test_cached_tokens_cost_less_and_googles_thoughts_cost(provider):
    server = provider()
    server.answer(text("Hi"), chat_end(1000, 10, prompt_tokens_details={"cached_tokens": 1000}))
    assert ask(server).price_usd == pytest.approx((1000 * 0.01 + 10 * 0.50) / 1e6)
    server = provider("google")
    server.answer(text("Hi"), chat_end(10, 5, total_tokens=115))
    assert ask(server, "google").price_usd == pytest.approx((10 * 0.25 + 105 * 1.5) / 1e6)


def test_openrouter_tells_its_price_itself(provider):
    server = provider("openrouter")
    server.answer(text("Hi"), chat_end(10, 5, cost=0.00125))
    assert ask(server, "openrouter").price_usd == 0.00125


def test_an_unknown_model_has_no_price_unless_it_is_given(provider):
    server = provider("azure")
    server.answer(text("Hi"), chat_event(model="ours", usage=None), chat_end(10, 5))
    reply = ask(server, "azure", "our-own-model")
    assert reply.price_usd is not None, "the answer names the model behind the deployment"
    named = labkit.cloud(
        "azure", "our-own-model", address=server.address, price_usd_per_million=(1, 2)
    )
    server.answer(text("Hi"), chat_end(10, 5))
    assert ask(server, cloud=named).price_usd == pytest.approx(20e-6)
    assert named.estimate("Hi", max_tokens=100).source == "a price given by hand"


def test_azure_is_at_an_address_of_ones_own(provider, monkeypatch):
    server = provider("azure")
    with pytest.raises(labkit.LabError, match=r"address of your own.*\n.*AZURE_OPENAI_ENDPOINT"):
        labkit.cloud("azure", "gpt-4.1-nano")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", f"{server.address}/")
    server.answer(text("Hi"), chat_end(1, 1))
    ask(server, cloud=labkit.cloud("azure", "gpt-4.1-nano"))
    assert server.requests[0].line.startswith("POST /openai/v1/chat/completions ")
    with pytest.raises(labkit.LabError, match="has no default model"):
        labkit.cloud("azure")


def test_any_other_address(provider, planted):
    server = provider()
    server.answer(text("Hi"), chat_end(1, 1))
    cloud = labkit.cloud(f"{server.address}/v1", "some-model", key=planted.key)
    assert ask(server, cloud=cloud).text == "Hi"
    assert cloud.kind == "localhost" and cloud.estimate("Hi").price_usd is None
    for bad in ("http://api.example.com/v1", "https://me:secret@api.example.com"):
        with pytest.raises(ValueError, match=r"address must be such as .*example\.com$"):
            labkit.cloud(bad, "m")
    for bad in ("opnai", ["openai"], 7):
        with pytest.raises(ValueError, match=r"provider must be one of openai, .* got .*o?[p7]"):
            labkit.cloud(bad)
    for name, bad in (("model", 5), ("budget", 5), ("budget", "5")):
        with pytest.raises(ValueError, match=rf"{name} must .* got '?5"):
            labkit.cloud("openai", key=planted.key, **{name: bad})


@given(prompt=st.text(min_size=1, max_size=200), written=st.integers(1, 10_000))
def test_an_estimate_grows_with_the_prompt_and_the_answer(prompt, written):
    cloud = labkit.cloud("openai", key="sk-0123456789", policy=None)
    estimate = cloud.estimate(prompt, max_tokens=written)
    sent = len(prompt.encode())
    assert estimate.prompt_bytes == sent < estimate.prompt_tokens
    assert estimate.price_usd >= max_price("gpt-6-luna", "openai", sent, written) > 0
    assert cloud.estimate(prompt, max_tokens=written + 1).price_usd > estimate.price_usd
    assert "at most" in estimate.summary and "computed, genai-prices" in estimate.summary


def test_a_budget_refuses_before_anything_is_sent(provider):
    server, budget = provider(), Budget(0.000_1)
    cloud = labkit.cloud("openai", address=server.address, budget=budget)
    with pytest.raises(labkit.LabError, match=r"Nothing was sent: .* up to \$0\.0050"):
        labkit.generate(cloud, QUESTION, max_tokens=10_000)
    assert not server.requests and budget.spent_usd == budget.reserved_usd == 0
    server.answer(text("Hi"), chat_end(14, 2))
    reply = labkit.generate(cloud, QUESTION, max_tokens=20)
    assert budget.spent_usd == reply.price_usd > 0 and budget.reserved_usd == 0
    assert repr(budget).startswith("<Budget: $0.000002 of $0.0001 spent")


def test_a_cut_answer_counts_as_the_most_it_can_have_cost(provider):
    server, budget = provider(), Budget(1)
    cloud = labkit.cloud("openai", address=server.address, budget=budget)
    server.answer(text("Once "), HANG_UP)
    reply = labkit.generate(cloud, QUESTION, max_tokens=100)
    assert (reply.text, reply.finish, reply.price_usd) == ("Once ", "failed", None)
    assert budget.spent_usd == cloud.estimate(QUESTION, max_tokens=100).price_usd
    spent = budget.spent_usd
    server.refuse("401 Unauthorized", {"error": {"message": "no"}})
    with pytest.raises(labkit.LabError):
        labkit.generate(cloud, QUESTION)
    assert budget.spent_usd == spent, "a request that is refused costs nothing"


def test_a_budget_needs_a_price(provider):
    server = provider()
    cloud = labkit.cloud(f"{server.address}/v1", "m", key="sk-123456789", budget=Budget(1))
    with pytest.raises(labkit.LabError, match=r"no price of m .*\n.*price_usd_per_million"):
        labkit.generate(cloud, QUESTION)
    for bad in (0, -1, True, float("nan"), float("inf"), "1"):
        with pytest.raises(ValueError, match="limit_usd must be a number, above 0"):
            Budget(bad)
    for bad in ((1,), (1, -1), "ab", (1, "2")):
        with pytest.raises(ValueError, match="price_usd_per_million must be two numbers"):
            labkit.cloud("openai", key="sk-123456789", price_usd_per_million=bad)


@given(
    limit=st.floats(0.01, 1),
    requests=st.lists(st.tuples(st.floats(0.001, 0.5), st.floats(0, 1)), min_size=1, max_size=20),
)
def test_however_many_ask_at_once_the_limit_holds(limit, requests):
    """Each request costs a share of its estimate; none that could break the limit runs."""
    budget, ran = Budget(limit), []

    def run(one):
        most, share = one
        try:
            with budget.reserve(Estimate("m", "a", 1, 1, 1, most, "s")) as reserved:
                assert budget.spent_usd + budget.reserved_usd <= limit * (1 + 1e-9)
                reserved.price_usd = most * share
                ran.append(most * share)
        except labkit.LabError:
            pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, requests))
    assert budget.spent_usd == pytest.approx(sum(ran)) and budget.spent_usd <= limit * (1 + 1e-9)
    assert budget.reserved_usd == pytest.approx(0, abs=1e-12)


def test_without_a_key_it_says_where_to_get_one(planted, monkeypatch):
    monkeypatch.delenv("MISTRAL_API_KEY", raising=False)
    hint = r"no key for Mistral.*\n.*api_key_panel\(\"mistral\"\)"
    with pytest.raises(labkit.LabError, match=hint):
        labkit.cloud("mistral")
    listing = {each.provider: each for each in labkit.clouds()}
    assert listing.keys() == PROVIDERS.keys() and not listing["mistral"].key_found
    monkeypatch.setenv("MISTRAL_API_KEY", planted.key)
    assert {each.provider: each for each in labkit.clouds()}["mistral"].key_found
    assert "Mistral: key found" in repr(labkit.clouds())
    planted.saw(labkit.clouds(), labkit.clouds().summary, labkit.cloud("mistral"))


def test_a_typed_key_is_kept_and_its_field_is_emptied(planted):
    field = ApiKeyPanel("google", "Google")
    field.field.value = f"  {planted.key} "
    assert field.field.value == "" and "kept until" in field.status.value
    planted.saw(field.field.get_state(), field.status.value, field.widget)
    assert api_keys.find_key("google", ()).reveal() == planted.key
    field.field.value = "two words"
    assert "key must be one word" in field.status.value and "two words" not in field.status.value
    api_keys.forget_key("google")
    assert api_keys.find_key("google", ()) is None
    with pytest.raises(ValueError, match="provider must be one of"):
        labkit.comparison.api_key_panel("opnai")


def test_in_a_terminal_a_key_is_asked_for_unseen(planted, monkeypatch):
    monkeypatch.setattr("getpass.getpass", lambda asked: planted.key)
    planted.saw(labkit.comparison.api_key_panel("openrouter"))
    assert labkit.cloud("openrouter").kind == "OpenRouter"


def test_of_two_keys_that_begin_alike_neither_leaves_a_rest(planted):
    for secret in (planted.key, f"{planted.key}-and-more"):
        api_keys.use_key(secret)
    assert api_keys.without_keys(f"{planted.key}-and-more, {planted.key}") == "•••, •••"


def test_a_secret_shows_itself_to_nobody(planted):
    secret = api_keys.use_key(planted.key)
    planted.saw(secret, [secret], {"key": secret}, f"{secret}")
    with pytest.raises(TypeError, match="not saved"):
        pickle.dumps(secret)
    assert api_keys.without_keys(f"You sent {planted.key}!") == "You sent •••!"


def test_a_policy_stands_on_the_cloud_itself(provider, planted):
    """Whoever asks, by whichever verb: nothing leaves that has a finding."""
    server = provider()
    cloud = labkit.cloud("openai", address=server.address)
    prompt = "My card is 4111 1111 1111 1111, what now?"
    for way in (labkit.generate, labkit.stream, labkit.measure):
        with pytest.raises(labkit.LabError, match="Nothing was sent"):
            way(cloud, prompt)
    messages = [{"role": "system", "content": prompt}, {"role": "user", "content": "Hi"}]
    with pytest.raises(labkit.LabError, match="Nothing was sent"):
        labkit.generate(cloud, messages)
    with pytest.raises(labkit.LabError, match="Nothing was sent"):
        labkit.record(cloud, prompt)
    assert "Nothing was sent" in labkit.compare(prompt, {"cloud": cloud}).errors[0]
    assert not server.requests and server.connections == 0


def test_stop_strings_leave_too(provider):
    server, number = provider(), "4111 1111 1111 1111"
    for policy in (labkit.Policy("ask"), labkit.Policy("block"), labkit.Policy("redact")):
        cloud = labkit.cloud("openai", address=server.address, policy=policy)
        with pytest.raises(labkit.LabError, match="Nothing was sent"):
            cloud.stream("Hi", stop=f"card {number}")
    assert not server.requests


def test_only_identified_servers_of_this_machine_have_no_policy():
    here = labkit.connect(Server("vLLM", "http://127.0.0.1:1", ("m",), identified=True))
    there = labkit.connect(Server("vLLM", "http://192.0.2.1:1", ("m",), identified=True))
    assert here.policy is None and there.policy.action == "ask"
    assert labkit.cloud("openai", key="sk-0123456789").policy.action == "ask"
    with pytest.raises(labkit.LabError, match="Nothing was sent"):
        there.stream("My card is 4111 1111 1111 1111.")


def test_a_socks_proxy_needs_a_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(labkit.LabError, match="SOCKS proxy"):
        labkit.cloud("openai", key="sk-0123456789").stream("Hi")


def test_what_was_redacted_comes_back_in_the_answer(provider):
    server = provider()
    cloud = labkit.cloud("openai", address=server.address, policy=labkit.Policy("redact"))
    number = "4111 1111 1111 1111"
    server.answer(text("Card [C"), text("ARD"), text("_1]: yes"), text(" [CA"), chat_end(9, 4))
    reply = labkit.generate(cloud, f"Is {number} a test card?")
    assert "4111" not in server.requests[0].raw.decode()
    assert server.requests[0].body["messages"][0]["content"] == "Is [CARD_1] a test card?"
    assert reply.text == f"Card {number}: yes [CA"
    assert reply.prompt == f"Is {number} a test card?"
