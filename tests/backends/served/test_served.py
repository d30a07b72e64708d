"""A served model, by llama.cpp's own server, compared with the same weights in this process."""

import json
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from math import exp
from types import SimpleNamespace

import httpx2
import numpy as np
import pytest

import labkit
from labkit.backends.capabilities import ScoringModel, runs_here
from labkit.backends.guard.policy import Policy
from labkit.backends.loaded.decoding import (
    expand_tree,
    growing_text,
    open_position,
    option_logprobs,
    padded_answers,
    search_beams,
    time_reading,
)
from labkit.backends.remote.model import RemoteModel
from labkit.backends.remote.transport import Transport
from labkit.backends.reply import Stream
from labkit.backends.served import decoding
from labkit.backends.served.files import find_files
from labkit.backends.served.model import ServedModel
from labkit.backends.served.open import open_served
from labkit.backends.served.token_api import Leading
from labkit.backends.settings import Settings
from labkit.backends.steps import Step
from labkit.errors import LabError
from labkit.models.loading import get_model
from labkit.models.tokenizers.open import open_tokenizer
from labkit.topics.sampling.next_token.prediction import softmax
from labkit.topics.start.exercises import check_other_word

PROMPTS = [
    "The capital of France is",
    "Once upon a time there was a",
    "def add(a, b):\n    return",
    "Water boils at 100 degrees",
    "Der Zug fährt um",
]


@pytest.fixture(scope="module")
def served(llama_server):
    return open_served("smollm2-135m", llama_server.address)


@pytest.mark.parametrize(
    "prompt", ["Why is the sky blue? 12 €", [{"role": "user", "content": "Hi"}]]
)
def test_it_reads_the_tokens_that_a_model_here_reads(served, smollm2, prompt):
    assert served.encode(prompt) == smollm2.encode(prompt)
    assert (served.end_ids, served.chat) == (smollm2.end_ids, True)
    assert isinstance(served, ScoringModel) and not runs_here(served)
    assert isinstance(smollm2, ScoringModel) and runs_here(smollm2)


def test_its_scores_are_those_of_the_same_weights_here(served, smollm2):
    """Of the whole vocabulary: a mean KL divergence below 0.02 nats for the file of 4 bits."""
    divergences = []
    for prompt in PROMPTS:
        ids, scores = served.scores(prompt, raw=True)
        own_ids, own = smollm2.scores(prompt, raw=True)
        assert ids == own_ids and scores.shape == own.shape
        assert np.exp(scores, dtype=np.float64).sum() == pytest.approx(1, abs=1e-3)
        p, q = softmax(own).astype(np.float64), softmax(scores).astype(np.float64)
        divergences.append(float((p * (np.log(p + 1e-30) - np.log(q + 1e-30))).sum()))
    assert np.mean(divergences) < 0.02, divergences


def test_what_it_writes_has_the_probabilities_of_its_scores(served):
    reply = labkit.generate(served, PROMPTS[0], raw=True, temperature=0, max_tokens=4)
    _, scores = served.scores(PROMPTS[0], raw=True)
    first = reply.steps[0]
    assert first.token_id == scores.argmax()
    assert first.logprob == pytest.approx(scores.max(), abs=0.02)
    assert first.alternatives[0].token_id == first.token_id
    assert reply.output_tokens == 4 and reply.finish == "length"


def test_on_another_machine_its_name_says_which(served):
    """So the lab book takes its speed for no speed of this machine."""
    transport = replace(served.remote.transport, base_url="http://gpu-box:8000/v1")
    remote = RemoteModel(served.protocol, transport)
    sizes = {"context": served.context, "vocabulary": served.vocabulary, "parallel": 1}
    assert ServedModel(served.files, remote, **sizes).name == "smollm2-135m (at gpu-box)"
    assert served.name == "smollm2-135m"


def test_the_first_exercise_takes_its_answers(served):
    """A server does not tell with which probability a token was drawn."""
    given = [
        check_other_word(served, "Why is the sky blue?", temperature=3.0, seed=seed)
        for seed in range(5)
    ]
    (right, *_) = [each for each in given if each.right]
    assert "drawn with" not in right.why and "at temperature 1 it has" in right.why


def test_the_payload_is_the_request_to_its_server(served):
    """It has the prompt's tokens, which are its text."""
    asked = "Is jane@example.com right?"
    request = labkit.payload(served, asked, max_tokens=3)
    assert request.address.startswith(served.base_url) and request.stays
    assert json.loads(request.body)["prompt"] == served.encode(asked)
    (text,) = request.texts
    assert text.path == "prompt, as tokens" and asked in text.text
    assert [each.kind for each in request.findings] == ["email address"]
    redacted = labkit.payload(served, asked, policy="redact")
    assert redacted.findings == () and "jane" not in redacted.texts[0].text
    assert request.total_bytes > len(request.body) and "in this process" not in request.summary


