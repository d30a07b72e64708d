"""Checks of notebook 03's exercises: any right answer passes, a wrong one gets a hint."""

from labkit.checks import check_type, is_number
from labkit.exercise import ExerciseResult, not_yet, solved
from labkit.formatting import digits
from labkit.topics.speed.explain.roofline import Roofline
from labkit.topics.speed.measure.measurement import Measurement

# Bits per weight of 4-bit files: plain, with a scale per block, and with an offset as well.
BIT_FORMATS = (4.0, 4.5, 5.0)


def check_ceiling(roof: Roofline, answer: float | None, *, parameters: float) -> ExerciseResult:
    """Exercise 1: the most tokens per second that a model of 4 bits per weight can write here."""
    check_type("roof", roof, Roofline, "lab.speed.roofline")
    if problem := _not_a_speed(answer):
        return problem
    bytes_per_s = max(roof.probe.bytes_per_s)
    slowest, quickest = (
        bytes_per_s / (parameters * bits / 8) for bits in (BIT_FORMATS[-1], BIT_FORMATS[0])
    )
    bounds = (
        f"{bytes_per_s / 1e9:.1f} GB/s over {parameters * 4 / 8 / 1e9:.1f} to "
        f"{parameters * 5 / 8 / 1e9:.1f} GB is {digits(slowest)} to {digits(quickest)} tokens/s"
    )
    if 0.9 * slowest <= answer <= 1.1 * quickest:
        return solved(f"Each token reads every weight once: {bounds}, and never more.")
    own = [each.ceiling_tokens_per_s for each in roof.points if each.work.name == "decode"]
    if any(abs(answer - ceiling) <= 0.05 * ceiling for ceiling in own):
        return not_yet(f"That is the ceiling of {roof.model}. How many bytes has the larger model?")
    if 0.9 * slowest <= answer / 8 <= 1.1 * quickest:
        return not_yet("Bits and bytes are mixed up: a byte has 8 bits.")
    if 0.9 * slowest <= answer * 8 <= 1.1 * quickest:
        return not_yet("4 bits are half a byte. How many bytes are all the weights?")
    hint = "how many bytes are the weights, and how often do they fit into a second?"
    return not_yet(f"Too {'fast' if answer > quickest else 'slow'}: {hint}")


def check_wrong_speed(measurement: Measurement, answer: float | None) -> ExerciseResult:
    """Exercise 2: the speed if the prompt's tokens are counted as output."""
    check_type("measurement", measurement, Measurement, "lab.measure")
    if problem := _not_a_speed(answer):
        return problem
    speed, read = measurement.decode_tokens_per_s, measurement.prompt_tokens
    if not speed or read is None:
        return not_yet("It has too few tokens, or they were not counted: measure 32 of a model.")
    written, elapsed = measurement.output_tokens.median, measurement.elapsed_s.median
    right = speed.median
    wrong = (read + written) / elapsed
    if abs(answer - wrong) <= 0.05 * wrong:
        return solved(
            f"({read} + {written:g}) tokens in {elapsed:.2f} s are {wrong:.1f} tokens/s, "
            f"{wrong / right:.1f} times the speed at which this machine writes. A longer prompt "
            "would make it look faster still."
        )
    if abs(answer - right) <= 0.05 * right:
        return not_yet("That is the right speed. The exercise asks for the wrong one.")
    return not_yet("Add the prompt's tokens to those written, and divide by the time end to end.")


def _not_a_speed(answer: object) -> ExerciseResult | None:
    if answer is None:
        return not_yet("Put tokens per second in place of None.")
    if not is_number(answer) or answer <= 0:
        return not_yet(f"Tokens per second are a number above 0; got {answer!r}.")
    return None
