"""Checks of notebook 00's exercises: any right answer passes, a wrong one is told why."""

import math
from numbers import Real

from labkit.backends.generate import Backend, generate
from labkit.backends.reply import Reply
from labkit.exercise import ExerciseResult

from .analysis import MachineReport

TOLERANCE = 0.25  # how far an estimate may be off: machines are not steadier than that


def check_other_word(
    model: Backend, prompt: str, *, temperature: float, seed: int
) -> ExerciseResult:
    """Exercise 1: do these settings make the answer begin otherwise than at temperature 0?"""
    surest = generate(model, prompt, temperature=0, max_tokens=1).steps[0]
    try:
        taken = generate(model, prompt, temperature=temperature, seed=seed, max_tokens=1).steps[0]
    except ValueError as error:
        return ExerciseResult(False, f"These are no settings: {error}.")
    word, other = surest.alternatives[0].text, _text_of(taken)
    if taken.token_id != surest.token_id:
        share = math.exp(taken.logprob)
        return ExerciseResult(True, f"It begins with {other!r}, which the model gave {share:.1%}.")
    share = math.exp(surest.logprob)
    return ExerciseResult(
        False,
        f"It still begins with {word!r}: the model gives that {share:.1%}. "
        "Try other seeds, or a higher temperature.",
    )


def _text_of(step) -> str:
    told = {each.token_id: each.text for each in step.alternatives}
    return told.get(step.token_id, step.text)


def check_seconds(reply: Reply, *, tokens: int, seconds: float | None) -> ExerciseResult:
    """Exercise 2: how long will an answer of so many tokens take, going by this reply?"""
    if not isinstance(seconds, Real):
        return ExerciseResult(False, "Put your estimate in place of None.")
    if reply.decode_tokens_per_s is None:
        return ExerciseResult(
            False, "That reply is too short to go by: take one of two tokens or more."
        )
    expected = reply.ttft_s + (tokens - 1) / reply.decode_tokens_per_s
    way = f"{reply.ttft_s:.2f} s + {tokens - 1} / {reply.decode_tokens_per_s:.1f} tokens/s"
    if abs(seconds - expected) <= TOLERANCE * expected:
        return ExerciseResult(True, f"Going by this reply: {way} = {expected:.1f} s.")
    size = "too long" if seconds > expected else "too short"
    return ExerciseResult(
        False,
        f"{seconds:g} s is {size}. The first token took {reply.ttft_s:.2f} s, and each of the "
        f"{tokens - 1} others takes 1 / {reply.decode_tokens_per_s:.1f} s.",
    )


def check_largest(check: MachineReport, name: str | None) -> ExerciseResult:
    """Exercise 3: which is the largest model of the catalogue that fits here?"""
    rows = {each.entry.name: each for each in check.candidates}
    if not isinstance(name, str):
        return ExerciseResult(False, "Put a model's name, in quotes, in place of None.")
    if name not in rows:
        return ExerciseResult(False, f"{name!r} is no name of the catalogue: {', '.join(rows)}.")
    if not rows[name].plan.fits:
        return ExerciseResult(
            False, f"{name} needs more memory than is free: its bar crosses the line."
        )
    largest = check.fitting[-1]
    if name == largest:
        return ExerciseResult(True, f"{name} fits, and nothing larger does.")
    return ExerciseResult(False, f"{name} fits, but a larger one does too.")
