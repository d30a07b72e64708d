"""A control of a panel: what the kernel takes from its new value to the figure's new data.

    python tests/benchmarks/panels.py [--moves 200]

The cost panel of notebook 06 with 20,000 draws, whose tornado is drawn when the learner pauses and
stands apart; the calibration of 08 with 400 items; the adapter's strength of 09.
"""

import argparse
import random
import time
from functools import partial

from turns import spread

import labkit
from labkit.topics.limits.confidence.reliability import at_temperature
from labkit.topics.limits.confidence.result import Calibration, ConfidenceItem

# Of this thread alone: the clock on the wall counts what other programs do, and a processor's
# clock what the threads of a library spin while they wait.
CLOCK = time.thread_time
COST = {
    "questions_per_hour": (10, 35, 60),
    "tokens_out": (500, 1000, 2000),
    "thinking_tokens": (0, 2000, 10_000),
    "turns": (1, 8, 20),
    "model": ("gpt-4", "gpt-6-sol", "claude-opus-5-5"),
    "price_usd": (400, 800, 1200),
    "hours_on": (40, 100, 168),
    "hourly_rate_usd": (0, 20, 60),
    "yearly_price_fall": (0, 0.2, 0.4),
}


def main():
    """Moves the controls of each panel and prints the milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", type=int, default=200)
    moves = parser.parse_args().moves
    cost = labkit.cost.week_panel()
    cost._rest.call = lambda act: None  # its time is taken apart
    show("06, cost", move(cost.controls, COST, moves))
    show("06, the rest, after a pause", [taken_ms(cost._draw_rest) for _ in range(moves)])
    calibration = labkit.explore(made_up())
    sliders = {"temperature": calibration.temperature, "bins": calibration.bins}
    show("08, calibration", move(sliders, {"temperature": (0.5, 1, 3), "bins": (4, 10)}, moves))
    tuning = labkit.control.fine_tune(labkit.load("smollm2-135m"), "facts", steps=2)
    strength = labkit.explore(labkit.control.vary_strength(tuning))
    values = {"strength": (0.0, 0.5, 1.0, 1.5, 2.0)}
    show("09, strength", move({"strength": strength.strength}, values, moves))


def made_up():
    """Items of a model that is right as often as a temperature of 3 would have it say."""
    chance, items = random.Random(0), []
    for number in range(400):
        logits = tuple(chance.gauss(0, 4) for _ in range(4))
        right = chance.choices("abcd", at_temperature([logits], 3.0)[0])[0]
        items.append(ConfidenceItem(f"c{number}", right, ("a", "b", "c", "d"), logits, 0.5))
    return Calibration("made up", tuple(items), 400, 1.0)


def move(controls, values, moves):
    """Milliseconds of each move, the controls in turn; a value that stands is no move."""
    times = []
    for number in range(moves + len(values)):
        name, own = list(values.items())[number % len(values)]
        new = own[(number // len(values)) % len(own)]
        if controls[name].value != new:
            times.append(taken_ms(partial(setattr, controls[name], "value", new)))
    return times


def taken_ms(act):
    """Milliseconds of one call."""
    began = CLOCK()
    act()
    return 1000 * (CLOCK() - began)


def show(label, times):
    """Prints the spread of one panel's moves."""
    p95 = sorted(times)[int(0.95 * len(times))]
    print(f"{label}, ms of the thread: {spread(times, 1)}, p95 {p95:.1f}")


if __name__ == "__main__":
    main()
