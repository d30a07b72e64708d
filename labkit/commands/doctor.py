"""``python3 -m labkit doctor``: is this machine ready? So far: Python, packages, disk."""

import json
import shutil
import sys

from labkit import bootstrap


def main(args) -> int:
    """Prints a line a check; exit status 1 if one fails."""
    free = shutil.disk_usage(bootstrap.ROOT).free
    ready = bootstrap.find() is not None
    checks = [
        _check("Python", sys.version_info >= (3, 11), sys.version.split()[0], "Install 3.11"),
        _check("packages", ready, "complete" if ready else "not set up", "python3 -m labkit lab"),
        _check("disk", free > 3e9, f"{free / 1e9:.1f} GB free", "Free 3 GB"),
    ]
    if args.json:
        print(json.dumps(checks, indent=1))
    else:
        for check in checks:
            mend = f"\n  → {check['mend']}" if check["mend"] else ""
            print(f"{check['status']:<8}{check['name']}: {check['detail']}{mend}")
    return int(any(check["status"] == "failing" for check in checks))


def _check(name: str, fine: bool, detail: str, mend: str) -> dict:
    status = "fine" if fine else "failing"
    return {"name": name, "status": status, "detail": detail, "mend": "" if fine else mend}
