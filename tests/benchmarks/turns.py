"""What all benchmarks share: contenders take turns, and a table tells medians, ranges and ratios.

The machines are noisy, so only the ratio of runs taken in the same round means anything.
"""

import platform
import statistics
import time

import torch
import transformers

from labkit.models.machine import inspect_machine


def take_turns(contenders, rounds):
    """Runs every contender once a round, after a round that is thrown away.

    Args:
        contenders: name to a function that returns how many output tokens it wrote.
        rounds: how many rounds count.
    Returns:
        Name to a list of tokens per second, one a round.
    """
    speeds = {name: [] for name in contenders}
    for _ in range(rounds + 1):
        for name, run in contenders.items():
            began = time.perf_counter()
            tokens = run()
            speeds[name].append(tokens / (time.perf_counter() - began))
    return {name: each[1:] for name, each in speeds.items()}


def report(speeds, what, unit="tokens"):
    """Prints the machine and the table; ratios are the first contender's to each, by round."""
    here = inspect_machine()
    print(f"{here.cpu}, {here.cores} cores, {here.system}; Python {platform.python_version()},")
    print(f"torch {torch.__version__} on {torch.get_num_threads()} threads, ", end="")
    print(f"transformers {transformers.__version__}; {what}.\n")
    print(f"| | {unit}/s, median (range) | the first is so many times as fast, paired (range) |")
    print("|---|---|---|")
    base = next(iter(speeds.values()))
    for name, each in speeds.items():
        ratios = [first / this for first, this in zip(base, each, strict=True)]
        print(f"| {name} | {spread(each, 1)} | {spread(ratios, 2)} |")


def spread(values, digits):
    """Median and range."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
