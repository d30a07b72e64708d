"""A tokenizer without transformers, compared with transformers' own."""

import os
import shutil

import pytest

from labkit.errors import LabError
from labkit.models.loading import get_model
from labkit.models.storage import store
from labkit.models.storage.gguf_parts import open_gguf, read_fields
from labkit.models.tokenizers import open as open_module
from labkit.models.tokenizers.open import open_tokenizer
from labkit.models.tokenizers.plain import PlainTokenizer, read_plain_tokenizer

TEXTS = [
    "Why is the sky blue?",
    "  12345 €\n\n\t7 + 8 = 15  naïve 👩‍🚀 x1y22",
    "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    "I'll don't WE'VE  日本語テキスト \x00\x7f",
]


@pytest.fixture(scope="module")
def paths(smollm2):
    return get_model("smollm2-135m")


@pytest.fixture(scope="module")
def theirs(paths):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(paths[0], local_files_only=True)


@pytest.mark.parametrize("source", [0, 1], ids=["folder", "gguf"])
def test_agrees_with_transformers(paths, theirs, source):
    own = read_plain_tokenizer(paths[source])
    for text in TEXTS:
        ids = theirs(text)["input_ids"]
        assert own(text)["input_ids"] == ids
        for skips in (False, True):
            assert own.decode(ids, skip_special_tokens=skips) == theirs.decode(
                ids, skip_special_tokens=skips, clean_up_tokenization_spaces=False
            )
    assert own.get_vocab() == theirs.get_vocab()
    assert own.get_added_vocab() == theirs.get_added_vocab()
    assert own.get_chat_template() == theirs.get_chat_template()
    assert own.eos_token_id == theirs.eos_token_id and len(own) == len(theirs)
    ours = own.special_tokens_map
    assert {name: ours[name] for name in ("bos_token", "eos_token")} == {
        name: theirs.special_tokens_map[name] for name in ("bos_token", "eos_token")
    }


def test_a_link_is_read_by_its_own_name(paths, tmp_path):
    """The hub's cache has files without an ending, and links to them with one."""
    blob, link = tmp_path / "blob", tmp_path / "own.gguf"
    shutil.copy(paths[1], blob)
    link.symlink_to(blob)
    assert read_plain_tokenizer(link)("the cat") == read_plain_tokenizer(paths[1])("the cat")


def test_a_model_with_a_plain_tokenizer_has_a_reader_of_its_own(paths):
    class Served:
        name, tokenizer = "served", read_plain_tokenizer(paths[1])

    reader = open_tokenizer(Served())
    assert reader.encode("<|im_start|>") != [1] and reader.encode("<|im_start|>", special=True)
    assert isinstance(Served.tokenizer, PlainTokenizer)
    assert Served.tokenizer("<|im_start|>")["input_ids"] == [1]  # its own setting is untouched


def test_models_of_a_file_share_what_is_large_and_nothing_else(paths, tmp_path):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(paths[0] / name, tmp_path)
    one, other = read_plain_tokenizer(tmp_path), read_plain_tokenizer(tmp_path)
    assert one.library is other.library
    one.chat_template = one.special_tokens_map["eos_token"] = "changed"
    assert "changed" not in (other.chat_template, other.special_tokens_map["eos_token"])
    file = tmp_path / "tokenizer.json"
    os.utime(file, ns=(0, 1))
    assert read_plain_tokenizer(tmp_path).library is not one.library  # it was written again


@pytest.mark.slow
def test_fields_of_a_header_agree_with_the_gguf_packages_reader(paths):
    reader = open_gguf(paths[1])
    names = set(reader.fields)
    own = read_fields(paths[1], names)
    assert own.keys() >= {name for name in names if not name.startswith("GGUF.")}
    for name, value in own.items():
        theirs = reader.get_field(name).contents()
        if isinstance(value, tuple | list):
            assert list(value) == theirs, name
        else:
            assert value == pytest.approx(theirs) if isinstance(value, float) else value == theirs


def test_models_that_were_kept_and_nicknames_have_a_tokenizer(
    paths, theirs, make_tiny, tiny_gguf, tiny_tokenizer, home, monkeypatch
):
    with store.new_part("my-facts", "safetensors", "a test") as part:
        make_tiny(part)
    for name, file in (("owner/facts-q8_0", tiny_gguf), ("smollm2-q8_0", paths[1])):
        with store.new_part(name, "gguf", "a test") as part:
            shutil.copy(file, part)
    for name in ("my-facts", "owner/facts-q8_0"):  # the second is converted first
        reader = open_tokenizer(name)
        assert reader.name == name and reader.encode("the cat") == tiny_tokenizer.encode("the cat")
    assert open_tokenizer("smollm2-q8_0").encode("the cat") == theirs.encode("the cat")
    assert store.list_models()["smollm2-q8_0"] == ("gguf",)
    with pytest.raises(LabError, match="Did you mean 'my-facts'"):
        open_tokenizer("my-fact")
    monkeypatch.setattr(open_module, "_open_listed", lambda name: name)
    assert open_tokenizer("coder") == "qwen2.5-coder-0.5b"
    assert open_tokenizer("minilm") == "all-minilm-l6-v2"


def test_a_panic_names_no_tokenizer_twice():
    class PanicException(BaseException):
        pass

    class Library:
        def encode(self, text, **_):
            raise PanicException("no end")

    with pytest.raises(LabError, match="The tokenizer of this model fails at this text: no end"):
        PlainTokenizer(Library(), None, {})("a")
