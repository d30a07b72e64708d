"""Step time of `lab.control.fine_tune` against a bare torch loop with the same adapter.

    python tests/benchmarks/training.py [--rounds 5] [--steps 8]

Both train the same layers with peft's LoRA on the same batches of the set "facts", in turn, in one
process; the loop has nothing but forward, backward, clipping and the optimizer's step. The first
steps of each round are thrown away. The target is at most 1.1 times the loop.
"""

import argparse
import time
from statistics import median

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM
from turns import spread

import labkit
from labkit.topics.control.finetune.loss import batches, example_ids
from labkit.topics.control.finetune.result import TuningOptions
from labkit.topics.control.finetune.training import TrainingRun

WARM_UP = 2  # steps
TARGET = 1.1


def lab_steps(model, options):
    """Seconds of each of the lab's steps, without its readings of held-out examples."""
    run = TrainingRun(model, "facts", steps=options.steps)
    run._tests = []
    began, seconds = time.perf_counter(), []
    for _ in run.steps():
        seconds.append(time.perf_counter() - began)
        began = time.perf_counter()
    return seconds[WARM_UP:]


def bare_steps(model, options):
    """Seconds of each step of a plain loop: whole logits, an attention mask, transformers' loss."""
    bare = AutoModelForCausalLM.from_pretrained(model.folder, dtype=torch.float32)
    config = LoraConfig(r=options.rank, lora_alpha=2 * options.rank, target_modules="all-linear")
    bare = get_peft_model(bare.to(model.plan.device), config)
    bare.eval()  # no dropout, as the lab's
    weights = [each for each in bare.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=options.learning_rate)
    train = labkit.control.load_examples("facts").train
    encoded = [example_ids(model, each.prompt, each.answer) for each in train]
    seconds = []
    for batch in batches(encoded, options):
        began = time.perf_counter()
        width = max(len(ids) for ids, _ in batch)
        pads = [width - len(ids) for ids, _ in batch]
        rows = [ids + [0] * pad for (ids, _), pad in zip(batch, pads, strict=True)]
        masks = [[1] * (width - pad) + [0] * pad for pad in pads]
        labels = [
            [-100] * start + ids[start:] + [-100] * pad
            for (ids, start), pad in zip(batch, pads, strict=True)
        ]
        read = [torch.tensor(each, device=bare.device) for each in (rows, masks, labels)]
        loss = bare(input_ids=read[0], attention_mask=read[1], labels=read[2]).loss
        loss.item()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        seconds.append(time.perf_counter() - began)
    return seconds[WARM_UP:]


def main():
    """Trains in turn, and prints the ratio of the medians of each round."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8)
    args = parser.parse_args()
    model = labkit.load("smollm2-135m")
    options = TuningOptions(steps=args.steps)
    ratios = []
    for number in range(args.rounds):
        turns = [lab_steps, bare_steps] if number % 2 else [bare_steps, lab_steps]
        seconds = {turn: median(turn(model, options)) for turn in turns}
        ratios.append(seconds[lab_steps] / seconds[bare_steps])
        print(
            f"round {number + 1}: lab {seconds[lab_steps]:.2f} s a step, bare loop "
            f"{seconds[bare_steps]:.2f} s, ratio {ratios[-1]:.2f}",
            flush=True,
        )
    met = "met" if median(ratios) <= TARGET else "missed"
    print(f"median ratio {spread(ratios, 2)}; at most {TARGET} {met}")


if __name__ == "__main__":
    main()
