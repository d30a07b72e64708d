"""A tokenizer.json that makes texts longer and longer is refused before it sees one."""

import json
import os

import pytest

import labkit
from labkit.errors import LabError
from labkit.models.tokenizers.files import get_tokenizers
from labkit.models.tokenizers.growth import MOST, _growth, require_bounded

TWICE = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
ANY = {"type": "Replace", "pattern": {"Regex": "x*"}, "content": "a"}  # between any two characters
BEFORE = {"type": "Prepend", "prepend": "b" * 10_000}


@pytest.mark.parametrize("part", ["normalizer", "decoder", "pre_tokenizer"])
@pytest.mark.parametrize(
    "steps", [[TWICE] * 60, [ANY] * 60, [BEFORE], [{**TWICE, "content": "b" * 10**7}]]
)
def test_doubling_is_refused(make_tiny, tmp_path, home, part, steps):
    folder = make_tiny(tmp_path / "m")
    content = json.loads((folder / "tokenizer.json").read_text())
    nested = {"type": "Sequence", "parts": [{"type": "Sequence", "parts": steps}]}
    (folder / "tokenizer.json").write_text(json.dumps({**content, part: nested}))
    with pytest.raises(LabError, match="makes a text up to"):
        labkit.load(folder, device="cpu")
    for source in (folder, folder / "tokenizer.json"):
        with pytest.raises(LabError, match="makes a text up to"):
            labkit.tokenize("a", source)


@pytest.mark.parametrize("content", ["[1]", "{", "[" * 100_000, '{"normalizer": [[1, "a"]]}'])
def test_whatever_else_it_holds_is_a_sentence_or_harmless(tmp_path, content):
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(LabError, match="is not a tokenizer"):
        labkit.tokenize("a", tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "tokenizer.json")
    with pytest.raises(LabError, match="a device or a pipe"):
        labkit.tokenize("a", tmp_path)


def test_real_ones_stay_far_below(notebook_files):
    llama = [{"type": "Prepend", "prepend": "▁"}, {**TWICE, "content": "▁"}]
    clean = [{"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "}] * 30
    assert _growth(llama) == 2 < MOST and _growth(clean) == 1
    assert require_bounded(get_tokenizers() / "deepseek.json").name == "deepseek.json"
