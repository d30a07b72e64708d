"""A class on one hub and one model, from one learner to thirty, on this machine.

    python -m tests.benchmarks.classroom [--learners 1 5 10 20 30] [--minutes 30] [--kill]

From the checkout's root, with `labkit[class,llamacpp,test]`. Each learner is a browser's HTTP and
WebSocket: logs in, starts a server and a kernel, runs the light parts of notebooks 02 and 04, and
then all press Run in the same second. With `--kill`, the hub and the model server are killed at the
end while all run. It stops with what it has when its minutes are over.

What is predicted, from one request alone (the first learner's):

    t   seconds to its first token, of P prompt tokens; d   seconds of a further token; D tokens
    S   slots; N learners press at once, the learner of rank r (1 to N) comes in wave w = (r-1) // S
    n_w = min(S, N - w·S) learners are in wave w; the processor is shared, so that
    reading takes       n_w · t                        all prompts of a wave are read in one batch
    a step takes        max(d, n_w · t / P)            weights are read once, or n_w tokens computed
    a wave takes        n_w · t + (D - 1) · step
    first token of r =  all waves before w + n_w · t

It is a batch model and no queue of random arrivals (M/D/1), since everybody presses in one second.
"""

import argparse
import json
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from labkit.classroom.status import MIB, read_status
from labkit.models.machine import inspect_machine
from labkit.stats import percentile

from ..classroom.learner import Learner
from ..classroom.running_class import RunningClass

LIGHT = """
import json, os
import labkit as lab
mine = {name!r}
model = lab.load("smollm2-135m")
prediction = lab.predict(model, "The capital of France is", raw=True)
lab.plot(prediction)
chain = lab.sampling.run_chain(prediction, temperature=1.5, top_p=0.9)
lab.plot(lab.compare("Why is the sky blue?", {{"cool": model, "warm": model}}, max_tokens=8))
print(mine)
"""
RUN = """
reply = lab.generate(model, "Why is the sky blue? I am {name}.", max_tokens=32, seed=1)
tokens = reply.prompt_tokens, reply.output_tokens
print(json.dumps([mine, reply.ttft_s, reply.elapsed_s, reply.error, *tokens]))
"""


def main():
    """Runs the test, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learners", type=int, nargs="+", default=[1, 5, 10, 20, 30])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--kill", action="store_true", help="the hub and the model, at the end")
    args = parser.parse_args()
    deadline = time.monotonic() + 60 * args.minutes
    here = inspect_machine()
    print(f"{here.cpu}, {here.cores} cores; SmolLM2-135M in llama.cpp's server.\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        most = max(args.learners)
        running = RunningClass(Path(folder) / "class", "--students", str(most))
        try:
            learners = climb(running, sorted(args.learners), deadline)
            if args.kill:
                kill_in_the_middle(running, learners)
        finally:
            running.close()


def climb(running, counts, deadline):
    """More and more learners in one class; those that were there at the end."""
    learners, alone = [], None
    print("| learners | ready after | MiB each | TTFT p50, p95 | predicted | last answer |")
    print("|---|---|---|---|---|---|", flush=True)
    for count in counts:
        began = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            names = [f"learner-{number}" for number in range(len(learners), count)]
            learners += pool.map(lambda name: begin(running, name), names)
        ready = time.monotonic() - began
        alone = alone or press_run(learners[:1])[0]
        found = press_run(learners)
        first = [each[1] for each in found]
        predicted = predict(alone, count, running.settings.slots)
        memory = [one.memory_bytes / MIB for one in read_status(running.settings).learners]
        line = f"| {count} | {ready:.0f} s | {percentile(memory, 50):.0f} | "
        line += f"{percentile(first, 50):.2f} s, {percentile(first, 95):.2f} s | "
        line += f"{percentile(predicted, 50):.2f} s, {percentile(predicted, 95):.2f} s | "
        print(line + f"{max(each[2] for each in found):.1f} s |", flush=True)
        if time.monotonic() > deadline:
            print("\nThe time is over.", flush=True)
            break
    return learners


def predict(alone, count, slots):
    """Each learner's seconds to the first token; the formula is above."""
    _, first_s, elapsed_s, _, read, written = alone
    token_s = (elapsed_s - first_s) / max(1, written - 1)
    began_s, found = 0.0, []
    for wave in range(0, count, slots):
        size = min(slots, count - wave)
        found += [began_s + size * first_s] * size
        began_s += size * first_s + (written - 1) * max(token_s, size * first_s / read)
    return found


def begin(running, name):
    """A learner whose light parts have run."""
    learner = Learner(running.settings.address, name, running.settings.word)
    assert learner.log_in(), name
    learner.start()
    learner.open_kernel()
    assert learner.run(LIGHT.format(name=name)).strip() == name
    return learner


def press_run(learners):
    """All at once: what each got, each under its own name."""
    together = threading.Barrier(len(learners))

    def press(learner):
        together.wait()
        answer = json.loads(learner.run(RUN.format(name=learner.name)))
        assert answer[0] == learner.name, "mixed up"
        return answer

    with ThreadPoolExecutor(len(learners)) as pool:
        return list(pool.map(press, learners))


def kill_in_the_middle(running, learners):
    """The hub while all run, then the model while all run: who is there afterwards?"""
    for part in ("hub", "model_server"):
        with ThreadPoolExecutor(len(learners) + 1) as pool:
            pressed = [pool.submit(learner_runs, each) for each in learners]
            time.sleep(1)
            began, killed = time.monotonic(), running.kill(part)
            running.wait_for(part, other_than=killed)
            back = time.monotonic() - began
            whole = sum(each.result() for each in pressed)
        kept = 0
        for learner in learners:
            learner.connect()
            kept += learner.run("print(mine)").strip() == learner.name
        again = press_run(learners)
        fine = sum(each[3] is None for each in again)
        print(
            f"\n{part} killed while {len(learners)} run: back in {back:.1f} s, {whole} answers "
            f"complete, {kept} kernels kept, {fine} answers at the next Run.",
            flush=True,
        )


def learner_runs(learner):
    """Whether an answer came whole, whatever was killed."""
    try:
        return json.loads(learner.run(RUN.format(name=learner.name)))[3] is None
    except Exception as error:  # of the connection, or of the cell
        print(f"({learner.name}: {str(error).strip().splitlines()[-1][:80]})", flush=True)
        return False


if __name__ == "__main__":
    main()
