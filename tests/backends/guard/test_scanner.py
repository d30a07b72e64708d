"""The scanner: right positions in any Unicode text, fake keys of many forms, no false alarms."""

import hashlib
import itertools
import subprocess
import sys
from importlib.metadata import distribution

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.backends.guard.findings import KINDS
from labkit.backends.guard.personal_data import LONGEST, MODEL
from labkit.backends.guard.scanner import scan
from labkit.backends.guard.secret_search import LONGEST_NAMED

# Of Explosion's en_core_web_sm 3.8.0, as others who use it have noted them (the Apache-2.0 project
# misakid pins these four); of its ner/model nobody has.
CHECKSUMS = {
    "tokenizer": "b014e8bba4958b120af2d0c1c63eabb7c00379f2bacaf10df7c5325efd2ea467",
    "vocab/lookups.bin": "fce9c883c56165f29573cc938c2a1c9d417ac61bd8f56b671dd5f7996de70682",
    "tok2vec/model": "e84fc06eb319c94d28e460fc334e292120b01f18baa5dc8b50c977459820a090",
    "tagger/model": "1ec3d93f38cebe172f2b5c89d84be72856ce42c8f1a64f1699f1d98a771f36b7",
}
KEY = "AKIA" + "Q7ZX" * 4  # of the form of an AWS key, of nobody
AROUND = st.text(
    st.sampled_from("aä é東京👩‍🚀\u0301\u200b\n\t.,;\"'()\u2028\x0b") | st.characters(codec="utf-8")
)


@given(AROUND, AROUND)
@settings(max_examples=200)
def test_positions_are_right_in_any_text(before, after):
    text = f"{before} {KEY} {after}"
    found = scan(text, kinds={"cloud key"})
    start = len(before) + 1
    assert any((each.start, each.end) == (start, start + len(KEY)) for each in found)
    assert all(text[each.start : each.end] == each.text for each in found)


@pytest.mark.parametrize(
    "before", ["", "Grüße 👩‍🚀 ", "東京から\n", "a\u0301e\u0301 ", "x" * 9000 + "\n"]
)
def test_positions_of_personal_data_are_right_too(before):
    text = f"{before}Write to jane@example.com or call +1 212-555-0123."
    found = {each.kind: each for each in scan(text)}
    for kind, value in (("email address", "jane@example.com"), ("phone number", "+1 212-555-0123")):
        assert found[kind].text == value
        assert text[found[kind].start : found[kind].end] == value


def test_no_cut_of_a_long_line_hides_a_finding():
    """Long lines are looked at in pieces; a card or a password may lie where they are cut."""
    card, password = "4111 1111 1111 1111", "xK9fmw2qq7"
    for at in range(LONGEST - 24, LONGEST + 6):
        text = f"{'word ' * 900:.{at}} {card} {'word ' * 99}"
        assert card in [each.text for each in scan(text, kinds={"card number"})], at
    for at in range(LONGEST_NAMED - 40, LONGEST_NAMED + 20):
        text = f"x = '{'a ' * 300:.{at}}' password = \"{password}\" {'b ' * 300}"
        assert password in [each.text for each in scan(text, kinds={"password"})], at


@pytest.mark.parametrize("at", [0, 4, 9, 13, 17, 21, 26])
def test_a_long_secret_among_many_fields_is_whole_in_one_piece(at):
    secret = hashlib.sha512(b"a secret").hexdigest()
    fields = [f'"k{number}": "a value"' for number in range(40)]
    fields.insert(at, f'"password": "{secret}"')
    assert secret in [each.text for each in scan(f"{{{', '.join(fields)}}}", kinds={"password"})]


@given(st.text(max_size=300))
@settings(max_examples=60)
def test_any_text_is_scanned_and_findings_do_not_overlap(text):
    found = scan(text)
    assert all(text[each.start : each.end] == each.text for each in found)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))


def test_a_private_key_is_found_to_its_last_line():
    block = "-----BEGIN RSA PRIVATE KEY-----\n" + "Ab1/" * 16 + "\n" + "Zz9+" * 9 + "=\n"
    block += "-----END RSA PRIVATE KEY-----"
    (finding,) = scan(f"Why is this refused?\n{block}\nThanks", kinds={"private key"})
    assert finding.text == block


@pytest.mark.parametrize(
    "code",
    [
        'if line.startswith("-----BEGIN RSA PRIVATE KEY-----"):',
        'password = os.environ["DB_PASSWORD"]',
        'api_key = "YOUR_API_KEY"',
        "password: str = Field(min_length=12)",
        'secret = get_secret("database")',
    ],
)
def test_what_only_mentions_a_secret_is_not_found(code):
    assert scan(code) == ()


def test_a_comment_cannot_switch_the_scanner_off():
    assert scan(f'key = "{KEY}"  # pragma: allowlist secret')


def test_kinds_and_confidence_choose():
    text = f"{KEY} belongs to jane@example.com"
    assert {each.kind for each in scan(text, kinds={"email address"})} == {"email address"}
    assert scan(text, kinds={"cloud key"}, least_confidence=0.96) == ()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"text": 5}, "text must be a text"),
        ({"text": "a", "kinds": ["secrets"]}, "kinds must be of .*; got 'secrets'"),
        ({"text": "a", "least_confidence": 2}, "least_confidence must be a number, 0 to 1; got 2"),
    ],
)
def test_bad_arguments_are_named(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        scan(**arguments)


def test_every_kind_has_a_placeholder_of_its_own_form():
    assert all(word.isupper() and "[" not in word for _, word in KINDS.values())
    assert len({word for _, word in KINDS.values()}) == len(KINDS)


def test_scanning_looks_nothing_up(monkeypatch):
    """Presidio's own e-mail rule fetches a list of suffixes from the network; here it must not."""
    import socket

    def no(*args, **kwargs):
        raise AssertionError("the scanner went to the network")

    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, no)
    monkeypatch.setattr(socket.socket, "connect", no)
    assert scan("Write to jane@example.co.uk")[0].kind == "email address"


def test_the_language_model_is_explosions_own_and_brings_no_code():
    """Its package is somebody's copy: data that spaCy reads, and one file that loads it."""
    package = distribution(MODEL)
    files = {str(file): file.locate() for file in package.files}
    for name, checksum in CHECKSUMS.items():
        (path,) = (files[file] for file in files if file.endswith(f"{package.version}/{name}"))
        assert hashlib.sha256(path.read_bytes()).hexdigest() == checksum, name
    assert [file for file in files if file.endswith(".py")] == [f"{MODEL}/__init__.py"]
    assert not [file for file in files if file.endswith((".so", ".pyd", ".dll", ".pkl", ".pickle"))]
    assert package.metadata["License"] == "MIT"


def test_a_scan_imports_neither_torch_nor_spacys_command_line():
    """As spaCy and Presidio would: a kernel that only asks a server has no use for them."""
    code = (
        "import sys, labkit; print(labkit.scan('I am Jane Doe'));"
        "print({'torch', 'typer', 'spacy.cli'} & sys.modules.keys());"
        "import spacy.cli; print(callable(spacy.cli.download))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *found, left_out, download = ran.stdout.splitlines()
    assert "person" in "".join(found) or "Jane Doe" in "".join(found)
    assert (left_out, download) == ("set()", "True")
