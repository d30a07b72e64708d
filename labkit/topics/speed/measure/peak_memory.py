"""The most memory that this process held."""

import sys
from contextlib import suppress
from pathlib import Path

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


def reset_peak() -> None:
    """Resets the peak where the system allows it (Linux); elsewhere it is that of the process."""
    with suppress(OSError):
        _CLEAR.write_text("5")


def peak_bytes() -> int | None:
    """The peak of resident memory, or None if the system does not report it."""
    with suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    return _lifetime_peak()


def _lifetime_peak() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        return getattr(psutil.Process().memory_info(), "peak_wset", None)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