def test_rows_are_answers_of_their_own_seeds(served):
    rows = [Settings(seed=seed, max_tokens=6, temperature=1.2) for seed in range(9)]
    running = served.stream_rows("Say something.", rows)
    texts = ["" for _ in rows]
    for row, step in running:
        texts[row] += step.text
    assert len(set(texts)) > 5
    assert {stream.finish for stream in running.streams} <= {"length", "stop"}


def test_leaving_rows_stops_them_all(served):
    running = served.stream_rows("Tell a long story.", [Settings(seed=1, max_tokens=400)] * 8)
    next(running)
    running.close()
    assert all(stream.finish is None for stream in running.streams)


def test_a_tree_and_a_position_agree_with_the_scores(served):
    ids = served.encode(PROMPTS[0], raw=True)
    first, second = expand_tree(served, ids, 2, 2)
    position = open_position(served, ids)
    assert [node[1] for node in first] == np.argsort(-position.scores)[:2].tolist()
    position.take(first[0][1])
    best = np.argsort(-position.scores)[:2].tolist()
    assert [node[1] for node in second[:2]] == best and second[0][0] == 0
    assert second[0][2] == pytest.approx(position.scores.max(), abs=0.02)
    read = position.tokens_read
    position.back()
    assert position.ids == tuple(ids) and read < 2 * len(ids) + 2
    assert 0 <= position.draw(Settings(temperature=1, seed=3)) < served.vocabulary


def test_beams_are_likelier_than_the_likeliest_tokens(served):
    beams = search_beams(served, PROMPTS[1], 3, 6, raw=True)
    greedy = labkit.generate(served, PROMPTS[1], raw=True, temperature=0, max_tokens=6)
    totals = [sum(step.logprob for step in reply.steps) for reply in beams]
    assert len(beams) == 3 and len({reply.text for reply in beams}) == 3
    assert totals[0] >= sum(step.logprob for step in greedy.steps) - 0.05
    assert totals == sorted(totals, reverse=True)


@pytest.mark.parametrize(("beams", "room"), [(0, 3), (1.5, 3), (None, 3), (2, 0), (2, "3")])
def test_a_search_needs_whole_numbers(served, beams, room):
    with pytest.raises(ValueError, match=r"(beams|max_tokens) must be a whole number.*got"):
        search_beams(served, PROMPTS[1], beams, room)


@pytest.mark.slow
def test_options_have_the_sum_of_their_tokens(served):
    prompt = served.encode(PROMPTS[0], raw=True)
    options = [served.tokenizer(text)["input_ids"] for text in (" Paris", " Zanzibar", " Paris.")]
    ((number, found),) = option_logprobs(served, [prompt], [options])
    position = open_position(served, prompt)
    for index, option in enumerate(options):
        position.go_to(prompt)
        expected = 0.0
        for token in option:
            expected += float(position.scores[token])
            position.take(token)
        assert found[index] == pytest.approx(expected, abs=0.1), served.tokenizer.decode(option)
    assert number == 0 and exp(found[0]) > exp(found[1])


def test_of_a_text_that_grows_what_is_new_is_read(served, monkeypatch):
    """Whatever was read in between: the whole text, and then what it had before."""
    real, tokens_read = ServedModel.leading, []

    def leading(*args, **options):
        found = real(*args, **options)
        tokens_read.append(found.read)
        return found

    monkeypatch.setattr(ServedModel, "leading", leading)
    read_new = growing_text(served)
    ids = served.encode("A ship sails on the sea, and the wind blows from the west.", raw=True)
    for length in (5, 9, 12):
        assert time_reading(served, ids[:length]) > 0 and read_new(ids[:length]) > 0
    whole, kept = tokens_read[0:2] + tokens_read[2::3], tokens_read[4::3]
    assert whole == [5, 5, 9, 12] and kept == [4, 3]


def test_answers_to_many_prompts_end_where_they_are_complete(served):
    prompts = [served.encode(prompt, raw=True) for prompt in PROMPTS]
    decode = served.tokenizer.decode

    def is_complete(ids):
        return " " in decode(ids).strip()

    found = dict(padded_answers(served, prompts, max_tokens=8, is_complete=is_complete))
    assert sorted(found) == list(range(len(PROMPTS)))
    whole = labkit.generate(served, PROMPTS[1], raw=True, temperature=0, max_tokens=8)
    assert whole.text.startswith(decode(found[1])) and len(decode(found[1]).split()) <= 3


