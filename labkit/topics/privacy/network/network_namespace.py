"""Runs a command without a network: in its own Linux network namespace.

    python -m labkit.topics.privacy.network.network_namespace [--report=PIPE] COMMAND …

A new namespace has one interface, its own loopback, and no packet can leave it, whether sent by
Python, a native library or a child process. No privileges are needed where the kernel allows user
namespaces. Sockets of other kinds are refused; see `seccomp`. Uses only the standard library, and
one thread, as the kernel requires.

The pipe, an open file descriptor, gets a line of JSON before the command starts: ``refusal``, why
there is no namespace, and ``in_reach``, what is not cut off.

Source: man pages unshare(2), user_namespaces(7), network_namespaces(7), netdevice(7).
"""

import json
import os
import signal
import sys
from collections.abc import Sequence

from labkit.sandbox.kernel import call, map_identity, raise_loopback
from labkit.topics.privacy.network import seccomp

CANNOT = 97  # exit status: no namespace here; a command may end with it too
REPORT = "--report="
FILES = "files and named pipes, which other programs may read"
_NEWUSER, _NEWNET = 0x10000000, 0x40000000  # linux/sched.h


def enter() -> None:
    """Moves this process into a new network namespace with an active loopback.

    Raises:
        OSError: the kernel does not allow it, or is not Linux.
    """
    user, group = os.geteuid(), os.getegid()
    try:
        call("unshare", _NEWUSER | _NEWNET)
    except OSError:  # no user namespaces; root may still create a network namespace
        call("unshare", _NEWNET)
    else:  # files keep their owner, and a user other than root gains no rights
        map_identity(user, group)
    raise_loopback()


def main(command: list[str]) -> None:
    """Replaces this process by the command, without a network."""
    pipe = None
    if command[0].startswith(REPORT):
        pipe, command = int(command[0].removeprefix(REPORT)), command[1:]
    try:
        enter()
    except OSError as error:
        _report(pipe, refusal=error.strerror)
        sys.exit(_print(CANNOT, f"no network namespace here: {error.strerror}"))
    in_reach = [FILES]
    try:
        seccomp.refuse_other_families()
    except OSError as error:
        in_reach.append(f"unix sockets of other programs ({error.strerror})")
    _report(pipe, in_reach=in_reach)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # which Python ignores, and a command would too
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(_print(127, f"{command[0]}: {error.strerror}"))


def _report(pipe: int | None, refusal: str | None = None, in_reach: Sequence[str] = ()) -> None:
    if pipe is not None:
        os.write(pipe, json.dumps({"refusal": refusal, "in_reach": in_reach}).encode())
        os.close(pipe)


def _print(status: int, message: str) -> int:
    print(message, file=sys.stderr)
    return status


if __name__ == "__main__":
    main(sys.argv[1:])
