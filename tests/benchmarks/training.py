"""Step time of `lab.control.fine_tune` against a bare torch loop with the same adapter.

    python tests/benchmarks/training.py [--steps 24]

Both train the same layers with peft's LoRA on the same batches of the set "facts", step by step in
turn, in one process; the loop has nothing but forward, backward, clipping and the optimizer's step.
The first steps are thrown away. The target is at most 1.1 times the loop.
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
BARE_LOSSES = []


def bare_steps(model, options):
    """Does the steps of a plain loop: whole logits, an attention mask, transformers' own loss."""
    bare = AutoModelForCausalLM.from_pretrained(model.folder, dtype=torch.float32)
    config = LoraConfig(r=options.rank, lora_alpha=2 * options.rank, target_modules="all-linear")
    torch.manual_seed(options.seed)
    bare = get_peft_model(bare.to(model.plan.device), config)
    bare.eval()  # no dropout, as the lab's
    weights = [each for each in bare.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=options.learning_rate)
    train = labkit.control.load_examples("facts").train
    encoded = [example_ids(model, each.prompt, each.answer) for each in train]
    for batch in batches(encoded, options):
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
        BARE_LOSSES.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        yield


def seconds_of_next(steps):
    """Seconds that the next step takes."""
    began = time.perf_counter()
    next(steps)
    return time.perf_counter() - began


def main():
    """Trains in turn, and prints the ratio of the steps taken one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=24)
    args = parser.parse_args()
    model = labkit.load("smollm2-135m")
    options = TuningOptions(steps=WARM_UP + args.steps)
    run = TrainingRun(model, "facts", steps=options.steps)
    run._tests = []  # readings of held-out examples are apart
    contenders = [run.steps(), bare_steps(model, options)]
    pairs = []
    for number in range(options.steps):
        order = contenders if number % 2 else contenders[::-1]
        seconds = {id(each): seconds_of_next(each) for each in order}
        pairs.append([seconds[id(each)] for each in contenders])
    lab, bare = zip(*pairs[WARM_UP:], strict=True)
    ratios = [one / other for one, other in zip(lab, bare, strict=True)]
    print(f"seconds a step: labkit {spread(lab, 2)}, bare loop {spread(bare, 2)}")
    met = "met" if median(ratios) <= TARGET else "missed"
    print(f"ratio of a pair {spread(ratios, 2)}; at most {TARGET}: {met}")
    apart = max(abs(a.loss - b) for a, b in zip(run.losses, BARE_LOSSES, strict=True))
    print(f"largest difference of a loss: {apart:.1e}")


if __name__ == "__main__":
    main()
