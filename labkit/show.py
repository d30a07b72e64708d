"""`plot`: every result has its picture."""

import importlib

# Name of the result's class: where the function is that draws it.
_FIGURES = {
    "MachineCheck": "labkit.start.figures:machine_figure",
    "Reply": "labkit.start.figures:reply_figure",
}


def plot(result):
    """The picture of a result, as a plotly figure; a notebook shows it as a cell's last line.

    Args:
        result: what a verb of the lab returned.
    Raises:
        TypeError: for what is no result of the lab.
    """
    place = _FIGURES.get(type(result).__name__)
    if place is None:
        known = ", ".join(sorted(_FIGURES))
        raise TypeError(f"plot draws results of the lab ({known}); got {type(result).__name__}")
    module, _, function = place.partition(":")
    return getattr(importlib.import_module(module), function)(result)
