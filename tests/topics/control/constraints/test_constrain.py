"""Constrained answers: checked by jsonschema and re, masks by llguidance's own."""

import copy
import json
import math
import re

import jsonschema
import numpy as np
import pytest
import torch

import labkit
from labkit.backends.constraints.token_mask import TokenMask
from labkit.backends.local.decoding.constrained import token_mask
from labkit.backends.local.decoding.padded_answers import padded_answers
from labkit.topics.control.constraints import validity

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "people": {"type": "integer", "minimum": 1, "maximum": 20},
    },
    "required": ["name", "people"],
    "additionalProperties": False,
}
PROMPT = "Ann Bell books a table for two. Write it as JSON with name and people."


@pytest.fixture(scope="module")
def answer(smollm2):
    return labkit.control.constrain(smollm2, PROMPT, labkit.control.json_schema(SCHEMA))


def test_an_answer_under_a_schema_satisfies_it(answer):
    assert answer.is_complete
    jsonschema.validate(json.loads(answer.reply.text), SCHEMA)
    assert labkit.control.json_schema(SCHEMA).accepts(answer.reply.text)


@pytest.mark.parametrize("seed", range(3))
def test_hot_answers_keep_to_it_too(smollm2, seed):
    pattern = labkit.control.regex(r"[A-Z][a-z]{2,8}, \d{4}")
    backend = labkit.control.constrained(smollm2, pattern)
    text = labkit.generate(backend, "Say it.", temperature=2.0, seed=seed).text
    assert re.fullmatch(r"[A-Z][a-z]{2,8}, \d{4}", text) and pattern.accepts(text)


def test_choices_and_grammars_keep_to_theirs(smollm2):
    options = ["red (dark)", "blue?", "grün"]
    for option, constraint in (
        (options, labkit.control.choices(options)),
        (["yes!", "no!"], labkit.control.grammar('start: ("yes" | "no") "!"')),
        (["yes!", "no!"], labkit.control.grammar('root ::= ("yes" | "no") "!"')),
    ):
        backend = labkit.control.constrained(smollm2, constraint)
        replies = [
            labkit.generate(backend, "Well?", temperature=1.5, seed=seed) for seed in range(3)
        ]
        assert {reply.text for reply in replies} <= set(option)


def test_what_the_mask_did_adds_up(smollm2, answer):
    """Every number again from the model's own scores, by another road."""
    _, scores = smollm2.scores(PROMPT)
    mask = TokenMask(smollm2.tokenizer, len(scores), smollm2.end_ids, answer.constraint)
    probabilities = torch.tensor(scores).double().softmax(-1).numpy()
    kept = probabilities[mask.allowed()].sum()
    first = answer.masks[0]
    assert first.removed == pytest.approx(1 - kept, abs=1e-5)
    assert first.lost_nats == pytest.approx(-math.log(kept), rel=1e-3)
    assert first.wanted_probability == pytest.approx(probabilities.max(), rel=1e-4)
    assert first.allowed == mask.allowed().sum()
    assert answer.lost_nats[-1] == pytest.approx(sum(each.lost_nats for each in answer.masks))
    for step, each in zip(answer.reply.steps, answer.masks, strict=True):
        assert each.is_wanted == (step.alternatives[0].token_id == step.token_id)
        assert step.drawn_logprob == 0  # temperature 0


def test_masks_are_llguidances_own(smollm2, answer):
    from llguidance import LLMatcher
    from llguidance.hf import from_tokenizer

    own = from_tokenizer(smollm2.tokenizer, n_vocab=49_152)
    theirs = LLMatcher(own, answer.constraint.program, log_level=0)
    ours = TokenMask(smollm2.tokenizer, 49_152, smollm2.end_ids, answer.constraint)
    for step in answer.reply.steps:
        bias = np.frombuffer(theirs.compute_logit_bias(), np.uint8)[:49_152]
        assert np.array_equal(bias > 0, ours.allowed())
        assert theirs.consume_token(step.token_id)
        ours.take(step.token_id)


@pytest.mark.slow
def test_llamacpp_keeps_to_it_by_its_own_engine(smollm2):
    pytest.importorskip("xllamacpp")
    model = labkit.load_llamacpp("smollm2-135m")
    try:
        answer = labkit.control.constrain(model, PROMPT, labkit.control.json_schema(SCHEMA))
        jsonschema.validate(json.loads(answer.reply.text), SCHEMA)
        assert answer.masks == () and labkit.plot(answer).html
        chosen = labkit.control.constrain(model, "Well?", labkit.control.choices(["ja", "nein"]))
        assert chosen.reply.text in ("ja", "nein")
        gbnf = labkit.control.grammar('root ::= [0-9]{3} "-" [0-9]{2}')
        text = labkit.control.constrain(model, "A number?", gbnf).reply.text
        assert re.fullmatch(r"[0-9]{3}-[0-9]{2}", text)
        for pattern in ("[0-9]{3}-[a-f]", "[0-9]/[0-9]"):
            expression = labkit.control.regex(pattern)
            text = labkit.control.constrain(model, "A number?", expression).reply.text
            assert re.fullmatch(pattern, text)
        lark = labkit.control.grammar('start: ("yes" | "no") "!"')
        assert labkit.control.constrain(model, "Well?", lark).reply.text in ("yes!", "no!")
    finally:
        model.close()


