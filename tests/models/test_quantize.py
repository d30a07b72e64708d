"""Copies of a GGUF file in other number formats: how far each rounds, and none made twice."""

import subprocess
import sys

import gguf
import numpy as np
import pytest

import labkit
from labkit.models.quantize import KINDS, get_copies, quantize_by_llamacpp
from labkit.models.storage import inventory, store


def tensors(path):
    """Name to its number format and its weights, exact."""
    return {
        each.name: (each.tensor_type.name, gguf.dequantize(each.data, each.tensor_type))
        for each in gguf.GGUFReader(path).tensors
    }


@pytest.fixture
def copies(tiny_gguf, home):
    return get_copies(tiny_gguf, KINDS)


# The most that rounding may move a weight, as a share of the largest in its block of 32, or of the
# block's width in the formats with a least value (_1): half a step of the grid, or a whole one at
# the end that the grid does not reach; and the scale itself has 11 bits.
STEPS = {"Q8_0": 1 / 254, "Q5_1": 1 / 62, "Q5_0": 1 / 16, "Q4_1": 1 / 30, "Q4_0": 1 / 8}
SCALE = 2**-10


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_is_near_its_own(copies, tiny_gguf, kind):
    exact, rounded = tensors(tiny_gguf), tensors(copies[kind])
    assert exact.keys() == rounded.keys()
    for name, (written, weights) in rounded.items():
        own = exact[name][1]
        if "norm" in name or kind == "F32":
            assert written == "F32" and np.array_equal(weights, own)
            continue
        embedding = name == "token_embd.weight" and kind not in ("F16", "Q8_0")
        narrow = "Q4_0" if kind == "Q2_K" else kind  # 64 weights do not fill a block of 256
        assert written == ("Q8_0" if embedding else narrow)
        if kind == "F16":
            assert np.array_equal(weights, own.astype(np.float16))
            continue
        blocks, off = own.reshape(-1, 32), np.abs(weights - own).reshape(-1, 32)
        largest = np.abs(blocks).max(axis=1)
        width = np.ptp(blocks, axis=1) if written.endswith("_1") else largest
        assert (off.max(axis=1) <= STEPS[written] * width + SCALE * largest).all()
        assert off.max() > STEPS[written] * width.min() / 4  # it was rounded


@pytest.mark.parametrize(("kind", "most"), [("Q2_K", 0.32), ("Q3_K", 0.17), ("Q4_K", 0.09)])
def test_k_quants_are_llama_cpps_own(kind, most):
    """Each weight within a step of its sub-block of 16 or 32, and the mean error within the bits.

    The same call makes Q8_0 and Q4_0 byte for byte as the package gguf does.
    """
    pytest.importorskip("xllamacpp", reason="pip install 'labkit[llamacpp]'")
    weights = np.random.default_rng(0).standard_normal((6, 512)).astype(np.float32)
    number = gguf.GGMLQuantizationType[kind]
    off = gguf.dequantize(quantize_by_llamacpp(weights, number), number) - weights
    assert off.shape == weights.shape and np.sqrt((off**2).mean()) < most
    blocks = weights.reshape(-1, 32 if kind == "Q4_K" else 16)
    width = np.ptp(np.pad(blocks, ((0, 0), (0, 1))), axis=1)  # it reaches 0 in any case
    steps = {"Q2_K": 3, "Q3_K": 7, "Q4_K": 15}[kind]
    assert (np.abs(off).reshape(blocks.shape).max(axis=1) <= 1.25 * width / steps).all()
    for other in (gguf.GGMLQuantizationType.Q8_0, gguf.GGMLQuantizationType.Q4_0):
        own = quantize_by_llamacpp(weights, other)
        assert np.array_equal(own, gguf.quantize(weights, other))


def test_wide_rows_are_in_k_quants(home, wide_gguf):
    """Finer where a Q2_K file of llama.cpp's own tool is, and llama.cpp reads it."""
    pytest.importorskip("xllamacpp", reason="pip install 'labkit[llamacpp]'")
    path = get_copies(wide_gguf, ["Q2_K"])["Q2_K"]
    written = {name.split(".")[-2]: used for name, (used, _) in tensors(path).items()}
    assert written["ffn_up"] == written["attn_q"] == "Q2_K"
    assert written["ffn_down"] == written["attn_output"] == "Q3_K" and written["attn_v"] == "Q4_K"
    assert written["token_embd"] == "Q8_0" and written["attn_norm"] == "F32"
    model = labkit.load_llamacpp(path.parents[1].name, context=64)
    assert model.kind.startswith("Q2_K")
    assert labkit.generate(model, "the cat", raw=True, max_tokens=3).output_tokens == 3
    model.close()


def test_without_llama_cpp_k_quants_are_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "xllamacpp.xllamacpp", None)
    with pytest.raises(labkit.LabError, match=r"made by llama\.cpp, which is not installed"):
        quantize_by_llamacpp(np.zeros((1, 256), "f4"), gguf.GGMLQuantizationType.Q2_K)


