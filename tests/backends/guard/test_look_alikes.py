"""Code and versions pass the default policy, and stay as they are; addresses and numbers do not."""

import pytest

from labkit.backends.guard.policy import Policy
from labkit.backends.guard.redaction import redact
from labkit.backends.guard.scanner import scan


@pytest.mark.parametrize(
    "text",
    [
        "a[::2]",
        "x = a[1::2]",
        "rows[5::]",
        "a[::-1] + a[:3:]",
        "pairs = grid[1::2, ::3]",
        "assert bits[fade::2] == rows[2001::3]",
        'df["2024-01-01"::7].values[10::5]',
        "std::vector<int> v; cache::fade::begin(); dead::code();",
        "torch==2.1.0.1",
        "pip install 'uvicorn[standard]>=0.30.6.1' numpy==1.26.4.0",
        "Mozilla/5.0 (X11; Linux x86_64) Chrome/126.0.0.0 Safari/537.36",
        "section 3.2.1.4",
        "see §4.3.2.1 and chapter 10.2.1.3",
        "netmask 255.255.255.0",
        "wildcard 0.0.0.255",
        "driver 535.104.12.03",
        "Driver Version: 535.104.12.03   CUDA Version: 12.2",
        "upgrade from v1.20.3.4",
    ],
)
def test_code_and_versions_pass_and_are_not_changed(text):
    assert Policy().apply(text).findings == ()
    assert redact(text).text == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ping 203.0.113.9 works", "203.0.113.9"),
        ("Server version 2.4.62 at 203.0.113.18 answers", "203.0.113.18"),
        ("connect to db/203.0.113.7:5432 failed", "203.0.113.7"),
        ("tshark -Y ip.addr==203.0.113.9", "203.0.113.9"),
        ("[prod-7] client 192.0.2.45 was blocked", "192.0.2.45"),
        ("http://[2001:db8::7]:8080/", "2001:db8::7"),
        ("inet6 2001:db8:4:12::9f prefixlen 64", "2001:db8:4:12::9f"),
        ("peers = [2001:db8::1]", "2001:db8::1"),
        ("mapped ::ffff:203.0.113.7 too", "::ffff:203.0.113.7"),
        ("rows[5::] of client 2001:db8::5", "2001:db8::5"),
        ("Call +1 212-555-0123 before noon", "+1 212-555-0123"),
        ("Tél. 01.99.00.12.34, version 2", "01.99.00.12.34"),
        ("port " + "7 " * 300 + "or call +49 30 23125 042", "+49 30 23125 042"),
        ("07700 900461, 07700 900123", "07700 900123"),
    ],
)
def test_addresses_and_numbers_are_still_found(text, value):
    found = scan(text, kinds={"network address", "phone number"})
    assert any(value in each.text for each in found)
