"""The rules of the house, read off the code itself: which way imports point, style, lightness."""

import ast
import operator
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "labkit").rglob("*.py"))
# Who may import whom, from the bottom up: a room may import those of lower rank, and itself.
RANKS = {
    "errors": 0, "lazy_names": 1, "formatting": 0, "checks": 0, "exercise": 0, "interrupts": 0,
    "stats": 1, "data": 1, "filesystem": 1, "sandbox": 1, "install": 2, "lab_book.entry": 2,
    "models": 3, "models.storage": 3, "models.tokenizers": 3,
    "backends": 4, "sandbox.code_tasks": 4, "backends.guard": 5, "backends.chat": 5,
    "backends.local": 6, "backends.remote": 7,
    "backends.recorded": 8, "backends.llamacpp": 8, "backends.cloud": 9,
    "backends.served": 9, "backends.loaded": 10, "backends.emulated": 11,
    "backends.routed": 11,
    "ui": 12, "lab_book": 13, "topics": 14, "display": 15, "files": 16,
    "classroom": 17, "commands": 18, "cli": 19, "__main__": 20,
}  # fmt: skip
JOINING = {"comparison", "decide"}  # the topics that exist to join others
# A topic's rooms, from the bottom up: what is neither figures nor panel is analysis.
FIGURES, PANEL = {"figures", "strip", "tables"}, {"panel"}
UI_SEES = {"errors", "stats", "formatting", "checks", "interrupts"}
OUTSIDE = {
    "plotly": {"figures", "ui", "notebooks"},
    "ipywidgets": {"panel", "ui"},
    "torch": {"models", "backends", "finetune", "doctor", "checks"},
    "transformers": {"models", "backends", "finetune"},
}
LARGEST_FOLDER = 12  # files: what one takes in at a glance


def module_of(path):
    """``labkit/models/machine.py`` is labkit.models.machine; a package is named by its folder."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def imports(path):
    """Every module a file imports, in functions too, with names inside the lab from its root."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, [base, node.module]))
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                yield inner if inner in MODULES else module


def inside(path):
    """The lab's own modules that a file imports."""
    return {name for name in imports(path) if name in MODULES and name != "labkit"}


def room(module):
    """The longest name in `RANKS` that a module stands under: labkit.models.storage.store."""
    name = module.removeprefix("labkit.")
    while name and name not in RANKS:
        name = name.rpartition(".")[0]
    return name


