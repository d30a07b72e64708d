"""``python3 -m labkit test``: the test suite, with whatever options pytest is given."""

import os

from labkit.install.bootstrap import ROOT


def main(args):
    """Runs pytest over the checkout and returns its exit status."""
    import pytest

    os.chdir(ROOT)
    return int(pytest.main(list(args.pytest_arguments)))
