"""Items a second: `lab.prompts.score` against lm-evaluation-harness's own HF backend.

    python tests/benchmarks/scoring.py --lm-eval PYTHON [--rounds 5] [--items 50] [--batch 16]

PYTHON is the interpreter of an environment of its own, with `lm-eval[hf]` and the lab's torch and
transformers. Both score the same prompts of the task sentiment with the same float32 folder, zero-
and five-shot, in turn; lm-eval reads in the batches given. A round that is thrown away comes first.
The option scores of both are compared to 1e-4 in float32. The lab's bfloat16 runs as a third,
where this machine reads that faster.
"""

import argparse
import json
import subprocess
import sys
from functools import partial

from turns import report, take_turns

import labkit
from labkit.backends.local.decoding.option_scores import option_logprobs
from labkit.topics.prompts.scoring.score import option_ids
from labkit.topics.prompts.tasks.prompt import encoded

TOLERANCE = 1e-4
# Runs in lm-eval's environment: answers each line on stdin, a list of pairs, with their scores.
WORKER = """
import json, sys
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
model = HFLM(pretrained=sys.argv[1], dtype="float32", device="cpu", batch_size=int(sys.argv[2]))
print("ready", flush=True)
for line in sys.stdin:
    pairs = [tuple(pair) for pair in json.loads(line)]
    asked = [Instance("loglikelihood", {}, pair, n) for n, pair in enumerate(pairs)]
    found = model.loglikelihood(asked, disable_tqdm=True)
    print(json.dumps([float(each) for each, _ in found]), flush=True)
"""


class Harness:
    """lm-eval in a process of its own."""

    def __init__(self, python, folder, batch):
        command = [python, "-c", WORKER, str(folder), str(batch)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, **pipes)
        self.read_until_ready()

    def read_until_ready(self):
        """Until the model is loaded; whatever else lm-eval prints is passed over."""
        while (line := self.process.stdout.readline()).strip() != "ready":
            if not line:
                sys.exit("lm-eval did not start; its message stands above")

    def score(self, pairs):
        """The log-likelihood of each (context, continuation)."""
        self.process.stdin.write(json.dumps(pairs) + "\n")
        self.process.stdin.flush()
        while not (line := self.process.stdout.readline()).startswith("["):
            if not line:
                sys.exit("lm-eval ended; its message stands above")
        return json.loads(line)


def main():
    """Runs both settings and prints a table for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lm-eval", required=True, help="Python of lm-eval's environment")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--items", type=int, default=50)
    parser.add_argument("--batch", type=int, default=16)
    args = parser.parse_args()
    model = labkit.load("smollm2-135m", device="cpu")
    harness = Harness(args.lm_eval, model.folder, args.batch)
    task = labkit.prompts.load_task("sentiment")
    items = task.half(None)[: args.items]
    for shots in (0, 5):
        prompt = labkit.prompts.full_prompt(task, examples=shots).without("template")
        texts = [prompt.text(task, item.text) for item in items]
        pairs = [(text, f" {option}") for text in texts for option in task.options]
        require_same_scores(model, task, prompt, texts, harness.score(pairs))

        def with_lab(dtype, prompt=prompt):
            options = {"half": None, "items": len(items), "dtype": dtype}
            return len(labkit.prompts.score(model, task, prompt, **options).items)

        def with_harness(pairs=pairs):
            harness.score(pairs)
            return len(items)

        fastest = model.tuning.reading_dtype
        contenders = {f"labkit, {fastest}": partial(with_lab, fastest)}
        if fastest != "float32":
            contenders["labkit, float32"] = partial(with_lab, "float32")
        contenders[f"lm-eval's HF backend, float32, batches of {args.batch}"] = with_harness
        speeds = take_turns(contenders, args.rounds)
        report(speeds, f"{len(items)} items of sentiment, {shots} shots", "items")
        print()


def require_same_scores(model, task, prompt, texts, expected):
    """Exits unless every option's log-probability is the harness's, to `TOLERANCE`."""
    ids = [encoded(model, prompt, text) for text in texts]
    options = [
        option_ids(model, prompt, task.options, text, own)
        for text, own in zip(texts, ids, strict=True)
    ]
    found = {}
    for number, own in option_logprobs(model.model, ids, options):
        found.setdefault(number, {}).update(own)
    count = len(task.options)
    apart = max(abs(found[n // count][n % count] - value) for n, value in enumerate(expected))
    print(f"largest difference of an option's score: {apart:.1e}")
    if apart > TOLERANCE:
        sys.exit(f"more than {TOLERANCE}")


if __name__ == "__main__":
    main()
