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

from labkit.errors import LabError

# Packages that only the whole set-up has; the light one runs models in llama.cpp.
WEIGHTS = {"torch", "transformers", "peft", "accelerate", "safetensors"}
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
        try:
            module = importlib.import_module(home, package)
        except ModuleNotFoundError as error:
            raise _without_torch(f"{package}.{name}", error) from None
        if not hasattr(module, inner):  # a package, not a name in one
            importlib.import_module(f"{home.rstrip('.')}.{inner}", package)
        value = getattr(module, inner)
        vars(sys.modules[package])[name] = value  # the next time it is found there
        return value

    names = sorted(homes)
    return load, lambda: names, names


def _without_torch(name: str, error: ModuleNotFoundError) -> Exception:
    """A LabError for what needs torch, where that is not installed; any other error as it is."""
    missing = (error.name or "").partition(".")[0]
    if missing not in WEIGHTS:
        return error
    public = name.replace("labkit.topics.", "lab.").replace("labkit.", "lab.")
    return LabError(
        f"{public} computes with a model's weights, and {missing} is not installed.",
        "Set up the whole lab: python3 -m labkit lab, without --light.",
    )


def _read_stub(stub: Path) -> dict[str, tuple[str, str]]:
    """Public name: the module it lives in, and what it is called there."""
    imports = (
        node
        for node in ast.parse(stub.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
    )
    return {
        alias.asname or alias.name: ("." * node.level + (node.module or ""), alias.name)
        for node in imports
        for alias in node.names
    }


# Names of version 0.1.0 that have another name now; others only moved below their topic.
RENAMED = {
    "ask": "lab.start.prompt_panel",
    "ask_batch": "lab.comparison.batch_panel",
    "check_latency": "lab.speed.validate_latency",
    "check_machine": "lab.start.describe_machine",
    "compare_live": "lab.comparison.compare_panel",
    "compare_numbers": "lab.tokens.compare_digits",
    "enter_key": "lab.comparison.api_key_panel",
    "feel_pace": "lab.speed.pace_panel",
    "gallery": 'lab.plot(…, kind="texts")',
    "load_batch": "lab.open_result",
    "load_measurement": "lab.open_result",
    "load_votes": "lab.open_result",
    "open_gallery": "lab.tokens.example_texts",
    "plot_arrivals": 'lab.plot(…, kind="arrivals")',
    "plot_gaps": 'lab.plot(…, kind="gaps")',
    "plot_misses": 'lab.plot(…, kind="misses")',
    "plot_repeats": 'lab.plot(…, kind="repeats")',
    "plot_texts": 'lab.plot(…, kind="texts")',
    "plot_votes_needed": 'lab.plot(…, kind="needed")',
    "read_chat": "lab.tokens.apply_chat_template",
    "read_leak": "lab.privacy.sample_text",
    "save_batch": "lab.save",
    "save_votes": "lab.save",
    "scan_live": "lab.privacy.scan_panel",
    "show_columns": 'lab.plot(…, kind="answers")',
    "show_scores": 'lab.plot(…, kind="table")',
    "tokenize_live": "lab.tokens.tokenize_panel",
    "tokens_within": "lab.speed.token_budget",
    "vary_assistance": "lab.speed.vary_speculation",
    "vote": "lab.comparison.vote_panel",
    "wait_in_a_day": "lab.comparison.simulate_day",
    "walk": "lab.sampling.walk_panel",
}
TOPICS = (
    "start",
    "tokens",
    "sampling",
    "speed",
    "comparison",
    "privacy",
    "cost",
    "prompts",
    "limits",
    "control",
    "decide",
    "assistant",
)


def hint(name: str) -> str:
    """The end of the sentence about a name that is not there; empty if nothing is near.

    >>> hint("feel_pace")
    ': it is now lab.speed.pace_panel'
    >>> hint("roofline")
    ': it is now lab.speed.roofline'
    """
    if name in RENAMED:
        return f": it is now {RENAMED[name]}"
    if name.startswith("_"):  # Python itself and editors ask for such
        return ""
    known = {each: f"lab.{each}" for each in importlib.import_module("labkit").__all__}
    for topic in TOPICS:
        names = importlib.import_module(f"labkit.topics.{topic}").__all__
        if name in names:
            return f": it is now lab.{topic}.{name}"
        known |= {each: f"lab.{topic}.{each}" for each in names}
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return f". Did you mean {known[near[0]]}?" if near else ""
