"""The rules of the house, read off the code itself: which way imports point, style, lightness."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "labkit").rglob("*.py"))
TOPICS = {path.parent.name for path in (ROOT / "labkit").glob("*/analysis.py")}
JOINING = {"compare", "decide"}  # the topics that exist to join others
# Who may import whom inside the lab; a topic's rooms are further bound below.
BELOW = {
    "models": {"errors"},
    "backends": {"models", "data", "errors"},
    "ui": {"errors"},
}
TOPIC_BELOW = {"backends", "data", "models", "ui", "errors", "intervals", "verdict"}
# A topic's rooms, from the bottom up: what is neither figures nor panel is analysis.
FIGURES, PANEL = {"figures", "strip", "tables"}, {"panel"}
OUTSIDE = {
    "plotly": {"figures", "theme", "pages", "render"},
    "ipywidgets": {"panel", "frame"},
    "torch": {"models", "backends", "finetune", "doctor", "checks"},
    "transformers": {"models", "backends", "finetune"},
}


def imports(path):
    """Every module a file imports, in functions too, with names inside the lab from its root."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, [base, node.module]))
            yield module
            if module == "labkit" or node.module is None:  # from . import figures
                yield from (f"{module}.{alias.name}" for alias in node.names)


def inside(path):
    """The parts of the names inside the lab that a file imports: ("models", "store")."""
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "labkit" and len(parts) > 1:
            yield tuple(parts[1:])


def ids(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_imports_only_point_down(path):
    folder = path.parent.name if path.parent != ROOT / "labkit" else None
    for parts in inside(path):
        target = parts[0]
        assert target != "cli" or path.name == "__main__.py", "nothing imports cli"
        if target == folder:
            continue
        if folder in BELOW:
            assert target in BELOW[folder], f"{ids(path)} imports {'.'.join(parts)}"
        if folder in TOPICS and folder not in JOINING:
            assert target in TOPIC_BELOW, f"{ids(path)} imports {'.'.join(parts)}"


def room(stem):
    """``walk_figures`` is a room of figures."""
    return stem.rpartition("_")[2]


def floor(stem):
    return 2 if room(stem) in PANEL else 1 if room(stem) in FIGURES else 0


@pytest.mark.parametrize("path", [p for p in FILES if p.parent.name in TOPICS], ids=ids)
def test_a_topics_rooms_stand_in_order(path):
    for parts in inside(path):
        if parts[0] == "ui":
            assert floor(path.stem), f"{ids(path)} imports {'.'.join(parts)}"
        elif parts[0] == path.parent.name and len(parts) > 1:
            assert floor(parts[1]) <= floor(path.stem), f"{ids(path)} imports {'.'.join(parts)}"


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_heavy_packages_have_their_places(path):
    for name in imports(path):
        top = name.partition(".")[0]
        if top in OUTSIDE:
            here = {room(path.stem), path.parent.name}
            assert here & OUTSIDE[top], f"{ids(path)} imports {top}"


def test_importing_the_lab_is_light():
    heavy = ("torch", "transformers", "plotly", "ipywidgets", "numpy")
    code = f"import sys, labkit; print([name for name in {heavy} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert told.stdout.strip() == "[]", told.stderr


def test_every_verb_is_there():
    import labkit

    for name in labkit.__all__:
        assert callable(getattr(labkit, name))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = labkit.nothing
    with pytest.raises(AttributeError, match=r"'tokenise'\. Did you mean 'tokenize'\?"):
        _ = labkit.tokenise


@pytest.mark.parametrize("check", [["check"], ["format", "--check"]], ids=" ".join)
def test_style(check):
    told = subprocess.run(
        [sys.executable, "-m", "ruff", *check, "labkit", "tests", "notebooks"],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout


def test_the_top_level_is_as_agreed():
    told = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT)
    if told.returncode:
        pytest.skip("not a git checkout")
    top = {name.partition("/")[0] for name in told.stdout.split()}
    agreed = {"notebooks", "labkit", "data", "tests", "environment.yml", "pyproject.toml"}
    agreed |= {"README.md", "LICENSE", "requirements.lock"}
    assert {name for name in top if not name.startswith(".")} <= agreed
