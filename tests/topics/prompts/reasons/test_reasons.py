"""Reasons: probabilities as parts are added, templates over the vocabulary, silent messages."""

from types import SimpleNamespace

import numpy as np
import pytest

import labkit
from labkit.topics.prompts.reasons.templates import silent_system
from labkit.topics.prompts.scoring import score as scoring

from ....ui.marks import faint_marks

# As in Qwen2.5-Coder-Instruct's tokenizer_config.json, where there are no tools.
QWEN = (
    "{%- if messages[0]['role'] == 'system' %}"
    "{{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}{%- else %}"
    "{{- '<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. You are a helpful "
    "assistant.<|im_end|>\\n' }}{%- endif %}{%- for message in messages %}"
    "{%- if (message.role == 'user') or (message.role == 'system' and not loop.first) %}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}"
    "{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
PLAIN = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:"


def with_template(tokenizer, template):
    import copy

    own = copy.deepcopy(tokenizer)
    own.chat_template = template
    return SimpleNamespace(name="tiny", tokenizer=own)


def test_the_silent_system_message_is_found(untrained, tiny_tokenizer):
    assert silent_system(untrained).startswith("You are a helpful AI assistant named SmolLM")
    qwen = with_template(tiny_tokenizer, QWEN)
    expected = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."
    assert silent_system(qwen) == expected
    assert silent_system(with_template(tiny_tokenizer, PLAIN)) == ""
    refuses = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}" + PLAIN
    assert silent_system(with_template(tiny_tokenizer, refuses)) == ""


def test_templates_are_compared_over_the_whole_vocabulary(untrained):
    question = "What is the capital of Italy?"
    compared = labkit.prompts.compare_templates(untrained, question)
    right, wrong, absent = compared.variants
    assert right.distance == 0 and 0 < wrong.distance <= 1 and 0 < absent.distance <= 1
    assert question in right.text and absent.text == question
    p = labkit.predict(untrained, question).probabilities
    q = labkit.predict(untrained, question, raw=True).probabilities
    assert absent.distance == pytest.approx(float(np.abs(p - q).sum() / 2), abs=1e-4)
    assert right.leading[0][1] == pytest.approx(float(p.max()), abs=1e-5)
    assert len(labkit.plot(compared).data) == 3
    assert "nobody wrote" in labkit.plot(compared, kind="texts").html
    assert faint_marks(labkit.plot(compared)) == []
    assert [each.value for each in compared.book_entries] == [
        100 * wrong.distance,
        100 * absent.distance,
    ]
    with pytest.raises(ValueError):
        labkit.prompts.compare_templates(untrained, "")


def test_a_question_about_a_format_is_not_taken_for_it(untrained):
    compared = labkit.prompts.compare_templates(untrained, "What do [INST] and <|im_start|> mean?")
    assert compared.variants[1].name == "wrong (that of Llama 2)"


def test_parts_are_added_one_by_one(untrained, sentiment):
    build = labkit.prompts.build_up(untrained, sentiment, item=2)
    added = [step.added for step in build.steps]
    assert added == [
        "the item alone",
        "instruction",
        "format hint",
        "examples",
        "system",
        "template",
    ]
    for step in build.steps:
        assert sum(step.probabilities) == pytest.approx(1)
    whole = labkit.prompts.score(untrained, sentiment, items=3, dtype="float32")
    assert build.steps[-1].probabilities == pytest.approx(whole.items[2].probabilities, abs=1e-4)
    assert (
        build.right[-1] == build.steps[-1].probabilities[sentiment.options.index(build.item.answer)]
    )
    assert len(labkit.plot(build).data) == 2 and faint_marks(labkit.plot(build)) == []
    with pytest.raises(ValueError, match="item"):
        labkit.prompts.build_up(untrained, sentiment, item=50)
    with pytest.raises(ValueError, match="must have options"):
        labkit.prompts.build_up(untrained, labkit.prompts.load_task("fields"))


def test_a_stop_keeps_the_steps_that_were_done(untrained, sentiment, monkeypatch):
    done, most = [], 2

    def stopping(*_):
        if len(done) == most:
            raise KeyboardInterrupt
        done.append(1)
        yield 0, {0: -1.0, 1: -1.0}

    monkeypatch.setattr(scoring, "option_logprobs", stopping)
    build = labkit.prompts.build_up(untrained, sentiment)
    assert [step.added for step in build.steps] == ["the item alone", "instruction"]
    for text in (build.summary, labkit.plot(build).layout.title.text):
        assert "measured, stopped after 2 of 6 steps" in text
    done, most = [], 1
    alone = labkit.prompts.build_up(untrained, sentiment)
    assert "has 50% with the item alone (measured, stopped after 1 of 6" in alone.summary
    with pytest.raises(labkit.LabError, match="Stopped before one step was complete"):
        labkit.prompts.build_up(untrained, sentiment)
