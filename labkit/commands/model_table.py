"""The output of ``models list``: the models of the catalogue, and all others stored here."""

from labkit.formatting import GIB
from labkit.models.catalogue import CATALOGUE
from labkit.models.entry import Entry
from labkit.models.machine import Machine, inspect_machine
from labkit.models.memory_plan import plan_entry
from labkit.models.storage import store
from labkit.models.storage.inventory import HUB_CACHE, StoredModel, inventory

HEADINGS = ("model", "here", "parameters", "download", "needs here", "licence", "source")


def rows() -> list[dict]:
    """A dictionary per model: the catalogue in order, then the others stored here."""
    machine, found = inspect_machine(), inventory()
    listed = [_row(entry, machine, found.get(entry.name)) for entry in CATALOGUE.values()]
    return listed + [_others(stored) for name, stored in found.items() if name not in CATALOGUE]


def _row(entry: Entry, machine: Machine, stored: StoredModel | None) -> dict:
    plan = plan_entry(entry, machine)
    return {
        "name": entry.name,
        **_on_disk(stored),
        "kind": entry.kind,
        "parameters": entry.parameters,
        "stored_parameters": entry.stored_parameters,
        "context": entry.context,
        "download_bytes": entry.download_bytes,
        "needs_bytes": plan.needs.memory_bytes,
        "available_bytes": plan.available_bytes,
        "fits": plan.fits,
        "device": plan.device,
        "dtype": plan.needs.dtype,
        "license": entry.license,
        "terms": entry.terms,
        "source": entry.source.origin,
    }


def _others(stored: StoredModel) -> dict:
    own = [folder for part, folder in stored.folders.items() if part != HUB_CACHE]
    source = store.read_manifest(own[0]).get("source", "") if own else f"hub {stored.name}"
    return {"name": stored.name, **_on_disk(stored), "source": source}


def _on_disk(stored: StoredModel | None) -> dict:
    return {
        "here": bool(stored and stored.here),
        "disk_bytes": stored.disk_bytes if stored else 0,
        "folders": {part: str(folder) for part, folder in stored.folders.items()} if stored else {},
    }


def table(rows: list[dict]) -> str:
    """The rows as text in columns, and the folders of the files."""
    cells = [HEADINGS, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
    here = [row for row in rows if row["disk_bytes"]]
    total = sum(row["disk_bytes"] for row in here)
    lines += ["", f"{_size(total)} on disk:" if here else "Nothing is on disk yet."]
    for row in here:
        folders = list(row["folders"].values()) or ["unfinished, in " + str(store.models_folder())]
        lines += [f"  {row['name']}: {folder}" for folder in folders]
    return "\n".join(lines)


def _cells(row: dict) -> tuple[str, ...]:
    here = _size(row["disk_bytes"]) if row["disk_bytes"] else "–"
    if row["disk_bytes"] and not row["here"]:
        here += ", unfinished"
    if "parameters" not in row:
        return (row["name"], here, "", "", "", "", row["source"])
    parameters, download = f"{row['parameters'] / 1e6:,.0f} M", _size(row["download_bytes"])
    if row["stored_parameters"] > row["parameters"]:
        parameters += f" ({row['stored_parameters'] / 1e6:,.0f} stored)"
    return (row["name"], here, parameters, download, _verdict(row), row["license"], row["source"])


def _verdict(row: dict) -> str:
    needs = f"{row['needs_bytes'] / GIB:.1f} GiB"
    if row["fits"]:
        device = {"cpu": "CPU", "cuda": "GPU", "mps": "GPU"}[row["device"]]
        return f"{needs}, fits ({device} {row['dtype']})"
    return f"{needs}, too large: {row['available_bytes'] / GIB:.1f} GiB free"


def _size(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"
