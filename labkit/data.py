"""The lab's own texts and facts: the folder ``data`` of the checkout, or of the installed wheel."""

import json
from pathlib import Path
from typing import Any

from labkit.errors import LabError

_IN_WHEEL, _IN_CHECKOUT = Path(__file__).with_name("_data"), Path(__file__).parents[1] / "data"
FOLDER = (_IN_WHEEL if _IN_WHEEL.is_dir() else _IN_CHECKOUT).resolve()


def read_data(name: str) -> Any:
    """One file of the folder ``data``.

    Args:
        name: name of the file; a ``.json`` file is parsed, any other is returned as its text.
    Raises:
        LabError: there is no such file.
    """
    file = FOLDER / name
    if not file.is_file():
        raise LabError(
            f"There is no file {file}.", "Run the lab from its checkout, or install it again."
        )
    text = file.read_text(encoding="utf-8")
    return json.loads(text) if file.suffix == ".json" else text