def test_bounded_white_space_ends_what_any_may_not(smollm2):
    spaced, bounded = (
        labkit.control.json_schema(SCHEMA, whitespace=each) for each in ("any", "bounded")
    )
    text = '{\n\n\n\n"name": "Ann", "people": 2}'
    for constraint, whole in ((spaced, True), (bounded, False)):
        mask = TokenMask(smollm2.tokenizer, 49_152, smollm2.end_ids, constraint)
        taken = 0
        ids = smollm2.tokenizer(text, add_special_tokens=False)["input_ids"]
        for token in ids:
            if not mask.allowed()[token]:
                break
            mask.take(token)
            taken += 1
        assert (taken == len(ids)) == whole


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda c: c.json_schema({"type": "integer", "minimum": 5, "maximum": 3}), "no text can"),
        (lambda c: c.json_schema({"type": "strin"}), "Invalid type"),
        (lambda c: c.json_schema("{"), "must be a JSON schema"),
        (lambda c: c.json_schema([1]), "must be a JSON schema"),
        (lambda c: c.json_schema({}, whitespace="much"), "whitespace must be one of"),
        (lambda c: c.regex("[0-9"), "unclosed character class"),
        (lambda c: c.regex("(?=a)b"), "look-around"),
        (lambda c: c.regex(""), "must be text"),
        (lambda c: c.regex(r"a[^\s\S]"), "no text can satisfy it"),
        (lambda c: c.grammar("start: A\nA: /[^\\s\\S]/"), "no text can satisfy it"),
        (lambda c: c.json_schema({"$schema": 5}), "$schema: 5 is not of type 'string'"),
        (lambda c: c.json_schema({"properties": {"a": {"$id": 5}}}), "5 is not of type 'string'"),
        (lambda c: c.json_schema("[" * 100_000), "must be a JSON schema"),
        (lambda c: c.regex("a\ud800"), "must be text without halves of characters"),
        (lambda c: c.choices(["a", "\udfff"]), "must be text without halves of characters"),
        (lambda c: c.choices([]), "must be a list"),
        (lambda c: c.choices("abc"), "must be a list"),
        (lambda c: c.grammar("start: foo"), "foo"),
    ],
)
def test_bad_constraints_are_a_sentence_each(make, says):
    with pytest.raises(ValueError, match=re.escape(says)) as caught:
        make(labkit.control)
    assert len(str(caught.value).splitlines()) == 1


def test_an_expression_that_explodes_is_a_sentence(smollm2):
    backend = labkit.control.constrained(
        smollm2, labkit.control.regex("((a{1,1000}){1,1000}){1,1000}")
    )
    reply = labkit.generate(backend, "a", temperature=0, max_tokens=200)
    assert reply.finish == "failed" and "simpler" in str(reply.error)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (r"(a+)+b", "a" * 60, False),
        (r"(a|aa)+", "a" * 60 + "!", False),
        (r"(\w+ ?)+\.", "the cat sat " * 40, False),
        (r"(\w+ ?)+\.", "the cat sat " * 40 + ".", True),
        (r"\p{Lu}\p{Ll}+", "Ärger", True),  # Python's re does not know these
        (r"((a{1,1000}){1,1000}){1,1000}", "a" * 200, None),
    ],
)
def test_a_text_is_judged_in_no_time_whatever_the_expression(pattern, text, matches):
    assert labkit.control.regex(pattern).accepts(text) is matches
    schema = labkit.control.json_schema({"type": "string", "pattern": f"^{pattern}$"})
    assert schema.accepts(json.dumps(text)) == bool(matches)


@pytest.mark.parametrize(
    "pattern", [r"[0-9]{2}:[0-9]{2}", r"(cat|dog)s?", r"a.c", r"\d+ \w*", r"[\d ]+x", r"\\d", r"ä+"]
)
def test_a_text_is_judged_as_pythons_expressions_do(pattern):
    texts = ["09:30", "9:30", "cats", "dog", "a\nc", "abc", "12 x", "12  x", "ää", "", "٣ x"]
    for text in (*texts, r"\d"):
        expected = re.fullmatch(pattern, text, re.ASCII) is not None
        assert labkit.control.regex(pattern).accepts(text) == expected, text


@pytest.mark.parametrize(
    ("fields", "valid", "invalid"),
    [
        ({"type": "string", "format": "date"}, '"2026-11-29"', '"hello"'),
        ({"format": "ipv4"}, '"127.0.0.1"', '"1.2"'),
        ({"format": "date"}, "3", '"2026-13-29"'),
        ({"items": {"format": "uuid"}}, "[]", '["a"]'),
        ({"type": "string", "format": "?", "x-guidance": {"lenient": True}}, '"any"', "3"),
    ],
)
def test_a_format_is_judged_as_the_mask_does(fields, valid, invalid):
    schema = labkit.control.json_schema(fields)
    assert schema.accepts(valid) is True and schema.accepts(invalid) is False


