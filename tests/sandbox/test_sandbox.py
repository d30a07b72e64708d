"""The sandbox against code that means harm, as a model or a prankster might write it."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labkit.sandbox import sandbox
from labkit.sandbox.code_tasks import END, CodeTask, has_passed
from labkit.sandbox.sandbox import MIB, Limits, run_code

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["namespaces", "bubblewrap"])
def wall(request, monkeypatch):
    """Both walls: every attack has to fail at either."""
    refusal = getattr(sandbox, f"{request.param.removesuffix('s')}_refusal")
    if reason := refusal():
        pytest.skip(f"nothing is run here: {reason}")
    if request.param == "bubblewrap":
        monkeypatch.setattr(sandbox, "namespace_refusal", lambda: "only bubblewrap is allowed them")
    return request.param


def attack(code, **limits):
    return run_code(code, limits=Limits(**{"timeout_s": 10, **limits}))


def test_a_program_runs_and_its_output_is_kept(wall):
    run = run_code("import math, sys; print(math.pi, 'é'); print('no', file=sys.stderr)")
    assert (run.succeeded, run.output, run.errors) == (True, "3.141592653589793 é\n", "no\n")
    assert "no network" in run.summary and run.ending == "ended"


@pytest.mark.parametrize(
    ("code", "ending"),
    [
        ("raise ValueError('a')", "ValueError: a"),
        ("def f(:", "SyntaxError: invalid syntax"),
        ("import sys; sys.exit(3)", "exit status 3"),
        ("import sys; sys.exit(-1)", "exit status 255"),
        ("import sys; sys.exit('no')", "no"),
        ("import os; os._exit(200)", "exit status 200"),
        ("import numpy", "ModuleNotFoundError: No module named 'numpy'"),
        ("import ctypes; ctypes.string_at(0)", "killed by SIGSEGV"),
        ("x = '\ud800'", "SyntaxError"),
    ],
)
def test_a_program_that_fails_says_how(wall, code, ending):
    run = run_code(code)
    assert not run.succeeded and run.ending.startswith(ending)


def test_an_endless_loop_is_killed(wall):
    run = attack("while True: pass", timeout_s=1)
    assert run.timed_out and run.ending.startswith("killed after 1.")


def test_ignoring_signals_does_not_help(wall):
    code = (
        "import signal, time\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n"
    )
    run = attack(code + "    except (OSError, ValueError): pass\ntime.sleep(60)", timeout_s=1)
    assert run.timed_out and run.elapsed_s < 30


@pytest.mark.parametrize(
    "code",
    [
        "import os\nwhile True: os.fork()",
        "import subprocess; subprocess.run(['/bin/ls'])",
        "import os; os.posix_spawn('/bin/ls', ['ls'], {})",
        "import multiprocessing as m; p = m.Process(target=print); p.start()",
    ],
)
def test_no_process_starts_another(wall, code):
    run = attack(code)
    assert run.exit_status == 1 and "Error" in run.last_error and run.elapsed_s < 8


def test_ten_gigabytes_are_refused(wall):
    assert attack("x = bytearray(10 * 10**9)").last_error == "MemoryError"


@pytest.mark.parametrize(
    "code",
    [
        "x = []\nwhile True: x.append(bytes(10**6))",
        "import os; os.memfd_create('more')",
        "import mmap\nx = []\nwhile True: x.append(mmap.mmap(-1, 10**8))",
    ],
)
def test_memory_ends(wall, code):
    run = attack(code)
    assert not run.succeeded and "Error" in run.last_error


def test_the_home_folder_is_not_there(wall, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("mine")
    for path in (secret, Path.home() / ".bashrc", Path("/etc/passwd"), Path("/proc/self"), ROOT):
        run = attack(f"open({str(path)!r}).read()")
        assert run.last_error.startswith("FileNotFoundError"), path
    assert "mine" not in attack("import os; print([*os.walk('/')][:9])").output


def test_the_environment_is_empty(wall, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "mine")
    assert "mine" not in attack("import os; print(os.environ)").output


def test_no_socket_opens(wall):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for code in (
            f"import socket; socket.create_connection(('127.0.0.1', {port}))",
            "import socket; socket.socket(socket.AF_UNIX)",
            "import urllib.request; urllib.request.urlopen('http://127.0.0.1')",
        ):
            assert "Operation not permitted" in attack(code).errors


@pytest.mark.parametrize(
    "path", ["/usr/x", "/x", "/dev/x", "/lib/x", f"{ROOT}/x", f"{Path.home()}/x"]
)
def test_nothing_is_written_outside(wall, path):
    run = attack(f"open({path!r}, 'w')")
    assert run.exit_status == 1 and not Path(path).exists()


def test_its_own_folder_is_small_and_gone_afterwards(wall):
    if wall == "bubblewrap":
        assert "Read-only file system" in attack("open('a', 'w')").errors
        return
    before = set(Path("/tmp").iterdir())
    code = "for n in range(100000): open(f'own-{n}', 'w').write('x' * 100_000)"
    assert "No space left" in attack(code).errors
    assert not [p for p in set(Path("/tmp").iterdir()) - before if p.name.startswith("own-")]
    assert attack("open('a', 'w').write('b'); print(open('a').read())").output == "b\n"


def test_nobody_can_be_killed(wall):
    code = "import os\nfor pid in (os.getppid(), 1): os.kill(pid, 9)\nprint('tried')"
    assert attack(code).output == "tried\n"
    attack("import os; os.kill(-1, 9)")
    attack("import os; os.killpg(0, 9)")
    assert run_code("print(1)").succeeded


def test_a_new_namespace_gives_no_rights(wall):
    code = (
        "import ctypes; c = ctypes.CDLL(None)\n"
        "print(c.unshare(0x10000000), c.umount2(b'/usr', 2), c.mount(b'x', b'/x', b'tmpfs', 0, 0))"
    )
    assert attack(code).output == "-1 -1 -1\n"


def test_huge_output_ends_and_is_cut(wall):
    run = attack("while True: print('x' * 1000)", file_bytes=MIB)
    assert not run.succeeded and len(run.output.encode()) == sandbox.LONGEST_OUTPUT


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_it_ends_with_the_kernel_that_started_it(wall, number):
    """Stop, or a kernel that is killed: none of its three processes is left."""
    code = "from labkit.sandbox.sandbox import *; run_code('while True: pass', limits=Limits(60))"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while len(running := _descendants(process.pid)) < 3 and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(number)
    process.communicate(timeout=30)
    deadline = time.monotonic() + 10
    while (left := list(filter(_is_alive, running))) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(running) >= 3 and not left


def _is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _descendants(pid):
    children = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            children.append(int(stat.parent.name))
    return children + [each for child in children for each in _descendants(child)]


def test_without_a_wall_nothing_runs(monkeypatch, tmp_path):
    monkeypatch.setattr(sandbox, "refusal", lambda: "this system has no namespaces")
    made = tmp_path / "made"
    run = run_code(f"open({str(made)!r}, 'w')")
    assert run.ending == "not run: this system has no namespaces" and not made.exists()
    assert run.exit_status is None and not run.succeeded


def test_who_insists_gets_limits_and_a_time_out_alone(monkeypatch):
    monkeypatch.setattr(sandbox, "refusal", lambda: "this system has no namespaces")
    insisted = {"run_without_isolation": True}
    run = run_code("import os; print(os.getcwd(), dict(os.environ).keys())", **insisted)
    assert run.succeeded and "labkit-sandbox-" in run.output and "HOME" not in run.output
    assert run.summary.startswith("ended; without isolation")
    assert run_code("x = bytearray(10**10)", **insisted).last_error == "MemoryError"
    slow = run_code("while True: pass", limits=Limits(timeout_s=1), **insisted)
    assert slow.timed_out


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_have_no_wall(monkeypatch, system):
    monkeypatch.setattr(sandbox.sys, "platform", system)
    sandbox.namespace_refusal.cache_clear()
    assert sandbox.refusal() == f"this system ({system}) has no namespaces to isolate it in"
    sandbox.namespace_refusal.cache_clear()


@pytest.fixture
def no_namespaces(monkeypatch):
    monkeypatch.setattr(
        sandbox,
        "_START",
        "import labkit.sandbox.inside as i, errno\n"
        "def no(*_): raise OSError(errno.EPERM, 'Operation not permitted')\n"
        "if '/labkit' not in i.__file__[:7]: i.call = no\ni.main()",
    )
    monkeypatch.setattr(sandbox, "_start", with_path(sandbox._start))
    sandbox.namespace_refusal.cache_clear()
    yield
    sandbox.namespace_refusal.cache_clear()


def test_a_kernel_that_allows_no_namespace_is_said(no_namespaces, monkeypatch):
    monkeypatch.setattr(sandbox, "find_bubblewrap", lambda: None)
    sandbox.bubblewrap_refusal.cache_clear()
    run = run_code("print(1)")
    sandbox.bubblewrap_refusal.cache_clear()
    assert run.ending == (
        "not run: this system does not allow the isolation (Operation not permitted); "
        "bubblewrap, which may be allowed to, is not installed"
    )


def test_bubblewrap_is_taken_where_it_alone_is_allowed_namespaces(no_namespaces):
    if reason := sandbox.bubblewrap_refusal():
        pytest.skip(reason)
    run = run_code("import os; print(os.listdir(), os.listdir('/labkit'))")
    assert (run.output, run.isolated) == ("['program.py'] ['sandbox']\n", True)


def test_a_bubblewrap_that_fails_is_no_wall(monkeypatch, tmp_path):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho bwrap: no permissions >&2; exit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr("labkit.sandbox.bubblewrap.find_bubblewrap", lambda: str(broken))
    sandbox.bubblewrap_refusal.cache_clear()
    assert sandbox.bubblewrap_refusal() == "bwrap: no permissions"
    sandbox.bubblewrap_refusal.cache_clear()


def with_path(start):
    def started(command, *rest, **more):
        index = command.index(sandbox._START)
        command[index] = f"import sys; sys.path.insert(0, sys.argv[1])\n{command[index]}"
        return start(command, *rest, **more)

    return started


@pytest.mark.parametrize(
    ("code", "limits", "message"),
    [
        (None, Limits(), "code must be a text; got NoneType"),
        ("", Limits(timeout_s=0), "timeout_s must be a number, above 0, at most a day; got 0"),
        ("", Limits(timeout_s=float("nan")), "above 0, at most a day; got nan"),
        ("", Limits(timeout_s=1e10), "above 0, at most a day; got 1"),
        ("", Limits(memory_bytes=5), "memory_bytes must be a number, 1 MiB to 1 TiB; got 5"),
        ("", Limits(memory_bytes=2**70), "memory_bytes must be a number, 1 MiB to 1 TiB"),
        ("", {"timeout_s": 1}, r"limits must come from lab\.limits\.Limits; got dict"),
    ],
)
def test_bad_input_gets_a_sentence(code, limits, message):
    with pytest.raises(ValueError, match=message):
        run_code(code, limits=limits)


def test_descriptors_of_the_lab_are_closed(wall):
    code = "import os\nfound = []\nfor n in range(3, 64):\n    try: os.fstat(n); found.append(n)\n"
    assert attack(code + "    except OSError: pass\nprint(found)").output == "[]\n"
    assert os.path.exists(os.devnull)


def test_of_long_output_the_end_is_kept_too(wall):
    task = CodeTask("f", "def f():\n", "    return 1\n", "assert f() == 1")
    run = attack(task.program("    for n in range(5000): print('debug', n)\n    return 1\n", END))
    assert run.output.startswith("debug 0\n") and "\n…\n" in run.output
    assert has_passed(run)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals")
def test_a_signal_is_said_without_a_wall_too():
    run = sandbox._run("import os; os.kill(os.getpid(), 9)", sandbox.Limits(), "")
    assert (run.exit_status, run.ending) == (137, "killed by SIGKILL")
