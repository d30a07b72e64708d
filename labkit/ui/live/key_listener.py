"""Keys that act on a panel while the focus is anywhere in it, without a mouse.

JupyterLab has keys of its own (A and B make cells, 1 to 6 make headings). It leaves those alone
that are pressed inside an element marked ``data-lm-suppress-shortcuts``, which this one does.
"""

from collections.abc import Callable, Sequence

import anywidget
import traitlets

_ESM = """
function render({ model, el }) {
  let area = null;
  function press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("input, textarea, select")) return;
    const key = event.key.toLowerCase();
    if (!model.get("listened").includes(key)) return;
    event.preventDefault();
    event.stopPropagation();
    model.send({ key });
  }
  function attach(triesLeft) {
    area = el.closest("." + model.get("area"));
    if (!area) {
      if (triesLeft) setTimeout(() => attach(triesLeft - 1), 50);
      return;
    }
    area.setAttribute("data-lm-suppress-shortcuts", "true");
    area.setAttribute("role", "group");
    area.setAttribute("aria-label", model.get("label"));
    area.tabIndex = 0;
    area.addEventListener("keydown", press);
  }
  el.style.display = "none";
  attach(100);
  return () => area && area.removeEventListener("keydown", press);
}
export default { render };
"""


class KeyListener(anywidget.AnyWidget):
    """Listens for keys in the panel around it; it shows nothing.

    Args:
        area: the CSS class of the panel's outermost box (``box.add_class(area)``).
        keys: the keys, in small letters, as browsers name them (``"a"``, ``"backspace"``).
        label: what the panel is and its keys, for screen readers.
        act: called with a key that was pressed.
    """

    _esm = _ESM
    area = traitlets.Unicode().tag(sync=True)
    listened = traitlets.List(traitlets.Unicode()).tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)

    def __init__(self, area: str, keys: Sequence[str], label: str, act: Callable[[str], None]):
        super().__init__(area=area, listened=list(keys), label=label)
        self._act = act
        self.on_msg(self._pressed)

    def _pressed(self, _widget, content: dict, _buffers) -> None:
        key = content.get("key") if isinstance(content, dict) else None
        if key in self.listened:
            self._act(key)
