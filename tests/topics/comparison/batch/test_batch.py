"""Batches against real servers and the real model: limits, stops, crashes, files."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import labkit
from labkit.backends.capabilities import Backend
from labkit.backends.reply import Step, Stream
from labkit.backends.settings import Settings
from labkit.errors import LabError
from labkit.topics.comparison.batch import batch as batching
from labkit.topics.comparison.batch.batch import BatchRun, run_batch
from labkit.topics.comparison.batch.figures import batch_table
from labkit.topics.comparison.batch.files import read
from labkit.topics.comparison.batch.table import ENDED, BatchRow, to_record
from labkit.topics.comparison.day_simulation import simulate_day
from labkit.topics.comparison.votes.pairs import make_pairs

from ..busy_server import BusyServer

ROOT = Path(__file__).resolve().parents[4]
PROMPTS = ["one", "two", "three", "four", "five"]


def untimed(table):
    """What does not depend on the clock."""
    return [(row.prompt_index, row.prompt, row.backend, row.text, row.finish) for row in table.rows]


def until(test, seconds=30):
    end = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)


def test_real_models_answer_each_prompt_in_the_order_of_the_table(local, llama_process):
    _, remote = llama_process
    prompts = ["Name a colour.", "Name a river.", [{"role": "user", "content": "Say hello."}]]
    table = run_batch(
        prompts, {"local": local, "remote": remote}, max_concurrent=3, temperature=0, max_tokens=8
    )
    assert [(row.prompt_index, row.backend) for row in table.rows] == [
        (index, name) for index in range(3) for name in ("local", "remote")
    ]
    assert table.missing == 0 and all(row.text and row.finish in ENDED for row in table.rows)
    assert all(row.output_tokens <= 8 and row.elapsed_s >= row.ttft_s > 0 for row in table.rows)
    assert table.rows[-1].prompt == [{"role": "user", "content": "Say hello."}]
    assert "3 prompts: local 3 answers" in table.summary and "measured" in table.summary


def test_a_server_over_its_rate_limit_is_retried_when_it_says():
    began = datetime.now(UTC)
    with BusyServer([(429, {"Retry-After": "1"})]) as server:
        table = run_batch(["a", "b"], [server.model])
    assert server.prompts == ["a", "a", "b"]
    assert server.asked[1][1] - server.asked[0][1] >= 1
    assert [row.text.split()[-1] for row in table.rows] == ["a", "b"]
    assert (table.rows[0].tries, table.rows[0].waited_s) == (2, 1)
    # The waiting is separate from the answer's own time, which begins after it.
    asked_at = datetime.fromisoformat(table.rows[0].asked_at)
    assert (asked_at - began).total_seconds() > 0.99


@pytest.mark.slow
def test_a_date_in_retry_after_works_too():
    until_then = format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)
    with BusyServer([(503, {"Retry-After": until_then})]) as server:
        table = run_batch(["a"], [server.model])
    # Dates have whole seconds, so the server's own and this one may be almost a second off.
    assert server.asked[1][1] - server.asked[0][1] >= table.rows[0].waited_s > 0
    assert table.missing == 0


def test_while_one_waits_the_others_continue():
    with BusyServer([(429, {"Retry-After": "1"})], name="slow") as slow, BusyServer() as other:
        table = run_batch(["a", "b"], {"slow": slow.model, "other": other.model})
    assert max(at for _, at in other.asked) < slow.asked[1][1]
    assert table.missing == 0


def test_without_retry_after_the_pauses_grow(monkeypatch):
    pauses = []
    monkeypatch.setattr(batching.random, "uniform", lambda low, high: pauses.append(high) or 0.001)
    with BusyServer([(429, {})] * 3) as server:
        table = run_batch(["a"], [server.model])
    assert len(pauses) == 3 and table.rows[0].tries == 4
    assert 0 < table.rows[0].waited_s <= 0.001 * (2 + 4 + 8)


def test_a_server_that_asks_for_a_long_pause_is_given_up(tmp_path):
    file = tmp_path / "answers.jsonl"
    with (
        BusyServer([(429, {"Retry-After": "3600"})], name="remote") as server,
        BusyServer() as other,
    ):
        backends = {"remote": server.model, "other": other.model}
        table = run_batch(["a", "b", "c"], backends, file=file)
        assert server.prompts == ["a"] and len(other.prompts) == 3
        assert table.missing == 3 and "3,600 s" in table.stopped[0]
        again = run_batch(["a", "b", "c"], backends, file=file)
        assert again.missing == 0 and not again.stopped
        assert sorted(server.prompts) == ["a", "a", "b", "c"] and len(other.prompts) == 3


def test_after_enough_tries_it_has_failed_with_the_servers_own_words():
    with BusyServer([(429, {"Retry-After": "0"})] * 50) as server:
        table = run_batch(["a"], [server.model])
    assert len(server.asked) == batching.TRIES == table.rows[0].tries
    assert table.rows[0].finish == "failed" and "slow down" in table.rows[0].error


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_other_refusals_are_not_repeated(status):
    with BusyServer([(status, {"Retry-After": "0"})] * 9) as server:
        table = run_batch(["a"], [server.model])
    assert len(server.asked) == 1 and table.rows[0].error and table.missing == 1


def test_an_exhausted_quota_is_not_retried(httpserver):
    error_body = {"error": {"message": "no credit", "code": "insufficient_quota"}}
    httpserver.expect_request("/v1/chat/completions").respond_with_json(error_body, status=429)
    model = labkit.connect(httpserver.url_for("/v1"), "m", kind="OpenAI-compatible")
    table = run_batch(["a"], [model])
    assert len(httpserver.log) == 1 and "no credit" in table.rows[0].error


def test_no_more_than_max_concurrent_requests_run():
    gate = threading.Event()
    with BusyServer(gate=gate) as server:
        batch = BatchRun([str(n) for n in range(7)], [server.model], max_concurrent=3)
        runner = threading.Thread(target=lambda: list(batch.run()))
        runner.start()
        until(lambda: server.concurrent == 3)
        time.sleep(0.3)  # a fourth would be there by now
        assert server.concurrent == 3
        gate.set()
        runner.join(30)
    assert server.most_concurrent == 3 and batch.table.missing == 0


class CountingModel:
    """A model that counts its concurrent requests."""

    def __init__(self, model, name):
        self.model, self.name, self.now, self.most = model, name, 0, 0

    def stream(self, prompt, **settings):
        running = self.model.stream(prompt, **settings)

        def counted(stream):
            self.now += 1
            self.most = max(self.most, self.now)
            try:
                for step in running:
                    stream.outcome = running.outcome
                    yield step
            finally:
                self.now -= 1

        return Stream(running.settings, counted)


def test_models_of_this_process_take_turns(smollm2):
    one, other = CountingModel(smollm2, "one"), CountingModel(smollm2, "other")
    table = run_batch(["a", "b"], [one, other], max_concurrent=4, max_tokens=3, seed=1)
    assert one.most == other.most == 1 and table.missing == 0
    begun = sorted((row.asked_at, row.elapsed_s) for row in table.rows)
    for (at, took), (after, _) in pairwise(begun):
        parted = datetime.fromisoformat(after) - datetime.fromisoformat(at)
        assert parted.total_seconds() >= took - 0.01


def test_one_that_fails_leaves_the_others_unharmed():
    with BusyServer() as server:
        nobody = labkit.connect("http://127.0.0.1:9/v1", "m", kind="OpenAI-compatible")
        table = run_batch(["a", "b"], {"nobody": nobody, "busy": server.model}, max_concurrent=2)
    assert [row.finish for row in table.of("nobody")] == ["failed"] * 2
    assert "does not answer" in table.of("nobody")[0].error
    assert [row.finish for row in table.of("busy")] == ["stop"] * 2
    assert table.missing == 2 and "✗ nobody" in repr(table)


def test_an_unknown_error_reveals_no_secret():
    class Broken:
        name = "broken"

        def stream(self, prompt, **settings):
            raise RuntimeError("Authorization: Bearer sk-secret")

    table = run_batch(["a"], [Broken()])
    assert "RuntimeError" in table.rows[0].error and "secret" not in table.rows[0].error


@pytest.mark.slow
@settings(max_examples=25)
@given(cut=st.floats(0, 1))
def test_a_batch_that_was_cut_off_anywhere_ends_as_if_it_never_was(cut, tmp_path_factory):
    file = tmp_path_factory.mktemp("batch") / "answers.jsonl"
    with BusyServer() as server:
        whole = run_batch(PROMPTS, {"busy": server.model}, file=file, seed=1)
        content = file.read_bytes()
        remaining = content[: round(cut * len(content))]
        file.write_bytes(remaining)
        rows = [line for line in remaining.splitlines()[1:] if line.endswith(b"}")]
        server.asked.clear()
        resumed = run_batch(PROMPTS, {"busy": server.model}, file=file, seed=1)
        assert untimed(resumed) == untimed(whole)
        assert len(server.asked) == len(PROMPTS) - len(rows)  # nothing twice, nothing lost
        assert untimed(run_batch(PROMPTS, {"busy": server.model}, file=file, seed=1)) == untimed(
            whole
        )
        assert len(server.asked) == len(PROMPTS) - len(rows)


def test_killed_in_the_middle_it_resumes_there(tmp_path):
    file, gate = tmp_path / "answers.jsonl", threading.Event()
    code = (
        "import sys, labkit\n"
        "from labkit.topics.comparison.batch.batch import run_batch\n"
        "model = labkit.connect(sys.argv[1], 'busy', kind='OpenAI-compatible')\n"
        "run_batch(sys.argv[3:], {'busy': model}, file=sys.argv[2], seed=1)\n"
    )
    with BusyServer(gate=gate, free=2) as server:
        command = [sys.executable, "-c", code, server.model.base_url, str(file), *PROMPTS]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        until(lambda: file.exists() and file.read_bytes().count(b"\n") == 3)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        gate.set()
        there = [row.prompt for row in read(file).rows if row.answered]
        server.asked.clear()
        table = run_batch(PROMPTS, {"busy": server.model}, file=file, seed=1)
    assert there == PROMPTS[:2] and server.prompts == PROMPTS[2:]
    assert [row.text for row in table.rows] == [f"You asked: {prompt} " for prompt in PROMPTS]


@pytest.mark.slow
def test_stopped_it_keeps_what_came_and_resumes_later(smollm2, tmp_path):
    file = tmp_path / "answers.jsonl"
    batch = BatchRun(
        ["Tell me a story.", "Tell me another."],
        {"here": smollm2},
        file=file,
        max_tokens=30,
        seed=1,
    )
    updates = batch.run()
    next(updates)
    until(lambda: batch._tries)
    time.sleep(1)  # it writes
    updates.close()
    assert batch.table.missing >= 1
    assert {row.finish for row in batch.table.rows} <= {"interrupted", *ENDED}
    again = run_batch(
        ["Tell me a story.", "Tell me another."],
        {"here": smollm2},
        file=file,
        max_tokens=30,
        seed=1,
    )
    alone = run_batch(
        ["Tell me a story.", "Tell me another."], {"here": smollm2}, max_tokens=30, seed=1
    )
    assert untimed(again) == untimed(alone) and again.missing == 0


def test_stopped_it_does_not_wait_for_a_server_that_says_nothing():
    gate = threading.Event()
    with BusyServer(gate=gate) as server:
        batch = BatchRun(["a", "b"], [server.model], max_concurrent=2)
        updates = batch.run()
        next(updates)
        until(lambda: server.concurrent == 2)
        updates.close()
        assert not any(thread.name == batching.NAME for thread in threading.enumerate())
        gate.set()
    assert batch.table.rows == () and batch.table.missing == 2


def test_only_new_prompts_are_sent(tmp_path):
    file = tmp_path / "answers.jsonl"
    with BusyServer() as server:
        run_batch(["a", "b"], [server.model], file=file)
        table = run_batch(["c", "b", "a", "a"], [server.model], file=file)
        assert sorted(server.prompts) == ["a", "a", "b", "c"]  # the second a is a question anew
        run_batch(["a", "b"], [server.model], file=file, temperature=0)
        assert sorted(server.prompts) == ["a", "a", "a", "b", "b", "c"]  # so is another setting
    assert [row.prompt for row in table.rows] == ["c", "b", "a", "a"]
    assert [row.prompt_index for row in table.rows] == [0, 1, 2, 3]


@pytest.mark.parametrize("content", ["my diary", '{"labkit_votes": 1}\n', "[1, 2]\n", "\x00\n"])
def test_a_file_of_another_kind_is_left_as_it_is(tmp_path, content):
    file = tmp_path / "diary.txt"
    file.write_text(content)
    with BusyServer() as server, pytest.raises(LabError, match="not a batch file"):
        run_batch(["a"], [server.model], file=file)
    assert file.read_text() == content and not server.asked


def test_a_damaged_line_before_the_end_is_named(tmp_path):
    file = tmp_path / "answers.jsonl"
    with BusyServer() as server:
        run_batch(["a", "b"], [server.model], file=file)
        lines = file.read_bytes().splitlines(keepends=True)
        file.write_bytes(b"".join([lines[0], b'{"key": 3}\n', *lines[2:]]))
        with pytest.raises(LabError, match="Line 2"):
            run_batch(["a", "b"], [server.model], file=file)


def test_two_batches_in_one_file_are_refused(tmp_path):
    file = tmp_path / "answers.jsonl"
    with BusyServer() as server:
        updates = BatchRun(["a"], [server.model], file=file).run()
        next(updates)
        with pytest.raises(LabError, match="Another batch"):
            run_batch(["a"], [server.model], file=file)
        updates.close()
        assert run_batch(["a"], [server.model], file=file).missing == 0


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_one_file_under_two_names_is_one_file(tmp_path, link):
    file, other = tmp_path / "answers.jsonl", tmp_path / "other.jsonl"
    with BusyServer() as server:
        run_batch(["a"], [server.model], file=file)
        getattr(other, link)(file)
        updates = BatchRun(["b"], [server.model], file=file).run()
        next(updates)
        with pytest.raises(LabError, match="Another batch"):
            run_batch(["b"], [server.model], file=other)
        updates.close()


def test_a_lock_that_cannot_be_taken_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "answers.jsonl"))
    with BusyServer() as server, pytest.raises(LabError, match=r"The lock of .* cannot be taken"):
        run_batch(["a"], [server.model], file=tmp_path / "answers.jsonl")


def test_no_temporary_folder_is_a_sentence(tmp_path, monkeypatch):
    def none():
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", none)
    with BusyServer() as server, pytest.raises(LabError, match="No usable temporary directory"):
        run_batch(["a"], [server.model], file=tmp_path / "answers.jsonl")


def test_a_missing_folder_is_an_error(tmp_path):
    with BusyServer() as server, pytest.raises(LabError, match="cannot be opened"):
        run_batch(["a"], [server.model], file=tmp_path / "nowhere" / "answers.jsonl")


def test_every_line_is_json_that_anybody_can_read(tmp_path):
    file = tmp_path / "answers.jsonl"
    with BusyServer() as server:
        run_batch(["grüß dich\u2028<b>"], [server.model], file=file)
    lines = file.read_text(encoding="utf-8").split("\n")
    assert [json.loads(line) for line in lines if line][1]["prompt"] == "grüß dich\u2028<b>"


def test_lone_surrogates_from_a_server_do_not_stop_a_batch(httpserver, tmp_path):
    event = 'data: {"choices": [{"index": 0, "delta": {"content": "a\\ud800"}%s}]}\n\n'
    body = event % "" + event % ', "finish_reason": "stop"' + "data: [DONE]\n\n"
    httpserver.expect_request("/v1/chat/completions").respond_with_data(
        body, content_type="text/event-stream"
    )
    model = labkit.connect(httpserver.url_for("/v1"), "m", kind="OpenAI-compatible")
    table = run_batch(["x"], [model], file=tmp_path / "answers.jsonl")
    assert table.rows[0].text == "a\ufffda\ufffd"


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"prompts": []}, "prompts"),
        ({"prompts": "one text"}, "prompts"),
        ({"prompts": [""]}, "prompt"),
        ({"backends": []}, "backends"),
        ({"backends": ["gpt"]}, "backends"),
        ({"backends": 3}, "backends"),
        ({"backends": {1: Backend, 2: Backend}}, "backends"),
        ({"backends": {" ": Backend}}, "backends"),
        ({"backends": {"a\0": Backend}}, "backends"),
        ({"max_concurrent": 0}, "max_concurrent"),
        ({"temperature": -1}, "temperature"),
    ],
)
def test_bad_input_names_the_argument(wrong, name, smollm2):
    with pytest.raises(ValueError, match=f"^{name} must"):
        run_batch(**{"prompts": ["a"], "backends": [smollm2], **wrong})


def test_two_backends_of_one_name_are_refused(smollm2):
    with pytest.raises(ValueError, match="its own name"):
        run_batch(["a"], [smollm2, smollm2])


def test_a_model_that_thinks_has_its_columns(thinker, tmp_path):
    asked = {"temperature": 0, "max_tokens": 20, "file": tmp_path / "answers.jsonl"}
    (row,) = run_batch(["Why?"], [thinker], **asked).rows
    assert (row.text, row.thinking, row.thinking_tokens) == ("Yes", "Hm", 5)
    assert 0 < row.thinking_s < row.elapsed_s
    assert read(tmp_path / "answers.jsonl").rows == (row,)
    (row,) = run_batch(["Why?"], [thinker], **asked, thinking=False).rows
    assert (row.text, row.thinking) == ("Yes", ""), "another setting is another answer"


@pytest.mark.parametrize(
    ("key", "given", "setting"),
    [
        ("5970e778c9d3644dbd42556f", {"seed": 1}, "seed=1"),
        ("74885e6de4096a4cc2127e52", {"temperature": 0}, "temperature=0"),
        ("74885e6de4096a4cc2127e52", {"temperature": 0.0}, "temperature=0"),
        ("bbec9a4089c64fb4da302669", {"temperature": 1.0}, "temperature=1"),
        ("dc9ba53240b75489d532438c", {"temperature": 1}, "temperature=1"),
        ("d5c9ad6db3fbf6d7613f33dd", {"temperature": 0, "top_p": 1}, "temperature=0"),
        (
            "bc591809cac42a647182f81c",
            {"temperature": 0.0, "presence_penalty": 1},
            "temperature=0, presence_penalty=1",
        ),
        ("ae835a67f42a2d8a8edf950b", {"temperature": np.float32(0.5), "top_p": 1}, None),
    ],
)
def test_files_of_earlier_versions_are_resumed(tmp_path, key, given, setting):
    """The keys are those of version 0.1, which took a 1 and a 1.0 for different settings."""
    row = BatchRow(key, 0, "Hi", "a", "Hello", "stop")
    lines = [{"labkit_batch": 1}, to_record(row)]
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    backend = Echo("a")
    table = run_batch(["Hi"], [backend], file=tmp_path / "answers.jsonl", **given)
    assert table.rows == (replace(row, setting=setting or "temperature=0.5"),)
    assert not backend.asked


class Echo:
    """A backend that names itself and the prompt, and records its settings."""

    def __init__(self, name):
        self.name, self.asked = name, []

    def stream(self, prompt, *, raw=False, **given):
        self.asked.append(given)

        def steps(stream):
            text = f"{self.name} on {prompt} at {stream.settings.temperature}"
            yield Step(None, text, None, None, (), None, 0.1)
            stream.note(finish="stop")

        return Stream(Settings(**given), steps)


def test_a_file_of_several_batches_pairs_answers_to_the_same_prompt(tmp_path):
    file, both = tmp_path / "answers.jsonl", [Echo("x"), Echo("y")]
    run_batch(["2+2?", "Hamlet?"], both, file=file)
    run_batch(["Rain?", "2+2?", "Hamlet?", "Rain?"], both, file=file)
    table = read(file)
    assert table.summary.startswith("4 prompts: x 4 answers") and table.missing == 0
    pairs = make_pairs(table)
    assert sorted(pair.prompt for pair in pairs) == ["2+2?", "Hamlet?", "Rain?", "Rain?"]
    for pair in pairs:
        assert pair.text_a == f"{pair.a} on {pair.prompt} at 0.7"
        assert pair.text_b == f"{pair.b} on {pair.prompt} at 0.7"
    assert sum(map(len, (each.asked for each in both))) == 8


def test_a_file_of_an_earlier_version_goes_on(tmp_path):
    """Its rows do not say with which settings; new ones to other prompts go with them."""
    file, both = tmp_path / "answers.jsonl", [Echo("x"), Echo("y")]
    run_batch(["a", "b"], both, file=file, temperature=0)
    file.write_text(re.sub(r', "setting": "[^"]*"', "", file.read_text()))
    run_batch(["a", "b", "c"], both, file=file, temperature=0)
    assert len(both[0].asked) == 3
    assert len(make_pairs(read(file))) == 3 and simulate_day(read(file))


@pytest.mark.parametrize("is_recorded", [True, False])
def test_answers_with_several_settings_are_not_pooled(tmp_path, is_recorded):
    file, both = tmp_path / "answers.jsonl", [Echo("x"), Echo("y")]
    prompts = ["a", "b", "c"]
    for temperature in (0, 1.5):
        one = run_batch(prompts, both, file=file, temperature=temperature)
    if not is_recorded:  # as in a file of an earlier version
        file.write_text(re.sub(r', "setting": "[^"]*"', "", file.read_text()))
    table = read(file)
    assert len(table.of("x")) == 6 and table.summary.startswith("3 prompts")
    known = r"temperature=0; temperature=1\.5\." if is_recorded else r"unknown settings; unknown"
    for pool in (make_pairs, simulate_day):
        with pytest.raises(ValueError, match=f"^table must .*same settings; x has .*{known}"):
            pool(table)
    alone = run_batch(prompts, both, file=file, temperature=1.5)
    assert alone.rows == one.rows and len(make_pairs(alone)) == 3 and simulate_day(alone)
    assert len(both[0].asked) == 6
    assert (">settings<" in batch_table(table).html, ">settings<" in batch_table(alone).html) == (
        True,
        False,
    )


def test_a_variants_own_settings_are_part_of_what_its_answers_are_known_by(tmp_path):
    file, model = tmp_path / "answers.jsonl", Echo("x")

    def ask(temperature):
        inner = labkit.comparison.with_settings(model, "inner", temperature=temperature)
        outer = labkit.comparison.with_settings(inner, "hot", temperature=1.9, top_p=0.5)
        return run_batch(["a"], [outer], file=file, temperature=0.1).rows

    for temperature in (0.2, 1.2, 0.2):
        (row,) = ask(temperature)
        assert row.text == f"x on a at {temperature}"
        assert row.setting == f"temperature={temperature}, top_p=0.5"
    assert len(model.asked) == 2