def ids(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_imports_only_point_down(path):
    own = room(module_of(path))
    for target in inside(path):
        there = room(target)
        assert there, f"{target} stands in no room"
        if own and there != own:
            is_sibling = own.partition(".")[0] == there.partition(".")[0] == "models"
            assert RANKS[there] < RANKS[own] or is_sibling, f"{ids(path)} imports {target}"
        if own == "ui" and there != own:
            assert there in UI_SEES, f"{ids(path)} imports {target}"


def test_imports_form_no_circle():
    imported = {module: inside(path) - {module} for module, path in MODULES.items()}
    try:
        list(TopologicalSorter(imported).static_order())
    except CycleError as error:
        pytest.fail(f"these import one another: {' → '.join(error.args[1])}")


def topic(module):
    parts = module.split(".")
    return parts[2] if parts[:2] == ["labkit", "topics"] and len(parts) > 2 else None


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_a_topic_imports_no_other(path):
    own = topic(module_of(path))
    for target in inside(path):
        if own and own not in JOINING:
            assert topic(target) in (own, None), f"{ids(path)} imports {target}"


def test_no_public_name_of_a_topic_is_that_of_its_folder():
    """The folder, once imported, would take the name's place."""
    from labkit.lazy_names import TOPICS

    for name in TOPICS:
        folder = ROOT / "labkit" / "topics" / name
        public = set(__import__(f"labkit.topics.{name}", fromlist=["__all__"]).__all__)
        own = {path.stem for path in folder.iterdir()}
        assert not public & own, f"{name}: {public & own}"


def kind(module):
    """The last part of its name: ``walk_figures`` holds figures."""
    return module.rpartition(".")[2].rpartition("_")[2]


def floor(module):
    return 2 if kind(module) in PANEL else 1 if kind(module) in FIGURES else 0


@pytest.mark.parametrize("path", [p for p in FILES if topic(module_of(p))], ids=ids)
def test_a_topics_rooms_stand_in_order(path):
    own = module_of(path)
    for target in inside(path):
        if room(target) == "ui":
            assert floor(own), f"{ids(path)} imports {target}"
        elif topic(target) == topic(own):
            assert floor(target) <= floor(own), f"{ids(path)} imports {target}"


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_heavy_packages_have_their_places(path):
    for name in imports(path):
        top = name.partition(".")[0]
        assert top != "unittest", f"{ids(path)} ships a test's tools"
        if top in OUTSIDE:
            here = {kind(module_of(path)), *path.relative_to(ROOT).parts[:-1]}
            assert here & OUTSIDE[top], f"{ids(path)} imports {top}"


# Who may write other than by labkit/filesystem/write.py, and why that is safe. APPENDS: a kill cuts
# off the end, which the reader expects. WORK: into a folder that is moved into place as a whole.
WRITERS = {
    "labkit/filesystem/write.py": ("open", "replace"),  # the one
    "labkit/topics/comparison/batch/journal.py": ("open",),  # APPENDS
    "labkit/sandbox/kernel.py": ("open",),  # /proc is no disk
    "labkit/sandbox/inside.py": ("open",),  # into a folder in memory
    "labkit/sandbox/sandbox.py": ("write_text",),  # into a folder that is removed at once
    "labkit/topics/speed/measure/peak_memory.py": ("write_text",),  # /proc is no disk
    "labkit/classroom/marks/grading.py": ("copyfile", "copytree"),  # WORK: made anew each time
    "labkit/classroom/supervisor.py": ("open",),  # APPENDS: logs
    "labkit/install/wheels.py": ("open",),  # WORK: pip's scratch
    "labkit/install/light.py": ("replace",),  # a link beside the file, moved over it
    "labkit/install/pip.py": ("open", "open"),  # APPENDS: pip's log, the lock
    "labkit/models/storage/packages.py": ("__init__", "copyfile", "replace"),  # APPENDS: a part
    "labkit/models/storage/fetch.py": ("open", "copyfileobj", "rename", "write_bytes"),  # WORK
    "labkit/models/storage/store.py": ("rename", "rename", "rename"),  # moves WORK into place
    "labkit/models/storage/pack.py": ("ZipFile", "open"),  # into what `replaced` has opened
    "labkit/models/storage/unpack.py": ("open",),  # WORK
    "labkit/lab_book/store.py": ("rename",),  # sets a damaged file aside
    "labkit/models/storage/file_set.py": ("write_bytes",),  # WORK
    "labkit/models/tokenizers/shared.py": ("savez",),  # into memory
    "labkit/models/gguf_to_safetensors.py": ("save_pretrained", "save_pretrained"),  # WORK
    "labkit/topics/control/finetune/keep.py": (
        "save_pretrained",
        "save_pretrained",
        "save_file",
    ),  # WORK
    "labkit/commands/docs.py": ("pdoc",),  # pages that are made anew each time
}
OPENS = {"open", "fdopen", "ZipFile", "TarFile", "FileIO", "NamedTemporaryFile", "__init__"}
MODE = re.compile("(?=.*[wax+])[rwaxbt+]{1,3}")
SAVES = {
    "write_text", "write_bytes", "to_csv", "to_html", "to_json", "to_parquet", "to_excel",
    "write_html", "write_image", "write_json", "savefig", "save_file", "save_pretrained", "tofile",
    "savez", "savetxt", "dump", "copyfile", "copyfileobj", "copy2", "copytree", "move", "rename",
    "extract", "extractall", "touch", "symlink_to", "hardlink_to", "mkstemp", "pdoc",
}  # fmt: skip


def writes(path):
    """The calls in a file that write to the disk, by the last part of their names."""
    for call in ast.walk(ast.parse(path.read_text())):
        if not isinstance(call, ast.Call):
            continue
        is_method = isinstance(call.func, ast.Attribute)
        name = call.func.attr if is_method else getattr(call.func, "id", "")
        options = [*call.args, *(each.value for each in call.keywords)]
        values = [each.value for each in options if isinstance(each, ast.Constant)]
        opens = name in OPENS and any(MODE.fullmatch(str(value)) for value in values)
        of_text = len(call.args) > 1 or call.keywords or not is_method
        moves = ast.unparse(call.func) == "os.replace" or (name == "replace" and not of_text)
        if opens or moves or (is_method and name in SAVES):
            yield name


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_files_are_written_in_one_way(path):
    assert sorted(writes(path)) == sorted(WRITERS.get(ids(path), ())), (
        "labkit/filesystem/write.py writes files: whole or not at all, and without keys"
    )


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_an_unknown_home_ends_no_command(path):
    """Path's own expanduser raises a RuntimeError for ~nobody, os.path's leaves it as it is."""
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    for call in calls:
        name = ast.unparse(call.func)
        assert not name.endswith(".expanduser") or name == "os.path.expanduser", ids(path)


def test_a_folder_is_taken_in_at_a_glance():
    for folder in {path.parent for path in FILES}:
        assert len(list(folder.glob("*.py"))) <= LARGEST_FOLDER, ids(folder)


def test_class_names_are_unique():
    """One name for one thing in the whole package; fixtures of tests may repeat them."""
    homes = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(ids(path))
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def test_tests_mirror_the_package():
    own = {"", "notebooks", "browser", "benchmarks", "install", "gpu"}
    for path in (ROOT / "tests").rglob("test_*.py"):
        folder = path.parent.relative_to(ROOT / "tests").as_posix().replace(".", "")
        assert folder in own or (ROOT / "labkit" / folder).is_dir(), ids(path)


# The private English that this project once had, and what the field says: .github/CONTRIBUTING.md.
BANNED = re.compile(
    r"\b(told|mends?|mended|mending|by itself|(is|are) (?-i:none)|what is no|so many|"
    r"(gone|goes) on with|"
    r"held against|puts? right|foretell\w*|nobody knows|asked too much|gives no more|out of bounds|"
    r"whoever|has not the|dullness|lanes?)\b",
    re.IGNORECASE,
)
SPOKEN = [*FILES, *sorted((ROOT / "notebooks").glob("*.ipynb"))]


@pytest.mark.parametrize("path", SPOKEN, ids=ids)
def test_sentences_are_plain_english(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [
        f"{number}: {line.strip()}" for number, line in enumerate(lines, 1) if BANNED.search(line)
    ]
    assert not found, f"{ids(path)}: {found}"


IDENTIFIERS = {"told", "mend", "place", "places", "picture", "way", "ways", "said", "lane", "lanes"}


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_variables_say_what_they_are(path):
    names = {
        node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)
    }
    assert not names & IDENTIFIERS, f"{ids(path)}: {names & IDENTIFIERS}"


def test_few_lines_escape_the_formatter():
    here = Path(__file__).resolve()
    files = [path for path in [*FILES, *(ROOT / "tests").rglob("*.py")] if path != here]
    assert sum(path.read_text().count("# fmt: skip") for path in files) < 20


def test_importing_the_lab_is_light():
    heavy = ("torch", "transformers", "plotly", "ipywidgets", "numpy")
    code = f"import sys, labkit; print([name for name in {heavy} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert told.stdout.strip() == "[]", told.stderr


TOPICS = [
    path.name for path in (ROOT / "labkit/topics").iterdir() if (path / "__init__.py").exists()
]


@pytest.mark.parametrize("name", ["", *TOPICS])
def test_every_public_name_is_there(name):
    import labkit

    package = getattr(labkit, name) if name else labkit
    for each in package.__all__:
        assert callable(getattr(package, each)) or each in TOPICS
    assert set(package.__all__) <= set(dir(package))
    if not name:
        flat = set(package.__all__) - set(TOPICS)
        assert len(flat) <= 35, "flat names: verbs of several topics"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("nothing", "no attribute 'nothing'$"),
        ("tokenise", r"'tokenise'\. Did you mean lab\.tokenize\?"),
        ("feel_pace", "it is now lab.speed.pace_panel"),
        ("roofline", "it is now lab.speed.roofline"),
        ("plot_gaps", 'it is now lab.plot\\(…, kind="gaps"\\)'),
    ],
)
def test_a_name_that_is_not_there_is_told_from_one_that_moved(name, hint):
    import labkit

    with pytest.raises(AttributeError, match=hint):
        getattr(labkit, name)


