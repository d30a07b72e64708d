"""The client against servers that other people wrote: `transformers serve`, and vLLM.

vLLM has an environment of its own; ``LABKIT_VLLM`` is the path of its ``vllm`` command.
"""

import importlib.util
import os
import subprocess
import sys

import pytest

import labkit
from labkit.backends.remote.discovery import find_servers

from ..loopback import free_port, get, until

QUESTION = "Why is the sky blue?"


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """``start(port, *command)`` runs a server until the tests are over."""
    running = []

    def run(port, *command, patience_s, **more):
        log = (tmp_path_factory.mktemp("server") / "log").open("w+")
        environment = os.environ | {"HF_HUB_OFFLINE": "1"} | more
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        running.append(process)

        def answers():
            return process.poll() is not None or get(f"http://127.0.0.1:{port}/health") is not None

        until(answers, patience_s, pause=0.5)
        log.seek(0)
        assert process.poll() is None, log.read()[-2000:]
        return find_servers([port], timeout_s=5)[0]

    yield run
    for process in running:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.fixture(scope="module")
def transformers_serve(smollm2, start):
    missing = [name for name in ("fastapi", "uvicorn") if not importlib.util.find_spec(name)]
    if missing:
        pytest.skip(f"transformers[serving] is not installed: {', '.join(missing)} missing")
    port = free_port()
    command = "from transformers.cli.transformers import main; main()"
    return start(
        port,
        sys.executable,
        "-c",
        command,
        "serve",
        str(smollm2.folder),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--device",
        "cpu",
        "--dtype",
        "float32",
        patience_s=120,
    )


@pytest.mark.slow
def test_transformers_serve(transformers_serve, smollm2):
    assert transformers_serve.kind == "transformers serve"
    model = labkit.connect(transformers_serve, str(smollm2.folder))
    reply = labkit.generate(model, QUESTION, temperature=0, max_tokens=12)
    ours = labkit.generate(smollm2, QUESTION, temperature=0, max_tokens=12)
    assert (reply.text, reply.finish) == (ours.text, "length")
    assert (reply.prompt_tokens, reply.output_tokens) == (ours.prompt_tokens, 12)
    assert all(step.logprob is step.token_id is None for step in reply.steps)
    one, two = (labkit.generate(model, QUESTION, seed=4, max_tokens=8, top_k=20) for _ in "12")
    assert one.text == two.text
    stopped = labkit.generate(model, "1, 2, 3, 4,", raw=True, temperature=0, stop="7")
    assert (stopped.text, stopped.finish) == (" 5, 6, ", "stop")
    with pytest.raises(ValueError, match=r"presence_penalty must be left at 0.0"):
        labkit.stream(model, QUESTION, presence_penalty=1)


@pytest.fixture(scope="module")
def vllm(smollm2, start):
    command = os.environ.get("LABKIT_VLLM")
    if not command:
        pytest.skip("LABKIT_VLLM names no vllm command")
    port = free_port()
    return start(
        port,
        command,
        "serve",
        str(smollm2.folder),
        "--dtype",
        "float32",
        "--enforce-eager",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--max-model-len",
        "1024",
        patience_s=240,
        VLLM_CPU_KVCACHE_SPACE="2",
    )


@pytest.mark.slow
def test_vllm(vllm, smollm2):
    assert vllm.kind == "vLLM"
    model = labkit.connect(vllm)
    reply = labkit.generate(model, QUESTION, temperature=0, max_tokens=12)
    ours = labkit.generate(smollm2, QUESTION, temperature=0, max_tokens=12)
    assert (reply.text, reply.finish) == (ours.text, "length")
    assert (reply.prompt_tokens, reply.output_tokens) == (ours.prompt_tokens, 12)
    assert [step.logprob for step in reply.steps] == pytest.approx(
        [step.logprob for step in ours.steps], abs=0.01
    )
    assert len(reply.steps[0].alternatives) == 10
    stopped = labkit.generate(model, "1, 2, 3, 4,", raw=True, temperature=0, stop="7, 8")
    assert stopped.text == " 5, 6, "
    raw = labkit.generate(model, "1, 2, 3, 4,", raw=True, temperature=0, max_tokens=4)
    assert raw.steps[0].logprob <= 0 and len(raw.steps[0].alternatives) >= 10
    running = labkit.stream(model, "Tell me a very long story.", max_tokens=900)
    next(running)
    running.close()
    idle = "vllm:num_requests_running{"
    address = vllm.address
    assert until(
        lambda: all(
            line.endswith(" 0.0")
            for line in get(f"{address}/metrics").splitlines()
            if line.startswith(idle)
        ),
        seconds=10,
    )
    with pytest.raises(labkit.LabError, match="no model 'x'"):
        labkit.generate(labkit.connect(address, "x"), "Hi")
