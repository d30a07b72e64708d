"""Recordings: what was said, when, by whom; nothing of the key; and files that are none."""

import json
import math
import threading
import time
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

import labkit
from labkit.backends import recorded
from labkit.backends.emulated.stand_in import ORIGIN as TEMPLATE
from labkit.backends.reply import Stream
from labkit.backends.settings import Settings

from .loopback import piece
from .tls_server import HANG_UP, chat_end, claude_end, claude_start, claude_text, text

QUESTION = "Why is the sky blue?"
ORIGIN = TEMPLATE.format("smollm2-135m")


@pytest.fixture
def kept(provider, planted, tmp_path):
    """A recording of a cloud with two answers, and the replies they were."""
    server = provider()
    cloud = labkit.cloud("openai", address=server.address)
    server.answer(text("Ray"), 0.1, text("leigh."), chat_end(9, 3))
    server.answer(text("Redder."), chat_end(9, 4))
    file = labkit.record(cloud, QUESTION, "And at dusk?", folder=tmp_path, max_tokens=20, seed=3)
    planted.saw(file)
    return file


@pytest.mark.alone
def test_a_replay_is_the_answer_of_then_and_says_so(kept, planted):
    model = labkit.replay(kept)
    reply = labkit.generate(model, QUESTION)
    told = json.loads(kept.read_text())
    assert (reply.text, reply.finish, reply.chunked) == ("Rayleigh.", "stop", True)
    assert (reply.prompt_tokens, reply.output_tokens) == (9, 3)
    assert reply.settings.max_tokens == 20 and reply.settings.seed == 3
    assert reply.origin == reply.http.origin == f"recorded, gpt-6-luna, {told['date']}"
    assert reply.price_usd == pytest.approx((9 * 0.1 + 3 * 0.5) / 1e6)
    assert reply.http.tls_s > 0 and reply.http.elapsed_s == pytest.approx(reply.elapsed_s, rel=0.02)
    assert reply.ttft_s < reply.elapsed_s
    assert (model.model, model.provider, model.prompts[1]) == (
        "gpt-6-luna",
        "OpenAI",
        "And at dusk?",
    )
    assert "recorded" in model.name and "recorded" in reply.summary and "recorded" in repr(reply)
    planted.saw(model, reply, labkit.generate(model, "And at dusk?"))


def test_no_header_and_no_address_of_a_proxy_is_kept(kept):
    words = kept.read_text().lower()
    assert not any(word in words for word in ("authorization", "bearer", "user-agent", "x-api"))


def slowed(kept, folder, *times):
    """The recording again, with other times of its first answer's steps."""
    told = json.loads(kept.read_text())
    for step, at in zip(told["answers"][0]["steps"], times, strict=True):
        step["elapsed_s"] = at
    file = folder / "slow.json"
    file.write_text(json.dumps(told))
    return file


def test_stopping_the_slowest_pace_does_not_wait(kept):
    running = labkit.replay(kept, speed=1e-300).stream(QUESTION)
    threading.Timer(0.1, running.close).start()
    assert list(running) == []


@pytest.mark.parametrize("speed", [1, 4])
def test_no_piece_comes_before_its_time(kept, speed):
    began = time.perf_counter()
    came = [
        (step, time.perf_counter() - began)
        for step in labkit.replay(kept, speed=speed).stream(QUESTION)
    ]
    assert came and all(at >= step.elapsed_s / speed for step, at in came)


@pytest.mark.parametrize("speed", [200, math.inf])
def test_a_quicker_pace_is_quicker_and_tells_the_times_of_then(kept, tmp_path, speed):
    file = slowed(kept, tmp_path, 100.0, 200.0)
    began = time.perf_counter()
    reply = labkit.generate(labkit.replay(file, speed=speed), QUESTION)
    assert 200 / speed <= time.perf_counter() - began < 100, "half of what it took then"
    assert [step.elapsed_s for step in reply.steps] == [100.0, 200.0]


def test_stopping_it_does_not_wait(kept, tmp_path):
    running = labkit.replay(slowed(kept, tmp_path, 0.1, 60.0)).stream(QUESTION)
    next(running)
    threading.Timer(0.1, running.close).start()
    began = time.perf_counter()
    assert list(running) == [] and running.finish is None
    assert time.perf_counter() - began < 30


def test_it_answers_only_what_it_was_asked(kept):
    model = labkit.replay(kept)
    as_messages = [{"role": "user", "content": QUESTION}]
    assert labkit.generate(model, as_messages).text == "Rayleigh."
    with pytest.raises(labkit.LabError, match=r"no answer to this prompt.*\n.*'And at dusk\?'"):
        model.stream("And at dawn?")
    with pytest.raises(labkit.LabError, match="no answer"):
        model.stream(QUESTION, raw=True)
    with pytest.raises(ValueError, match="max_tokens"):
        model.stream(QUESTION, max_tokens=0)


