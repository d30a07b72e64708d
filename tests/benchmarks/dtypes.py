"""Which dtype a CPU should compute in: the rule of labkit.models.memory_plan.plan, measured.

    python tests/benchmarks/dtypes.py [--rounds 5] [--model smollm2-135m] [--sentences 27]

Reads a prompt of some 19 tokens a sentence and writes 24, in each dtype in turn, after a round that
is thrown away. Reading and writing are timed apart: they are bound by different things.
"""

import argparse

from turns import report

import labkit

SENTENCE = "The tide comes in and goes out again, twice a day, and nobody has to push it. "
TOKENS = 24


def main():
    """Runs the rounds and prints a table for each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--sentences", type=int, default=27, help="of the prompt")
    args = parser.parse_args()
    prompt = SENTENCE * args.sentences
    models = {
        dtype: labkit.load(args.model, device="cpu", dtype=dtype)
        for dtype in ("float32", "bfloat16", "float16")
    }
    reading, writing = ({dtype: [] for dtype in models} for _ in range(2))
    for _ in range(args.rounds + 1):
        for dtype, model in models.items():
            reply = labkit.generate(model, prompt, raw=True, temperature=0, max_tokens=TOKENS)
            reading[dtype].append(reply.prompt_tokens / reply.ttft_s)
            writing[dtype].append(reply.decode_tokens_per_s)
    for what, speeds in (("reading the prompt", reading), ("writing", writing)):
        report({dtype: each[1:] for dtype, each in speeds.items()}, f"{args.model}, {what}")
        print()


if __name__ == "__main__":
    main()
