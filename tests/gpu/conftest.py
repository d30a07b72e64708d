"""The checks on a CUDA GPU: ``python3 -m labkit test --gpu``, in at most 8 minutes.

A machine with a GPU may be bare: torch, transformers, accelerate, safetensors, nvidia-ml-py,
psutil, tqdm and pytest are enough, and no network is used. SmolLM2's own weights are looked for
under LABKIT_HOME, or in LABKIT_GPU_MODEL (a folder of safetensors, or a .gguf file); without them
only random weights are checked. The table goes to stdout, the JSON file to $OUT/gpu.json, or to
.benchmarks/gpu.json. Without a GPU every check is skipped, with the reason; LABKIT_GPU_DRY=1 runs
the same functions on the CPU, with tiny shapes and without the bounds on speeds.
"""

import os
import sys
import time
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

import labkit
from labkit.errors import LabError
from labkit.models import machine
from labkit.models.storage import store

from .random_models import Rig
from .report import Checks, Report, Row

BUDGET_S = 420  # a check that would begin later is skipped, so that 8 minutes suffice for all
DRY = os.environ.get("LABKIT_GPU_DRY") == "1"
ROOT = Path(__file__).resolve().parents[2]
REPORT = Report(Path(os.environ.get("OUT") or ROOT / ".benchmarks") / "gpu.json")
BEGAN = time.monotonic()


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.gpu)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    """A test fails at its end if one of its checks did."""
    result = yield
    if failed := REPORT.failed(pyfuncitem.nodeid):
        pytest.fail(
            "\n".join(f"{row.check}: {row.value}, not {row.bound}" for row in failed), pytrace=False
        )
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """What was skipped, or broke before a check failed, has a row too."""
    report = yield
    if report.skipped:
        REPORT.add(Row(item.nodeid, "skipped", report.longrepr[2].removeprefix("Skipped: ")))
    elif report.failed and not REPORT.failed(item.nodeid):
        reason = f"{call.excinfo.typename}: {call.excinfo.value}"[:300]
        REPORT.add(Row(item.nodeid, report.when, reason, "", False))
    return report


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line("")
    for line in REPORT.table():
        terminalreporter.write_line(line)
    terminalreporter.write_line(f"\n{REPORT.path}")


@pytest.fixture(scope="session")
def rig(tiny_tokenizer, tmp_path_factory):
    """Where the checks run, and the models that they run on."""
    if not DRY and not torch.cuda.is_available():
        pytest.skip(f"torch {torch.__version__} sees no CUDA GPU here")
    card = "CPU, dry run" if DRY else torch.cuda.get_device_name()
    REPORT.about |= {"card": card, **_versions()}
    with pytest.MonkeyPatch.context() as patch:
        if not (os.environ.get("LABKIT_HOME") or find_spec("platformdirs")):
            patch.setenv("LABKIT_HOME", str(tmp_path_factory.mktemp("home")))
        if not DRY and not machine.inspect_machine().gpus:  # no nvidia-ml-py on this machine
            patch.setattr(machine, "_gpus", _gpus_by_torch)
        yield Rig("cpu" if DRY else "cuda", DRY, tiny_tokenizer)


def _versions():
    import transformers

    now = datetime.now(UTC).isoformat(timespec="seconds")
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    return {**versions, "labkit": labkit.__version__, "at": now}


def _gpus_by_torch():
    free, total = torch.cuda.mem_get_info()
    return (machine.Gpu(torch.cuda.get_device_name(), total, free, None),)


@pytest.fixture(autouse=True)
def within_budget(rig):
    """No check begins late, and each finds the memory free."""
    if not rig.dry and (past := time.monotonic() - BEGAN) > BUDGET_S:
        pytest.skip(f"{past:.0f} s have passed, of the {BUDGET_S} s for all checks")
    yield
    for name in ("last_exc", "last_type", "last_value", "last_traceback"):
        vars(sys).pop(name, None)  # where pytest leaves a failed test's frames, and its models
    rig.free()


@pytest.fixture
def checks(request, rig):
    return Checks(REPORT, request.node.nodeid, rig.dry)


@pytest.fixture(scope="session")
def own_source(make_tiny, tmp_path_factory):
    """Where SmolLM2's own weights are; in a dry run, a tiny model's."""
    if DRY:
        return make_tiny(tmp_path_factory.mktemp("own"), max_position_embeddings=512)
    given = os.environ.get("LABKIT_GPU_MODEL")
    if not given and store.damaged(store.part_folder("smollm2-135m", "safetensors")):
        pytest.skip("SmolLM2's own weights are not here: set LABKIT_HOME or LABKIT_GPU_MODEL")
    return given or "smollm2-135m"


@pytest.fixture(scope="session")
def own(own_source):
    """``own(device, dtype)`` is SmolLM2 with its own weights."""

    def load(device, dtype):
        try:
            return labkit.load(own_source, device=device, dtype=dtype, packed=False)
        except LabError as error:
            pytest.skip(f"SmolLM2's own weights cannot be read: {error.problem}")

    return load
