"""Lets a process, and all that it starts, open internet sockets alone: by a filter of the kernel's.

A network namespace does not separate unix sockets in the file system, over which a proxy, a
container engine or a desktop's bus of this machine could be asked to connect, nor a virtual
machine's sockets to its host. Pairs of sockets, which reach nobody else, stay. Uses only the
standard library.

Source: man pages seccomp(2), bpf(2), socket(2); linux/audit.h, asm/unistd.h.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

FAMILIES = (2, 10, 16)  # AF_INET, AF_INET6, and AF_NETLINK: the kernel's list of interfaces
# Of each processor: its number, the system call `socket`, and `io_uring_setup`, which goes round.
_CALLS = {
    "x86_64": (0xC000003E, 41, 425),
    "aarch64": (0xC00000B7, 198, 425),
    "riscv64": (0xC00000F3, 198, 425),
}
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2  # linux/prctl.h, linux/seccomp.h
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # linux/bpf_common.h
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000
_NUMBER, _PROCESSOR, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_X32 = 0x40000000  # system calls of the third kind that x86 has


def refuse_other_families() -> None:
    """Refuses every socket but those of `FAMILIES`, from now on and for good.

    Raises:
        OSError: the kernel has no such filters, or the processor's calls are not known here.
    """
    if platform.machine() not in _CALLS or sys.byteorder != "little":
        raise OSError(errno.ENOSYS, f"the system calls of {platform.machine()} are not known here")
    steps = b"".join(struct.pack("HBBI", *step) for step in _program(*_CALLS[platform.machine()]))
    held = ctypes.create_string_buffer(steps, len(steps))
    program = struct.pack("HP", len(steps) // 8, ctypes.addressof(held))
    _prctl(_NO_NEW_PRIVILEGES, 1)
    _prctl(_SET_SECCOMP, _FILTER, program)


def _program(processor: int, socket: int, io_uring: int) -> list[tuple[int, int, int, int]]:
    """The filter: operation, steps to skip if true and if false, value."""
    count = len(FAMILIES)
    return [
        (_LOAD, 0, 0, _PROCESSOR),
        (_EQUAL, 1, 0, processor),
        (_RETURN, 0, 0, _ERROR | errno.EPERM),  # a program for another processor
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 2, 0, _X32),
        (_EQUAL, 1, 0, io_uring),
        (_EQUAL, 1, count + 3, socket),
        (_RETURN, 0, 0, _ERROR | errno.ENOSYS),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        *((_EQUAL, count - index, 0, family) for index, family in enumerate(FAMILIES)),
        (_RETURN, 0, 0, _ERROR | errno.EACCES),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _prctl(option: int, value: int, pointer: bytes | None = None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    more = (ctypes.c_ulong(0), ctypes.c_ulong(0))
    if libc.prctl(option, ctypes.c_ulong(value), pointer, *more):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
