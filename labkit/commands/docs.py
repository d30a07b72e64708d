"""`python3 -m labkit docs`: the public names and what they return, as pages made of docstrings.

pdoc makes them; they load nothing from outside and are read without a server.
"""

import dataclasses
import inspect
import os
import typing
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import labkit
from labkit.errors import LabError
from labkit.install.checkout import ROOT

FOLDER = ".pages/api"  # in the checkout
# What pdoc writes for labkit into the folder itself, and what its own files hold.
PDOC = {
    "index.html": "url=./labkit.html",
    "labkit.html": 'content="pdoc ',
    "search.js": "window.pdocSearch",
}
ANOTHER = "Name another folder: --to FOLDER."


def main(args: Namespace) -> int:
    """Writes the pages to ``args.to``, or else to `FOLDER`, and says where.

    Raises:
        LabError: the folder cannot be written to, or holds others' files of the same names.
    """
    import pdoc

    folder = Path(args.to or ROOT / FOLDER)
    footer = f"labkit {labkit.__version__}"
    pdoc.render.configure(docformat="google", show_source=False, footer_text=footer)
    try:
        _require_ours(folder)
        pdoc.pdoc(*_modules(pdoc.doc.Module.from_name), output_directory=folder)
    except OSError as error:
        problem = f"The pages cannot be written to {folder}: {error.strerror}."
        raise LabError(problem, ANOTHER) from error
    print(f"page     {folder / 'labkit.html'}")
    return 0


def _require_ours(folder: Path) -> None:
    """Nothing that somebody else wrote is replaced."""
    for name, mark in PDOC.items():
        path = folder / name
        if os.path.exists(path) and mark not in path.read_text("utf-8", errors="replace"):
            raise LabError(f"{path} is not one of these pages, and is not replaced.", ANOTHER)


def _modules(page: Callable) -> list[str]:
    """The names of labkit, its topics and the modules of results, with each `page` prepared."""
    verbs, topics = _split(labkit)
    verbs += [verb for topic in topics for verb in _split(topic)[0]]
    public = ["labkit", *(topic.__name__ for topic in topics)]
    for name in public:
        _describe(page(name))
    page("labkit").submodules = [page(topic.__name__) for topic in topics]
    results = {result.__module__ for verb in verbs for result in _returned(verb)}
    return public + sorted(name for name in results if name.startswith("labkit."))


def _split(package: ModuleType) -> tuple[list, list[ModuleType]]:
    """A package's public verbs and its public modules, put where pdoc looks for them."""
    for name in package.__all__:
        setattr(package, name, getattr(package, name))
    found = [getattr(package, name) for name in package.__all__]
    modules = [each for each in found if inspect.ismodule(each)]
    return [each for each in found if not inspect.ismodule(each)], modules


def _describe(module) -> None:
    """Has a page begin as the module does: pdoc prefers the stub, which speaks to editors."""
    _ = module.members  # reads the stub
    module.docstring = inspect.cleandoc(module.obj.__doc__)


def _returned(verb: object) -> Iterator[type]:
    """The classes in its return annotation, and those of which they consist."""
    pending = [_hints(verb).get("return")] if inspect.isfunction(verb) else []
    for index, hint in enumerate(pending):  # grows while it is read
        if isinstance(hint, type) and hint not in pending[:index]:
            yield hint
            if dataclasses.is_dataclass(hint):
                pending += _hints(hint).values()
        pending += typing.get_args(hint)


def _hints(verb: object) -> dict[str, typing.Any]:
    """Its annotations; a name that is imported for types alone, not to load torch, is an object."""
    names: dict[str, typing.Any] = {}
    while True:
        try:
            return typing.get_type_hints(verb, localns=names)
        except NameError as error:
            if error.name in names:
                raise
            names[error.name] = object
