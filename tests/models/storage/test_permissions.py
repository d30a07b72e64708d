"""What a person may not read or change is said in a sentence; nothing of it is lost."""

import json
import os
import shutil
import subprocess
import sys

import pytest

# Root reads everything, unless it gives up the right to.
GIVE_UP = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
IS_ROOT = getattr(os, "geteuid", lambda: -1)() == 0

pytestmark = pytest.mark.skipif(
    os.name == "nt" or (IS_ROOT and not shutil.which("setpriv")), reason="nothing is forbidden"
)
TRY = """
import json, os, sys
from pathlib import Path
import labkit
from labkit.models import loading
from labkit.models.storage import store

folder = Path(sys.argv[1])
said = {}
def attempt(name, function, *paths, mode=0):
    for path in paths:
        path.chmod(mode)
    try:
        said[name] = repr(function())
    except labkit.LabError as error:
        said[name] = str(error)
    for path in paths:
        path.chmod(0o755)

model = folder / "model"
model.mkdir()
for name in ("config.json", "tokenizer.json", "model.safetensors", "t.gguf", "a.json"):
    (model / name).write_text("GGUF")
files = sorted(model.iterdir())
for file in files:
    attempt(file.name, lambda: loading.get_model(str(model)), file)
attempt("folder", lambda: loading.get_model(str(model)), model)
attempt("folder without files", lambda: loading.get_model(str(model)), model, mode=0o600)
attempt("gguf", lambda: labkit.load_llamacpp(model / "t.gguf"), model / "t.gguf")
attempt("result", lambda: labkit.open_result(model / "a.json"), model / "a.json")
with store.new_part("small", "safetensors", "a test") as part:
    (part / "model.safetensors").write_bytes(b"0")
attempt("models", store.list_models, store.models_folder())
attempt("part", store.list_models, store.part_folder("small", "safetensors"))
attempt("lock", lambda: store.remove("small"), store.models_folder(), mode=0o555)
print(json.dumps(said))
"""


def run(folder, *command):
    wanted = [*(GIVE_UP if IS_ROOT else []), sys.executable, *command]
    environment = {**os.environ, "LABKIT_HOME": str(folder / "home")}
    return subprocess.run(wanted, capture_output=True, text=True, env=environment)


def test_files_that_may_not_be_read_are_named(tmp_path):
    ran = run(tmp_path, "-c", TRY, tmp_path)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        assert f"{name} cannot be read: you are not permitted to" in said[name]
    for name in ("folder", "folder without files"):
        assert "model cannot be read: you are not permitted to" in said[name]
    assert "t.gguf cannot be read: Permission denied" in said["gguf"]
    assert "a.json cannot be read: Permission denied" in said["result"]
    assert "home/models cannot be created or read: Permission denied" in said["models"]
    assert said["part"] == "{}"
    assert "cannot be written to" in said["lock"] or "cannot be removed" in said["lock"]


@pytest.mark.parametrize("action", ["list", "verify"])
def test_commands_say_so_too(tmp_path, action):
    models = tmp_path / "home" / "models"
    (models / "small" / "safetensors").mkdir(parents=True)
    for forbidden in (models / "small" / "safetensors", models / "small", models):
        forbidden.chmod(0)
        ran = run(tmp_path, "-m", "labkit", "models", action)
        forbidden.chmod(0o755)
        assert "Traceback" not in ran.stderr
        assert ran.returncode == 0 or "Permission denied" in ran.stderr
