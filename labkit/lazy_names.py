"""Public names that are loaded when they are first used: a package's stub is their table.

``__init__.pyi`` beside ``__init__.py`` says where each name lives. Editors and type checkers read
it as it is; here it is parsed, so that the two cannot differ.
"""

import ast
import difflib
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Loaded = tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]


def lazy_names(package: str, init_file: str) -> Loaded:
    """``__getattr__``, ``__dir__`` and ``__all__`` for a package, out of its stub (PEP 562).

    It gives its ``__name__`` and its ``__file__``.
    """
    homes = _read_stub(Path(init_file).with_suffix(".pyi"))

    def load(name: str) -> Any:
        if name not in homes:
            public = package.replace("labkit.topics.", "labkit.")
            raise AttributeError(f"module {public!r} has no attribute {name!r}{hint(name)}")
        home, inner = homes[name]
        module = importlib.import_module(home, package)
        if not hasattr(module, inner):  # a package, not a name in one
            importlib.import_module(f"{home.rstrip('.')}.{inner}", package)
        value = getattr(module, inner)
        vars(sys.modules[package])[name] = value  # the next time it is found there
        return value

    names = sorted(homes)
    return load, lambda: names, names


def _read_stub(stub: Path) -> dict[str, tuple[str, str]]:
    """Public name: the module it lives in, and what it is called there."""
    imports = (
        node for node in ast.parse(stub.read_text()).body if isinstance(node, ast.ImportFrom)
    )
    return {
        alias.asname or alias.name: ("." * node.level + (node.module or ""), alias.name)
        for node in imports
        for alias in node.names
    }


# Names of version 0.1.0 that have another name now; others only moved below their topic.
RENAMED = {
    "ask": "labkit.start.prompt_panel",
    "ask_batch": "labkit.comparison.batch_panel",
    "check_latency": "labkit.speed.validate_latency",
    "check_machine": "labkit.start.describe_machine",
    "compare_live": "labkit.comparison.compare_panel",
    "compare_numbers": "labkit.tokens.compare_digits",
    "enter_key": "labkit.comparison.api_key_panel",
    "feel_pace": "labkit.speed.pace_panel",
    "gallery": 'labkit.plot(…, kind="texts")',
    "load_batch": "labkit.open_result",
    "load_measurement": "labkit.open_result",
    "load_votes": "labkit.open_result",
    "open_gallery": "labkit.tokens.example_texts",
    "plot_arrivals": 'labkit.plot(…, kind="arrivals")',
    "plot_gaps": 'labkit.plot(…, kind="gaps")',
    "plot_misses": 'labkit.plot(…, kind="misses")',
    "plot_repeats": 'labkit.plot(…, kind="repeats")',
    "plot_texts": 'labkit.plot(…, kind="texts")',
    "plot_votes_needed": 'labkit.plot(…, kind="needed")',
    "read_chat": "labkit.tokens.apply_chat_template",
    "read_leak": "labkit.privacy.sample_text",
    "save_batch": "labkit.save",
    "save_votes": "labkit.save",
    "scan_live": "labkit.privacy.scan_panel",
    "show_columns": 'labkit.plot(…, kind="answers")',
    "show_scores": 'labkit.plot(…, kind="table")',
    "tokenize_live": "labkit.tokens.tokenize_panel",
    "tokens_within": "labkit.speed.token_budget",
    "vary_assistance": "labkit.speed.vary_speculation",
    "vote": "labkit.comparison.vote_panel",
    "wait_in_a_day": "labkit.comparison.simulate_day",
    "walk": "labkit.sampling.walk_panel",
}
TOPICS = ("start", "tokens", "sampling", "speed", "comparison", "privacy", "cost")


def hint(name: str) -> str:
    """The end of the sentence about a name that is not there; empty if nothing is near.

    >>> hint("feel_pace")
    ': it is now labkit.speed.pace_panel'
    >>> hint("roofline")
    ': it is now labkit.speed.roofline'
    """
    if name in RENAMED:
        return f": it is now {RENAMED[name]}"
    if name.startswith("_"):  # Python itself and editors ask for such
        return ""
    known = {each: f"labkit.{each}" for each in importlib.import_module("labkit").__all__}
    for topic in TOPICS:
        names = importlib.import_module(f"labkit.topics.{topic}").__all__
        if name in names:
            return f": it is now labkit.{topic}.{name}"
        known |= {each: f"labkit.{topic}.{each}" for each in names}
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return f". Did you mean {known[near[0]]}?" if near else ""
