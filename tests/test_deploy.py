"""The recipes for other machines: what can be checked of them here, where none of them runs."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / ".github" / "deploy"
EXTRAS = re.compile(r"\.\[([\w,]+)\]|/opt/labkit\[([\w,]+)\]")
# Zero to JupyterHub's jupyterhub/schema.yaml, and helm/values.schema.json of vLLM's stack: the
# names that they know, of those that are used here.
HUB = {
    "hub": {"config"}, "proxy": {"https"}, "cull": {"enabled", "timeout"},
    "singleuser": {"image", "cmd", "defaultUrl", "memory", "cpu", "extraEnv"},
}  # fmt: skip
MODEL = {
    "name", "repository", "tag", "modelURL", "replicaCount", "requestCPU", "requestMemory",
    "requestGPU", "vllmConfig",
}  # fmt: skip


def read(name):
    return yaml.safe_load((DEPLOY / name).read_text())


def test_the_hubs_values_are_the_charts():
    values = read("jupyterhub-values.yaml")
    assert {name: set(part) for name, part in values.items()} == HUB
    assert all(isinstance(each, str) for each in values["singleuser"]["extraEnv"].values())
    assert (ROOT / values["singleuser"]["defaultUrl"].removeprefix("/lab/tree/")).is_file()


def test_vllms_values_are_the_charts_and_give_all_scores():
    [model] = read("vllm-values.yaml")["servingEngineSpec"]["modelSpec"]
    assert set(model) == MODEL
    config = model["vllmConfig"]
    assert isinstance(config["maxModelLen"], int)
    options = dict(zip(config["extraArgs"][::2], config["extraArgs"][1::2], strict=True))
    assert options == {"--served-model-name": "smollm2-135m", "--max-logprobs": "-1"}


@pytest.mark.parametrize(
    "file",
    [
        DEPLOY / "Dockerfile",
        ROOT / ".binder/environment.yml",
        ROOT / ".devcontainer/devcontainer.json",
    ],
    ids=lambda file: file.name,
)
def test_what_is_installed_is_there_and_pinned(file):
    text = file.read_text()
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = [extra for pair in EXTRAS.findall(text) for extra in "".join(pair).split(",")]
    assert found and {*found} <= {*known["optional-dependencies"]}
    assert "requirements.lock" in text and (ROOT / "requirements.lock").is_file()


def test_the_others_can_be_parsed():
    assert yaml.safe_load((ROOT / ".binder/environment.yml").read_text())["dependencies"]
    assert json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())["image"]


def test_the_image_is_made_of_known_instructions():
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    words = [line.split()[0] for line in lines]
    assert words[0] == "FROM" and {*words} <= {"FROM", "RUN", "COPY", "USER", "WORKDIR", "CMD"}
    command = json.loads(lines[-1].removeprefix("CMD "))
    assert command[:2] == ["sh", "-c"] and command[2].endswith("exec jupyterhub-singleuser")
