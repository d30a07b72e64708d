"""Each public verb says in a sentence what is wrong with an argument that is something else."""

import inspect
import traceback

import pytest

import labkit

LAB = [getattr(labkit, name) for name in labkit.__all__]
PLACES = [labkit, *filter(inspect.ismodule, LAB)]


class SomethingElse:
    """What no verb takes."""


def required(verb):
    """As many wrong arguments as a verb needs: in a row, and by name."""
    parameters = inspect.signature(verb).parameters.values()
    needed = [each for each in parameters if each.default is each.empty]
    in_row = [each for each in needed if each.kind not in (each.KEYWORD_ONLY, each.VAR_KEYWORD)]
    by_name = [each.name for each in needed if each.kind is each.KEYWORD_ONLY]
    return [SomethingElse() for _ in in_row], {name: SomethingElse() for name in by_name}


VERBS = [
    pytest.param(verb, id=f"{place.__name__}.{name}".removeprefix("labkit.topics."))
    for place in PLACES
    for name in place.__all__
    if inspect.isfunction(verb := getattr(place, name)) and required(verb)[0]
]


@pytest.mark.parametrize("verb", VERBS)
def test_a_wrong_argument_is_a_sentence(verb):
    in_row, by_name = required(verb)
    with pytest.raises((ValueError, TypeError, labkit.LabError)) as error:
        verb(*in_row, **by_name)
    frame = traceback.extract_tb(error.tb)[-1]
    assert "/labkit/" in frame.filename.replace("\\", "/"), frame
    assert frame.line.startswith("raise "), frame  # and not what Python says of its own
