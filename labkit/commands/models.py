"""``python3 -m labkit models``: list, download, check, remove, pack and unpack models."""

import json
import os
import shutil
import sys
from pathlib import Path

from labkit.errors import PYTHON, LabError
from labkit.formatting import GIB, number_of, printable, shell_quoted
from labkit.models.catalogue import CATALOGUE, DEFAULT, full_name
from labkit.models.entry import Entry
from labkit.models.machine import Machine, inspect_machine
from labkit.models.memory_plan import plan_entry
from labkit.models.storage import fetch, inventory, store

HEADINGS = ("model", "here", "parameters", "download", "needs here", "licence", "source")


def main(args) -> int:
    """Runs one action and returns its exit status."""
    actions = dict(list=_list, get=_get, remove=_remove, verify=_verify, pack=_pack, unpack=_unpack)
    return actions[args.action](args)


def _list(args) -> int:
    rows = _rows()
    print(json.dumps(rows, indent=1) if args.json else _table(rows))
    return 0


def _rows() -> list[dict]:
    """A dictionary per model: the catalogue in order, then the others stored here."""
    machine, found = inspect_machine(), inventory.inventory()
    listed = [_row(entry, machine, found.get(entry.name)) for entry in CATALOGUE.values()]
    return listed + [_others(stored) for name, stored in found.items() if name not in CATALOGUE]


def _row(entry: Entry, machine: Machine, stored: inventory.StoredModel | None) -> dict:
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


def _others(stored: inventory.StoredModel) -> dict:
    own = [folder for part, folder in stored.folders.items() if part != inventory.HUB_CACHE]
    source = store.read_manifest(own[0]).get("source", "") if own else f"hub {stored.name}"
    return {"name": stored.name, **_on_disk(stored), "source": source}


def _on_disk(stored: inventory.StoredModel | None) -> dict:
    return {
        "here": bool(stored and stored.here),
        "disk_bytes": stored.disk_bytes if stored else 0,
        "folders": {part: str(folder) for part, folder in stored.folders.items()} if stored else {},
    }


def _table(rows: list[dict]) -> str:
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
    return printable("\n".join(lines))


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


# The other actions


def _get(args) -> int:
    from labkit.models.loading import get_model

    name = full_name(args.name)
    entry, accepted = CATALOGUE.get(name), args.accept_terms
    if entry and not accepted and not fetch.accepted_before(entry) and sys.stdin.isatty():
        print(f"{entry.title} comes under the {entry.license}: {entry.terms}")
        accepted = _agrees("Do you accept them?")
        if not accepted:
            print("Nothing was downloaded.")
            return 1
    folder, gguf_file = get_model(name, accept_terms=accepted)
    print(f"{name} is here:")
    print(f"  {folder}  ({_mb(store.bytes_of(folder))})")
    if gguf_file:
        print(f"  {gguf_file}  ({_mb(gguf_file.stat().st_size)})")
    return 0


def _remove(args) -> int:
    stored = inventory.require_stored(args.name)
    parts = ", ".join(stored.folders) or "unfinished"
    print(f"{stored.name} takes {_mb(stored.disk_bytes)}: {parts}.")
    if not args.yes:
        if not sys.stdin.isatty():
            raise LabError("There is no terminal to confirm in.", "Add --yes to remove it anyway.")
        if not _agrees("Remove it?"):
            return 1
    print(f"Removed: {_mb(inventory.remove(stored))} are free again.")
    return 0


def _verify(args) -> int:
    found = [inventory.require_stored(name) for name in dict.fromkeys(args.names)]
    found = found or list(inventory.inventory().values())
    if not found:
        print(f"No model is on disk yet.\n  → {_get_command(DEFAULT)}")
    status = 0
    for stored in found:
        for part, bad in inventory.damaged(stored):
            print(f"{stored.name}, {part}: {'damaged: ' + ', '.join(bad) if bad else 'fine'}")
            if bad:
                status = 1
                command = f"{PYTHON} -m labkit models remove {shell_quoted(stored.name)} --yes"
                print(f"  → {command}, then get or unpack")
        if unknown := inventory.unverifiable(stored):
            files = number_of(unknown, "file")
            print(f"{stored.name}: without a checksum to compare with: {files}")
        if not stored.here:
            print(f"{stored.name}: its download is unfinished\n  → {_get_command(stored.name)}")
    return status


def _get_command(name: str) -> str:
    return f"{PYTHON} -m labkit models get {shell_quoted(name)}"


def _pack(args) -> int:
    from labkit.install.download import download_wheels
    from labkit.models.storage.pack import check_target, collect_parts, pack

    file = Path(os.path.expanduser(args.file))
    check_target(file)
    parts = [part for name in dict.fromkeys(args.names) for part in collect_parts(name)]
    # Beside it: /tmp is often small. Hidden, so that it is nobody else's; a next try uses it.
    folder = file.with_name(f".labkit-{file.name}.packages")
    wheels = [] if args.without_packages else download_wheels(folder)
    size = pack(file, parts, wheels)
    if wheels:
        shutil.rmtree(folder, ignore_errors=True)
    names = ", ".join(dict.fromkeys(part.name for part in parts))
    what = f"{names} and {len(wheels)} packages" if wheels else names
    print(f"{file} ({_mb(size)}): {what}.")
    if wheels:
        print("On the other machine, in a checkout of the lab, with the same Python and system:")
    print(f"  {PYTHON} -m labkit models unpack {shell_quoted(file.name)}")
    return 0


def _unpack(args) -> int:
    from labkit.models.storage.unpack import unpack

    done = unpack(Path(os.path.expanduser(args.file)))
    for name in done.placed:
        print(f"{name} is here: {store.model_folder(name)}")
    for name in done.already:
        print(f"{name} was here already.")
    for name, (license, terms) in done.terms.items():
        print(f"{name} comes under the {license}: {terms}")
        if name in CATALOGUE and not fetch.accepted_before(CATALOGUE[name]):
            print(f"  → If you accept them: {_get_command(name)} --accept-terms")
    return 0


def _agrees(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:  # Ctrl-D is no consent
        print()
        return False


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB" if size >= 1e6 else f"{size / 1e3:,.0f} kB"
