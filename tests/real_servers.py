"""Asks the servers that run on this machine, Ollama and LM Studio among them, and tells what came.

    python tests/real_servers.py

For a person to run where they are installed and running with a model: the tests know them by their
documents alone. Each line that begins with NO is a promise of the lab that a server did not keep.
Of LM Studio no document says whether it tells its times while it streams: see what is printed.
"""

import sys

import labkit

PROMPT = "Why is the sky blue? One sentence."


def main():
    """Asks one model of each server; ends with 1 if any promise was broken."""
    found = labkit.servers()
    if not found:
        print("No model server answers on the usual ports of this machine.")
    broken = [line for server in found for line in examine(server)]
    sys.exit(bool(broken))


def examine(server):
    """Prints what one server did; returns what it did not."""
    print(f"\n{server.kind} at {server.address}: {', '.join(server.models) or 'no models'}")
    if not server.models:
        return []
    model = server.model(server.models[0])
    reply = labkit.generate(model, PROMPT, temperature=0, max_tokens=40, seed=1)
    print(f"  {reply.text!r}\n  {reply.summary}\n  {reply.timings}")
    return [line for line in map(judged, promises(server, model, reply)) if line]


def promises(server, model, reply):
    """(what is promised, whether it was kept)"""
    stopped = labkit.generate(model, "1, 2, 3, 4,", raw=True, temperature=0, stop="7")
    running = labkit.stream(model, "Tell me a long story.", max_tokens=400)
    next(running)
    running.close()
    again = labkit.generate(model, PROMPT, temperature=0, max_tokens=40, seed=1)
    yield "it answers with text", bool(reply.text)
    yield "it counts the prompt's tokens", bool(reply.prompt_tokens)
    yield "it counts the tokens written", bool(reply.output_tokens)
    yield "it is asked for 40 tokens at most", (reply.output_tokens or 0) <= 40
    yield "it ends at a stop string", stopped.finish == "stop" and "7" not in stopped.text
    yield "it answers after a request was closed", bool(again.text)
    if server.kind in ("Ollama", "llama.cpp"):
        yield "it tells its own times", bool(reply.timings and reply.timings.decode_s)


def judged(promise):
    """Prints whether a promise was kept; returns it if not."""
    told, kept = promise
    print(f"  {'yes' if kept else 'NO '} {told}")
    return None if kept else told


if __name__ == "__main__":
    main()
