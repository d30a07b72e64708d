"""Texts for people and shells."""

import os
import subprocess

import pytest

from labkit import formatting
from labkit.formatting import digits, printable, shell_quoted, usd

NAMES = ["pack it.zip", "it's", "$HOME", "`id`", "a;b", "a\nb", "", "ä ö", "*", "~", 'a"b', "a&b"]


@pytest.mark.parametrize("number", [3e-05, -3.14e-05, 0.0999, 1.5e-9, 12, 123456, 9e15])
def test_no_number_for_people_has_an_exponent(number):
    for text in (digits(number), usd(number).replace("$", "")):
        assert "e" not in text
        assert float(text.replace(",", "")) == pytest.approx(number, rel=0.05)


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX")
@pytest.mark.parametrize("name", NAMES)
def test_a_quoted_name_is_one_word_of_the_shell(name):
    command = f"printf '<%s>' {shell_quoted(name)}"
    assert subprocess.run(["sh", "-c", command], capture_output=True).stdout == f"<{name}>".encode()


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        (r"C:\Ada\a.zip", r"C:\Ada\a.zip"),
        (r"C:\Program Files\a.zip", r'"C:\Program Files\a.zip"'),
        ("a&b.zip", '"a&b.zip"'),
    ],
)
def test_windows_has_double_quotes(monkeypatch, name, quoted):
    monkeypatch.setattr(formatting.os, "name", "nt")
    assert shell_quoted(name) == quoted


@pytest.mark.parametrize("name", ["smollm2-135m", "HuggingFaceTB/SmolLM2-135M", "a.zip"])
def test_plain_names_stay_as_they_are(name):
    assert shell_quoted(name) == name


@pytest.mark.parametrize("text", ["plain – ✓ 日本\u00a0é\n\tx", "→ 1\u202f000"])
def test_what_can_be_seen_is_printed(text):
    assert printable(text) == text


@pytest.mark.parametrize("hidden", ["\x1b]0;t\x07", "\x9b31m", "\r", "\x08", "\u202e", "\ud800"])
def test_nothing_steers_a_terminal(hidden):
    assert not set(hidden) & set("\x1b\x07\x9b\r\x08\u202e\ud800") & set(printable(f"a{hidden}b"))
