"""Lets a process, and all that it starts, open internet sockets alone: by a filter of the kernel's.

A network namespace does not separate unix sockets in the file system, over which a proxy, a
container engine or a desktop's bus of this machine could be asked to connect, nor a virtual
machine's sockets to its host. Pairs of sockets, which reach nobody else, stay. Uses only the
standard library.

Source: man page socket(2).
"""

import errno

from labkit.sandbox import syscall_filter as calls

FAMILIES = (2, 10, 16)  # AF_INET, AF_INET6, and AF_NETLINK: the kernel's list of interfaces
_SOCKET = {"x86_64": 41, "aarch64": 198, "riscv64": 198}
_IO_URING = 425  # `io_uring_setup`, which goes round


def refuse_other_families() -> None:
    """Refuses every socket but those of `FAMILIES`, from now on and for good.

    Raises:
        OSError: the kernel has no such filters, or the processor's calls are not known here.
    """
    calls.install(_program(_SOCKET[calls.processor()]))


def _program(socket: int) -> list[calls.Step]:
    count = len(FAMILIES)
    families = [(calls.EQUAL, count - index, 0, family) for index, family in enumerate(FAMILIES)]
    return [
        *calls.own_calls_only(),
        (calls.AT_LEAST, 2, 0, calls.X32),
        (calls.EQUAL, 1, 0, _IO_URING),
        (calls.EQUAL, 1, count + 3, socket),
        (calls.RETURN, 0, 0, calls.ERROR | errno.ENOSYS),
        (calls.LOAD, 0, 0, calls.FIRST_ARGUMENT),
        *families,
        (calls.RETURN, 0, 0, calls.ERROR | errno.EACCES),
        (calls.RETURN, 0, 0, calls.ALLOW),
    ]
