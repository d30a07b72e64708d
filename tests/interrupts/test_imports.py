"""What imports leave out: `without`, and what it keeps out of a learner's kernel."""

import subprocess
import sys

import pytest

from labkit.interrupts.imports import without


def test_what_is_left_out_appears_not_to_be_installed(tmp_path, monkeypatch):
    (tmp_path / "a_large_module.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    with without("a_large_module", "json"), pytest.raises(ImportError):
        import a_large_module
    assert "a_large_module" not in sys.modules and sys.modules["json"]
    import a_large_module  # noqa: F401

    monkeypatch.delitem(sys.modules, "a_large_module")


def test_figures_and_clients_come_without_what_only_takes_memory():
    code = """
import sys
from labkit.backends.remote.http.errors import OF_SERVERS, as_sentences
from labkit.ui.theme import figure
figure(title="A figure")
for client in ("openai", "anthropic"):
    with as_sentences("a server", "a model", 1, OF_SERVERS, client):
        pass
assert {"plotly.io._renderers", "openai", "anthropic"} <= sys.modules.keys()
print({"rfc3987_syntax", "aiohttp"} & sys.modules.keys())
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.stdout.strip() == "set()", ran.stderr
