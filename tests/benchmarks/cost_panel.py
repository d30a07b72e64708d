"""The controls of the cost panel: what the kernel takes for each move, with 20,000 draws.

    python tests/benchmarks/cost_panel.py [--moves 200]

From a control's new value to the fan's new data. The tornado is drawn when the learner pauses, and
its time stands apart.
"""

import argparse
import time

from turns import spread

import labkit

# Of this process alone: on a machine that does other work the wall's clock counts that too.
CLOCK = time.process_time
MOVES = {
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
    """Moves every control and prints the milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", type=int, default=200)
    panel = labkit.cost.week_panel()
    moves, rests = [], []
    panel._rest.call = lambda act: None  # its time is taken apart
    for number in range(parser.parse_args().moves + len(MOVES)):
        name, values = list(MOVES.items())[number % len(MOVES)]
        control = panel.controls[name]
        new = values[(number // len(MOVES)) % len(values)]
        if control.value == new:
            continue
        moves.append(taken_ms(lambda control=control, new=new: setattr(control, "value", new)))
        rests.append(taken_ms(panel._draw_rest))
    for label, times in (("a move", moves), ("the rest, after a pause", rests)):
        p95 = sorted(times)[int(0.95 * len(times))]
        print(f"{label}, ms of the processor: {spread(times, 1)}, p95 {p95:.1f}")


def taken_ms(act):
    """Milliseconds of one call."""
    began = CLOCK()
    act()
    return 1000 * (CLOCK() - began)


if __name__ == "__main__":
    main()
