"""``python3 -m labkit models``: list, fetch, check and remove models."""

import json
import sys

from labkit.errors import LabError
from labkit.models import store
from labkit.models.catalogue import CATALOGUE, find
from labkit.models.machine import inspect_machine
from labkit.models.needs import plan_entry

GIB = 1024**3


def main(args) -> int:
    """Runs one action and returns its exit status."""
    actions = {"list": _list, "get": _get, "remove": _remove, "verify": _verify}
    if args.action not in actions:
        raise LabError(f"`models {args.action}` is not part of the lab yet.", "It is to come.")
    return actions[args.action](args)


def _list(args) -> int:
    machine, kept = inspect_machine(), store.kept()
    rows = [_row(entry, plan_entry(entry, machine), kept) for entry in CATALOGUE.values()]
    rows += [
        {"name": name, "here": True, "on_disk_bytes": _on_disk(name)}
        for name in kept
        if name not in CATALOGUE
    ]
    print(json.dumps(rows, indent=1) if args.json else _table(rows))
    return 0


def _row(entry, plan, kept) -> dict:
    return {
        "name": entry.name,
        "here": entry.name in kept,
        "on_disk_bytes": _on_disk(entry.name) if entry.name in kept else 0,
        "parameters": entry.parameters,
        "download_bytes": entry.download_bytes,
        "license": entry.license,
        "source": entry.source.place,
        "needs_bytes": plan.needs.memory_bytes,
        "dtype": plan.needs.dtype,
        "device": plan.device,
        "fits": plan.fits,
    }


def _on_disk(name: str) -> int:
    return store.bytes_of(store.models_folder() / name)


def _table(rows) -> str:
    lines = [f"{'name':<16}{'here':<9}{'download':>10}  {'needs here':<30}licence, source"]
    for row in rows:
        here = f"{row['on_disk_bytes'] / 1e6:,.0f} MB" if row["here"] else "-"
        if "parameters" not in row:
            lines.append(f"{row['name']:<16}{here:<9}")
            continue
        verdict = "fits" if row["fits"] else "too large"
        needs = f"{row['needs_bytes'] / GIB:.1f} GiB, {verdict} ({row['device']} {row['dtype']})"
        download = f"{row['download_bytes'] / 1e6:,.0f} MB"
        told = f"{row['license']}, {row['source']}"
        lines.append(f"{row['name']:<16}{here:<9}{download:>10}  {needs:<30}{told}")
    return "\n".join([*lines, f"They lie in {store.models_folder()}"])


def _get(args) -> int:
    from labkit.models.loading import get_model

    folder, gguf_file = get_model(args.name, accept_terms=args.accept_terms)
    print(f"{args.name} is here: {folder}")
    if gguf_file:
        print(f"made from {gguf_file}")
    return 0


def _remove(args) -> int:
    if args.name not in store.kept():
        find(args.name)  # an unknown name: the nearest is named
        raise LabError(f"{args.name} is not on this machine.", "There is nothing to remove.")
    size = _on_disk(args.name) / 1e6
    if not args.yes and sys.stdin.isatty():
        answer = input(f"Remove {args.name} ({size:,.0f} MB)? [y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            return 1
    print(f"Removed {args.name}: {store.remove(args.name) / 1e6:,.0f} MB are free again.")
    return 0


def _verify(args) -> int:
    kept = store.kept()
    for name in args.names:
        if name not in kept:
            raise LabError(f"{name} is not on this machine.", "See: python3 -m labkit models list")
    status = 0
    for name in args.names or kept:
        for part in kept[name]:
            bad = store.damaged(store.part_folder(name, part), thorough=True)
            print(f"{name} {part}: {'damaged: ' + ', '.join(bad) if bad else 'fine'}")
            status = 1 if bad else status
    if status:
        print("  → Load a damaged model again, or: python3 -m labkit models remove NAME")
    return status
