"""The printed settings have the form that each editor's own schema asks for.

The recorded names are those of npm @continuedev/config-yaml 1.42.0 (configYamlSchema, modelSchema),
of llama.vscode's package.json 0.0.12, and of notebook-intelligence 6.2.0's settings page.
"""

import json
import re

import pytest
import yaml

import labkit

ADDRESS, MODEL = "http://127.0.0.1:8012", "qwen2.5-coder-0.5b"
CONTINUE = {"name": str, "version": str, "schema": str, "models": list}
CONTINUE_MODEL = {"name": str, "provider": str, "model": str, "apiBase": str, "roles": list}
ROLES = {"chat", "autocomplete", "embed", "rerank", "edit", "apply", "summarize", "subagent"}
LLAMA_VSCODE = {"llama-vscode.endpoint": ADDRESS, "llama-vscode.api_key": "k3y"}


@pytest.fixture(params=["", "k3y"])
def key(request):
    return request.param


@pytest.fixture
def editors(key):
    return labkit.assistant.editor_settings(ADDRESS, MODEL, key=key).editors


def test_llama_vscode_knows_the_names(editors, key):
    settings = json.loads(f"{{{editors[0].text}}}")
    assert settings == dict(list(LLAMA_VSCODE.items())[: 2 if key else 1])


def test_continue_takes_the_file(editors, key):
    settings = yaml.safe_load(editors[1].text)
    assert {name: type(value) for name, value in settings.items()} == CONTINUE
    (model,) = settings["models"]
    assert {name: type(value) for name, value in model.items()} == CONTINUE_MODEL | (
        {"apiKey": str} if key else {}
    )
    assert set(model["roles"]) <= ROLES and model["provider"] == "llama.cpp"
    assert model["apiBase"].endswith("/")  # it appends "completion"
    assert "qwen" in model["model"] and "coder" in model["model"]  # it chooses the tokens by these


@pytest.mark.parametrize("name", ["mine: #1", "123", 'a "b"', "é"])
def test_any_name_of_a_file_stays_a_text(name):
    file = labkit.assistant.editor_settings(ADDRESS, name).editors[1].text
    assert [m["model"] for m in yaml.safe_load(file)["models"]] == [name]


@pytest.mark.parametrize("key", ["0123456789", 'a"b', "yes", "#1"])
def test_any_key_stays_a_text_and_a_slash_at_the_end_is_none(key):
    found = labkit.assistant.editor_settings(f"{ADDRESS}/", MODEL, key=key)
    code, file, page = (each.text for each in found.editors)
    assert found.address == ADDRESS and f"Base URL: {ADDRESS}/v1" in page
    settings = json.loads(f"{{{code}}}")
    assert settings == {"llama-vscode.endpoint": ADDRESS, "llama-vscode.api_key": key}
    (model,) = yaml.safe_load(file)["models"]
    assert (model["apiBase"], model["apiKey"]) == (f"{ADDRESS}/", key)


@pytest.mark.parametrize("wrong", [{"address": None}, {"model": None}, {"key": 5}])
def test_what_is_not_a_text_is_named(wrong):
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))} must be a text; got"):
        labkit.assistant.editor_settings(**wrong)


def test_jupyterlabs_settings_page_has_the_fields(editors, key):
    fields = dict(line.split(": ", 1) for line in editors[2].text.splitlines())
    assert list(fields) == ["Provider", "API key", "Model", "Base URL"]
    assert fields["Provider"] == "OpenAI Compatible" and fields["Base URL"] == f"{ADDRESS}/v1"
    assert fields["API key"] == (key or "any text")  # its client refuses an empty one


def test_each_says_its_source_and_what_was_tried_with_a_date(editors):
    for text in [text for each in editors for text in (each.source, each.tried)]:
        assert re.search(r"20\d\d-\d\d-\d\d", text), text
