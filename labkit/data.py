"""The lab's own texts and facts: the folder ``data`` of the checkout."""

import json
from pathlib import Path
from typing import Any

from .errors import LabError

FOLDER = Path(__file__).resolve().parents[1] / "data"


def read_data(name: str) -> Any:
    """One file of the folder ``data``.

    Args:
        name: of the file; a ``.json`` comes back read, any other as its text.
    Raises:
        LabError: if it is not there, as where labkit was installed without its checkout.
    """
    file = FOLDER / name
    if not file.is_file():
        raise LabError(
            f"There is no file {file}.", "Run the lab from its checkout, which holds its data."
        )
    text = file.read_text(encoding="utf-8")
    return json.loads(text) if file.suffix == ".json" else text
