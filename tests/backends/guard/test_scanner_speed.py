"""The scanner's work grows with the length of a text, not with its square, whatever the text is."""

import base64
import json
import random
import time

import pytest

from labkit.backends.guard.findings import Finding, without_overlaps
from labkit.backends.guard.scanner import scan

SHORT, LONG = 12_500, 100_000
NOISE = random.Random(0)
REPEATED = (
    "a", "1", "-", "sk-", "/", ":", "://", "://a:", "=", '"', "(", "_", " ", "\n", "😀", "👩‍🚀",
    "a b c ", "A B ", "a.", "a,", "1.1 ", "1-", "1:", "1 ", "::", "[1:", "KEY_", "password",
    'password"', "password=", 'secret="a', "-----BEGIN PRIVATE KEY-----\n", "curl -u ",
    "mysql -p ", "machine a login b ", "xoxb-1-", "eyJaaaaaaaa.", "aws secret",
)  # fmt: skip
TEXTS = {repr(each): each * (LONG // len(each) + 1) for each in REPEATED} | {
    "letters": "".join(NOISE.choices("abcdefghijklmnopqrstuvwxyz", k=LONG)),
    "digits": "".join(NOISE.choices("0123456789", k=LONG)),
    "hex": NOISE.randbytes(LONG // 2).hex(),
    "base64": base64.b64encode(NOISE.randbytes(LONG)).decode(),
    "JSON": json.dumps([{"id": number, "name": f"item {number}"} for number in range(LONG // 20)]),
}


def work(text):
    """Seconds of this process: what other programs do does not count."""
    start = time.process_time()
    scan(text)
    return time.process_time() - start


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
def test_eight_times_the_text_is_not_much_more_than_eight_times_the_work(name):
    """Linear work grows 8 times, quadratic work 64 times: the bound, 20 times, is far from both.

    The second added is for the fixed cost of a call; for the noise of the clock there are three
    tries.
    """
    long, short = TEXTS[name][:LONG], TEXTS[name][:SHORT]
    assert any(work(long) < 20 * work(short) + 1 for _ in range(3))


def test_overlaps_of_many_findings_are_resolved_in_order():
    """Findings beside each other, as a text full of addresses has: each is compared with few."""

    class Counted(Finding):
        __slots__ = ()
        compared = 0

        def __getattribute__(self, name):
            Counted.compared += name in ("start", "end")
            return super().__getattribute__(name)

    def compared(count):
        Counted.compared = 0
        found = [Counted(9 * at, 9 * at + 5, "wallet", "", 0.5, "abcde") for at in range(count)]
        NOISE.shuffle(found)
        assert len(without_overlaps(found)) == count
        return Counted.compared

    assert compared(8000) < 3 * 8 * compared(1000)
