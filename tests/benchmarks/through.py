"""One answer through the lab, against the same engine asked without it.

    python tests/benchmarks/through.py [--rounds 9] [--tokens 64] [--only process,server] [--vllm …]

Four groups, one after another, for an engine that is open slows others in its process down:

torch       the lab's stream, with everything recorded, against transformers' `generate` and its own
            streamer; with --vllm also against vLLM, by a bare client
process     the lab's backend on llama.cpp in process, against the engine's own handler
server      the lab's client of llama.cpp's server, against a bare HTTP client that reads its events
vllm        the same of vLLM's server

A bare client asks twice: for all that the lab asks for (log-probabilities, ten alternatives, and
times), and for no more than the text. All write the same greedy answer to the same prompt, in turn,
after a round that is thrown away. Tokens per second are output tokens over the whole time, the
reading of the prompt included; a ratio is taken within a round. vLLM takes part if its server's
address is given: --vllm http://127.0.0.1:8000, of
vllm serve FOLDER --dtype float32 --enforce-eager --no-enable-prefix-caching --host 127.0.0.1
"""

import argparse
import http.client
import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit

import torch
from transformers import AutoModelForCausalLM, TextIteratorStreamer
from turns import report, take_turns

import labkit
from labkit.backends.llamacpp.model import get_gguf
from labkit.backends.remote.protocols.parameters import request_fields
from labkit.backends.settings import Settings
from labkit.models.machine import inspect_machine

PROMPT = "Why is the sky blue?"
MESSAGES = [{"role": "user", "content": PROMPT}]
SERVE = """
import sys, time, xllamacpp
parameters = xllamacpp.CommonParams()
parameters.model.path, parameters.n_ctx, parameters.n_parallel = sys.argv[1], 4096, 1
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = int(sys.argv[2])
parameters.verbosity, parameters.hostnames, parameters.port = 0, ["127.0.0.1"], 0
server = xllamacpp.Server(parameters)
print(server.listening_address, flush=True)
time.sleep(10**6)
"""


def main():
    """Runs each group's rounds and prints a table of it for the README."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--only", default="", help="names of groups, with commas")
    parser.add_argument("--vllm", help="address of a vLLM server with the same folder")
    args = parser.parse_args()
    groups = {"torch": in_torch, "process": in_process, "server": on_server, "vllm": on_vllm}
    for name, group in groups.items():
        if args.only and name not in args.only.split(","):
            continue
        if name == "vllm" and not args.vllm:
            continue
        print(f"\n## {name}\n")
        with group(args) as contenders:
            run(contenders, args)


def run(contenders, args):
    """Takes turns; what each wrote must be the same, up to what other arithmetic brings about."""
    texts = {}

    def counted(name, ask):
        def and_count():
            texts[name] = ask()
            return args.tokens

        return and_count

    speeds = take_turns({name: counted(name, ask) for name, ask in contenders.items()}, args.rounds)
    report(speeds, f"SmolLM2-135M, {args.tokens} tokens")
    first, *others = texts
    apart = [name for name in others if texts[name] != texts[first]]
    print(f"\nAnother text than the first's: {', '.join(apart) or 'none'}.")


def through_lab(model, tokens):
    """The answer through the lab."""
    steps = list(labkit.stream(model, PROMPT, temperature=0, max_tokens=tokens))
    assert len(steps) in (tokens, tokens - 1), len(steps)  # vLLM does not send the last one's end
    return "".join(step.text for step in steps)


@contextmanager
def in_torch(args):
    """The lab's own engine, and `generate`."""
    lab = labkit.load("smollm2-135m", device="cpu")
    plain = AutoModelForCausalLM.from_pretrained(lab.folder).eval()
    ids = torch.tensor([lab.encode(PROMPT)])

    def with_generate():
        streamer = TextIteratorStreamer(lab.tokenizer, skip_prompt=True, skip_special_tokens=True)
        asked = {"max_new_tokens": args.tokens, "do_sample": False, "streamer": streamer}
        thread = threading.Thread(target=plain.generate, args=(ids,), kwargs=asked)
        thread.start()
        text = "".join(streamer)
        thread.join()
        return text

    contenders = {
        "labkit: `stream`, all recorded": lambda: through_lab(lab, args.tokens),
        "transformers: `generate` and its streamer": with_generate,
    }
    if args.vllm:
        model = labkit.connect(args.vllm, kind="vLLM")
        least = bodies(model, args.tokens)[1]
        contenders["vLLM, float32: a bare client"] = lambda: read_bare(args.vllm, least)
    yield contenders


@contextmanager
def in_process(args):
    """llama.cpp in this process: the lab's backend, and the engine's handler."""
    engine = labkit.load_llamacpp("smollm2-135m")

    def handled(body):
        events = []
        engine._server.handle_chat_completions(body, lambda event: events.append(event))
        return "".join(map(text_of, events))

    whole, least = bodies(engine, args.tokens)
    yield {
        "labkit: `load_llamacpp`": lambda: through_lab(engine, args.tokens),
        "the engine's handler, the same request": lambda: handled(whole),
        "the engine's handler, the text alone": lambda: handled(least),
    }
    engine.close()


@contextmanager
def on_server(args):
    """llama.cpp's server in a process of its own."""
    file, cores = get_gguf("smollm2-135m"), inspect_machine().cores
    command = [sys.executable, "-c", SERVE, str(file), str(cores)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        address = next(line for line in process.stdout if line.startswith("http")).strip()
        try:
            yield clients(labkit.connect(address, kind="llama.cpp"), address, args.tokens)
        finally:
            process.kill()


@contextmanager
def on_vllm(args):
    """vLLM's server, which somebody started."""
    yield clients(labkit.connect(args.vllm, kind="vLLM"), args.vllm, args.tokens)


def clients(model, address, tokens):
    """The lab's client of a server, and bare ones."""
    whole, least = bodies(model, tokens)
    return {
        f"labkit: `connect` to {model.kind}": lambda: through_lab(model, tokens),
        "a bare client, the same request": lambda: read_bare(address, whole),
        "a bare client, the text alone": lambda: read_bare(address, least),
    }


def bodies(model, tokens):
    """What the lab asks for, and the least that gives the same text."""
    kind = getattr(model, "kind", "") if hasattr(model, "base_url") else "llama.cpp"
    settings = Settings(temperature=0, max_tokens=tokens, seed=1)
    whole = {**request_fields(kind, settings, raw=False), "messages": MESSAGES, "stream": True}
    least = {"messages": MESSAGES, "stream": True, "temperature": 0, "max_tokens": tokens}
    if kind == "llama.cpp":
        least["cache_prompt"] = False
    named = {"model": model.model} if hasattr(model, "base_url") else {}
    return whole | named, least | named


def read_bare(address, body):
    """The text of a server's events, by the standard library alone."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc)
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
    answer, texts = connection.getresponse(), []
    assert answer.status == 200, answer.read()
    for line in answer:
        if line.startswith(b"data: {"):
            texts.append(text_of(json.loads(line[6:])))
    connection.close()
    return "".join(texts)


def text_of(event):
    """An event's text."""
    choice = next(iter(event.get("choices") or ()), {})
    return (choice.get("delta") or {}).get("content") or ""


if __name__ == "__main__":
    main()
