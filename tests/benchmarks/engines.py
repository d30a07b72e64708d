"""llama.cpp through the lab, against what the engine says of its own speed on the same request.

    python tests/benchmarks/engines.py [--rounds 9] [--tokens 64] [--torch]

Each round asks llama.cpp once in process and once over its server on the loopback. A ratio is the
lab's decode tokens per second, by the lab's own clock, to those that llama.cpp tells of that very
request, so that a machine that slows down slows both. The round that is thrown away warms up.
"""

import argparse
import statistics
import time

from turns import spread

import labkit
from labkit.models.machine import inspect_machine

PROMPT = "Why is the sky blue?"


def main():
    """Runs the rounds and prints a table for the README."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--torch", action="store_true", help="the lab's own engine, beside them")
    args = parser.parse_args()
    engine = labkit.load_llamacpp()
    contenders = {"in process": engine, "over its server": over_http(engine)}
    if args.torch:
        contenders["the lab's own engine, float32"] = labkit.load("smollm2-135m", device="cpu")
    replies = {name: [] for name in contenders}
    for _ in range(args.rounds + 1):
        for name, model in contenders.items():
            replies[name].append(answer(model, args.tokens))
    report({name: each[1:] for name, each in replies.items()}, args.tokens)


def over_http(engine):
    """The same engine, asked over HTTP."""
    address, key = engine._server.listening_address, engine._key
    return labkit.connect(address, "smollm2-135m", kind="llama.cpp", api_key=key)


def answer(model, tokens):
    """The reply, and the seconds until the caller had it whole."""
    began = time.perf_counter()
    reply = labkit.generate(model, PROMPT, temperature=0, max_tokens=tokens)
    return reply, time.perf_counter() - began


def report(replies, tokens):
    """Prints the machine and the table."""
    here = inspect_machine()
    print(f"{here.cpu}, {here.cores} cores, {here.system}; SmolLM2-135M, {tokens} tokens.\n")
    print("| | decode tokens/s, median (range) | of the engine's own, paired (range) ", end="")
    print("| the same with the caller's whole time, paired (range) |\n|---|---|---|---|")
    for name, each in replies.items():
        speeds = [reply.decode_tokens_per_s for reply, _ in each]
        own = [(reply, whole) for reply, whole in each if reply.timings]
        decode = [reply.decode_tokens_per_s / reply.timings.decode_tokens_per_s for reply, _ in own]
        total = [(r.timings.prompt_s + r.timings.decode_s) / whole for r, whole in own]
        told = [spread(values, 3) if values else "—" for values in (decode, total)]
        print(f"| {name} | {spread(speeds, 1)} | {' | '.join(told)} |")
    medians = [statistics.median(r.ttft_s for r, _ in each) for each in replies.values()]
    print("\nTTFT, median: " + ", ".join(f"{1000 * each:.0f} ms" for each in medians))


if __name__ == "__main__":
    main()
