"""Runs a command where there is no network: in a Linux network namespace of its own.

    python -m labkit.topics.privacy.network.network_namespace COMMAND …

A fresh namespace has one interface, its own loopback; no packet can leave it, whoever sends it and
however: Python, a native library, a child process. No rights are needed where the kernel grants
user namespaces. Standard library alone, and one thread, which the kernel demands.

Source: man pages unshare(2), user_namespaces(7), network_namespaces(7), netdevice(7).
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import socket
import struct
import sys

CANNOT = 97  # exit status: no namespace here
_NEWUSER, _NEWNET = 0x10000000, 0x40000000  # linux/sched.h
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1  # linux/sockios.h, linux/if.h
_INTERFACE = "16sH14x"  # struct ifreq: name and flags


def enter() -> None:
    """Moves this process into a fresh network namespace, its loopback up.

    Raises:
        OSError: the kernel does not allow it, or is none of Linux.
    """
    user, group = os.geteuid(), os.getegid()
    try:
        _unshare(_NEWUSER | _NEWNET)
    except OSError:  # no user namespaces: whoever may make a network namespace makes that alone
        _unshare(_NEWNET)
    else:
        _keep_identity(user, group)
    _raise_loopback()


def _unshare(flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "unshare"):
        raise OSError(errno.ENOSYS, "this system has no namespaces")
    if libc.unshare(flags):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _keep_identity(user: int, group: int) -> None:
    """Files belong to the same user as before; a user that is not root gains no rights."""
    with contextlib.suppress(FileNotFoundError):  # kernels before 3.19
        _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user} {user} 1")
    _write("/proc/self/gid_map", f"{group} {group} 1")


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack(_INTERFACE, b"lo", 0)
        told = fcntl.ioctl(any_socket, _GET_FLAGS, asked)
        _, flags = struct.unpack(_INTERFACE, told)
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack(_INTERFACE, b"lo", flags | _UP))


def main(command: list[str]) -> None:
    """Becomes the command, without a network."""
    try:
        enter()
    except OSError as error:
        sys.exit(_say(CANNOT, f"no network namespace here: {error.strerror}"))
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(_say(127, f"{command[0]}: {error.strerror}"))


def _say(status: int, sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return status


if __name__ == "__main__":
    main(sys.argv[1:])
