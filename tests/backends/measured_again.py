"""Times on a busy machine: measured again until one was not disturbed."""

import statistics
import time

import pytest


def quickest(measure, expected, count=5, most=25):
    """The median of the quickest of several measurements.

    A busy machine only ever adds time: measured again until the median of so many is within a tenth
    of what is expected, or until there were ``most`` measurements.
    """
    times = []
    while len(times) < most:
        times.append(measure())
        middle = statistics.median(sorted(times)[:count])
        if len(times) >= count and middle <= 1.1 * expected:
            break
    assert min(times) >= expected, "quicker than it can be"
    return middle


def adding_up(ask, attempts=8):
    """The `HttpTiming` of an answer whose parts add up to the time that we see pass, within 2 %.

    On a busy machine we may be woken late and see more time than there was: then asked again.
    """
    for _ in range(attempts):
        running, began = ask(), time.perf_counter()
        *_, last = [time.perf_counter() for _ in running]
        parts_s = sum(seconds for _, seconds in running.http.parts)
        assert parts_s <= last - began, "more time than there was"
        if parts_s == pytest.approx(last - began, rel=0.02):
            return running.http
    raise AssertionError(f"{parts_s:.4f} s of {last - began:.4f} s are told")
