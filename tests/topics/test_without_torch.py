"""What a result is shown and computed with loads no torch, which takes seconds."""

import subprocess
import sys

import pytest

SHOWN = """
import labkit as lab
cloud = lab.replay("stand-in-ocean", speed=float("inf"))
measurement = lab.measure(cloud, cloud.prompts[0], repeats=5, warmup=0)
repr(measurement), lab.plot(measurement), lab.plot(measurement, kind="gaps")
day = lab.comparison.simulate_day({"cloud": measurement})
repr(day), lab.plot(day)
lab.save(measurement, "measurement.json")
lab.plot(lab.open_result("measurement.json"))
side = lab.compare(cloud.prompts[0], [cloud])
repr(side), lab.plot(side)
"""
MODULES = """
import importlib, pkgutil
import labkit.topics as topics
for found in pkgutil.walk_packages(topics.__path__, "labkit.topics."):
    if found.name.split(".")[2] in {names} and not found.name.endswith(".vary"):
        importlib.import_module(found.name)
"""
NEED_NONE = {"start", "tokens", "speed", "comparison", "privacy", "cost", "assistant"}


@pytest.mark.parametrize(
    "code", [SHOWN, MODULES.format(names=NEED_NONE)], ids=["results", "modules"]
)
def test_no_torch_is_loaded(code, tmp_path):
    code += "\nimport sys; print('torch' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "False"
