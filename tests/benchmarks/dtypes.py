"""Which dtype a CPU should compute in: the rule of labkit.models.memory_plan.plan, measured.

    python tests/benchmarks/dtypes.py [--rounds 5]

Reads a prompt of some 400 tokens and writes 24, in each dtype in turn, after a round that is
thrown away. Reading and writing are timed apart: they are bound by different things.
"""

import argparse

from turns import report

import labkit

PROMPT = "The tide comes in and goes out again, twice a day, and nobody has to push it. " * 20
TOKENS = 24


def main():
    """Runs the rounds and prints a table for each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    models = {
        dtype: labkit.load("smollm2-135m", device="cpu", dtype=dtype)
        for dtype in ("float32", "bfloat16", "float16")
    }
    reading, writing = ({dtype: [] for dtype in models} for _ in range(2))
    for _ in range(rounds + 1):
        for dtype, model in models.items():
            reply = labkit.generate(model, PROMPT, raw=True, temperature=0, max_tokens=TOKENS)
            reading[dtype].append(reply.prompt_tokens / reply.ttft_s)
            writing[dtype].append(reply.decode_tokens_per_s)
    for what, speeds in (("reading the prompt", reading), ("writing", writing)):
        report({dtype: each[1:] for dtype, each in speeds.items()}, f"SmolLM2-135M, {what}")
        print()


if __name__ == "__main__":
    main()
