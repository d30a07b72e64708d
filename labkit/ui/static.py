"""Whether a notebook is executed to be read as a page, where no control answers."""

import os


def static() -> bool:
    """Whether the notebook is executed to be read as a page, where no control answers.

    ``python3 -m labkit run`` asks for it with ``LABKIT_STATIC=1``.
    """
    return os.environ.get("LABKIT_STATIC") == "1"
