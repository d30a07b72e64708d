"""A filter of system calls, which the kernel keeps for a process and all that it starts.

Only the standard library. Source: man pages seccomp(2), bpf(2); linux/audit.h, asm/unistd.h.
"""

import ctypes
import errno
import platform
import struct
import sys

from labkit.sandbox.kernel import prctl

Step = tuple[int, int, int, int]  # operation, steps to skip if true and if false, value
LOAD, EQUAL, AT_LEAST, HAS_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # linux/bpf_common.h
ALLOW, ERROR = 0x7FFF0000, 0x00050000
NUMBER, PROCESSOR, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
X32 = 0x40000000  # system calls of the third kind that x86 has
PROCESSORS = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "riscv64": 0xC00000F3}
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2  # linux/prctl.h, linux/seccomp.h
# linux/sched.h: CLONE_THREAD, and CLONE_NEW… of all kinds
_THREAD, _NAMESPACES = 0x00010000, 0x7E020080

# What code in the sandbox has no use for: processes, sockets, and memory that no limit counts.
_CLONE, _CLONE3 = {"x86_64": 56, "": 220}, 435
_REFUSED = {
    "x86_64": {
        "fork": 57, "vfork": 58, "socket": 41, "ptrace": 101, "unshare": 272, "setns": 308,
        "mount": 165, "umount2": 166, "pivot_root": 155, "bpf": 321, "userfaultfd": 323,
        "keyctl": 250, "add_key": 248, "request_key": 249, "perf_event_open": 298,
        "process_vm_readv": 310, "process_vm_writev": 311, "memfd_create": 319, "shmget": 29,
        "mq_open": 240, "open_by_handle_at": 304,
    },
    "": {  # the numbers that newer processors share
        "socket": 198, "ptrace": 117, "unshare": 97, "setns": 268, "mount": 40, "umount2": 39,
        "pivot_root": 41, "bpf": 280, "userfaultfd": 282, "keyctl": 219, "add_key": 217,
        "request_key": 218, "perf_event_open": 241, "process_vm_readv": 270,
        "process_vm_writev": 271, "memfd_create": 279, "shmget": 194, "mq_open": 180,
        "open_by_handle_at": 265,
    },
}  # fmt: skip
_EVERYWHERE = {"io_uring_setup": 425, "memfd_secret": 447}


def processor() -> str:
    """The processor's name.

    Raises:
        OSError: its system calls are not known here.
    """
    name = platform.machine()
    if not sys.platform.startswith("linux") or name not in PROCESSORS or sys.byteorder != "little":
        raise OSError(errno.ENOSYS, f"the system calls of {name} are not known here")
    return name


def install(steps: list[Step]) -> None:
    """Has the kernel keep to a filter, from now on and for good.

    Raises:
        OSError: it has no such filters.
    """
    packed = b"".join(struct.pack("HBBI", *step) for step in steps)
    held = ctypes.create_string_buffer(packed, len(packed))
    program = struct.pack("HP", len(steps), ctypes.addressof(held))
    prctl(_NO_NEW_PRIVILEGES, 1)
    prctl(_SET_SECCOMP, _FILTER, program)


def own_calls_only() -> list[Step]:
    """The beginning of every filter: a program for another processor is refused."""
    return [
        (LOAD, 0, 0, PROCESSOR),
        (EQUAL, 1, 0, PROCESSORS[processor()]),
        (RETURN, 0, 0, ERROR | errno.EPERM),
        (LOAD, 0, 0, NUMBER),
    ]


def refuse_processes_and_sockets(allowed: tuple[str, ...] = ()) -> None:
    """Refuses new processes, every socket, and whatever else could reach beyond this process.

    Args:
        allowed: names of calls that are not refused, such as ``"socket"``; with ``"clone"``, new
            processes are allowed, in the same namespaces.
    Raises:
        OSError: the kernel has no such filters, or the processor's calls are not known here.
    """
    name = processor() if processor() in _REFUSED else ""
    known = _REFUSED[name] | _EVERYWHERE
    refused = [number for call, number in known.items() if call not in allowed]
    denied, unknown = ERROR | errno.EPERM, ERROR | errno.ENOSYS
    steps = own_calls_only()
    steps += [(AT_LEAST, 0, 1, X32), (RETURN, 0, 0, denied)]
    for number in refused:
        steps += [(EQUAL, 0, 1, number), (RETURN, 0, 0, denied)]
    # The C library asks for clone3, whose flags no filter sees, and then for clone.
    steps += [(EQUAL, 0, 1, _CLONE3), (RETURN, 0, 0, unknown)]
    steps += [(EQUAL, 0, 3, _CLONE[name]), (LOAD, 0, 0, FIRST_ARGUMENT)]
    thread_alone, no_namespace = (HAS_BIT, 1, 0, _THREAD), (HAS_BIT, 0, 1, _NAMESPACES)
    steps += [no_namespace if "clone" in allowed else thread_alone]
    steps += [(RETURN, 0, 0, denied), (RETURN, 0, 0, ALLOW)]
    install(steps)
