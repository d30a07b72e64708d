"""Chat templates are programs of strangers: each ends, within its limits, with a sentence."""

import os
import re
import sys
import threading
import time

import pytest

import labkit
from labkit.backends.chat.chat_text import render_template
from labkit.backends.chat.template_process import TEMPLATES, TemplateProcess
from labkit.errors import LabError

TALK = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def process():
    running = TemplateProcess(limit_s=1)
    yield running
    running.close()


DOUBLING = (
    "{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}"
    "{% endfor %}{{ ns.x }}"
)
LOOPS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
EVIL = {
    LOOPS: "longer than 1 s",
    "{{ 'a' * 10**10 }}": "memory|far too long",
    "{% set n = 10**10 %}{{ messages[0].content * n }}": "memory|far too long",
    DOUBLING: "memory|longer",
    "{{ '%10000000000d' % 1 }}": "memory|longer",
    "{% for i in range(99999) %}{{ 'a' * 999 }}{% endfor %}": "far too long",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}": "calls itself",
    "{{ " + "-" * 100_000 + "1 }}": "calls itself|ended",
    "{{ 10**(10**10) }}": "longer|memory|refuses",
    "{{ ''.__class__.__mro__ }}": "refused: it asks for what no template needs.*__class__",
    "{{ lipsum.__globals__['os'].system('true') }}": "refused: .*__globals__",
    "{{ messages.append(1) }}": "refused: ",
    "{% set ns = namespace(_x=1) %}": "refused: .*'_x'",
    "{{ '\ud800' }}": "no encoding",
    "{% if %}": "refuses these messages: .*Expected",
    "{{ 1 // 0 }}": "refuses these messages: .*zero",
}


@pytest.mark.parametrize("template", EVIL, ids=range(len(EVIL)))
def test_each_ends_with_a_sentence(process, template):
    began = time.monotonic()
    with pytest.raises(LabError, match=rf"(?s)^The chat template of m .*({EVIL[template]})"):
        process.render("m", template, {"messages": TALK})
    assert time.monotonic() - began < 20
    assert process.render("m", "{{ messages[0].content }}", {"messages": TALK}) == "Hi"


def test_the_variables_are_found_within_the_limits_too(process):
    """jinja2 computes constants while it reads a template."""
    assert process.variables("m", "{% set b = 1 %}{{ a }}{{ b }}") == {"a"}
    with pytest.raises(LabError, match="was stopped"):
        process.variables("m", "{{ ('a' * 10**9) ~ ('b' * 10**9) }}{{ a }}")


def test_one_process_renders_many_texts(process):
    """To start one takes a hundred times as long as to render."""
    process.render("m", "{{ n }}", {"n": 0})
    started = process._running.pid
    assert [process.render("m", "{{ n }}", {"n": n}) for n in range(50)] == [*map(str, range(50))]
    assert process._running.pid == started


def test_several_threads_get_their_own(process):
    texts = {}

    def work(number):
        texts[number] = process.render("m", "{{ n * 1000 }}", {"n": str(number)})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == {number: str(number) * 1000 for number in range(8)}


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_a_process_that_was_ended_is_started_again(process):
    process.start()
    assert os.getpgid(process._running.pid) != os.getpgid(0)  # a notebook's Stop is not for it
    process._running.kill()
    process._running.wait()
    assert process.render("m", "b", {}) == "b"


def test_large_conversations_pass(process):
    long = "ä😀" * 1_000_000
    assert process.render("m", "{{ messages[0].content }}", {"messages": [{"content": long}]})


TEMPLATES_OF_OTHERS = [
    "{% for m in messages %}\n  {%- if m.role == 'user' %}\n{{ m.content }}\n  {% endif %}\n"
    "{% endfor %}",
    "{{ bos_token }}{{ messages | tojson(indent=2) }}{{ dict(a=1) }}{{ dict.fromkeys([1]) }}",
    "{% for m in messages %}{% generation %}\n{{ m.content }}\n{% endgeneration %}\n{% endfor %}",
    "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}"
    "{% if loop.index > 1 %}{% break %}{% endif %}{% endfor %}{{ ns.n }}{{ strftime_now('%Y') }}",
    "{{ tools is none }}{{ documents is none }}{{ add_generation_prompt }}{{ nothing }}",
    "{% macro f(x) %}<{{ x }}>{% endmacro %}{{ f('é & \"') }}{{ messages[0]['content'].upper() }}",
]


@pytest.mark.parametrize("template", TEMPLATES_OF_OTHERS, ids=range(len(TEMPLATES_OF_OTHERS)))
def test_texts_are_those_of_transformers(tiny_tokenizer, template):
    theirs = tiny_tokenizer.apply_chat_template(
        TALK * 2, chat_template=template, tokenize=False, add_generation_prompt=True
    )
    assert render_template("m", template, TALK * 2, tiny_tokenizer.special_tokens_map) == theirs


def test_a_model_stays_usable_after_an_evil_template(make_tiny, tmp_path, home):
    model = labkit.load(make_tiny(tmp_path / "m"))
    model.tokenizer.chat_template, model.chat = "{{ messages[0].content * 10**8 }}", True
    with pytest.raises(LabError, match=re.escape("was stopped")):
        labkit.generate(model, "Hi")
    model.tokenizer.chat_template = "{{ messages[0].content * 5000 }}"
    with pytest.raises(ValueError, match="prompt must leave room"):  # before it is tokenized
        labkit.generate(model, "Hi")
    assert labkit.generate(model, "Hi", raw=True, max_tokens=1).output_tokens == 1
    assert TEMPLATES.render("m", "a", {}) == "a"