def test_choices_are_shown_as_they_are_written():
    assert "日本" in labkit.control.choices(["日本", "é"]).summary


def test_a_grammar_judges_too():
    gbnf = labkit.control.grammar('root ::= ("yes" | "no") "!"')
    assert gbnf.accepts("no!") and not gbnf.accepts("no") and not gbnf.accepts("no!!")


def test_texts_that_no_model_writes_are_judged_too():
    schema = labkit.control.json_schema({})
    assert schema.accepts("[" * 100_000) is None
    for constraint in (labkit.control.regex(".*"), labkit.control.choices(["a"])):
        assert constraint.accepts("\ud800") is False
    pattern = labkit.control.json_schema({"type": "string", "pattern": "^a$"})
    assert pattern.accepts('"\\ud800"') is False


def test_a_digit_is_of_ascii_in_every_engine():
    for constraint in (labkit.control.regex(r"\d\D"), labkit.control.grammar(r"start: /\d\D/")):
        assert [constraint.accepts(each) for each in ("3a", "3٣", "٣a")] == [True, True, False]
        assert "/[0-9][^0-9]/" in constraint.llamacpp_fields["grammar"]


def test_an_answer_that_a_stop_string_cut_is_not_complete(smollm2, answer):
    cut = labkit.control.constrain(smollm2, PROMPT, answer.constraint, stop=[","])
    assert cut.reply.finish == "stop" and not cut.is_complete
    assert "cut off at a stop string, so not valid" in cut.summary
    blank = labkit.control.constrain(smollm2, PROMPT, labkit.control.choices([" yes", " no"]))
    assert blank.is_complete and blank.reply.text.startswith(" ")


def test_a_tokenizer_may_have_more_tokens_than_the_model(tiny_tokenizer):
    count = len(tiny_tokenizer)
    tokenizer = copy.deepcopy(tiny_tokenizer)
    mask = TokenMask(tokenizer, count - 1, {1}, labkit.control.choices(["yes"]))
    assert mask.allowed().shape == (count - 1,) and mask.allowed().any()


def test_figures_show_the_numbers(answer):
    figure = labkit.plot(answer)
    assert tuple(figure.data[0].y) == tuple(each.removed for each in answer.masks)
    assert tuple(figure.data[1].y) == answer.lost_nats
    assert "free" in labkit.plot(answer, kind="answers").html
    assert [each.name for each in answer.book_entries] == ["removed_percent"]


@pytest.mark.slow
def test_valid_is_not_right(smollm2):
    test = labkit.control.compare_validity(smollm2, items=2)
    assert test.count == 2
    assert test.share("schema", "valid")[1] == 1
    for form in test.answers:
        assert test.share(form, "right")[1] <= test.share(form, "valid")[1]
    assert [bar.name for bar in labkit.plot(test).data] == ["valid", "right"]
    assert "booking" in labkit.plot(test, kind="answers").html


def test_masked_rows_of_a_batch_write_what_each_writes_alone(make_tiny, tmp_path):
    model = labkit.load(str(make_tiny(tmp_path / "tiny")), dtype="float32")
    constraint = labkit.control.choices(["yes", "no", "maybe not"])
    prompts = [[5, 6, 7], [5, 6, 8, 9, 10], [11], [5, 6, 7]]
    masks = [token_mask(model, constraint) for _ in prompts[1:]]
    how = {"max_tokens": 12, "end_ids": model.end_ids}
    together = dict(padded_answers(model.model, prompts, masks=[None, *masks], **how))
    assert together[0] == dict(padded_answers(model.model, prompts[:1], **how))[0]
    for number, prompt in enumerate(prompts[1:], start=1):
        asked = model.tokenizer.decode(prompt)
        assert model.encode(asked, raw=True) == prompt
        alone = labkit.generate(
            labkit.control.constrained(model, constraint),
            asked,
            raw=True,
            temperature=0,
            max_tokens=12,
        )
        assert model.tokenizer.decode(together[number]) == alone.text
        assert alone.text in ("yes", "no", "maybe not")


def test_an_interrupt_keeps_the_items_that_all_forms_have_answered(smollm2, monkeypatch):
    def ends_early(*_, **__):
        for row in (3, 5, 0, 4, 1):  # item 1 whole, item 0 without its notes
            yield row, smollm2.tokenizer('{"name": "Ann Bell", "people": 1}')["input_ids"]
        raise KeyboardInterrupt

    monkeypatch.setattr(validity, "padded_answers", ends_early)
    test = labkit.control.compare_validity(smollm2, items=2)
    assert test.count == 1 and list(test.answers) == ["free", "schema", "schema, notes first"]
    task = validity.read_data("tasks/fields.json")["items"]
    [_, second] = [each["text"] for each in task if each["half"] == "practice"][:2]
    assert {each.text for form in test.answers.values() for each in form} == {second}
