"""The other side of the wall: what happens to a program between its start and its first line.

`sandbox` starts this as a process of its own and sends it a line of JSON. Three processes follow
one another: the first enters new namespaces, the second is the first process in them and builds a
file system of its own, the third gives up all rights and becomes the program. When the second
ends, the kernel kills whatever is left. Behind bubblewrap, which does the first two's work (see
`bubblewrap`), only the third is left: the same attacks fail there. Uses only the standard library.

Source: man pages namespaces(7), pivot_root(2), mount_setattr(2), setrlimit(2).
"""

import contextlib
import ctypes
import json
import os
import struct
import sys
from typing import Any

from labkit.sandbox.kernel import MOUNT_SETATTR, call, die_with_parent, map_identity, raise_loopback
from labkit.sandbox.syscall_filter import refuse_processes_and_sockets

WORK = "/tmp"  # of the program: all that it can write to
NOBODY = 1000  # its user and group, as it sees them
# linux/sched.h: mount, cgroup, UTS, IPC, user, process and network namespaces
_NAMESPACES = 0x7E020000
_BIND, _RECURSIVE, _PRIVATE, _DETACH = 0x1000, 0x4000, 0x40000, 2  # sys/mount.h
_NOSUID, _NODEV = 2, 4
_AT_FDCWD, _AT_RECURSIVE, _READ_ONLY = -100, 0x8000, 1  # linux/fcntl.h, linux/mount.h
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/lib32", "/nix/store", "/etc/ld.so.cache")


def main() -> None:
    """Reads what to do from standard input, and becomes the program."""
    run(json.loads(sys.stdin.readline()))


def run(task: dict[str, Any]) -> None:
    """Turns this process into the program of a task, behind the wall.

    A task may name a ``command`` with its ``environment`` in place of the program: one that talks
    by sockets in a folder of ``writable``, such as a notebook's kernel. It has processes and a
    loopback of its own, sees no others, and reaches no network.
    """
    try:
        os.set_inheritable(task["report"], False)
        if task["wall"] == "namespaces":
            _enter_namespaces(task)
        _limit(task)
        with contextlib.suppress(*(() if task["wall"] else (OSError,))):  # no filter here
            _refuse(task)
    except OSError as error:
        _report(task, f"{error.strerror or error}")
        os._exit(1)
    _become(task)


def _report(task: dict[str, Any], refusal: str) -> None:
    os.write(task["report"], refusal.encode())


def _enter_namespaces(task: dict[str, Any]) -> None:
    """Returns in the third process, behind the wall; the first two wait and exit."""
    if "command" not in task:  # which a thread may have started, and a parent is a thread here
        die_with_parent()
    user, group = os.geteuid(), os.getegid()
    call("unshare", _NAMESPACES)
    map_identity(user, group, inside=(NOBODY, NOBODY))
    if "command" in task:
        raise_loopback()
    _wait_for_child()
    die_with_parent()
    _build_file_system(task)
    _wait_for_child()
    os.setsid()


def _refuse(task: dict[str, Any]) -> None:
    own = ("socket", "fork", "vfork", "clone")  # which reach nothing but what is behind the wall
    refuse_processes_and_sockets(own if "command" in task else ())


def _wait_for_child() -> None:
    """Returns in a new process; this one ends as that one does."""
    child = os.fork()
    if child:
        while True:
            ended, status = os.wait()
            if ended == child:
                code = os.waitstatus_to_exitcode(status)
                os._exit(code if code >= 0 else 128 - code)


def _build_file_system(task: dict[str, Any]) -> None:
    """A root of its own: the system's and Python's files to read, one folder in memory to write."""
    _mount(None, "/", None, _RECURSIVE | _PRIVATE)
    _mount("tmpfs", "/tmp", "tmpfs", _NOSUID | _NODEV, "size=1m,mode=755")
    os.mkdir("/tmp/.old")
    os.chdir("/tmp")
    call("pivot_root", b"/tmp", b"/tmp/.old")
    os.chdir("/")
    _put_program(task)
    # What holds others comes first, such as a checkout with its environment in it.
    for path in sorted({*SYSTEM, *task["readable"]}, key=len):
        _show(path)
    for path in (*DEVICES, *task.get("writable", ())):
        _show(path, read_only=False)
    if "command" in task:
        os.makedirs("/proc", exist_ok=True)
        _mount("proc", "/proc", "proc", _NOSUID | _NODEV)
    call("umount2", b"/.old", _DETACH)
    os.rmdir("/.old")
    _make_read_only("/", recursive=False)
    os.chdir(WORK)


def _show(path: str, *, read_only: bool = True) -> None:
    """Binds a file or folder of the old root into the new one, if it is there."""
    old = f"/.old{path}"
    if os.path.islink(old) and path in SYSTEM:
        os.symlink(os.readlink(old), path)
        return
    if not os.path.exists(old) or os.path.lexists(path):
        return
    if os.path.isdir(old):
        os.makedirs(path, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_CREAT))
    _mount(old, path, None, _BIND | _RECURSIVE)
    if read_only:
        _make_read_only(path, recursive=True)


def _put_program(task: dict[str, Any]) -> None:
    """The folder to write, in memory and of limited size, with the program in it."""
    os.makedirs(WORK, exist_ok=True)
    size = f"size={task['file_bytes']},nr_inodes=1000,mode=700"
    _mount("tmpfs", WORK, "tmpfs", _NOSUID | _NODEV, size)
    if "command" not in task:
        with open(task["program"], "w", encoding="utf-8") as file:
            file.write(task["code"])


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    texts = (each and each.encode() for each in (source, target, kind))
    call("mount", *texts, ctypes.c_ulong(flags), data.encode() or None)


def _make_read_only(path: str, *, recursive: bool) -> None:
    attributes = struct.pack("QQQQ", _READ_ONLY, 0, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    _syscall(MOUNT_SETATTR, _AT_FDCWD, path.encode(), flags, attributes, ctypes.c_size_t(32))


def _syscall(number: int, *arguments: Any) -> None:
    call("syscall", ctypes.c_long(number), *arguments)


def _limit(task: dict[str, Any]) -> None:
    """Limits that the kernel keeps: processor, memory, files, processes."""
    import resource

    limits = {
        "RLIMIT_CPU": task["timeout_s"] + 1,  # the time-out comes first
        "RLIMIT_AS": task["memory_bytes"],
        "RLIMIT_FSIZE": task["file_bytes"],
        "RLIMIT_NOFILE": task.get("open_files", 64),
        "RLIMIT_NPROC": task.get("threads", 0),
        "RLIMIT_CORE": 0,
    }
    for name, most in limits.items():
        if which := getattr(resource, name, None):
            _, ceiling = resource.getrlimit(which)
            most = most if ceiling == resource.RLIM_INFINITY else min(most, ceiling)
            with contextlib.suppress(() if task["wall"] else ValueError):  # macOS refuses some
                resource.setrlimit(which, (most, most))


def _become(task: dict[str, Any]) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.closerange(3, 64)
    if "command" in task:
        os.execve(task["command"][0], task["command"], task["environment"])
    python = task["python"]
    os.execve(python, [python, "-I", "-S", "-B", "-X", "utf8", task["program"]], {})
