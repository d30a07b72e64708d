"""Panels that go on working on a page without a kernel: their module runs there on their data."""

import base64
import json
from html import escape
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
MARK = "data-lk-module"  # the attribute that says which module a panel's data are for
_SAMPLING = "topics/sampling/next_token"
# The scripts of each module, in order; together they define ``render({ model, el })``.
MODULES = {
    "bench": (f"{_SAMPLING}/chain.js", f"{_SAMPLING}/bench_view.js", f"{_SAMPLING}/bench.js"),
    "merges": ("topics/tokens/vocabulary/merges.js",),
    "week": ("topics/cost/week_page/week.js", "topics/cost/week_page/week_view.js"),
}
DRAWING = ("merges", "week")  # those that draw figures, by plotly's script and page.js
_START = """
for (const box of document.querySelectorAll('[MARK="NAME"]')) {
  const data = JSON.parse(box.querySelector("script").textContent);
  const nothing = () => {};
  const model = { get: name => data[name], set: (name, value) => { data[name] = value; },
    save_changes: nothing, send: nothing, on: nothing, off: nothing };
  box.replaceChildren();
  render({ model, el: box });
}
"""


def module_text(name: str) -> str:
    """The scripts of a module, as a notebook's widget loads them."""
    return "\n".join((_ROOT / path).read_text(encoding="utf-8") for path in MODULES[name])


def page_script(name: str) -> str:
    """The same for a page, with the lines that start it wherever the page has its data."""
    return module_text(name) + _START.replace("MARK", MARK).replace("NAME", name)


def page_form(name: str, data: dict[str, Any], css: str = "", fallback: str = "") -> str:
    """What stands in a page for a panel: its data, and what is seen where no script runs.

    Args:
        name: of the module.
        data: what its model has; bytes become base64.
        css: its styles.
        fallback: safe HTML.
    """
    # "<" would let text inside the data close the script element.
    text = json.dumps(data, default=_as_json, ensure_ascii=False).replace("<", "\\u003c")
    return (
        f'<style>{css}</style><div {MARK}="{escape(name)}">{fallback}'
        f'<script type="application/json">{text}</script></div>'
    )


def _as_json(value: Any) -> Any:
    """Bytes as base64; numpy's arrays, which figures have, as lists."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value.tolist()
