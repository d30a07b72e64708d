"""`labkit.tokenize` over 1 MB of text, against the bare library's call.

    python tests/benchmarks/tokenizing.py [--rounds 40]

The bare call is the fastest that gives the ids: tiktoken's ``encode_ordinary`` (for Qwen after the
composition of accents, as Qwen's own reader does it), sentencepiece's ``encode``, tokenizers'
``encode_batch_fast``. Both take turns, and who begins changes from round to
round; a ratio is taken within a round, so that a machine that slows down slows both. What the
verb works out only when it is asked for (pieces, characters, ranks) is told apart.
"""

import argparse
import platform
import statistics
import time
import unicodedata

from turns import spread

import labkit
from labkit.data import read_data
from labkit.models.machine import inspect_machine
from labkit.models.tokenizers.open import known_tokenizers, open_tokenizer

BYTES = 1_000_000


def main():
    """Runs the rounds and prints a table for the README."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    args = parser.parse_args()
    here, text = inspect_machine(), make_text()
    print(f"{here.cpu}, {here.cores} cores, {here.system}; Python {platform.python_version()}; ")
    print(f"{len(text.encode()):,} bytes in 35 languages and code, {args.rounds} rounds.\n")
    print("| tokenizer | tokens | bare call, ms | verb / bare, paired | with all pieces, s |")
    print("|---|---|---|---|---|")
    for name in known_tokenizers():
        bare, verb, count = race(name, text, args.rounds)
        ratios = [mine / other for mine, other in zip(verb, bare, strict=True)]
        told = spread([1000 * seconds for seconds in bare], 0)
        print(f"| {name} | {count:,} | {told} | {spread(ratios, 3)} | {with_pieces(name, text)} |")


def make_text():
    """A megabyte: the lab's text in every language, its story, and code."""
    texts = [row["text"] for row in read_data("languages.json")["texts"]]
    whole = "\n".join([*texts, read_data("corpus.txt")])
    with open(__file__, encoding="utf-8") as file:
        whole += file.read()
    repeated = whole * (BYTES // len(whole.encode()) + 1)
    return repeated.encode()[:BYTES].decode(errors="ignore")


def bare_call(name):
    """The library's own call, text to a list of ids."""
    library = open_tokenizer(name).library
    if name.startswith("qwen"):
        return lambda text: library.encode_ordinary(unicodedata.normalize("NFC", text))
    if hasattr(library, "encode_ordinary"):
        return library.encode_ordinary
    if hasattr(library, "encode_batch_fast"):
        return lambda text: library.encode_batch_fast([text], add_special_tokens=False)[0].ids
    return library.encode


def race(name, text, rounds):
    """Seconds of the bare call and of the verb, round by round, and how many tokens."""
    call = bare_call(name)
    runs = [lambda: call(text), lambda: labkit.tokenize(text, name)]
    seconds = [[], []]
    for number in range(rounds + 1):
        for which in (0, 1) if number % 2 else (1, 0):
            began = time.perf_counter()
            runs[which]()
            seconds[which].append(time.perf_counter() - began)
    return seconds[0][1:], seconds[1][1:], labkit.tokenize(text, name).count


def with_pieces(name, text):
    """Seconds of the verb with every token's bytes, characters and rank, median of three."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        _ = labkit.tokenize(text, name).tokens
        times.append(time.perf_counter() - began)
    return f"{statistics.median(times):.1f}"


if __name__ == "__main__":
    main()
