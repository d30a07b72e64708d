"""Checks for the exercises of notebook 00: any right answer passes, a wrong one gets the reason."""

import math

from labkit.backends.generate import Backend, generate
from labkit.backends.reply import Reply
from labkit.checks import is_number
from labkit.exercise import ExerciseResult, not_yet, solved

from .machine_report import MachineReport

TOLERANCE = 0.25  # relative error of an estimate; machines are no steadier than that


def check_other_word(
    model: Backend, prompt: str, *, temperature: float | None, seed: int | None
) -> ExerciseResult:
    """Exercise 1: does the answer begin differently than at temperature 0 with these settings?"""
    if temperature is None or seed is None:
        return not_yet("Put a temperature and a seed in place of None, such as 0.1 and 0.")
    try:
        replies = [
            generate(model, prompt, temperature=0, max_tokens=1),
            generate(model, prompt, temperature=temperature, seed=seed, max_tokens=1),
        ]
    except ValueError as error:
        return not_yet(f"These settings do not work: {error}.")
    if not all(each.steps for each in replies):
        return not_yet("It was stopped before the first token: run it again.")
    surest, drawn = (each.steps[0] for each in replies)
    # A server that sends no numbers of tokens sends their texts.
    texts = {each.token_id: each.text for each in drawn.alternatives if each.token_id is not None}
    other = texts.get(drawn.token_id, drawn.text)
    if (drawn.token_id, drawn.text) != (surest.token_id, surest.text):
        shares = []  # as far as they are known: a server tells the second alone
        if drawn.drawn_logprob is not None:
            chance = math.exp(drawn.drawn_logprob)
            shares.append(f", drawn with {chance:.1%} at temperature {float(temperature):g}")
        if drawn.logprob is not None:
            shares.append(f"; at temperature 1 it has {math.exp(drawn.logprob):.1%}")
        return solved(f"It begins with {other!r}{''.join(shares)}.")
    word = surest.alternatives[0].text if surest.alternatives else surest.text
    known = surest.logprob is not None
    share = f": the model gives that {math.exp(surest.logprob):.1%}" if known else ""
    return not_yet(
        f"It still begins with {word!r}{share}. Try other seeds, or a higher temperature."
    )


def check_seconds(reply: Reply, *, tokens: int, seconds: float | None) -> ExerciseResult:
    """Exercise 2: how long will an answer of this length take, judging by this reply?"""
    if not is_number(seconds):
        return not_yet("Put your estimate, a number of seconds, in place of None.")
    if reply.decode_tokens_per_s is None:
        return not_yet("That reply is too short to judge by: take one of two tokens or more.")
    seconds = float(seconds)  # of a fraction, which Python 3.11 cannot format
    expected = reply.ttft_s + (tokens - 1) / reply.decode_tokens_per_s
    formula = f"{reply.ttft_s:.2f} s + {tokens - 1} / {reply.decode_tokens_per_s:.1f} tokens/s"
    if abs(seconds - expected) <= TOLERANCE * expected:
        return solved(f"By this reply: {formula} = {expected:.1f} s.")
    return not_yet(
        f"{seconds:g} s is too {'long' if seconds > expected else 'short'}. "
        f"The first token took {reply.ttft_s:.2f} s, and each of the {tokens - 1} others "
        f"takes 1 / {reply.decode_tokens_per_s:.1f} s."
    )


def check_largest(report: MachineReport, name: str | None) -> ExerciseResult:
    """Exercise 3: which model of the catalogue has the most parameters of those that fit here?"""
    rows = {each.entry.name: each for each in report.candidates}
    if not isinstance(name, str):
        return not_yet("Put a model's name, in quotes, in place of None.")
    if not report.fitting:
        return not_yet("None of them fits here now: all need more memory than is free.")
    name = name.lower().removesuffix("(here)").strip()  # as the figure labels it
    if name not in rows:
        return not_yet(f"{name!r} is not in the catalogue: {', '.join(rows)}.")
    if not rows[name].plan.fits:
        return not_yet(f"{name} needs more memory than is free: its bar crosses the line.")
    if rows[name].entry.parameters == rows[report.fitting[-1]].entry.parameters:
        return solved(f"{name} fits, and none with more parameters does.")
    return not_yet(f"{name} fits, but one with more parameters does too.")
