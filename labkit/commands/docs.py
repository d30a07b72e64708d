"""`python3 -m labkit docs`: the public names and what they return, as pages made of docstrings.

pdoc makes them; they load nothing from outside and are read without a server.
"""

import inspect
import typing
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import labkit
from labkit.bootstrap import ROOT

FOLDER = ".pages/api"  # in the checkout


def main(args: Namespace) -> int:
    """Writes the pages and says where.

    Args:
        args: ``to``, their folder; None for `FOLDER`.

    Returns:
        0.
    """
    import pdoc

    folder = Path(args.to or ROOT / FOLDER)
    pdoc.render.configure(docformat="google", show_source=False, footer_text=f"labkit {labkit.__version__}")
    pdoc.pdoc("labkit", *documented_modules(), output_directory=folder)
    print(f"page     {folder / 'labkit.html'}")
    return 0


def documented_modules() -> list[str]:
    """The modules of the lab's own classes that the public names are or return."""
    public = [getattr(labkit, name) for name in labkit.__all__]  # also loads them, for pdoc
    found = {each.__module__ for verb in public for each in _returned(verb)}
    return sorted(name for name in found if name.startswith("labkit."))


def _returned(verb: object) -> Iterator[type]:
    """The classes in its return annotation."""
    pending = [typing.get_type_hints(verb).get("return")] if inspect.isfunction(verb) else []
    for hint in pending:  # grows while it is read
        if isinstance(hint, type):
            yield hint
        pending += typing.get_args(hint)
