"""Idle threads of OpenMP, which torch and llama.cpp share on Linux, and which slow each other down.

GNU's runtime lets a thread wait for its next piece of work by spinning; once a process has more of
its threads than cores, idle ones too, it lets them sleep almost at once, and waking them takes
longer than most pieces of work. On two cores an idle torch has been seen to cost llama.cpp a third
of its speed, and an idle llama.cpp to cost torch a fifth. The one that computes next can end the
other's idle threads; they come back within a fraction of a millisecond.

Source: GCC, libgomp/config/linux/wait.h, gomp_throttled_spin_count_var; OpenMP 5.0,
omp_pause_resource_all.
"""

import ctypes
import os

_SOFT = 1  # omp_pause_soft: the threads end, all settings stay


def end_idle_threads() -> bool:
    """Ends the OpenMP threads that the calling thread keeps for its next work.

    Returns:
        Whether this process has a runtime that can be asked; if not, there is nothing to do.
    """
    if not hasattr(os, "RTLD_NOLOAD"):
        return False
    try:
        runtime = ctypes.CDLL("libgomp.so.1", mode=os.RTLD_NOLOAD)
        return runtime.omp_pause_resource_all(_SOFT) == 0
    except (OSError, AttributeError):  # another runtime, or one of before 2018
        return False
