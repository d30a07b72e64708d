"""Setting up: on a first run, after a cut, and when something is missing."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import venv
import zipfile
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labkit.commands.checks import software
from labkit.errors import LabError
from labkit.install import bootstrap, record
from labkit.install import checkout as own
from labkit.install.pip import StatusLine
from labkit.install.virtual_environment import is_sound, remove_half_installed
from labkit.install.wheels import extract_wheels
from labkit.models.storage.pack import pack

from .tiny_checkout import Checkout

posix = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")


def said(result):
    """What the command in the environment printed."""
    status, out, err = result
    assert status == 7, err
    return json.loads(out)


def kill(process, number):
    """Sends a signal to a start and its pip, as a closed terminal or a lost machine would."""
    os.killpg(process.pid, number)
    process.communicate(timeout=60)


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


@pytest.mark.slow
def test_two_first_runs_at_once_on_a_broken_environment(bare_checkout, index):
    # Its Python went away, as with an upgraded system.
    (bare_checkout.venv / "bin").mkdir(parents=True)
    (bare_checkout.venv / "bin/python").symlink_to("/nowhere/python3")
    (bare_checkout.venv / "pyvenv.cfg").write_text("home = /nowhere\n")
    starts = [bare_checkout.start("run") for _ in range(2)]
    results = [(*start.communicate(timeout=120), start.returncode) for start in starts]
    for out, err, status in results:
        assert status == 7, err
        assert json.loads(out)["prefix"] == str(bare_checkout.venv)
        assert json.loads(out)["packages"].items() >= {"tiny-one": "1.0", "tiny-two": "1.0"}.items()
    both = "".join(err for _, err, _ in results)
    assert both.count("Setting up the lab") == both.count("The lab is set up") == 1
    assert "Waiting: another process is setting up the lab" in both
    assert re.search(r"Installing \d of 4", both)
    assert not (bare_checkout.venv / "labkit-scratch").exists()


@pytest.mark.slow
def test_a_second_start_only_starts(checkout, index):
    said(checkout.run("run"))
    requests, log = len(index.requests), checkout.log.stat().st_mtime_ns
    status, _, err = checkout.run("run")
    assert (status, err) == (7, "")
    assert len(index.requests) == requests
    assert checkout.log.stat().st_mtime_ns == log


@pytest.mark.slow
def test_the_lock_and_the_extras_are_followed(checkout, index):
    assert "tiny-extra" not in said(checkout.run("run"))["packages"]
    lock = checkout.root / "requirements.lock"
    lock.write_text(lock.read_text().replace("tiny-one==1.0", "tiny-one==2.0"))
    packages = said(checkout.run("test", "-x"))["packages"]
    assert (packages["tiny-one"], packages["tiny-extra"]) == ("2.0", "1.0")
    requests = len(index.requests)
    assert "tiny-extra" in said(checkout.run("run"))["packages"]  # less is wanted: nothing to do
    assert len(index.requests) == requests


@pytest.mark.slow
@posix
def test_a_start_killed_while_it_installs_is_taken_up_again(checkout):
    process = checkout.start("run")
    wait_for(lambda: [*checkout.venv.glob("lib/*/site-packages/many/m2*")])
    kill(process, signal.SIGKILL)
    assert len([*checkout.venv.glob("lib/*/site-packages/many/*.py")]) < 1500
    said(checkout.run("run"))
    assert len([*checkout.venv.glob("lib/*/site-packages/many/*.py")]) == 1500


@pytest.mark.slow
@posix
def test_a_start_waits_for_the_pip_of_one_that_was_killed(checkout, index):
    index.reserve("many_files")
    process = checkout.start("run")
    assert index.reached.wait(60)
    os.kill(process.pid, signal.SIGKILL)  # pip is left behind, and still holds the lock
    again = checkout.start("run")
    assert "Waiting: another process" in again.stderr.readline()
    index.release()
    _, err = again.communicate(timeout=60)
    assert again.returncode == 7, err


@posix
def test_ctrl_c_stops_pip_too(checkout, index):
    index.reserve("many_files")
    process = checkout.start("run")
    assert index.reached.wait(60)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)  # returns once pip has closed its end, too
    assert process.returncode == 130
    assert err.endswith("Stopped.\n")
    assert "Traceback" not in err
    with bootstrap.locked(checkout.venv, line=None):  # free: nobody is waited for
        pass


def test_no_network(checkout, index):
    index.server.shutdown()
    index.server.server_close()
    status, _, err = checkout.run("run")
    assert status == 1
    assert "The package index cannot be reached" in err
    assert "Traceback" not in err


def test_a_package_that_would_not_install(checkout):
    project = checkout.root / "pyproject.toml"
    project.write_text(project.read_text().replace('"many-files"', '"never-there"'))
    status, _, err = checkout.run("run")
    assert status == 1
    assert "never-there could not be installed. pip's last lines:\n    " in err
    assert "ERROR: ResolutionImpossible" in err
    assert str(checkout.log) in err
    assert "no matching distributions available" in checkout.log.read_text()


@pytest.mark.slow
def test_a_machine_that_was_never_online(checkout, index, wheels, tmp_path):
    index.server.shutdown()
    index.server.server_close()
    archive = tmp_path / "lab.zip"
    pack(archive, [], wheels.glob("*/*.whl"))
    told = said(checkout.run("models", "unpack", str(archive)))
    assert told["prefix"] == str(checkout.venv)
    assert "tiny-extra" in told["packages"]  # the tests' packages too: nothing can come later
    status, _, err = checkout.run(
        "models", "unpack", "nowhere.zip", LABKIT_VENV=str(tmp_path / "v")
    )
    assert status == 1
    assert "nowhere.zip is missing, or is not a zip file." in err


def test_an_environment_that_fits_is_used(bare_checkout, index):
    project = bare_checkout.root / "pyproject.toml"
    fits = project.read_text().replace('"tiny-one>=1", "many-files"', '"pytest>=7", "jupyterlab"')
    project.write_text(fits)
    assert said(bare_checkout.run("run", python=sys.executable))["executable"] == sys.executable
    assert not bare_checkout.venv.exists()
    assert not index.requests


@pytest.fixture
def here(bare_checkout, monkeypatch):
    """The bootstrap in this process, for a fresh checkout."""
    monkeypatch.setattr(own, "ROOT", bare_checkout.root)
    monkeypatch.setenv("LABKIT_VENV", str(bare_checkout.venv))
    return bare_checkout


@pytest.mark.parametrize(
    ("requirement", "fits"),
    [
        ("pytest>=7", True),
        ("pytest<7", False),
        ("no-such-package-as-this", False),
        ("no-such-package-as-this; python_version < '3'", True),
    ],
)
def test_what_fits(requirement, fits):
    assert bootstrap._fits([requirement]) is fits


@pytest.mark.parametrize(
    "content", ["", "[]", "7", '{"extras": 5}', '{"extras": [{}]}', "[" * 9999]
)
def test_a_damaged_record_is_no_record(tmp_path, content):
    (tmp_path / record.RECORD).write_text(content)
    assert record.read_record(tmp_path) == {}


@pytest.fixture
def archive(tmp_path):
    wheel = tmp_path / "tiny-1.0-py3-none-any.whl"
    wheel.write_bytes(b"a wheel" * 100)
    pack(tmp_path / "lab.zip", [], [wheel])
    return tmp_path / "lab.zip"


def test_a_wheel_that_is_not_the_listed_one_is_not_installed(archive, tmp_path):
    folder = extract_wheels(archive, tmp_path / "out")
    assert [path.name for path in folder.iterdir()] == ["tiny-1.0-py3-none-any.whl"]
    with zipfile.ZipFile(archive) as opened:
        manifest = json.loads(opened.read("labkit.json"))
    (listed,) = manifest["files"].values()
    for wrong in ("0" * 64, None, 5):
        listed["sha256"] = wrong
        with zipfile.ZipFile(archive, "w") as changed:
            changed.writestr("packages/tiny-1.0-py3-none-any.whl", b"a wheel" * 100)
            changed.writestr("labkit.json", json.dumps(manifest))
        with pytest.raises(LabError, match=r"Checksum mismatch: 'packages/tiny"):
            extract_wheels(archive, tmp_path / "out")


@pytest.mark.parametrize("content", ["[]", '{"files": 5}', '{"files": {"a": 5}}', "[" * 9999, "{"])
def test_a_list_of_wheels_that_is_none_is_a_sentence(archive, tmp_path, content):
    with zipfile.ZipFile(archive, "w") as changed:
        changed.writestr("packages/tiny-1.0-py3-none-any.whl", b"a wheel")
        changed.writestr("labkit.json", content)
    with pytest.raises(LabError, match="is damaged"):
        extract_wheels(archive, tmp_path / "out")


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_one_flipped_bit_is_a_sentence_or_changes_nothing(archive, tmp_path, data):
    content = bytearray(archive.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    flipped, out = tmp_path / "flipped.zip", tmp_path / "flipped"
    shutil.rmtree(out, ignore_errors=True)
    flipped.write_bytes(content)
    try:
        extract_wheels(flipped, out)
    except LabError:
        return
    assert all(path.read_bytes() == b"a wheel" * 100 for path in out.iterdir())


@pytest.fixture
def shared(template, tmp_path):
    """An environment outside of any checkout."""
    shutil.copytree(template, tmp_path / "shared", symlinks=True)
    return tmp_path / "shared"


@pytest.mark.slow
def test_two_checkouts_share_an_environment_and_each_runs_its_own_code(index, shared, tmp_path):
    first, second = (Checkout(tmp_path / name, index.url) for name in ("first", "second"))
    (second.root / "labkit/commands/models.py").write_text(SECOND)
    said(first.run("models", "list", LABKIT_VENV=str(shared)))
    state = (shared / "labkit.json").read_bytes()
    status, out, err = second.run("models", "list", LABKIT_VENV=str(shared))
    assert (status, out, err) == (0, f"{shared} {second.root}\n", "")
    lock = second.root / "requirements.lock"
    lock.write_text(lock.read_text().replace("tiny-one==1.0", "tiny-one==2.0"))
    for command in (("models", "list"), ("test", "-x")):
        status, _, err = second.run(*command, LABKIT_VENV=str(shared))
        assert status == 1 and f"belongs to another checkout, {first.root}" in err
    assert (shared / "labkit.json").read_bytes() == state
    assert said(first.run("models", "list", LABKIT_VENV=str(shared)))
    shutil.rmtree(first.root)  # its owner is gone: the other takes it over
    assert second.run("models", "list", LABKIT_VENV=str(shared))[0] == 0
    assert json.loads((shared / "labkit.json").read_text())["checkout"] == str(second.root)


SECOND = """
import os, subprocess, sys
def main(args):
    code = "import sys, labkit; print(sys.prefix, labkit.__path__[0].removesuffix('/labkit'))"
    return subprocess.run([sys.executable, "-c", code], cwd="/").returncode
