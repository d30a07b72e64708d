"""A budget that a server's own numbers cannot beat: what surely came is counted here too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import labkit
from labkit.backends.prompts import count_words
from labkit.backends.remote.budget import Budget
from labkit.backends.remote.protocols.protocol import AnswerReader
from labkit.models.prices import max_price

from ..tls_server import chat_end, chat_event, claude_end, claude_start, claude_text, text

QUESTION = "Why is the sky blue?"
WORDS = 40  # that each answer has
PARTS = [text("so ma"), text("ny ")] * (WORDS // 2)


def least(model, provider):
    """The price of as many tokens as there are words."""
    return pytest.approx(max_price(model, provider, count_words(QUESTION), WORDS), rel=0.3)


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"cost": 0.0},
        {"prompt_tokens_details": {"cached_tokens": 0}},
        {"completion_tokens_details": {"reasoning_tokens": 0}},
    ],
)
def test_tokens_that_are_understated_are_counted_by_words(provider, usage):
    server, budget = provider(), Budget(1)
    server.answer(*PARTS, chat_end(0, 0, **usage))
    cloud = labkit.cloud("openai", address=server.address, budget=budget)
    reply = labkit.generate(cloud, QUESTION, max_tokens=200)
    assert count_words(reply.text) == WORDS and reply.price_usd == 0
    assert budget.spent_usd == least("gpt-6-luna", "openai")


def test_a_name_of_a_cheaper_model_makes_nothing_cheaper(provider):
    server, budget = provider(), Budget(1)
    server.answer(*PARTS, chat_end(100, 100))  # they say gpt-6-luna
    cloud = labkit.cloud("openai", "gpt-6-astra", address=server.address, budget=budget)
    reply = labkit.generate(cloud, QUESTION, max_tokens=200)
    assert budget.spent_usd > reply.price_usd > 0
    assert budget.spent_usd == pytest.approx(max_price("gpt-6-astra", "openai", 100, 100), rel=0.2)


def test_claudes_tokens_that_are_understated_are_counted_too(provider):
    server, budget = provider("anthropic"), Budget(1)
    server.answer(claude_start(0), *[claude_text("many ")] * WORDS, claude_end(0))
    cloud = labkit.cloud("anthropic", address=server.address, budget=budget)
    reply = labkit.generate(cloud, QUESTION, max_tokens=200)
    assert reply.price_usd == 0 and budget.spent_usd == least("claude-haiku-5-5", "anthropic")


def test_a_price_by_hand_holds_for_what_came(provider):
    server, budget = provider(), Budget(1)
    server.answer(*PARTS, chat_end(1, 1, cost=0))
    cloud = labkit.cloud(
        f"{server.address}/v1", "m", key="sk-123456789", budget=budget, price_usd_per_million=(1, 2)
    )
    labkit.generate(cloud, QUESTION, max_tokens=200)
    assert budget.spent_usd == pytest.approx(2 * WORDS / 1e6)


@given(st.lists(st.text("ab \n\u3000", max_size=5)))
def test_words_in_pieces_are_the_words_of_the_whole(pieces):
    reader = AnswerReader(lambda **noted: None, "a server")
    for piece in pieces:
        reader._count_words(piece)
    assert reader.words == len("".join(pieces).split())


def test_a_provider_that_writes_more_than_it_was_asked_for_is_hung_up_on(provider):
    server, budget = provider(), Budget(1)
    server.answer(*[text("many words ")] * 50, chat_end(10, 100))
    cloud = labkit.cloud("openai", address=server.address, budget=budget)
    reply = labkit.generate(cloud, QUESTION, max_tokens=20)
    assert reply.finish == "failed" and "more than the 20 tokens" in reply.error
    assert 20 < count_words(reply.text) < 30
    assert budget.spent_usd <= cloud.estimate(QUESTION, max_tokens=20).price_usd


def test_of_an_answer_that_was_stopped_the_most_is_counted(provider):
    """Usage may come with every event; what the provider wrote after the last is unknown."""
    server, budget = provider(), Budget(1)
    used = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
    server.answer(chat_event(usage=used), *PARTS, chat_end(9, WORDS))
    cloud = labkit.cloud("openai", address=server.address, budget=budget)
    stream = cloud.stream(QUESTION, max_tokens=1000)
    next(stream)
    stream.close()
    assert budget.spent_usd >= max_price("gpt-6-luna", "openai", 0, 1000)
