"""The hub's own client against a hub on the loopback: fetched once, refused in a sentence, offline.

The client reads its settings when it is imported, so it runs in interpreters of its own.
"""

import errno
import io
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.models.entry import HubSource
from labkit.models.storage import hub

from ..loopback_servers import Hub

GET = """
import json, sys
from labkit.errors import LabError
from labkit.models.loading import get_model
for name in sys.argv[1:]:
    try:
        print(json.dumps([str(get_model(name)[0]), ""]))
    except LabError as error:
        print(json.dumps([error.problem, error.hint]))
"""


class HubMachine:
    """A machine with a home, a hub cache, and a hub that can go away."""

    def __init__(self, folder):
        self.hub = Hub()
        stored = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "LABKIT_"))}
        self.environment = stored | {
            "HF_HOME": str(folder / "hf"),
            "HF_ENDPOINT": self.hub.address,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "LABKIT_HOME": str(folder / "home"),
            "NO_PROXY": "*",
        }

    def run(self, code, *arguments):
        command = [sys.executable, "-c", code, *map(str, arguments)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def get(self, *names):
        """For each name: the folder, or problem and hint."""
        return [json.loads(line) for line in self.run(GET, *names).splitlines()]


@pytest.fixture(scope="module")
def repos(make_tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("repos")
    make_tiny(folder / "good")
    (folder / "good" / "README.md").write_text("# Not needed\n")
    make_tiny(folder / "pickled")
    (folder / "pickled" / "model.safetensors").rename(folder / "pickled" / "pytorch_model.bin")
    return folder


@pytest.fixture(scope="module")
def machine(repos, tmp_path_factory):
    machine = HubMachine(tmp_path_factory.mktemp("machine"))
    machine.hub.repos |= {
        "owner/good": repos / "good",
        "owner/pickled": repos / "pickled",
        "owner/gated": "GatedRepo",
    }
    yield machine
    machine.hub.close()


@pytest.fixture(scope="module")
def answers(machine):
    """The answer of `get_model` for each model, one after the other."""
    names = ["owner/good", "owner/pickled", "owner/gated", "owner/none", "owner/not allowed"]
    return dict(zip(names, machine.get(*names), strict=True)) | {"fetched": machine.hub.files[:]}


def test_a_model_is_fetched_without_what_is_not_needed(answers, machine):
    assert answers["owner/good"][1] == ""
    assert sorted(set(answers["fetched"])) == sorted(
        [
            "config.json",
            "generation_config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json",
        ]
    )
    assert answers["owner/good"][0].startswith(machine.environment["HF_HOME"])


def test_pickled_weights_are_refused(answers):
    problem, hint = answers["owner/pickled"]
    assert "no safetensors weights, and pickled ones can run code" in problem
    assert "another upload" in hint
    assert "pytorch_model.bin" not in answers["fetched"]


@pytest.mark.slow
def test_what_is_refused_of_a_hubs_files(make_tiny, tmp_path):
    """A pickle that an index names beside a decoy; quantized weights, before their download."""
    machine = HubMachine(tmp_path)
    decoy, packed = make_tiny(tmp_path / "decoy"), make_tiny(tmp_path / "packed")
    (decoy / "model.safetensors").rename(decoy / "decoy.safetensors")
    (decoy / "weights.txt").write_bytes(b"a pickle")
    index = {"metadata": {}, "weight_map": {"model.norm.weight": "weights.txt"}}
    (decoy / "model.safetensors.index.json").write_text(json.dumps(index))
    config = json.loads((packed / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "gptq", "bits": 4}
    (packed / "config.json").write_text(json.dumps(config))
    machine.hub.repos |= {"owner/packed": packed, "owner/decoy": decoy}
    (quantized, _), *_ = machine.get("owner/packed")
    assert "quantized by GPTQ to 4 bits" in quantized
    assert set(machine.hub.files) == {"config.json"}
    for _ in range(2):  # fetched, and from the cache
        ((problem, _),) = machine.get("owner/decoy")
        assert "names 'weights.txt', which is not a safetensors file: refused" in problem
    machine.hub.close()


@pytest.mark.slow
def test_a_cache_without_a_tokenizer_is_completed(make_tiny, tmp_path):
    """As another tool leaves it, with no list of its files; a repository may have no tokenizer."""
    machine = HubMachine(tmp_path)
    for name in ("owner/partial", "owner/bare"):
        machine.hub.repos[name] = make_tiny(tmp_path / name)
    (machine.hub.repos["owner/bare"] / "tokenizer.json").unlink()
    found = machine.get(*machine.hub.repos)
    folder = Path(found[0][0])

    def leave_part():
        (folder / "tokenizer.json").unlink()
        shutil.rmtree(folder.parent.parent / "trees")

    leave_part()
    assert machine.get(*machine.hub.repos) == found
    assert (folder / "tokenizer.json").exists()
    assert machine.hub.files.count("model.safetensors") == 2, "each once"
    leave_part()
    machine.hub.close()  # without it, what is here is taken
    assert machine.get(*machine.hub.repos) == found


def test_a_gated_model_says_where_to_accept(answers):
    problem, hint = answers["owner/gated"]
    assert "requires an account that accepted its licence" in problem
    assert "hf auth login" in hint
    assert "owner/gated" in hint


def test_weights_without_a_tokenizer_are_a_whole_download(tmp_path, monkeypatch):
    """Some repositories have none, so that listing and checking them must not ask for one."""
    (tmp_path / "model.safetensors").touch()
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(tmp_path))
    assert hub.hub_cached(HubSource("owner/bare")) == tmp_path
    assert hub.hub_cached(HubSource("owner/bare"), with_tokenizer=True) is None


def test_a_full_disk_is_not_a_hub_that_does_not_answer():
    error = OSError(errno.ENOSPC, "No space left on device")
    found = hub._hub_failure(HubSource("owner/good"), error)
    assert "owner/good cannot be stored: [Errno 28] No space left on device." in found.problem
    assert "HF_HOME" in found.hint


def test_no_password_of_a_mirror_is_in_an_error():
    for text in (
        "Client error '418' for url 'http://Anna:s3!cr@t@127.0.0.1:8/a'",
        "No http://b/c@d.",
    ):
        found = hub._hub_failure(HubSource("owner/good"), ValueError(f"{text}\nMore."))
        assert found.problem.endswith(f": {text.replace('Anna:s3!cr@t@', '')}")


@pytest.mark.parametrize("name", ["owner/none", "owner/not allowed"])
def test_a_model_that_is_not_there(answers, name):
    assert f"The hub has no model '{name}'" in answers[name][0]


LOOK = """
import json, sys
from labkit.models.storage import inventory, store
from labkit.models.storage.pack import collect_parts, pack
from labkit.models.storage.unpack import unpack
from pathlib import Path
stored = inventory.require_stored("owner/good")
weights = stored.folders["hub cache"] / "model.safetensors"
seen = {"names": list(inventory.inventory()), "bytes": stored.disk_bytes}
seen["fine"] = list(inventory.damaged(stored))
pack(Path(sys.argv[1]), collect_parts("owner/good"))
content = weights.read_bytes()
weights.resolve().write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
seen["damaged"] = list(inventory.damaged(stored))
seen["freed"] = inventory.remove(stored)
seen["left"] = list(inventory.inventory())
unpack(Path(sys.argv[1]))
seen["unpacked"] = store.list_models()
print(json.dumps(seen))
"""
LOAD = """
import json, sys, time, labkit
from labkit.models.loading import get_model
model = labkit.load("owner/good")
reply = labkit.generate(model, "the cat", max_tokens=3, temperature=0)
print(json.dumps([len(reply.steps), str(get_model("owner/good")[0])]))
"""


@pytest.mark.slow
def test_then_the_hub_is_gone(answers, machine, tmp_path):
    """What is here loads, is checked, packed and removed; what is not gets a sentence."""
    machine.hub.close()
    steps, folder = json.loads(machine.run(LOAD).splitlines()[-1])
    assert steps >= 1
    assert folder == answers["owner/good"][0]
    ((problem, hint),) = machine.get("owner/other")
    assert "does not answer, and owner/other is not on this machine" in problem
    assert "smollm2-135m" in hint
    seen = json.loads(machine.run(LOOK, tmp_path / "good.zip").splitlines()[-1])
    assert seen["names"] == ["owner/good"]
    assert seen["fine"] == [["hub cache", []]]
    assert seen["damaged"] == [["hub cache", ["model.safetensors"]]]
    assert seen["freed"] == seen["bytes"] > 100_000
    assert seen["left"] == []
    assert seen["unpacked"] == {"owner/good": ["safetensors"]}
    steps, folder = json.loads(machine.run(LOAD).splitlines()[-1])
    assert steps >= 1
    assert folder.startswith(machine.environment["LABKIT_HOME"])


def test_a_mirrors_password_is_in_no_warning(monkeypatch):
    from huggingface_hub import constants
    from huggingface_hub.file_download import http_get

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    told = io.StringIO()
    monkeypatch.setattr(
        logging.getLogger("huggingface_hub"), "handlers", [logging.StreamHandler(told)]
    )
    hub.hub_client()
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"http://anna:planted-77@127.0.0.1:{gone.getsockname()[1]}/weights"
    with pytest.raises(Exception, match="refused"):  # of the HTTP client below the hub's
        http_get(address, io.BytesIO(), _nb_retries=0)
    assert "Error while downloading from http://127.0.0.1:" in told.getvalue()
    assert "anna" not in told.getvalue() and "planted-77" not in told.getvalue()