def new_threads(before):
    return [each for each in threading.enumerate() if each not in before]


def test_leaving_answers_stops_the_server():
    """The first is complete; the second writes on when nobody wants it; the third waits."""
    asked, closed, before = [], [], threading.enumerate()

    def stream_ids(ids, settings):
        stopped = threading.Event()

        def steps(_):
            asked.append(ids)
            yield Step(0, "aa" if ids == [1] else "a", None, None, (), None, 0.1)
            stopped.wait()

        return Stream(settings, steps, stop=lambda: (closed.append(ids), stopped.set()))

    def tokenize(text, **_):
        return {"input_ids": [0] * len(text)}

    model = SimpleNamespace(stream_ids=stream_ids, tokenizer=tokenize, parallel=2)
    how = {"max_tokens": 9, "temperature": 0, "seed": 0}
    found = decoding.padded_answers(
        model, [[1], [2], [3]], is_complete=lambda ids: len(ids) == 2, **how
    )
    assert next(found) == (0, [0, 0])
    threads = new_threads(before)
    assert all(each.daemon for each in threads)
    found.close()
    assert [2] in closed and [3] in closed
    for each in threads:
        each.join(30)
    assert not any(each.is_alive() for each in threads) and len(asked) <= 3


def test_leaving_options_asks_for_no_more():
    asked, before = [], threading.enumerate()
    begun, go_on = threading.Event(), threading.Event()

    def leading(text, _):
        if text[0] == 2:
            asked.append(text)
            begun.set()
            go_on.wait()
        return Leading(np.arange(9), np.zeros(9), None, None)

    model = SimpleNamespace(leading=leading, parallel=2)
    found = decoding.option_logprobs(model, [[1], [2]], [[[5, 6]], [[5, 6, 7]]])
    assert next(found) == (0, {0: 0.0})
    threads = new_threads(before)
    assert begun.wait(30)
    found.close()
    go_on.set()
    for each in threads:
        each.join(30)
    assert not any(each.is_alive() for each in threads) and len(asked) == 1


def test_the_policy_of_now_is_that_of_rows_too(served):
    """A server that repeats its prompt: nothing of it leaves, and an answer is restored."""
    sent, prompt = [], "mail to anna.smith@example.org now"

    def answer(request):
        sent.append(served.tokenizer.decode(json.loads(request.content)["prompt"]))
        times = {"predicted_n": 1, "predicted_ms": 5, "prompt_n": 3, "prompt_ms": 1}
        choice = {"text": sent[-1], "finish_reason": "stop"}
        body = f"data: {json.dumps({'choices': [choice], 'timings': times})}\n\n"
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, text=body, headers=headers)

    transport = Transport("http://127.0.0.1:9/v1", network=httpx2.MockTransport(answer))
    sizes = {"context": served.context, "vocabulary": served.vocabulary, "parallel": 2}
    model = ServedModel(served.files, RemoteModel(served.protocol, transport), **sizes)

    def rows():
        return "".join(step.text for _, step in model.stream_rows(prompt, [Settings(seed=1)]))

    assert prompt in rows()
    ids = model.encode(prompt)
    model.policy = "block"
    for ask in (rows, lambda: model.stream_ids(ids, Settings(seed=1))):
        with pytest.raises(LabError, match="Nothing was sent"):
            ask()
    assert len(sent) == 1
    model.policy = "redact"
    assert prompt in rows() and "anna" not in sent[-1]
    assert prompt in labkit.generate(model, prompt).text
    model.policy = Policy("allow")
    assert prompt in rows() and prompt in sent[-1]
    with pytest.raises(ValueError, match="batch_size must be"):
        model.stream_rows(prompt, [Settings(seed=1)], batch_size=-1)


def test_what_needs_weights_says_so_and_what_to_do(served):
    assert served.model.config.num_hidden_layers == 30
    for verb in (
        lambda: served.model.parameters,
        lambda: labkit.speed.vary_cache(served),
        lambda: labkit.speed.vary_dtype(served),
        lambda: labkit.speed.measure_cache(served),
        lambda: labkit.control.fine_tune(served, [{"prompt": "a", "answer": "b"}] * 20),
    ):
        with pytest.raises(LabError, match="LABKIT_SERVER"):
            verb()


def test_the_environment_names_the_server(served, llama_server, monkeypatch):
    monkeypatch.setenv("LABKIT_SERVER", llama_server.address)
    model = labkit.load("smollm2-135m")
    assert type(model) is type(served) and model.parallel == 30 // 4
    with pytest.raises(ValueError, match="dtype must be left at None"):
        labkit.load("smollm2-135m", server=llama_server.address, dtype="float32")
    other = replace(served.files, name="other")
    monkeypatch.setattr("labkit.backends.served.open.find_files", lambda *_, **__: other)
    with pytest.raises(LabError, match="and not other"):
        labkit.load("other")


