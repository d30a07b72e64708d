"""Long texts: the fact stands where it is said to, and a conversation's tokens add up."""

import re

import pytest

import labkit


def test_the_fact_stands_at_its_depth_in_a_text_of_that_length(untrained):
    asked = labkit.limits.long_text(untrained, lengths=(64, 128))
    assert asked.rows == ("64 tokens", "128 tokens") and len(asked.columns) == 10
    for each in asked.answers:
        text, _, question = each.question.text.partition("\n\n")
        colour = re.search(r"code of the (\w+) door\?", question)[1]
        assert text.count(f"The code of the {colour} door is {each.question.answer}.") == 1
        assert text.count("The code of the ") == 4
        length = int(each.question.row.split()[0])
        tokens = len(untrained.encode(text, raw=True))
        assert length <= tokens + 20 and tokens <= length + 4 * 16
        depth = float(each.question.column.rstrip("%")) / 100
        place = text.index(f"The code of the {colour} door")
        assert place / len(text) == pytest.approx(depth, abs=0.35)
    assert labkit.plot(asked).data[0].y == asked.rows


def test_the_shares_rise_with_the_depth_that_is_said(untrained):
    asked = labkit.limits.long_text(untrained, lengths=(128,))
    first, last = asked.answers[0].question.text, asked.answers[-1].question.text
    assert first.startswith("The code of the")
    assert re.search(r"The code of the \w+ door is \d{4}\.\n\nQ:", last)


def test_a_conversation_is_read_again_and_again(untrained):
    cost = labkit.limits.conversation_cost(untrained, turns=4, turn_tokens=10)
    assert [each.tokens for each in cost.turns] == [10, 20, 30, 40]
    assert cost.tokens_read == 100 and cost.factor == 2.5
    assert all(each.whole_s > 0 and each.new_s > 0 for each in cost.turns)
    prices = [each.price_usd for each in cost.turns]
    assert prices[3] == pytest.approx(4 * prices[0])
    figure = labkit.plot(cost)
    assert list(figure.data[2].y) == pytest.approx([sum(prices[:n]) for n in (1, 2, 3, 4)])


def test_at_their_defaults_they_fit_a_small_context(untrained, monkeypatch):
    """As of a shared server with many slots."""
    monkeypatch.setattr(untrained, "context", 512)
    asked = labkit.limits.long_text(untrained)
    assert asked.rows == ("64 tokens", "98 tokens", "196 tokens", "392 tokens")
    cost = labkit.limits.conversation_cost(untrained)
    assert len(cost.turns) == 12 and cost.turns[-1].tokens == 12 * (511 // 12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lengths": ()}, r"lengths must be a list of numbers of tokens; got \(\)"),
        ({"lengths": 100}, "lengths must be a list of numbers of tokens; got 100"),
        ({"lengths": (10,)}, r"each length must be a whole number, 64 to 8,072; got 10"),
        ({"lengths": (100_000,)}, "each length must be a whole number"),
        ({"items": 0}, "items must be a whole number, 1 to 20"),
    ],
)
def test_bad_input_gets_a_sentence(untrained, options, message):
    with pytest.raises(ValueError, match=message):
        labkit.limits.long_text(untrained, **options)


def test_a_conversation_that_does_not_fit_gets_a_sentence(untrained):
    with pytest.raises(ValueError, match=r"must stay below the context of 8,192 tokens; got"):
        labkit.limits.conversation_cost(untrained, turns=100, turn_tokens=100)
    with pytest.raises(ValueError, match="priced must be a text; got list"):
        labkit.limits.conversation_cost(untrained, turns=2, turn_tokens=8, priced=["gpt-5"])
    with pytest.raises(labkit.LabError, match="nonsense"):
        labkit.limits.conversation_cost(untrained, turns=2, turn_tokens=8, priced="nonsense")
