"""An interrupt at any moment of llama.cpp's start neither hangs the process nor breaks it."""

import subprocess
import sys

import pytest

SCRIPT = """
import os, random, signal, sys, threading, time
import labkit
from labkit.backends.emulated.stand_in import stand_in

dice, interrupted = random.Random(1), 0
main = threading.main_thread().ident
began = time.perf_counter()
labkit.load_llamacpp().close()  # the import included
cold_s = time.perf_counter() - began
began = time.perf_counter()
labkit.load_llamacpp().close()
warm_s = time.perf_counter() - began
for number in range(30):
    timer = threading.Timer(dice.uniform(0, warm_s), signal.pthread_kill, (main, signal.SIGINT))
    verb = stand_in if number % 3 == 2 else labkit.load_llamacpp
    try:
        timer.start()
        model = verb()
        model.close()
        timer.join()
        time.sleep(1)  # an interrupt that was delayed comes now
    except KeyboardInterrupt:
        interrupted += 1
print(interrupted, labkit.generate(labkit.load_llamacpp(), "Hello", max_tokens=3).finish)
"""


@pytest.mark.slow
def test_thirty_interrupts_at_random_moments(smollm2):
    pytest.importorskip("xllamacpp")
    command = [sys.executable, "-c", SCRIPT]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
    count, finish = ran.stdout.split() or ("0", ran.stderr)
    assert finish in ("length", "stop")
    assert int(count) >= 25, ran.stderr
