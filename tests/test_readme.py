"""The README and the pages in .github: what they name is there, and their code fits the package."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import labkit

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / ".github").glob("*.md"))]
ROOMS = r"(?:labkit|tests|notebooks|data|\.github|\.ci)/"
NAMED = re.compile(rf"`({ROOMS}[\w./-]+)`|[ `](tests/benchmarks/\w+\.py)")
CODE = ast.parse(re.search(r"```python\n(.+?)```", README.read_text(), re.S)[1])


def ids(path):
    return path.name


def test_the_readme_is_read_in_one_sitting():
    assert len(README.read_text().splitlines()) <= 120


@pytest.mark.parametrize(
    ("fetched", "notebooks"),
    [("tokenizers", ["01", "06"]), ("datasets", ["08", "10", "11"]), ("minilm", ["10"])],
)
def test_what_notebooks_need_is_named_to_learners_and_to_teachers(fetched, notebooks):
    for page in (README, ROOT / "notebooks" / "teaching.md"):
        (named,) = re.findall(rf"\b{fetched}`([^,`]+(?:, \d\d and \d\d)?)", page.read_text())
        assert re.findall(r"\b\d\d\b(?! MB)", named) == notebooks, page.name


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_path_exists(page):
    for named in NAMED.findall(page.read_text()):
        assert (ROOT / "".join(named)).exists(), named


def test_every_threat_names_tests_that_exist():
    table = re.search(r"\| threat .+?\n\n", (ROOT / ".github" / "SECURITY.md").read_text(), re.S)[0]
    for row in table.strip().splitlines()[2:]:
        named = re.findall(r"`(tests/[\w/.]+)(?:::(test_\w+))?`", row.split("|")[3])
        assert named, row
        for path, test in named:
            assert (ROOT / path).exists(), path
            assert not test or f"def {test}(" in (ROOT / path).read_text(), test


def test_every_folder_of_the_tree_exists():
    tree = re.search(r"```\n(labkit/.+?)```", README.read_text(), re.S)[1]
    parents = {-1: ROOT}
    for line in tree.splitlines():
        indent, names = re.match(r"( *)((?:\w+/ *)+)", line).groups()
        for name in names.split():
            folder = parents[len(indent) // 2 - 1] / name
            assert folder.is_dir(), folder
        parents[len(indent) // 2] = folder
    assert parents[0] == ROOT / "tests", "the tree was not read to its end"


def dotted(node):
    """``lab.sampling.draw`` as its parts; None for what is not a name of the lab."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts, node = [node.attr, *parts], node.value
    return parts if isinstance(node, ast.Name) and node.id == "lab" and parts else None


def found(parts):
    value = labkit
    for part in parts:
        value = getattr(value, part)
    return value


def test_the_code_uses_names_that_exist():
    names = [parts for node in ast.walk(CODE) if (parts := dotted(node))]
    assert len(names) > 10
    for parts in names:
        assert callable(found(parts)) or inspect.ismodule(found(parts))


def test_the_calls_fit_their_signatures():
    for node in ast.walk(CODE):
        if isinstance(node, ast.Call) and (parts := dotted(node.func)):
            given = {keyword.arg: None for keyword in node.keywords}
            inspect.signature(found(parts)).bind(*node.args, **given)


def test_each_command_is_in_the_readme():
    shown = subprocess.run(
        [sys.executable, "-m", "labkit", "--help"], capture_output=True, text=True, cwd=ROOT
    ).stdout
    for command in re.findall(r"^    (\w+) ", shown, re.M):
        assert re.search(rf"^\|[^|]*`{command}\b", README.read_text(), re.M), command


@pytest.mark.parametrize("form", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")), ids=ids)
def test_issue_forms_have_what_github_asks_for(form):
    content = yaml.safe_load(form.read_text())
    if form.name == "config.yml":
        assert set(content) <= {"blank_issues_enabled", "contact_links"}
        return
    assert {"name", "description", "body"} <= set(content)
    for part in content["body"]:
        assert part["type"] in {"markdown", "textarea", "input", "dropdown", "checkboxes"}
        assert part["attributes"]["label"]
    parts = [part["id"] for part in content["body"]]
    assert len(set(parts)) == len(parts)


@pytest.mark.parametrize("flow", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=ids)
def test_workflows_call_what_is_there_and_say_that_they_have_not_been_run(flow):
    jobs = yaml.safe_load(flow.read_text())["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert commands
    for command in commands:
        assert command.startswith("python -m labkit ") or (ROOT / command).is_file()
    assert "has not been run" in flow.read_text()
