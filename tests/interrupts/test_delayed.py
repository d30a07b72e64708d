"""Interrupts wait for the end of a block, and packages are imported whole."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from labkit.interrupts.delayed import delayed_interrupts, noted_interrupts


def interrupt_after(seconds):
    timer = threading.Timer(
        seconds, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)
    )
    timer.start()
    return timer


def test_an_interrupt_arrives_after_the_block():
    passed = []
    with pytest.raises(KeyboardInterrupt):
        with delayed_interrupts():
            interrupt_after(0.01).join()
            with delayed_interrupts():
                time.sleep(0.05)
            passed.append("whole")
        time.sleep(30)
    assert passed == ["whole"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("block", [delayed_interrupts, noted_interrupts])
def test_the_handler_that_was_there_is_there_again(block):
    mine = signal.getsignal(signal.SIGINT)
    try:
        for handler in (signal.SIG_DFL, signal.SIG_IGN, mine):
            signal.signal(signal.SIGINT, handler)
            with block():
                outer = signal.getsignal(signal.SIGINT)
                with block():
                    pass
                assert signal.getsignal(signal.SIGINT) is outer
            assert signal.getsignal(signal.SIGINT) == handler
    finally:
        signal.signal(signal.SIGINT, mine)


def test_without_an_interrupt_and_in_other_threads_nothing_changes():
    seen = []
    with delayed_interrupts():
        pass
    time.sleep(0.05)

    def work():
        with delayed_interrupts():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


IMPORT = """
import os, random, signal, sys, threading, time
import labkit
dice = random.Random(int(sys.argv[1]))
threading.Timer(dice.uniform(0.05, 2), os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    import torch
    from transformers import AutoTokenizer, DynamicCache
    time.sleep(30)
except KeyboardInterrupt:
    pass
import torch
from transformers import AutoTokenizer, DynamicCache
print(torch.ones(2).sum().item(), DynamicCache().get_seq_length())
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_torch_interrupted_while_it_is_imported_is_whole_afterwards(seed):
    command = [sys.executable, "-c", IMPORT, str(seed)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ran.stdout == "2.0 0\n", ran.stderr


WHOLE_ONCE = """
import os, signal
print("run")
os.kill(os.getpid(), signal.SIGINT)
"""
AT_ONCE = """
import sys, time
import labkit
from labkit.interrupts import delayed, imports
imports.HEAVY |= {"run_once"}
delayed.POLL_S = 0  # as on a machine that is so busy that the import's end takes longer
ended = delayed._interrupt_soon
def slow_end():
    ended()
    time.sleep(0.1)
delayed._interrupt_soon = slow_end
try:
    import run_once
    time.sleep(30)
except KeyboardInterrupt:
    print("run_once" in sys.modules)
"""


def test_an_interrupt_waits_for_the_end_of_an_import_however_long_that_takes(tmp_path):
    (tmp_path / "run_once.py").write_text(WHOLE_ONCE)
    ran = subprocess.run(
        [sys.executable, "-c", AT_ONCE],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{os.getcwd()}"},
    )
    assert ran.stdout == "run\nTrue\n", ran.stderr


def test_an_interrupt_that_was_delayed_inside_of_a_noted_block_is_noted():
    with noted_interrupts() as was_interrupted:
        with delayed_interrupts():
            interrupt_after(0.01).join()
            time.sleep(0.05)
        assert was_interrupted()
    time.sleep(0.05)  # it does not come a second time
