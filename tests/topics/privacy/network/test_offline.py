"""Without a network, by the kernel: Python, a child process and native code reach nothing."""

import sys

import pytest

import labkit
from labkit.errors import LabError
from labkit.topics.privacy.network import network_namespace, offline


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


@pytest.mark.parametrize("command", ["python -V", []])
def test_an_invalid_command_is_refused(command):
    with pytest.raises(ValueError, match="command must be a list such as"):
        labkit.privacy.run_offline(command)


def test_a_kernel_that_forbids_it_is_a_sentence(monkeypatch):
    def refused(command, timeout_s):
        status = network_namespace.CANNOT
        code = f"import sys; print('no network namespace here'); sys.exit({status})"
        return offline.subprocess.run(
            [sys.executable, "-c", code], stdout=-1, text=True, check=False
        )

    monkeypatch.setattr(offline, "_run", refused)
    monkeypatch.setattr(offline.sys, "platform", "linux")
    with pytest.raises(LabError, match="The kernel refuses: no network namespace here"):
        labkit.privacy.run_offline(["python", "-V"])


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
