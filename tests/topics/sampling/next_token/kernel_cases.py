"""Random settings on random scores, run by the processors of `generate`, behind a local server.

What the kernel computes is computed once, and shared by node and the browser.
"""

import contextlib
import functools
import json
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import torch

from labkit.backends.local import sampler
from labkit.backends.local.overrides import threads
from labkit.backends.settings import STAGES, Settings

SIZES = (49_152, 151_936, 262_144)  # SmolLM2, Qwen2.5, Gemma 3
SETTINGS = 200
DRAWS = 20


@contextlib.contextmanager
def served_cases(settings=SETTINGS):
    """The address of a server that has the cases, and what the kernel computes for each."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            size, _, name = self.path[1:].partition("/")
            body = vocabulary(int(size)).file(name, settings) if name else _listed(settings)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _listed(settings):
    listed = [{"size": size, "cases": vocabulary(size).cases[:settings]} for size in SIZES]
    return json.dumps({"vocabularies": listed}).encode()


@functools.cache
def vocabulary(size):
    """The cases of one vocabulary."""
    return _Vocabulary(size)


class _Vocabulary:
    """Scores of one vocabulary in two formats, and cases that run on them."""

    def __init__(self, size):
        rng = np.random.default_rng(size)
        sure = rng.normal(0, 2, size) + 6 * rng.exponential(0.7, size)
        unsure = rng.normal(0, 3, size)  # with many that are equal, in so few bits
        self.scores = {"float32": sure.astype(np.float32), "float16": unsure.astype(np.float16)}
        self.cases = [_case(random.Random(f"{size} {number}"), size) for number in range(SETTINGS)]
        self._results = []

    def file(self, name, settings):
        """The scores of that format; or for each case what `_result` gives, one after the other."""
        if name in self.scores:
            return self.scores[name].tobytes()
        with threads(1):  # more gain nothing on such rows, and spin while they wait
            for case in self.cases[len(self._results) : settings]:
                self._results.append(self._result(case))
        return b"".join(self._results[:settings])

    def _result(self, case):
        """Numbers of tokens with a probability and that remain; draws; ids; probabilities."""
        chosen = Settings(**{**case["settings"], "top_k": case["settings"]["top_k"] or None})
        # In float32 a processor's sums of 262,144 err by up to 1e-4, each kind by another amount.
        row = torch.from_numpy(self.scores[case["format"]].astype(np.float64))[None]
        for process in sampler.build_chain(chosen).values():
            row = process(torch.tensor([case["context"]]), row)
        drawn = sampler.draw(row.softmax(-1), [case["uniform"]])[0].numpy()
        shares = row[0].softmax(-1).float()
        ids = shares.nonzero()[:, 0]
        counts = np.array([len(ids), int(row.isfinite().sum())])
        whole = np.concatenate([counts, drawn, ids.numpy()]).astype(np.int32)
        return whole.tobytes() + shares[ids].numpy().tobytes()


def _case(rng, size):
    """Each setting in force in about half of the cases, in a random order."""

    def maybe(value, neutral):
        return value if rng.random() < 0.5 else neutral

    settings = {
        "temperature": rng.choice([0, *[round(rng.uniform(0.05, 3), 2) for _ in range(15)]]),
        "top_k": maybe(int(10 ** rng.uniform(0, 5)), 0),
        "top_p": maybe(round(rng.uniform(0.01, 1), 2), 1),
        "min_p": maybe(round(10 ** rng.uniform(-5, -0.5), 6), 0),
        "typical_p": maybe(round(rng.uniform(0.01, 1), 2), 1),
        "repetition_penalty": maybe(round(rng.uniform(0.5, 2), 2), 1),
        "presence_penalty": maybe(round(rng.uniform(-2, 2), 1), 0),
        "frequency_penalty": maybe(round(rng.uniform(-2, 2), 1), 0),
        "order": rng.sample(STAGES, len(STAGES)),
    }
    seen = [rng.randrange(size) for _ in range(rng.choice([1, 20, 500]))]
    return {
        "format": rng.choice(["float32", "float16"]),
        "context": seen + rng.choices(seen, k=len(seen) // 2),  # some of them occur again
        "settings": settings,
        "uniform": [rng.random() for _ in range(DRAWS)],
    }


def assert_same(found, cases):
    """What `chain_cases.js` found: the same tokens, probabilities and draws."""
    assert found["cases"] == cases and found["tied"] <= 0.1 * cases
    assert found["worst"] < 5e-6
    assert found["otherRemaining"] <= 1, "a token at the very edge of a cut, by its last bit"
    assert found["draws"] == DRAWS * (cases - found["tied"])
    assert found["otherDraws"] <= 0.0005 * found["draws"], "a number at the very edge of a token"