def test_claude_and_the_engine_here_are_recorded_too(provider, llama_server, tmp_path):
    server = provider("anthropic")
    server.answer(claude_start(9), claude_text("Ray"), claude_end(1))
    file = labkit.record(labkit.cloud("anthropic", address=server.address), "Hi", folder=tmp_path)
    assert labkit.generate(labkit.replay(file), "Hi").origin.startswith(
        "recorded, claude-haiku-5-5"
    )
    engine = labkit.connect(llama_server.address)
    file = labkit.record(engine, "Hi", folder=tmp_path, max_tokens=5, temperature=0, name="here")
    again, model = labkit.generate(labkit.replay(file), "Hi"), labkit.replay(file)
    anew = labkit.generate(engine, "Hi", max_tokens=5, temperature=0)
    assert file.name == "here.json" and model.provider == "llama.cpp"
    assert [asdict(step) | {"elapsed_s": 0} for step in again.steps] == [
        asdict(step) | {"elapsed_s": 0} for step in anew.steps
    ]
    assert again.timings.output_tokens == 5


def test_what_is_not_whole_is_not_kept(provider, tmp_path):
    server = provider()
    server.answer(text("Once "), HANG_UP)
    folder = tmp_path / "none"
    with pytest.raises(labkit.LabError, match=r"broke off.*\n.*Nothing was kept"):
        labkit.record(labkit.cloud("openai", address=server.address), "Hi", folder=folder)
    assert not any(folder.iterdir())


def test_a_key_that_was_typed_into_the_prompt_is_masked(provider, planted, tmp_path):
    server = provider()
    server.answer(text("No idea."), chat_end(9, 3))
    cloud = labkit.cloud("openai", address=server.address, policy=None)
    file = labkit.record(cloud, f"What is {planted.key}?", folder=tmp_path)
    assert labkit.replay(file).prompts == ("What is •••?",)


def test_an_answer_that_repeats_the_key_is_not_kept(provider, planted, tmp_path):
    """In pieces, as answers come, of which none is the key."""
    server = provider()
    server.answer(text(planted.key[:12]), text(planted.key[12:]), chat_end(9, 3))
    cloud = labkit.cloud("openai", address=server.address)
    with pytest.raises(labkit.LabError, match=r"repeats a key.*\n.*Nothing was kept"):
        labkit.record(cloud, QUESTION, folder=tmp_path / "none")
    assert not any((tmp_path / "none").iterdir())


def test_bad_arguments(kept, tmp_path):
    model = labkit.replay(kept)
    with pytest.raises(ValueError, match="backend must be a model, not a recording"):
        labkit.record(model, QUESTION, folder=tmp_path)
    for name in ("../up", "", "a/b", "x" * 101, ".hidden"):
        with pytest.raises(ValueError, match="name must be 1 to 100"):
            labkit.record(labkit.cloud("openai", key="sk-0123456789"), "Hi", name=name)
    for folder in (None, 7):
        with pytest.raises(ValueError, match="folder must be"):
            recorded.recordings(folder)
        with pytest.raises(ValueError, match="folder must be"):
            labkit.record(labkit.cloud("openai", key="sk-0123456789"), "Hi", folder=folder)
    for speed in (0, -1, True, "2", float("nan"), 10**400):
        with pytest.raises(ValueError, match="speed must be a number, above 0"):
            labkit.replay(kept, speed=speed)
    with pytest.raises(labkit.LabError, match=r"no recording nothing.*\n.*there are:"):
        labkit.replay("nothing")


def test_nothing_is_asked_where_nothing_can_be_kept(provider, tmp_path):
    server, blocked = provider(), tmp_path / "a file"
    blocked.write_text("")
    cloud = labkit.cloud("openai", address=server.address)
    for folder in (blocked, blocked / "in", "a\0b"):
        with pytest.raises(labkit.LabError, match=r"cannot be written: .*\n.*folder="):
            labkit.record(cloud, "Hi", folder=folder)
    with pytest.raises(ValueError, match="prompt must"):
        labkit.record(cloud, "Hi", "", folder=tmp_path)
    assert not server.requests


@pytest.mark.parametrize(
    ("model", "begin"),
    [("tiny", "tiny"), ("模型", "模型"), ("?/!", "model"), ("界" * 200, "界" * 60)],
)
def test_a_recording_without_a_name_of_its_own_replaces_no_other(tmp_path, model, begin):
    class Named:
        name = model

        def stream(self, prompt, *, raw=False, **settings):
            return Stream(Settings(**settings), finish="stop")

    asked = ["first", "second", "third"]
    files = [labkit.record(Named(), each, folder=tmp_path) for each in asked]
    day = labkit.replay(files[0]).date
    assert [file.stem for file in files] == [f"{begin}-{day}{end}" for end in ("", "-2", "-3")]
    assert [labkit.replay(file).prompts for file in files] == [(each,) for each in asked]


