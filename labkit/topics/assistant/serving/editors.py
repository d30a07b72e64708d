"""`editor_settings`: what editors need to know of a local server, with sources."""

import json
from dataclasses import dataclass

from labkit.backends.prompts import check_text


@dataclass(frozen=True, slots=True)
class Editor:
    """One editor's settings.

    Attributes:
        name: of the extension.
        where: where the settings go.
        text: the settings themselves.
        source: where that is written, and when it was read.
        tried: what of it was tried for this lab.
    """

    name: str
    where: str
    text: str
    source: str
    tried: str


@dataclass(frozen=True, slots=True, repr=False)
class EditorSettings:
    """The settings of several editors for one server (computed).

    Attributes:
        address: of the server.
        model: its name.
        editors: each with its settings.
        warning: what the model cannot do; "" if it can.
    """

    address: str
    model: str
    editors: tuple[Editor, ...]
    warning: str = ""

    @property
    def summary(self) -> str:
        """Which editors, in a line."""
        return f"Settings for {', '.join(e.name for e in self.editors)}: {self.address}"

    def __repr__(self) -> str:
        parts = [
            f"{each.name}\n  {each.where}\n\n{_indented(each.text)}\n\n"
            f"  Source: {each.source}\n  Tried here: {each.tried}"
            for each in self.editors
        ]
        return "\n\n".join([*filter(None, [self.warning]), *parts])


def editor_settings(
    address: str = "http://127.0.0.1:8012",
    model: str = "qwen2.5-coder-0.5b",
    *,
    key: str = "",
    fills: bool = True,
) -> EditorSettings:
    """What to enter into an editor so that a server of this machine completes your code.

    ``python3 -m labkit serve MODEL`` starts the server, and prints the same.

    Args:
        address: of the server.
        model: its name; Continue chooses its prompt by it.
        key: that the server asks for; "": none.
        fills: whether the model was made to fill in the middle.
    Raises:
        ValueError: address, model or key is not a text.
    """
    for name, value in (("address", address), ("model", model), ("key", key)):
        check_text(value, name)
    address = address.rstrip("/")
    warning = (
        ""
        if fills
        else f"{model} was not made to fill in the middle: /infill refuses it, so llama.vscode "
        "shows nothing, and what Continue asks makes no sense to it. It answers chats."
    )
    editors = (_vscode(address, key), _continue(address, model, key), _jupyter(address, model, key))
    return EditorSettings(address, model, editors, warning)


def _vscode(address: str, key: str) -> Editor:
    more = f',\n"llama-vscode.api_key": {json.dumps(key)}' if key else ""
    return Editor(
        "llama.vscode (VS Code)",
        "Settings, Open Settings (JSON); the extension is ggml-org.llama-vscode:",
        f'"llama-vscode.endpoint": {json.dumps(address)}{more}',
        "github.com/ggml-org/llama.vscode, package.json, version 0.0.12, commit 009e5b7; "
        "read 2026-11-27",
        "these names against its package.json, and the server's /infill with the fields that it "
        "sends, 2026-11-27; the extension itself was not run.",
    )


def _continue(address: str, model: str, key: str) -> Editor:
    # What is a string in JSON is one in YAML too, whatever the file is called.
    more = f"\n    apiKey: {json.dumps(key)}" if key else ""
    name = json.dumps(model)
    return Editor(
        "Continue (VS Code, JetBrains)",
        "~/.continue/config.yaml:",
        "name: Local\nversion: 0.0.1\nschema: v1\nmodels:\n"
        f"  - name: {name}\n    provider: llama.cpp\n    model: {name}\n"
        f"    apiBase: {address}/{more}\n    roles:\n      - autocomplete",
        "docs.continue.dev/customize/model-providers/more/llamacpp, and core/llm/llms/LlamaCpp.ts "
        "of github.com/continuedev/continue, commit 0c38ecf; read 2026-11-27",
        "these lines against the schema of npm @continuedev/config-yaml 1.42.0; Continue's "
        "command-line program (npm @continuedev/cli 1.5.47) read them, with the role chat added, "
        "and answered; the server's /completion with the fields that completing sends, "
        "2026-11-27. The extension itself was not run.",
    )


def _jupyter(address: str, model: str, key: str) -> Editor:
    return Editor(
        "JupyterLab (extension notebook-intelligence)",
        "Settings, Notebook Intelligence Settings, Auto-complete model:",
        f"Provider: OpenAI Compatible\nAPI key: {key or 'any text'}\nModel: {model}\n"
        f"Base URL: {address}/v1",
        "PyPI, notebook-intelligence 6.2.0, its settings page and "
        "llm_providers/openai_compatible_llm_provider.py; read 2026-11-27. It asks a chat for the "
        "code at the cursor: measure before you trust it",
        "in JupyterLab 4.6.6 with Qwen2.5-Coder-0.5B, 2026-11-27: ghost text came, and Tab took "
        "it; it was the whole function once more. Extension jupyterlite-ai 0.20.1 was tried too "
        "and showed nothing: it deletes the code block in which this model answers.",
    )


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