def test_all_else_in_the_file_stays(copies, tiny_gguf):
    own = gguf.GGUFReader(tiny_gguf).fields
    for kind, path in copies.items():
        fields = gguf.GGUFReader(path).fields
        assert fields.keys() == own.keys() | {"general.file_type"}
        for name in own.keys() - {"GGUF.kv_count"}:
            assert fields[name].contents() == own[name].contents()
        file_type = gguf.LlamaFileType(fields["general.file_type"].contents()).name
        assert file_type.partition("_")[2] == kind


def test_a_copy_is_made_once_and_is_a_model_of_the_store(copies, tiny_gguf, capfd):
    path = copies["Q8_0"]
    before = path.stat().st_mtime_ns
    assert get_copies(tiny_gguf, ["Q8_0"])["Q8_0"] == path
    assert path.stat().st_mtime_ns == before
    name = path.parents[1].name
    assert name.endswith("-q8_0") and store.list_models()[name] == ("gguf",)
    assert dict(inventory.damaged(inventory.inventory()[name])) == {"gguf": []}
    path.write_bytes(path.read_bytes()[:-1] + b"x")  # damaged, it is made anew
    get_copies(tiny_gguf, ["Q8_0"])
    assert store.damaged(path.parent, thorough=True) == []
    store.remove(name)
    assert not path.exists()


def test_a_copy_of_another_file_is_no_copy(tiny_gguf, home, tmp_path):
    """As when the catalogue has a newer file of the same model."""
    kept = store.part_folder("a-model", "gguf")
    kept.mkdir(parents=True)
    own = kept / "model.gguf"
    own.write_bytes(tiny_gguf.read_bytes())
    store.write_manifest(kept, "a test")
    copy = get_copies(own, ["F16"])["F16"]
    assert copy.parents[1].name == "a-model-f16"
    changed = bytearray(tiny_gguf.read_bytes())
    changed[-5] ^= 1  # in the last weight
    own.write_bytes(changed)
    store.write_manifest(kept, "a test")
    before = copy.stat().st_mtime_ns
    get_copies(own, ["F16"])
    assert copy.stat().st_mtime_ns != before


def test_two_learners_at_once_make_one_copy(tiny_gguf, home):
    code = (
        "import sys, pathlib; from labkit.models.quantize import get_copies;"
        "print(get_copies(pathlib.Path(sys.argv[1]), ['Q4_0', 'F16'])['Q4_0'])"
    )
    learners = [
        subprocess.Popen([sys.executable, "-c", code, str(tiny_gguf)], stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    paths = {each.communicate(timeout=120)[0].splitlines()[-1] for each in learners}
    assert len(paths) == 1 and not any(each.returncode for each in learners)
    assert len(list(store.models_folder().glob("*-q4_0/gguf/*.gguf"))) == 1
    assert not [path for path in store.models_folder().iterdir() if path.name.endswith(".gguf")]


def test_one_that_is_interrupted_leaves_nothing(tiny_gguf, home, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(gguf, "quantize", interrupted)
    with pytest.raises(KeyboardInterrupt):
        get_copies(tiny_gguf, ["Q8_0"])
    assert store.list_models() == {} and not list(store.models_folder().glob("*/gguf"))
    monkeypatch.undo()
    monkeypatch.setenv("LABKIT_HOME", str(home))
    assert get_copies(tiny_gguf, ["Q8_0"])["Q8_0"].is_file()


def test_llamacpp_opens_a_copy_by_its_name(copies):
    pytest.importorskip("xllamacpp", reason="pip install 'labkit[llamacpp]'")
    for kind in ("F32", "Q4_1"):
        path = copies[kind]
        model = labkit.load_llamacpp(path.parents[1].name, context=64)
        assert (model.kind, model.gguf_file) == (kind, path)
        assert (
            labkit.generate(model, "the cat", raw=True, temperature=0, max_tokens=3).output_tokens
            == 3
        )
        model.close()


def test_torch_loads_a_copy_by_its_name(copies, tiny_gguf):
    path = copies["Q8_0"]
    labkit.load(path.parents[1].name, device="cpu")  # converts it
    model = labkit.load(path.parents[1].name, device="cpu")
    weights = dict(model.model.named_parameters())["model.norm.weight"]
    assert np.array_equal(weights.detach().numpy(), tensors(tiny_gguf)["output_norm.weight"][1])
    assert model.gguf_file == path
    assert (
        labkit.generate(model, "the cat", raw=True, temperature=0, max_tokens=3).output_tokens == 3
    )


def test_invalid_arguments_are_refused(tiny_gguf, home, monkeypatch):
    with pytest.raises(ValueError, match=r"kinds must be of F32, .*; got 'Q3'"):
        get_copies(tiny_gguf, ["Q3"])

    def unknown(*_):
        raise NotImplementedError

    monkeypatch.setattr(gguf, "dequantize", unknown)
    with pytest.raises(labkit.LabError, match=r"weights in F32, which the package gguf cannot"):
        get_copies(tiny_gguf, ["Q8_0"])
