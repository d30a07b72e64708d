"""Asks the model servers that run on this machine, Ollama and LM Studio among them, and judges.

    .venv/bin/python tests/real_servers.py [MODEL] [--key KEY] [--stop]

For a person to run where they are installed: the tests know these two by their documents alone.
Start them with a model first, as by ``ollama pull smollm2:135m``, or ``lms server start`` in LM
Studio. On Windows it is ``.venv\\Scripts\\python``. It takes a minute a server with a small model.

Each line that begins with NO is a promise of the lab that a server did not keep; please report it
with what is printed above it. What servers may or may not tell is printed and not judged. Of LM
Studio no document says whether it counts tokens and tells its times while it streams: look there.
"""

import argparse
import sys
import time

import labkit

PROMPT = "Why is the sky blue? One sentence."
STORY = "Tell me a very long story."
LONG = 1000  # tokens
TELL_TIMES = ("Ollama", "llama.cpp")
TELL_LOGPROBS = ("Ollama", "llama.cpp", "vLLM")  # Ollama since 0.12.11


def main():
    """Asks one model of each server; ends with 1 if any promise was broken, or none was made."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="", help="part of a model's name")
    parser.add_argument("--key", help="for a server that wants one")
    parser.add_argument("--stop", action="store_true", help="at last, stop each server by hand")
    args = parser.parse_args()
    found = labkit.servers()
    if not found:
        sys.exit("No model server answers on the usual ports of this machine: start one.")
    broken = [line for server in found for line in examine(server, args)]
    sys.exit(bool(broken))


def examine(server, args):
    """Prints what one server did; returns what it did not."""
    print(f"\n{server.kind} at {server.address}: {', '.join(server.models) or 'no models'}")
    name = next((name for name in server.models if args.model in name), None)
    if name is None:
        print("  No model of it is asked.")
        return []
    model, broken = labkit.connect(server, name, api_key=args.key), []
    print(f"  {model!r}")
    for promises in (of_an_answer, of_settings, of_closing, of_measuring):
        try:
            broken += [told for told, kept in promises(model) if judged(told, kept)]
        except labkit.LabError as error:
            broken.append(judged(f"it answers: {error}", False))
    if args.stop:
        broken += [told for told, kept in of_dying(model) if judged(told, kept)]
    return broken


def of_an_answer(model):
    """(what is promised, whether it was kept), of one answer and what is told of it."""
    reply = labkit.generate(model, PROMPT, temperature=0, max_tokens=40, seed=1)
    print(f"  {reply.text!r}\n  {reply.summary}\n  {reply.timings}")
    if not reply.text:
        print("  A model that thinks first has not come to its answer: name another, if you can.")
    yield "it writes, or thinks", bool(reply.steps)
    yield "it counts the prompt's tokens", bool(reply.prompt_tokens)
    yield "it counts the tokens written", bool(reply.output_tokens)
    if model.kind in TELL_LOGPROBS:
        known = [step.logprob for step in reply.steps if step.text]
        yield "it tells log-probabilities", bool(known) and None not in known
    if model.kind in TELL_TIMES:
        yield "it tells its own times", bool(reply.timings and reply.timings.decode_s)


def of_settings(model):
    """Of what it is asked for."""
    short = labkit.generate(model, STORY, max_tokens=5)
    yield "it ends at max_tokens", short.finish == "length" and (short.output_tokens or 0) <= 5
    raw = labkit.generate(model, "1, 2, 3, 4,", raw=True, temperature=0, stop="7", max_tokens=40)
    print(f"  1, 2, 3, 4,{raw.text!r} ({raw.finish})")
    yield "it goes on with raw text and ends at a stop string", raw.finish == "stop"
    yield "the stop string is left out", "7" not in raw.text


def of_closing(model):
    """Of a request that is closed: a server that wrote on would keep the next one waiting."""
    running, began = labkit.stream(model, STORY, max_tokens=LONG), time.perf_counter()
    for _ in zip(range(10), running, strict=False):
        pass
    token_s = (time.perf_counter() - began) / 10  # prompt and all
    running.close()
    began = time.perf_counter()
    next_one = labkit.generate(model, PROMPT, max_tokens=1)
    waited_s = time.perf_counter() - began
    print(
        f"  {LONG - 10} tokens were left, {token_s:.2f} s each; the next came in {waited_s:.2f} s."
    )
    yield "it stops writing when a request is closed", waited_s < LONG * token_s / 4
    yield "it answers after that", bool(next_one.steps)


def of_measuring(model):
    """Of its speed, as the lab measures it."""
    measured = labkit.measure(model, PROMPT, max_tokens=32)
    print("  " + repr(measured).replace("\n", "\n  "))
    yield "every run is complete", len(measured.counted) == 5
    yield "its speed can be told", measured.decode_tokens_per_s is not None
    if model.kind in TELL_TIMES:
        share = measured.engine_ratio
        agree = share is not None and abs(share.median - 1) <= 0.1
        yield "lab and server agree on it within a tenth", agree


def of_dying(model):
    """Of a server that a person stops in the middle of its answer."""
    print(f"  Now stop {model.where}, while it tells a story.")
    reply = labkit.generate(model, STORY, max_tokens=20 * LONG)
    print(f"  {reply.finish}, {len(reply.steps)} steps: {reply.error}")
    yield "one that dies leaves what came, and a sentence", bool(reply.steps and reply.error)


def judged(told, kept):
    """Prints whether a promise was kept; returns it if not."""
    print(f"  {'yes' if kept else 'NO '} {told}")
    return None if kept else told


if __name__ == "__main__":
    main()
