"""One stream: the lab's, with everything recorded, against transformers' own streaming.

    python tests/benchmarks/streaming.py [--rounds 15] [--tokens 64] [--dtype bfloat16]

Both write the same greedy answer to the same prompt, in turn, after a round that is thrown away.
Tokens per second are output tokens over the whole time, the reading of the prompt included. The
ratio is taken within a round, so that a machine that slows down slows both.
"""

import argparse
import threading

import torch
from transformers import AutoModelForCausalLM, TextIteratorStreamer
from turns import report, take_turns

import labkit

PROMPT = "Why is the sky blue?"


def main():
    """Runs the rounds and prints a table for the README."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--dtype", default="float32")
    args = parser.parse_args()
    texts = {}
    contenders = {
        name: counted(name, run, texts, args.tokens)
        for name, run in make_contenders(args.tokens, args.dtype).items()
    }
    speeds = take_turns(contenders, args.rounds)
    if args.dtype == "float32":  # in 16 bits, fused norms round once where theirs round twice
        assert len(set(texts.values())) == 1, "the contenders did not write the same"
    report(speeds, f"SmolLM2-135M in {args.dtype}, {args.tokens} tokens")


def counted(name, run, texts, tokens):
    """The contender, with its text kept and its tokens returned."""

    def and_count():
        texts[name] = run()
        return tokens

    return and_count


def make_contenders(tokens, dtype):
    """Name to a function that writes the answer and returns it."""
    lab = labkit.load("smollm2-135m", device="cpu", dtype=dtype)
    print(lab.tuning)
    plain = AutoModelForCausalLM.from_pretrained(lab.folder, dtype=getattr(torch, dtype)).eval()
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
        "labkit: `stream`, all recorded": with_labkit,
        "transformers: `generate` and its streamer": lambda: with_transformers(plain),
        "transformers: `generate` on labkit's model": lambda: with_transformers(lab.model),
    }


if __name__ == "__main__":
    main()
