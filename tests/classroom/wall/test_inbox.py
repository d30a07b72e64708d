"""One address for laptops: real requests, with and without TLS; hostile ones too."""

import json
import os
import random
import re
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from labkit.classroom.wall.inbox import LARGEST, LEARNER, WORD
from labkit.classroom.wall.results import read_class

from .thirty import notebook, votes, write_class

ROOT = Path(__file__).resolve().parents[3]


class Inbox:
    """``python3 -m labkit class wall`` as a process of its own.

    Attributes:
        folder: where its files go.
        address: what laptops open.
        word: what they type.
        said: what it prints.
    """

    def __init__(self, folder, *options):
        self.folder, self.said = folder / "wall", ""
        command = [sys.executable, "-m", "labkit", "class", "wall", "--folder", str(folder)]
        env = os.environ | {"PYTHONUNBUFFERED": "1"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.process = subprocess.Popen([*command, *options], cwd=ROOT, env=env, **pipes)
        while "ends it." not in self.said:
            line = self.process.stdout.readline()
            assert line, self.said
            self.said += line
        self.address = re.search(r"opens +(\S+)", self.said)[1]
        self.word = re.search(r"the word +(\S+)", self.said)[1]

    def post(self, learner, name, content, *, session, word=None, **more):
        """What it answers to a file."""
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = {LEARNER: learner, WORD: self.word if word is None else word}
        url = f"{self.address}/files/{name}"
        return session.post(url, data=content, headers=headers, timeout=60, **more)

    def close(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def inbox(tmp_path_factory):
    inbox = Inbox(tmp_path_factory.mktemp("inbox") / "class", "--students", "31")
    yield inbox
    inbox.close()


@pytest.fixture(scope="module")
def browser():
    with requests.Session() as session:
        session.trust_env = False
        yield session


def test_what_laptops_post_is_on_the_wall_without_a_prompt(inbox, browser, tmp_path):
    book = json.loads((write_class(tmp_path / "files", count=1) / "learner-00.json").read_text())
    cast = votes("ada", random.Random(1))
    cast["ballots"][0]["votes"][0]["prompt"] = "my secret prompt"
    solved = notebook(1)
    solved["cells"].append({"cell_type": "code", "source": "my secret prompt", "outputs": []})
    for name, content in (
        ("book.json", book),
        ("ada--votes.json", cast),
        ("02_sampling.ipynb", solved),
    ):
        answer = inbox.post("Ada ", name, content, session=browser)
        assert (answer.status_code, answer.text) == (200, f"{name} is on the wall.")
    results = read_class(inbox.folder)
    (ada,) = [each for each in results.learners if each.name == "ada"]
    assert results.left_out == () and ada.last("decode_tokens_per_s").value > 0
    assert len(ada.votes[0].votes) == 4 and len(ada.exercises) == 3
    assert all("secret" not in file.read_text() for file in inbox.folder.iterdir())


def test_a_name_is_the_browsers_that_took_it(inbox, browser):
    assert not inbox.post("grace", "x.ipynb", b"", session=browser).ok  # the name is taken
    assert inbox.post("grace", "02_sampling.ipynb", notebook(2), session=browser).ok
    other = inbox.post("grace", "02_sampling.ipynb", notebook(0), session=requests.Session())
    assert other.status_code == 400 and "Another browser has this name" in other.text


@pytest.mark.parametrize(
    ("learner", "name", "content", "word", "why"),
    [
        ("eve", "book.json", {"labkit_book": 1, "pages": "no"}, None, "not a lab book"),
        ("eve", "book.json", b"[" * 200_000, None, "not a lab book"),
        ("eve", "book.json", b"\xff", None, "not a lab book"),
        ("eve", "book.json", [1], None, "not a lab book"),
        ("eve", "votes.json", {"labkit_votes": 1, "ballots": [1]}, None, "not a lab book"),
        ("eve", "x.ipynb", {"cells": [1]}, None, "not a lab book"),
        ("eve", "..%2F..%2Fx.json", {"cells": []}, None, "not the name of a file"),
        ("eve", "x.py", b"", None, "not the name of a file"),
        ("../eve", "x.ipynb", notebook(0), None, "That name cannot come"),
        ("ada--x", "x.ipynb", notebook(0), None, "That name cannot come"),
        ("eve", "x.ipynb", notebook(0), "wrong", "not the word"),
        ("eve", "x.ipynb", b" " * (LARGEST + 1), None, "at most 8 MB"),
    ],
)
def test_what_is_not_for_the_wall_is_refused(inbox, browser, learner, name, content, word, why):
    before = sorted(inbox.folder.iterdir())
    try:
        answer = inbox.post(learner, name, content, word=word, session=browser)
        assert answer.status_code == 400 and why in answer.text
    except requests.ConnectionError:  # it hangs up on what is too large
        assert why == "at most 8 MB"
    assert sorted(inbox.folder.iterdir()) == before


def test_a_word_has_letters_that_no_header_has(tmp_path, browser):
    inbox = Inbox(tmp_path / "class", "--word", "Łódź-100%")
    try:
        for typed, is_word in (("łódź-100%", True), (" ŁÓDŹ-100% ", True), ("lodz-100%", False)):
            sent = quote(typed, safe="")  # as the page sends it, by encodeURIComponent
            answer = inbox.post("ada", "x.ipynb", notebook(1), word=sent, session=browser)
            assert answer.ok == is_word, answer.text
        page = browser.get(f"{inbox.address}/", timeout=60)
        assert "encodeURIComponent(field('word').value)" in page.text
    finally:
        inbox.close()


def test_the_page_has_a_form_and_loads_nothing(inbox, browser):
    page = browser.get(f"{inbox.address}/", timeout=60)
    assert page.ok and 'type="file"' in page.text and "//" not in page.text.split("<script>")[0]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert browser.get(f"{inbox.address}/wall/ada--votes.json", timeout=60).status_code == 404


def test_who_sends_nothing_keeps_nobody_waiting(inbox, browser):
    host, port = inbox.address.removeprefix("http://").split(":")
    silent = [socket.create_connection((host, int(port))) for _ in range(20)]
    assert browser.get(f"{inbox.address}/", timeout=10).ok
    for each in silent:
        each.close()


def test_it_is_encrypted_with_a_certificate(certificate, tmp_path, browser):
    options = ["--certificate", certificate.chain, "--certificate-key", certificate.key]
    inbox = Inbox(tmp_path / "class", *options)
    try:
        assert inbox.address.startswith("https://127.0.0.1:")
        with pytest.raises(requests.exceptions.SSLError):  # nobody has signed it
            browser.get(f"{inbox.address}/", timeout=30)
        trusts = {"session": browser, "verify": certificate.authority}
        answer = inbox.post("ada", "x.ipynb", notebook(1), **trusts)
        assert answer.ok and "; Secure" in answer.headers["Set-Cookie"]
        assert inbox.post("ada", "x.ipynb", notebook(2), **trusts).ok
    finally:
        inbox.close()


def test_wider_than_the_loopback_without_one_is_warned_of(tmp_path):
    inbox = Inbox(tmp_path / "class", "--host", "127.0.0.2")  # not the address of this machine
    inbox.close()
    assert "Only this machine reaches it" not in inbox.said and "Not encrypted" in inbox.said
