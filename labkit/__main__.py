"""``python3 -m labkit``: one sentence for a Python that is too old, else the commands of cli.py."""

import sys

# Older Pythons must be able to read this file, and to get no further.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        "labkit needs Python 3.11 or later, and this is Python {}.{}.\n".format(*sys.version_info)
        + "  → Install a newer one (python.org, conda, or your system's packages) and use that."
    )

if __name__ == "__main__":
    try:
        from .cli import main

        sys.exit(main())
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        sys.exit(130)
