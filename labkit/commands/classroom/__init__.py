"""``python3 -m labkit class …``: a class on this machine, from its start to its marks."""

from .marks import assignment, collect, grade
from .running import release, start, status, stop, wall

ACTIONS = {
    "start": start,
    "status": status,
    "stop": stop,
    "release": release,
    "wall": wall,
    "assignment": assignment,
    "collect": collect,
    "grade": grade,
}


def main(args):
    """Runs one action of the command."""
    return ACTIONS[args.action](args)
