"""Without a network, by the kernel: Python, a child process and native code reach nothing."""

import socket
import subprocess
import sys
import time

import pytest

import labkit
from labkit.errors import LabError
from labkit.topics.privacy.network import network_namespace, offline
from labkit.topics.privacy.network.offline import ROOT, OfflineRun
from labkit.topics.privacy.network.offline_proof import _checked


def test_of_a_failed_process_the_problem_is_shown_and_not_its_hint():
    output = "LabError: There is no model 'nope'.\n  → Give a short name."
    with pytest.raises(LabError, match="failed: LabError: There is no model 'nope'"):
        _checked(OfflineRun((), 1, output, 0.0, ()))


def test_every_method_connects_online_and_none_offline(namespace):
    proof = labkit.privacy.prove_offline(None)
    assert [probe.online for probe in proof.probes] == ["connected"] * 3
    assert [probe.offline for probe in proof.probes] == ["Connection refused"] * 3
    assert [probe.external for probe in proof.probes] == ["Network is unreachable"] * 3
    assert proof.holds and "3 of 3" in proof.summary


def test_its_own_loopback_works(namespace):
    code = (
        "import socket; s = socket.create_server(('127.0.0.1', 0));"
        "socket.create_connection(s.getsockname()); print('reached')"
    )
    ran = labkit.privacy.run_offline(["python", "-c", code])
    assert (ran.status, ran.output.strip()) == (0, "reached")


def test_there_is_no_other_interface(namespace):
    ran = labkit.privacy.run_offline(
        ["python", "-c", "import socket; print(socket.if_nameindex())"]
    )
    assert ran.output.strip() == "[(1, 'lo')]"


def test_status_and_output_come_through(namespace):
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    ran = labkit.privacy.run_offline(["python", "-c", code])
    assert ran.status == 3 and {"out", "err"} <= set(ran.output.split())
    assert "status 3" in ran.summary
    assert labkit.privacy.run_offline(["no-such-program"]).status == 127


def test_it_ends_what_takes_too_long(namespace):
    with pytest.raises(LabError, match=r"had not ended after 0\.5 s"):
        labkit.privacy.run_offline(["python", "-c", "import time; time.sleep(60)"], timeout_s=0.5)


def test_of_an_endless_output_the_end_is_kept(namespace, monkeypatch):
    monkeypatch.setattr(offline, "LONGEST_OUTPUT", 1000)
    ran = labkit.privacy.run_offline(["sh", "-c", "yes | head -n 1000000; echo the end"])
    assert len(ran.output) == 1000 and ran.output.endswith("y\nthe end\n")


def test_what_it_started_ends_with_it(namespace, tmp_path):
    mark = tmp_path / "still here"
    code = f"(sleep 2; touch '{mark}') & sleep 60"
    with pytest.raises(LabError, match="had not ended"):
        labkit.privacy.run_offline(["sh", "-c", code], timeout_s=0.7)
    time.sleep(2.5)
    assert not mark.exists()


@pytest.mark.parametrize("timeout_s", [0, -1, float("nan"), "5", True])
def test_a_time_limit_is_a_number(timeout_s):
    with pytest.raises(ValueError, match="timeout_s must be a number, above 0"):
        labkit.privacy.run_offline(["true"], timeout_s=timeout_s)


@pytest.mark.parametrize("command", ["python -V", [], [""], ["python", "a\0b"]])
def test_an_invalid_command_is_refused(command):
    with pytest.raises(ValueError, match="command must be a list such as"):
        labkit.privacy.run_offline(command)


FORBIDDEN = """
import errno
from labkit.topics.privacy.network import network_namespace as module
def refused(name, flags):
    raise OSError(errno.EPERM, "Operation not permitted")
module.call = refused
"""


def test_a_kernel_that_forbids_it_is_a_sentence(monkeypatch):
    start = offline.subprocess.Popen

    def forbidding(command, **options):
        code = f"{FORBIDDEN}module.main({command[3:]!r})"
        return start([sys.executable, "-c", code], **options)

    monkeypatch.setattr(offline.subprocess, "Popen", forbidding)
    monkeypatch.setattr(offline.sys, "platform", "linux")
    with pytest.raises(LabError, match="The kernel refuses: no network namespace here: Operation"):
        labkit.privacy.run_offline(["python", "-V"])


def test_a_status_of_the_programs_own_is_no_refusal(namespace):
    code = f"import sys; print('mine'); sys.exit({network_namespace.CANNOT})"
    ran = labkit.privacy.run_offline(["python", "-c", code])
    assert (ran.status, ran.output.strip()) == (97, "mine")


@pytest.fixture(params=["file", "abstract"])
def unix_server(request, tmp_path):
    """The address of another program's unix socket."""
    name = str(tmp_path / "socket") if request.param == "file" else f"\0{tmp_path}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        yield name


def test_unix_sockets_of_other_programs_are_out_of_reach(namespace, unix_server):
    code = f"import socket; socket.socket(socket.AF_UNIX).connect({unix_server!r})"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(unix_server)  # here it is reached
    ran = labkit.privacy.run_offline(["python", "-c", code])
    assert ran.status == 1 and "PermissionError" in ran.output
    assert "files" in ran.summary and "unix" not in ran.summary


def test_its_own_pairs_and_children_work(namespace):
    code = (
        "import asyncio, socket, subprocess, sys; asyncio.run(asyncio.sleep(0));"
        "a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1), flush=True);"
        "subprocess.run([sys.executable, '-c', 'import socket; socket.socket(socket.AF_UNIX)'])"
    )
    ran = labkit.privacy.run_offline(["python", "-c", code])
    assert ran.status == 0 and "b'x'" in ran.output and "PermissionError" in ran.output


def test_a_filter_that_the_processor_lacks_is_said(namespace):
    code = (
        "from labkit.topics.privacy.network import network_namespace\n"
        "import platform; platform.machine = lambda: 'abacus'\n"
        "network_namespace._report = lambda pipe, **found: print(found, flush=True)\n"
        "network_namespace.main(['true'])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "unix sockets of other programs (the system calls of abacus are not known" in ran.stdout


def test_other_systems_get_an_error(monkeypatch):
    monkeypatch.setattr(offline.sys, "platform", "darwin")
    with pytest.raises(LabError, match="Only Linux"):
        labkit.privacy.run_offline(["python", "-V"])
    proof = labkit.privacy.prove_offline()
    assert not proof.holds and proof.probes == () and "Only Linux" in proof.why_not


@pytest.mark.slow
def test_a_model_answers_without_a_network(namespace, smollm2):
    proof = labkit.privacy.prove_offline("smollm2-135m", "Why is the sky blue?")
    assert proof.holds and proof.text and proof.attempts == 0
