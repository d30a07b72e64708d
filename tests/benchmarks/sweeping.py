"""Many answers to one prompt: `sweep`'s batch against `generate`, llama.cpp's server and vLLM.

    python tests/benchmarks/sweeping.py [--rounds 5] [--only labkit,…] [--vllm http://127.0.0.1:8000]

4 temperatures x 8 samples x 24 tokens, the reading of the prompt included, in turn, after a round
that is thrown away. llama.cpp reads the Q4_1 file, all others the float32 folder. vLLM takes part
if its server is given: vllm serve FOLDER --dtype float32 --enforce-eager --host 127.0.0.1
"""

import argparse
import functools
import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import torch
import xllamacpp
from transformers import AutoModelForCausalLM
from turns import report, take_turns

import labkit
from labkit.backends.settings import Settings

PROMPT = "Explain in plain words to a curious child why the sky is blue at noon and red at dusk."
TEMPERATURES, SAMPLES, TOKENS = (0.3, 0.6, 0.9, 1.2), 8, 24


def main():
    """Runs the rounds and prints a table for the README."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="names or parts of names, with commas")
    parser.add_argument("--vllm", help="address of a vLLM server with the same folder")
    args = parser.parse_args()
    contenders = make_contenders(args.vllm)
    wanted = [part for part in args.only.split(",") if part]
    if wanted:
        contenders = {n: run for n, run in contenders.items() if any(w in n for w in wanted)}
    speeds = take_turns(contenders, args.rounds)
    report(speeds, f"SmolLM2-135M, {len(TEMPERATURES)} x {SAMPLES} answers of {TOKENS} tokens")


def make_contenders(vllm):
    """Name to a function that writes 32 answers and returns how many tokens it wrote."""
    lab = labkit.load("smollm2-135m", device="cpu")
    plain = AutoModelForCausalLM.from_pretrained(lab.folder).eval()
    ids = torch.tensor([lab.encode(PROMPT)])
    # Made when it is first asked: one that is closed before its loop has begun hangs.
    server = functools.cache(lambda: llamacpp_server(lab.gguf_file))
    rows = [
        Settings(temperature=temperature, seed=seed, max_tokens=TOKENS)
        for temperature in TEMPERATURES
        for seed in range(SAMPLES)
    ]

    def with_generate(times, samples):
        end = lab.tokenizer.eos_token_id
        written = 0
        for temperature in TEMPERATURES:
            for _ in range(times):
                out = plain.generate(
                    ids,
                    do_sample=True,
                    temperature=temperature,
                    top_k=0,
                    max_new_tokens=TOKENS,
                    num_return_sequences=samples,
                    pad_token_id=lab.tokenizer.pad_token_id,
                )
                written += sum(count(row, end) for row in out[:, ids.shape[1] :].tolist())
        return written

    def with_server(address, model):
        def ask(row):
            body = {"prompt": ids[0].tolist(), "temperature": row.temperature, "seed": row.seed}
            body |= {"max_tokens": TOKENS, "top_p": 1, "top_k": 0, "model": model}
            return post(address + "/v1/completions", body)["usage"]["completion_tokens"]

        with ThreadPoolExecutor(len(rows)) as pool:
            return sum(pool.map(ask, rows))

    contenders = {
        "labkit: one batch of 32": lambda: sum(1 for _ in lab.stream_rows(PROMPT, rows)),
        "transformers: `generate`, 32 times": lambda: with_generate(SAMPLES, 1),
        "transformers: `generate(num_return_sequences=8)`, 4 times": lambda: with_generate(
            1, SAMPLES
        ),
        "llama.cpp's server, 32 slots, Q4_1": lambda: with_server(
            server().listening_address, "any"
        ),
    }
    if vllm:
        with urllib.request.urlopen(vllm + "/v1/models") as answer:
            model = json.load(answer)["data"][0]["id"]
        contenders["vLLM, 32 requests at once"] = lambda: with_server(vllm, model)
    return contenders


def count(row, end):
    """Tokens that were written: those up to the first end token, itself included."""
    return row.index(end) + 1 if end in row else len(row)


def llamacpp_server(gguf_file):
    """llama.cpp's own server on the loopback; stops when nothing refers to it any more."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(gguf_file)
    parameters.n_ctx, parameters.n_parallel, parameters.verbosity = 32 * 128, 32, 0
    parameters.cpuparams.n_threads = torch.get_num_threads()
    return xllamacpp.Server(parameters)


def post(address, body):
    """The JSON answer to a JSON request."""
    data, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(address, data, headers)) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main()