@pytest.mark.parametrize("content", ["{", "[1, 2]", '"a"'])
@pytest.mark.parametrize("name", ["config.json", "generation_config.json", "tokenizer_config.json"])
def test_a_damaged_file_of_a_model_is_a_sentence(make_tiny, tmp_path, name, content):
    folder = make_tiny(tmp_path / "m")
    assert find_files(str(folder)).config.num_hidden_layers == 2
    (folder / name).write_text(content)
    files = find_files(str(folder))
    with pytest.raises(LabError, match=rf"{name} (cannot be read|is damaged)"):
        print(files.config, files.end_ids)


def test_a_server_without_all_scores_is_refused(httpserver):
    listing = {"object": "list", "data": [{"id": "m", "owned_by": "library"}]}
    httpserver.expect_request("/v1/models").respond_with_json(listing)
    with pytest.raises(LabError, match=r"not of llama\.cpp or vLLM"):
        open_served("smollm2-135m", httpserver.url_for(""))


@pytest.mark.parametrize(
    ("model", "props", "sentence"),
    [
        ({}, {}, "has no model, and not smollm2-135m"),
        ({"id": "smollm2-135m"}, {}, "does not say how many tokens it takes"),
        ({"id": "smollm2-135m"}, [], "not an event of its interface"),
        ({"id": "smollm2-135m"}, None, "does not have this interface"),
    ],
)
def test_a_server_that_says_little_of_itself_is_a_sentence(httpserver, model, props, sentence):
    listing = {"object": "list", "data": [{"owned_by": "llamacpp", **model}]}
    httpserver.expect_request("/v1/models").respond_with_json(listing)
    if props is not None:
        httpserver.expect_request("/props").respond_with_json(props)
    else:
        httpserver.expect_request("/props").respond_with_json({"error": "off"}, status=404)
    with pytest.raises(LabError, match=sentence):
        open_served("smollm2-135m", httpserver.url_for(""))


@pytest.mark.parametrize("meta", [{"n_vocab": "7"}, None, [7], "7"])
def test_numbers_that_a_server_does_not_give_are_the_usual_ones(httpserver, meta):
    listing = {"data": [{"owned_by": "llamacpp", "id": "smollm2-135m", "meta": meta}]}
    httpserver.expect_request("/v1/models").respond_with_json(listing)
    props = {"total_slots": 0, "default_generation_settings": {"n_ctx": 64}}
    httpserver.expect_request("/props").respond_with_json(props)
    model = open_served("smollm2-135m", httpserver.url_for(""))
    assert (model.context, model.vocabulary) == (64, 49_152) and model.parallel >= 1


def test_the_light_set_up_runs_llamacpp_in_this_process(smollm2, monkeypatch):
    monkeypatch.setenv("LABKIT_LIGHT", "1")
    model = labkit.load("smollm2-135m")
    try:
        assert runs_here(model) and model.engine and model.gguf_file == smollm2.gguf_file
        ids, scores = model.scores(PROMPTS[0], raw=True)
        assert ids == smollm2.encode(PROMPTS[0], raw=True) and len(scores) == 49_152
        assert labkit.stand_in(model).close() is None
    finally:
        model.close()
    with pytest.raises(ValueError, match="without torch"):
        labkit.load("smollm2-135m", device="cpu")


def test_the_light_set_up_reads_a_model_from_its_gguf_file_alone(smollm2, home, monkeypatch):
    monkeypatch.setenv("LABKIT_LIGHT", "1")
    copy = home / "models/smollm2-135m/gguf"
    shutil.copytree(smollm2.gguf_file.parent, copy)
    folder, gguf_file = get_model("smollm2-135m")
    assert folder == copy == gguf_file.parent
    files = find_files("smollm2-135m")
    assert files.config.num_hidden_layers == 30 and files.config.vocab_size == 49_152
    assert files.end_ids == smollm2.end_ids
    assert open_tokenizer("smollm2").encode("Hi 12") == smollm2.encode("Hi 12", raw=True)
    assert [part.name for part in copy.parent.iterdir()] == ["gguf"]


def test_without_torch_a_verb_that_needs_it_says_what_to_do():
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "import labkit as lab\n"
        "try: lab.speed.vary_cache\n"
        "except lab.LabError as error: print(error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "lab.speed.vary_cache computes with a model's weights" in ran.stdout, ran.stderr
    assert "python3 -m labkit lab, without --light" in ran.stdout
