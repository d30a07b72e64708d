"""When a server wants to be asked again: in seconds, by a date, in its own way, or not said."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.backends.remote.http.errors import wanted_wait_s

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
IN_20_S = (  # the three forms that RFC 9110 lets a server write
    "Fri, 20 Nov 2026 12:00:20 GMT",
    "Friday, 20-Nov-26 12:00:20 GMT",
    "Fri Nov 20 12:00:20 2026",
)


@given(st.integers(0, 10**6))
def test_seconds_are_seconds(seconds):
    assert wanted_wait_s({"retry-after": str(seconds)}) == seconds


@pytest.mark.parametrize("date", IN_20_S)
def test_a_date_is_so_many_seconds_from_now(date):
    assert wanted_wait_s({"retry-after": date}, NOW) == 20


@given(st.integers(0, 10**5), st.timedeltas(timedelta(days=-900), timedelta(days=900)))
def test_a_date_is_held_against_the_servers_own_clock(seconds, wrong):
    theirs = NOW + wrong
    until = format_datetime(theirs + timedelta(seconds=seconds), usegmt=True)
    headers = {"retry-after": until, "date": format_datetime(theirs, usegmt=True)}
    assert abs(wanted_wait_s(headers, NOW) - seconds) <= 1  # a header's date has whole seconds


def test_a_date_that_has_passed_is_now():
    assert wanted_wait_s({"retry-after": "Fri, 20 Nov 2026 11:59:00 GMT"}, NOW) == 0


def test_milliseconds_where_a_server_tells_them():
    assert wanted_wait_s({"retry-after-ms": "1500", "retry-after": "2"}) == 1.5


@pytest.mark.parametrize("told", ["", "soon", "-5", "nan", "inf", "1e999", "99 99"])
def test_what_says_nothing_is_none(told):
    assert wanted_wait_s({"retry-after": told}, NOW) is None
    assert wanted_wait_s({}) is None


@pytest.mark.parametrize("told", ["1e308", "99999999999", "Fri, 20 Nov 9999 12:00:00 GMT"])
def test_no_server_means_a_pause_of_years(told):
    assert wanted_wait_s({"retry-after": told}, NOW) is None
    assert wanted_wait_s({"retry-after-ms": "1e308"}, NOW) is None
