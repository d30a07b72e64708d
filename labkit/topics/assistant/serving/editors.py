"""`editor_settings`: what editors need to know of a local server, with sources."""

from dataclasses import dataclass


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
        return "\n\n".join([*parts, *filter(None, [self.warning])])


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
    """
    warning = (
        ""
        if fills
        else f"{model} was not made to fill in the middle: /infill refuses it, so llama.vscode "
        "shows nothing, and what Continue asks makes no sense to it. It answers chats."
    )
    editors = (_vscode(address, key), _continue(address, model, key), _jupyter(address, model, key))
    return EditorSettings(address, model, editors, warning)


def _vscode(address: str, key: str) -> Editor:
    more = f',\n"llama-vscode.api_key": "{key}"' if key else ""
    return Editor(
        "llama.vscode (VS Code)",
        "Settings, Open Settings (JSON); the extension is ggml-org.llama-vscode:",
        f'"llama-vscode.endpoint": "{address}"{more}',
        "github.com/ggml-org/llama.vscode, package.json, version 0.0.12, commit 009e5b7; "
        "read 2026-11-27",
        "the server's /infill with the fields that it sends; the extension itself was not.",
    )


def _continue(address: str, model: str, key: str) -> Editor:
    more = f"\n    apiKey: {key}" if key else ""
    return Editor(
        "Continue (VS Code, JetBrains)",
        "~/.continue/config.yaml:",
        "name: Local\nversion: 0.0.1\nschema: v1\nmodels:\n"
        f"  - name: {model}\n    provider: llama.cpp\n    model: {model}\n"
        f"    apiBase: {address}/{more}\n    roles:\n      - autocomplete",
        "docs.continue.dev/customize/model-providers/more/llamacpp, and core/llm/llms/LlamaCpp.ts "
        "of github.com/continuedev/continue, commit 0c38ecf; read 2026-11-27",
        "the server's /completion with the fields that it sends; the extension itself was not.",
    )


def _jupyter(address: str, model: str, key: str) -> Editor:
    return Editor(
        "JupyterLab (extension jupyterlite-ai)",
        "AI settings, Providers, Add a new provider, Generic (OpenAI-compatible). It asks from the "
        "page, so start with --origin and the address of your JupyterLab:",
        f"Base URL: {address}/v1\nModel: {model}\nAPI Key: {key or 'any text'}",
        "github.com/jupyterlite/ai, docs/usage.md, commit 2b63722; read 2026-11-27. At commit "
        "ad44e12 its completer asks a chat, in a file with the tokens <PRE>, <SUF>, <MID> that "
        "Qwen does not have: measure before you trust it",
        "not tried.",
    )


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
