"""Calls to the Linux kernel that Python has no function for. Only the standard library."""

import contextlib
import ctypes
import errno
import os
import socket
import struct
from typing import Any

MOUNT_SETATTR = 442  # the same number on every processor
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1  # linux/sockios.h, linux/if.h
_INTERFACE = "16sH14x"  # struct ifreq: name and flags


def call(name: str, *arguments: Any) -> None:
    """Calls a function of the C library that returns 0, or sets errno.

    Raises:
        OSError: it failed, or this system has no such function.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, name):
        raise OSError(errno.ENOSYS, f"this system has no {name}")
    if getattr(libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def prctl(option: int, value: int, pointer: bytes | None = None) -> None:
    """Sets a property of this process."""
    zero = ctypes.c_ulong(0)
    call("prctl", option, ctypes.c_ulong(value), pointer, zero, zero)


def die_with_parent() -> None:
    """Has the kernel kill this process when the one that started it ends."""
    prctl(_PR_SET_PDEATHSIG, 9)


def map_identity(user: int, group: int, inside: tuple[int, int] | None = None) -> None:
    """In a new user namespace: the user and group outside are that user and group inside.

    Args:
        user: outside.
        group: outside.
        inside: both inside; None: the same as outside.
    """
    inner_user, inner_group = inside or (user, group)
    with contextlib.suppress(FileNotFoundError):  # kernels before 3.19
        _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{inner_user} {user} 1")
    _write("/proc/self/gid_map", f"{inner_group} {group} 1")


def raise_loopback() -> None:
    """Makes 127.0.0.1 work in a new network namespace, where nothing else does."""
    import fcntl  # not on Windows, where this module is only looked at

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        query = struct.pack(_INTERFACE, b"lo", 0)
        _, flags = struct.unpack(_INTERFACE, fcntl.ioctl(any_socket, _GET_FLAGS, query))
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack(_INTERFACE, b"lo", flags | _UP))


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
