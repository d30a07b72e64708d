"""The recipes for other machines: what can be checked of them here, where none of them runs."""

import json
import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from jsonschema import validate
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / ".github" / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
NUMBER, TEXT = {"type": "number"}, {"type": "string"}
BYTES = {"type": ["number", "string"]}


def only(**properties):
    """An object of which all values are required, and no others known."""
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }


# What Zero to JupyterHub's jupyterhub/values.schema.yaml says of the values that are used here.
HUB = only(
    hub=only(config={"type": "object"}),
    proxy=only(
        https=only(
            enabled={"type": "boolean"},
            hosts={"type": "array"},
            letsencrypt=only(contactEmail=TEXT),
        )
    ),
    singleuser=only(
        image=only(name=TEXT, tag=TEXT),
        cmd={"type": ["array", "string", "null"]},
        defaultUrl=TEXT,
        storage=only(homeMountPath=TEXT),
        networkPolicy=only(egress={"type": "array"}),
        memory=only(guarantee=BYTES, limit=BYTES),
        cpu=only(guarantee=NUMBER, limit=NUMBER),
        extraEnv={"type": "object", "additionalProperties": TEXT},
    ),
    cull=only(enabled={"type": "boolean"}, timeout={"type": "integer"}),
)
# helm/values.schema.json of vLLM's production stack: what it requires of a model, and vllmConfig.
VLLM = only(
    name=TEXT,
    repository=TEXT,
    tag=TEXT,
    modelURL=TEXT,
    replicaCount={"type": "integer"},
    requestCPU={"type": "integer"},
    requestMemory=TEXT,
    requestGPU={"type": "integer"},
    pvcStorage=TEXT,
    vllmConfig=only(maxModelLen={"type": "integer"}, extraArgs={"type": "array", "items": TEXT}),
)


def read(name):
    return yaml.safe_load((DEPLOY / name).read_text())


def test_the_hubs_values_are_the_charts():
    values = read("jupyterhub-values.yaml")
    validate(values, HUB)
    learner = values["singleuser"]
    assert (ROOT / learner["defaultUrl"].removeprefix("/lab/tree/")).is_file()
    assert f"WORKDIR {learner['storage']['homeMountPath']}\n" in DOCKERFILE
    # The address of a service: its name, its namespace. Learners' pods reach that namespace.
    [egress] = learner["networkPolicy"]["egress"]
    labels = egress["to"][0]["namespaceSelector"]["matchLabels"]
    namespace = urlsplit(learner["extraEnv"]["LABKIT_SERVER"]).hostname.split(".")[1]
    assert labels == {"kubernetes.io/metadata.name": namespace}


def test_vllms_values_are_the_charts_and_give_all_scores():
    [model] = read("vllm-values.yaml")["servingEngineSpec"]["modelSpec"]
    validate(model, VLLM)
    config = model["vllmConfig"]
    options = dict(zip(config["extraArgs"][::2], config["extraArgs"][1::2], strict=True))
    assert options == {"--served-model-name": "smollm2-135m", "--max-logprobs": "-1"}


def test_the_set_up_without_torch_is_pyprojects():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]["llamacpp"]
    wanted = {Requirement(line).name for line in project["project"]["dependencies"] + extras}
    lines = (ROOT / ".binder/requirements.txt").read_text().splitlines()
    lines = [line for line in lines if not line.startswith("#")]
    assert lines[:2] == ["--constraint ../requirements.lock", "hatchling"]
    assert {*lines[2:]} == wanted - {*project["tool"]["labkit"]["heavy"]}


def test_what_the_container_installs_is_there_and_pinned():
    text = (ROOT / ".devcontainer/devcontainer.json").read_text()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    found = re.findall(r"\.\[(\w+)\]", text)
    assert found and {*found} <= {*extras}
    assert "--constraint requirements.lock" in text and json.loads(text)["image"]


def test_the_image_is_made_of_known_instructions():
    lines = [
        line
        for line in DOCKERFILE.replace("\\\n", " ").splitlines()
        if line and not line.startswith("#")
    ]
    words = [line.split()[0] for line in lines]
    assert words[0] == "FROM" and {*words} <= {
        "FROM",
        "RUN",
        "COPY",
        "ENV",
        "USER",
        "WORKDIR",
        "CMD",
    }
    command = json.loads(lines[-1].removeprefix("CMD "))
    assert command[:2] == ["sh", "-c"] and command[2].endswith("exec jupyterhub-singleuser")
