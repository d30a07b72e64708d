"""One stream: the lab's, with everything recorded, against transformers' own streaming.

    python tests/benchmarks/streaming.py [--rounds 15] [--tokens 64]

Both write the same greedy answer to the same prompt, in turn, after a round that is thrown away.
Tokens per second are output tokens over the whole time, the reading of the prompt included. The
ratio is taken within a round, so that a machine that slows down slows both.
"""

import argparse
import platform
import statistics
import threading
import time

import torch
import transformers
from transformers import AutoModelForCausalLM, TextIteratorStreamer

import labkit
from labkit.models.machine import inspect_machine

PROMPT = "Why is the sky blue?"


def main():
    """Runs the rounds and prints a table for the README."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--tokens", type=int, default=64)
    args = parser.parse_args()
    contenders = make_contenders(args.tokens)
    times = {name: [] for name in contenders}
    texts = {}
    for _ in range(args.rounds + 1):
        for name, run in contenders.items():
            began = time.perf_counter()
            texts[name] = run()
            times[name].append(time.perf_counter() - began)
    assert len(set(texts.values())) == 1, "the contenders did not write the same"
    report({name: seconds[1:] for name, seconds in times.items()}, args.tokens)


def make_contenders(tokens):
    """Name to a function that writes the answer and returns it."""
    lab = labkit.load("smollm2-135m", device="cpu")
    plain = AutoModelForCausalLM.from_pretrained(lab.folder).eval()
    ids = torch.tensor([lab.encode(PROMPT)])

    def with_transformers(model):
        streamer = TextIteratorStreamer(lab.tokenizer, skip_prompt=True, skip_special_tokens=True)
        asked = {"max_new_tokens": tokens, "do_sample": False, "streamer": streamer}
        thread = threading.Thread(target=model.generate, args=(ids,), kwargs=asked)
        thread.start()
        text = "".join(streamer)
        thread.join()
        return text

    def with_labkit():
        steps = labkit.stream(lab, PROMPT, temperature=0, max_tokens=tokens)
        return "".join(step.text for step in steps)

    return {
        "transformers: `generate` and its streamer": lambda: with_transformers(plain),
        "labkit: `stream`, all recorded": with_labkit,
        "transformers: `generate` on labkit's packed model": lambda: with_transformers(lab.model),
    }


def report(times, tokens):
    """Prints the machine and a table: median tokens/s with its range, median paired ratio."""
    here = inspect_machine()
    print(f"{here.cpu}, {here.cores} cores, {here.system}; Python {platform.python_version()},")
    print(f"torch {torch.__version__} on {torch.get_num_threads()} threads, ", end="")
    print(f"transformers {transformers.__version__}; SmolLM2-135M in float32, {tokens} tokens.\n")
    print("| | tokens/s, median (range) | against the first, paired median (range) |")
    print("|---|---|---|")
    base = next(iter(times.values()))
    for name, seconds in times.items():
        speeds = sorted(tokens / s for s in seconds)
        ratios = sorted(b / s for b, s in zip(base, seconds, strict=True))
        print(f"| {name} | {spread(speeds, 1)} | {spread(ratios, 2)} |")


def spread(values, digits):
    """Median and range of sorted values."""
    low, middle, high = values[0], statistics.median(values), values[-1]
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


if __name__ == "__main__":
    main()