def test_a_topic_says_so_too():
    import labkit

    with pytest.raises(AttributeError, match=r"'labkit\.speed' .* lab\.speed\.roofline\?"):
        _ = labkit.speed.rooflin
    with pytest.raises(AttributeError, match=r"it is now lab\.speed\.pace_panel"):
        _ = labkit.speed.feel_pace


def _strings(path):
    """The string literals of a file, f-strings' parts too, without its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        node.body[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and isinstance(node.body[0] if node.body else None, ast.Expr)
    }
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return [
        node.value for node in constants if isinstance(node.value, str) and node not in docstrings
    ]


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_hints_can_be_pasted(path):
    """The notebooks say ``import labkit as lab``: so does a hint, and what it names is there."""
    import labkit

    for text in _strings(path):
        for name in re.findall(r"\blabkit\.(\w+)", text):
            assert name not in labkit.__all__, f"{ids(path)}: lab.{name}, not {text!r}"
        for name in re.findall(r"\blab((?:\.[A-Za-z_]\w*)+)", text):
            assert callable(operator.attrgetter(name[1:])(labkit)), f"{ids(path)}: {text!r}"


def test_every_old_name_has_a_new_one():
    import labkit
    from labkit.lazy_names import RENAMED

    for new in RENAMED.values():
        found = labkit
        for part in new.partition("(")[0].split(".")[1:]:
            found = getattr(found, part)
        assert callable(found)


@pytest.mark.parametrize("check", [["check"], ["format", "--check"]], ids=" ".join)
def test_style(check):
    told = subprocess.run(
        [sys.executable, "-m", "ruff", *check, "labkit", "tests", "notebooks"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert told.returncode == 0, told.stdout


def test_types():
    from labkit.commands.check import CHECKS

    command = [sys.executable, "-m", *CHECKS["types"]]
    checked = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert checked.returncode == 0, checked.stdout


def test_the_top_level_is_as_agreed():
    told = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT)
    if told.returncode:
        pytest.skip("not a git checkout")
    top = {name.partition("/")[0] for name in told.stdout.split()}
    agreed = {"notebooks", "labkit", "data", "tests", "environment.yml", "pyproject.toml"}
    agreed |= {"README.md", "LICENSE", "requirements.lock"}
    assert {name for name in top if not name.startswith(".")} <= agreed