"""


@pytest.mark.parametrize("by", ["record", "editable"])
def test_whose_an_environment_is(shared, tmp_path, by):
    other = tmp_path / "an other"
    other.mkdir()
    if by == "record":
        (shared / "labkit.json").write_text(json.dumps({"checkout": str(other)}))
    else:
        info = next(shared.glob("[lL]ib/**/site-packages")) / "labkit-1.0.dist-info"
        info.mkdir()
        (info / "direct_url.json").write_text(json.dumps({"url": other.as_uri()}))
    assert record.other_owner(shared) is None  # it holds no checkout
    (other / "pyproject.toml").write_text("")
    assert record.other_owner(shared) == other.resolve()
    with pytest.raises(LabError, match="belongs to another checkout"):
        record.require_own(shared)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"url": 5}', "[" * 100_000])
def test_a_damaged_record_of_an_installation_is_no_owner(shared, content):
    info = next(shared.glob("[lL]ib/**/site-packages")) / "labkit-1.0.dist-info"
    info.mkdir()
    (info / "direct_url.json").write_text(content)
    assert record.other_owner(shared) is None


def test_an_unknown_extra(here):
    with pytest.raises(LabError, match=r"no optional part called 'tset'.\n.*more, test"):
        bootstrap.find(["tset"])


def test_too_little_disk(here, monkeypatch):
    usage = shutil.disk_usage(here.root)._replace(free=2_500_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(LabError, match=r"takes 3 GB of disk, and .* has 2.5 GB free") as error:
        bootstrap.ensure()
    assert "LABKIT_VENV" in error.value.hint
    assert bootstrap._gigabytes([("torch", "2"), ("nvidia-cublas", "13")]) == 8


def test_no_venv_module(here, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LabError, match="no venv module") as error:
        bootstrap.ensure()
    assert "sudo apt install python3-venv" in error.value.hint


def test_a_folder_that_is_something_else_is_left_alone(here, monkeypatch, tmp_path):
    monkeypatch.setenv("LABKIT_VENV", str(tmp_path / "thesis"))
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter1.txt").write_text("It was a dark and stormy night.")
    with pytest.raises(LabError, match="is not a Python environment"):
        bootstrap.ensure()
    assert (tmp_path / "thesis/chapter1.txt").exists()


def test_an_environment_that_the_lab_did_not_make_is_not_emptied(here, monkeypatch, tmp_path):
    mine = tmp_path / "mine"
    venv.create(mine, with_pip=False)  # as `uv venv` does
    (mine / "notes.txt").write_text("my own")
    monkeypatch.setenv("LABKIT_VENV", str(mine))
    with pytest.raises(LabError, match="holds files that are not the lab's"):
        bootstrap.ensure()
    assert (mine / "notes.txt").exists() and (mine / "pyvenv.cfg").exists()


@pytest.mark.parametrize("name", ["theirs", ".venv"])
def test_a_broken_environment_of_somebody_elses_is_not_emptied(here, monkeypatch, tmp_path, name):
    theirs, link = tmp_path / "theirs", tmp_path / "link" / name
    (theirs / "bin").mkdir(parents=True)
    (theirs / "bin/python").symlink_to("/nowhere/python3")  # as after an upgrade of the system's
    (theirs / "thesis.txt").write_text("my own")
    (theirs / "pyvenv.cfg").write_text("home = /nowhere\n")
    link.parent.mkdir()
    link.symlink_to(theirs)  # also where the checkout's own folder is a link to it
    monkeypatch.setattr(own, "ROOT", link.parent if name == ".venv" else here.root)
    for file in ("pyproject.toml", "requirements.lock"):
        shutil.copy(here.root / file, link.parent)
    monkeypatch.setenv("LABKIT_VENV", str(link))
    for _ in range(2):  # the first leaves its lock there
        with pytest.raises(LabError, match="holds files that are not the lab's"):
            bootstrap.ensure()
        (theirs / "pyvenv.cfg").unlink(missing_ok=True)
    assert (theirs / "thesis.txt").exists() and (theirs / "bin").is_dir()


def test_an_environment_that_the_lab_only_completed_stays_somebody_elses(here, shared, monkeypatch):
    """Through set-ups that fail and one that does not, until its Python is gone."""
    info = next(shared.glob("[lL]ib/**/site-packages")) / "mypkg-1.dist-info"
    for file in (info / "RECORD", shared / "share/thesis.txt", shared / "bin/mytool"):
        file.parent.mkdir(exist_ok=True)
        file.write_text("my own")
    monkeypatch.setenv("LABKIT_VENV", str(shared))
    for _ in range(2):
        with monkeypatch.context() as patch, pytest.raises(InterruptedError):
            patch.setattr(bootstrap, "_install", interrupt)
            bootstrap.ensure()
    monkeypatch.setattr(bootstrap, "shrink", interrupt)
    monkeypatch.setattr(own, "required", lambda extras: ["never-there"])
    monkeypatch.setattr(bootstrap, "_install", lambda *_: None)
    assert bootstrap.ensure(["light"]) == bootstrap.find() == str(bootstrap.python_of(shared))
    with monkeypatch.context() as patch:
        patch.setattr(sys, "prefix", str(shared))
        assert "Delete the folder" not in software.reinstall_hint()
    python = bootstrap.python_of(shared)
    python.unlink()
    python.symlink_to("/nowhere/python3")
    with pytest.raises(LabError, match="holds files that are not the lab's"):
        bootstrap.ensure()
    for file in (info / "RECORD", shared / "share/thesis.txt", shared / "bin/mytool"):
        assert file.read_text() == "my own"


def interrupt(*_):
    raise InterruptedError


@pytest.mark.parametrize("kept", [["labkit.lock"], []])
def test_what_a_file_manager_leaves_is_nobodys(here, monkeypatch, tmp_path, kept):
    folder = tmp_path / "empty"
    folder.mkdir()
    for name in (*kept, ".DS_Store", "Thumbs.db", "desktop.ini"):
        (folder / name).touch()
    monkeypatch.setenv("LABKIT_VENV", str(folder))
    monkeypatch.setattr(bootstrap, "_new_venv", interrupt)
    with pytest.raises(InterruptedError):
        bootstrap.ensure()
    assert record.is_own(folder), "an interrupted set-up is taken up again"
    for name in ("_new_venv", "_install"):
        monkeypatch.setattr(bootstrap, name, lambda *_: None)
    monkeypatch.setattr(own, "required", lambda extras: ["never-there"])
    monkeypatch.setattr(bootstrap, "shrink", interrupt)
    with pytest.raises(InterruptedError):  # the light one is made smaller, as it is the lab's
        bootstrap.ensure(["light"])


def test_an_environment_made_anew_keeps_what_is_no_part_of_one(here):
    venv = here.venv
    for name in ("lib/old", "Scripts", "work"):
        (venv / name).mkdir(parents=True)
    bootstrap._new_venv(venv, SimpleNamespace(line=StatusLine(), call=lambda *_, **__: None))
    assert [path.name for path in venv.iterdir()] == ["work"]


@pytest.mark.parametrize("files", [None, b"pip,INSTALLER\xff", b"\xff"])
def test_half_installed_packages_are_removed_where_the_lab_has_its_record(here, shared, files):
    info = next(shared.glob("[lL]ib/**/site-packages")) / "half-1.0.dist-info"
    info.mkdir()
    if files:
        (info / "RECORD").write_bytes(files)
    assert is_sound(shared) and info.exists()
    remove_half_installed(shared)
    assert info.exists() is (b"INSTALLER" in (files or b""))
    assert is_sound(shared), "pip's own record is whole"


def test_a_set_up_that_was_cut_off_before_its_environment_begins_again(here):
    venv = record.venv_folder()
    (venv / "lib").mkdir(parents=True)  # pyvenv.cfg is removed, the rest not yet
    (venv / bootstrap.LOCK).touch()
    bootstrap._prepare_folder(venv)


def test_a_folder_that_cannot_be_written(here, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LABKIT_VENV", str(tmp_path / "file/venv"))
    with pytest.raises(LabError, match="cannot be written"):
        bootstrap.ensure()


def test_a_terminal_gets_one_line(capsys):
    class Terminal:
        def isatty(self):
            return True

        def write(self, text):
            sys.stdout.write(text)

        def flush(self):
            pass

    line = StatusLine(Terminal())
    for count in range(3):
        line.show("Fetching", f"{count} of 3")
    line.end()
    assert "\n" not in capsys.readouterr().out


def test_only_the_standard_library():
    """In a bare interpreter, with site-packages out of reach."""
    code = (
        f"import sys; sys.path.insert(0, {str(own.ROOT)!r}); import labkit.install.bootstrap;"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    bare = [getattr(sys, "_base_executable", sys.executable), "-I", "-S", "-c", code]
    names = subprocess.run(bare, capture_output=True, text=True, check=True).stdout.split()
    assert {*names} - sys.stdlib_module_names <= {"labkit", "__main__"}


def test_the_light_set_up_leaves_out_what_is_heavy(monkeypatch):
    light, whole = own.required(["light"]), own.required(["llamacpp"])
    heavy = own.read_project()["tool"]["labkit"]["heavy"]
    left_out = {re.match(r"[\w.-]+", each)[0] for each in {*whole} - {*light}}
    assert left_out == {*heavy} - {"debugpy", "hf-xet"} and "torch" in heavy  # others' those
    assert {*light} < {*whole} and any(each.startswith("xllamacpp") for each in light)


@pytest.mark.parametrize(
    ("has", "wants", "complete"),
    [
        (["light"], ["light"], True),
        (["light"], ["llamacpp"], False),
        (["llamacpp"], ["light"], True),
        (["light", "llamacpp"], ["llamacpp"], True),
    ],
)
def test_the_whole_lab_is_a_light_one_and_not_the_other_way(here, has, wants, complete):
    python = bootstrap.python_of(here.venv)
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    record.write_record(here.venv, {**record.fingerprint(here.venv), "extras": has})
    assert record.is_complete(here.venv, wants) is complete
    assert record.is_own(here.venv), "so are those with a record of an earlier version"