def test_the_names_of_those_that_are_there(kept):
    assert recorded.recordings(kept.parent) == (kept.stem,)
    shipped = labkit.replay("stand-in-ocean", speed=math.inf)
    replies = [labkit.generate(shipped, prompt) for prompt in shipped.prompts]
    assert replies and all(reply.origin.endswith(ORIGIN) for reply in replies)
    assert replies[0].http.tls_s >= 0.08 and replies[1].http.reused


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "7", '{"labkit_recording": 2}', '{"nbformat": 4}', "[" * 100_000, "\udc00"],
)
def test_files_that_are_none(tmp_path, content):
    file = tmp_path / "other.json"
    file.write_bytes(content.encode(errors="surrogatepass"))
    with pytest.raises(labkit.LabError, match=r"does not hold a recording|of another format"):
        labkit.replay(file)


@pytest.mark.parametrize(
    "path, value, what",
    [
        (("date",), "yesterday", "date"),
        (("answers",), [], "no answer"),
        (("answers", 0, "prompt"), 7, "prompt.str: Input should be"),
        (("answers", 0, "prompt"), "", "prompt"),
        (("answers", 0, "settings", "top_p"), 7, "top_p"),
        (("answers", 0, "steps", 0, "elapsed_s"), -1, "elapsed_s"),
        (("answers", 0, "steps", 0, "elapsed_s"), 1e9, "times"),
        (("answers", 0, "steps", 0, "text"), None, "text"),
        (("answers", 0, "finish"), "failed", "finish"),
        (("answers", 0, "wire", "address"), None, "address"),
    ],
)
def test_damaged_files_say_where(kept, path, value, what):
    told = json.loads(kept.read_text())
    place = told
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    kept.write_text(json.dumps(told))
    with pytest.raises(labkit.LabError, match=rf"is damaged: .*{what}.*\n.*Record it again"):
        labkit.replay(kept)


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda t: json.dumps({"x": t}).encode()))
def test_no_file_whatever_breaks_the_reader(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("any") / "a.json"
    file.write_bytes(content)
    with pytest.raises(labkit.LabError):
        labkit.replay(file)


def test_a_recorded_stand_in_is_still_a_stand_in(kept):
    told = json.loads(kept.read_text())
    told["answers"][0]["origin"] = ORIGIN
    kept.write_text(json.dumps(told))
    reply = labkit.generate(labkit.replay(kept, speed=math.inf), QUESTION)
    assert reply.origin == f"recorded, gpt-6-luna, {told['date']}; {ORIGIN}"


def test_a_recording_of_version_0_1_knows_no_thinking(thinker, tmp_path):
    file = labkit.record(thinker, "Why?", folder=tmp_path, temperature=0, thinking=False)
    content = json.loads(file.read_text())
    for answer in content["answers"]:
        for name in ("cached_tokens", "thinking_tokens", "thinking_price_usd"):
            del answer[name]
        del answer["settings"]["thinking"]
        for step in answer["steps"]:
            del step["thinking"]
    file.write_text(json.dumps(content))
    reply = labkit.generate(labkit.replay(file, speed=float("inf")), "Why?")
    assert (reply.text, reply.thinking, reply.thinking_tokens) == ("Yes", "", 0)


def test_an_answer_that_was_withheld_is_recorded_as_such(scripted, tmp_path):
    address, _ = scripted(piece("No", finish_reason="content_filter"), b"data: [DONE]\n\n")
    model = labkit.connect(address, "m", kind="OpenAI-compatible")
    file = labkit.record(model, "Hi", folder=tmp_path)
    reply = labkit.generate(labkit.replay(file, speed=float("inf")), "Hi")
    assert (reply.text, reply.finish) == ("No", "content_filter")


def test_what_is_measured_of_a_recording_says_so(kept):
    measured = labkit.measure(labkit.replay(kept, speed=1000), QUESTION)
    assert measured.origin.startswith("recorded, gpt-6-luna")
    assert {each.origin for each in measured.book_entries} == {measured.origin}
    reply = labkit.generate(labkit.replay(kept, speed=1000), QUESTION)
    panel = labkit.speed.pace_panel(reply)
    assert "here" not in panel.summary and "(recorded, gpt-6-luna" in panel.summary


def test_a_replay_that_is_stopped_counts_what_came(kept):
    stream = labkit.replay(kept, speed=math.inf).stream(QUESTION)
    next(stream)
    stream.close()
    assert stream.prompt_tokens == 9
    assert stream.output_tokens is stream.price_usd is stream.http is stream.finish is None
