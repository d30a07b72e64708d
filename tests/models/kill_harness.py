"""Work that is killed again and again, at moments spread over the time that it takes.

A fresh interpreter imports what the work needs, so that no kill is wasted on imports; each attempt
is a fork of it, ended by SIGKILL.
"""

import json

DRIVER = """
import json, os, signal, sys, time
from pathlib import Path
from labkit.models.storage import store

{work}

def start():
    pid = os.fork()
    if not pid:
        sys.stderr = open(os.devnull, "w")
        try:
            work()
        finally:
            os._exit(0)
    return pid

def state():
    parts = [store.part_folder(name, part) for name in NAMES for part in store.PARTS]
    there = [folder for folder in parts if folder.exists()]
    if any(store.damaged(folder, thorough=True) for folder in there):
        return "half"
    return "whole" if len(there) == PARTS else "some" if there else "nothing"

def attempt(delay):
    for name in NAMES:
        if state() != "nothing":
            store.remove(name)
    pid = start()
    time.sleep(delay)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return state()

began = time.monotonic()
os.waitpid(start(), 0)
took = time.monotonic() - began
assert state() == "whole", state()
states = [attempt(took * moment / MOMENTS) for moment in range(MOMENTS)]
os.waitpid(start(), 0)
print(json.dumps([states, state()]))
"""


def kill_often(start_python, work, *arguments, names, parts, moments=20):
    """Kills `work` that often; asserts that nothing was ever half there, and that it ends well.

    Args:
        start_python: the fixture.
        work: source that defines ``work()``; imports belong outside of it.
        arguments: for its ``sys.argv``.
        names: models that it makes.
        parts: how many parts of them there are in the end.
        moments: how often it is killed.
    """
    header = f"NAMES, PARTS, MOMENTS = {names!r}, {parts}, {moments}\n"
    process = start_python(header + DRIVER.format(work=work), *arguments)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    states, last = json.loads(out.splitlines()[-1])
    assert "half" not in states
    in_the_middle = [state for state in states if state != "whole"]
    assert len(in_the_middle) >= moments / 5, states  # the first run may be slower than the others
    assert last == "whole"
