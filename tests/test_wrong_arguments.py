"""Each public verb says in a sentence what is wrong with an argument that is something else."""

import inspect
import traceback

import pytest

import labkit

LAB = [getattr(labkit, name) for name in labkit.__all__]
PLACES = [labkit, *filter(inspect.ismodule, LAB)]


class SomethingElse:
    """What no verb takes."""


TEXTS = ["The tide comes in.", "It goes out."]
FITTING = {  # what a verb needs, by the name of its argument; and ``model`` and ``backend``
    "prompt": TEXTS[0],
    "text": TEXTS[0],
    "question": TEXTS[0],
    "a": TEXTS[0],
    "b": TEXTS[1],
    "prompts": TEXTS,
    "before": "x = ",
    "after": "",
    "like": "general",
    "kinds": [labkit.decide.work("mail", like="general")],
    "share": 0.7,
    "schema": {"type": "object"},
    "answers": TEXTS,
    "task": "triage",
    "seconds": 2.0,
    "code": "x = 1",
    "command": ["true"],
    "messages": [{"role": "user", "content": TEXTS[0]}],
}


def required(verb):
    """As many wrong arguments as a verb needs: in a row, and by name."""
    parameters = inspect.signature(verb).parameters.values()
    needed = [each for each in parameters if each.default is each.empty]
    in_row = [each for each in needed if each.kind not in (each.KEYWORD_ONLY, each.VAR_KEYWORD)]
    by_name = [each.name for each in needed if each.kind is each.KEYWORD_ONLY]
    return [SomethingElse() for _ in in_row], {name: SomethingElse() for name in by_name}


VERBS = {
    f"{place.__name__}.{name}".removeprefix("labkit.topics."): verb
    for place in PLACES
    for name in place.__all__
    if inspect.isfunction(verb := getattr(place, name))
}
NEEDING = [pytest.param(verb, id=name) for name, verb in VERBS.items() if required(verb)[0]]


@pytest.mark.parametrize("verb", NEEDING)
def test_a_wrong_argument_is_a_sentence(verb):
    in_row, by_name = required(verb)
    with pytest.raises((ValueError, TypeError, labkit.LabError)) as error:
        verb(*in_row, **by_name)
    frame = traceback.extract_tb(error.tb)[-1]
    assert "/labkit/" in frame.filename.replace("\\", "/"), frame
    assert frame.line.startswith("raise "), frame  # and not what Python says of its own


def options(verb):
    """The names of what may be left out of a verb's call, flags aside: any value is true or not."""
    parameters = inspect.signature(verb).parameters.values()
    parameters = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    needed = {each.name for each in parameters if each.default is each.empty}
    if not needed <= {*FITTING, "model", "backend"}:
        return []
    return [
        each.name
        for each in parameters
        if each.default is not each.empty and not isinstance(each.default, bool)
    ]


OPTIONS = [
    pytest.param(verb, name, id=f"{title}-{name}")
    for title, verb in VERBS.items()
    for name in options(verb)
]


@pytest.mark.parametrize("value", [SomethingElse(), [SomethingElse()]], ids=["one", "several"])
@pytest.mark.parametrize(("verb", "name"), OPTIONS)
def test_a_wrong_option_is_a_sentence(verb, name, value, untrained, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    known = {**FITTING, "model": untrained, "backend": untrained}
    needed = [each for each in inspect.signature(verb).parameters if each in known]
    given = {each: known[each] for each in needed if each != name} | {name: value}
    with pytest.raises((ValueError, TypeError, labkit.LabError)) as error:
        verb(**given)
    frame = traceback.extract_tb(error.tb)[-1]
    assert "/labkit/" in frame.filename.replace("\\", "/"), frame
    assert frame.line.startswith("raise "), frame
