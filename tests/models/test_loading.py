"""Loading: every architecture, what is refused, what is repaired."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, LlamaForCausalLM

import labkit
from labkit.errors import LabError
from labkit.models import gguf_to_safetensors, loading
from labkit.models.catalogue import GENERATIVE
from labkit.models.machine import Gpu
from labkit.models.storage import store
from labkit.models.temporary_setting import temporary_setting

from ..conftest import TINY

ARCHITECTURES = sorted({entry.config["model_type"] for entry in GENERATIVE})
MORE = {
    "gemma3": {
        "text_config": {**TINY, "head_dim": 8},
        "vision_config": {
            "hidden_size": 8,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 1,
            "image_size": 28,
            "patch_size": 14,
        },
    },
    "lfm2": {"full_attn_idxs": [1]},
}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_architectures_of_the_catalogue_answer_as_generate_does(
    make_tiny, tmp_path, home, architecture
):
    folder = make_tiny(tmp_path / architecture, architecture, **MORE.get(architecture, {}))
    model = labkit.load(folder, device="cpu")
    assert model.model.config.model_type == architecture
    reply = labkit.generate(model, "the cat", raw=True, temperature=0, max_tokens=12)
    ids = torch.tensor([model.encode("the cat", raw=True)])
    expected = model.model.generate(ids, do_sample=False, max_new_tokens=12)[0, ids.shape[1] :]
    assert [step.token_id for step in reply.steps] == expected.tolist()


def test_two_streams_at_once_do_not_mix(make_tiny, tmp_path, home):
    from concurrent.futures import ThreadPoolExecutor

    model = labkit.load(make_tiny(tmp_path / "m"))
    prompts = ["the cat", "on the mat", "a hat", "sat and sat"]
    asked = {"temperature": 0, "max_tokens": 30}
    alone = [labkit.generate(model, prompt, **asked).text for prompt in prompts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda prompt: labkit.generate(model, prompt, **asked), prompts))
    assert [reply.text for reply in together] == alone


def test_pickled_weights_are_refused(make_tiny, tmp_path, home):
    folder = make_tiny(tmp_path / "m")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(LabError, match="pickled weights"):
        labkit.load(folder)


def test_code_that_comes_with_a_model_never_runs(make_tiny, tmp_path, home):
    folder = make_tiny(tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.EvilConfig"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text("raise SystemExit('the code ran')")
    with pytest.raises(LabError, match="architecture"):
        labkit.load(folder)


def test_damaged_weights_are_reported(make_tiny, tmp_path, home):
    folder = make_tiny(tmp_path / "m")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(LabError, match="damaged"):
        labkit.load(folder)


def test_a_folder_without_some_weights_is_refused(make_tiny, tmp_path, home):
    """transformers itself fills in random numbers."""
    from safetensors.torch import load_file, save_file

    folder = make_tiny(tmp_path / "m")
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.self_attn.q_proj.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(
        LabError, match=r"lacks 1 of .* model\.layers\.1\.self_attn\.q_proj\.weight"
    ):
        labkit.load(folder)


def test_weights_of_other_shapes_are_refused(make_tiny, tmp_path, home):
    folder = make_tiny(tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 200}))
    with pytest.raises(LabError, match="do not fit its configuration"):
        labkit.load(folder)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"quantization": {"group_size": 64, "bits": 4}}, "quantized by MLX to 4 bits"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "by GPTQ to 4 bits"),
        ({"quantization_config": {"quant_method": "awq", "bits": 4}}, "by AWQ to 4 bits"),
        (
            {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
            "by BITSANDBYTES to 4 bits",
        ),
    ],
)
def test_quantized_weights_are_refused_by_name(make_tiny, tmp_path, home, fields, sentence):
    folder = make_tiny(tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | fields))
    with pytest.raises(LabError, match=sentence) as refused:
        labkit.load(folder)
    assert "original weights" in refused.value.hint


def test_an_encoder_with_a_decoder_is_refused(tiny_tokenizer, tmp_path, home):
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(vocab_size=300, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4)
    T5ForConditionalGeneration(config).save_pretrained(tmp_path / "t5")
    tiny_tokenizer.save_pretrained(tmp_path / "t5")
    with pytest.raises(LabError, match="t5 is an encoder with a decoder"):
        labkit.load(tmp_path / "t5")


def test_an_encoder_is_refused(tiny_tokenizer, tmp_path, home):
    """transformers would load it, and each of its tokens sees those after it."""
    from transformers import BertConfig, BertForMaskedLM

    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    BertForMaskedLM(BertConfig(vocab_size=300, **shape)).save_pretrained(tmp_path / "bert")
    tiny_tokenizer.save_pretrained(tmp_path / "bert")
    with pytest.raises(LabError, match="bert is not a decoder"):
        labkit.load(tmp_path / "bert")


def test_an_adapter_is_refused(make_tiny, tmp_path, home):
    folder = make_tiny(tmp_path / "m")
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(LabError, match="holds an adapter") as refused:
        labkit.load(folder)
    assert "base model" in refused.value.hint


@pytest.mark.parametrize(
    "fields",
    [
        {"num_hidden_layers": 10**9},
        {"num_hidden_layers": -1},
        {"num_attention_heads": 0},
        {"hidden_size": "large"},
        {"vocab_size": -5},
        {"pad_token_id": 10**6},
        {"dtype": 5},
        {"num_hidden_layers": 0},
        {"max_position_embeddings": 0},
        {"max_position_embeddings": -1},
        {"max_position_embeddings": 10**30},
        {"sliding_window": -1},
        {"sliding_window": 0},
        {"rms_norm_eps": float("nan")},
        {"attention_dropout": 1e300},
        {"num_labels": 10**7},
        {"return_dict": False},
        {"eos_token_id": 10**30},
        {"rope_parameters": {"rope_type": "default", "rope_theta": -1}},
    ],
)
def test_a_configuration_that_describes_no_model(make_tiny, tmp_path, home, fields):
    folder = make_tiny(tmp_path / "m", "mistral" if "sliding_window" in fields else "llama")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | fields))
    with pytest.raises(LabError, match="configuration"):
        labkit.load(folder)


def test_weights_that_are_not_numbers_are_refused(make_tiny, tmp_path, home):
    from safetensors.torch import load_file, save_file

    folder = make_tiny(tmp_path / "m")
    weights = load_file(folder / "model.safetensors")
    weights["model.layers.1.mlp.down_proj.weight"][0, 0] = float("nan")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(LabError, match="are not numbers: its weights are damaged"):
        labkit.load(folder, device="cpu")


def test_a_token_that_the_tokenizer_alone_has_is_refused_in_a_prompt(make_tiny, tmp_path, home):
    from transformers import AutoTokenizer

    folder = make_tiny(tmp_path / "m")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([*map(str, range(100, 200)), "<image>"])
    tokenizer.save_pretrained(folder)
    model = labkit.load(folder, device="cpu")
    assert labkit.generate(model, "the cat", raw=True, max_tokens=2).text is not None
    with pytest.raises(ValueError, match="'<image>', which its tokenizer has and the model has"):
        labkit.generate(model, "the <image>", raw=True, max_tokens=2)


def test_a_folder_named_as_the_catalogues_model_is_loaded_by_its_path_alone(
    make_tiny, tmp_path, home, monkeypatch
):
    make_tiny(tmp_path / "smollm2-135m")
    monkeypatch.chdir(tmp_path)
    assert loading.get_model("./smollm2-135m")[0].resolve() == tmp_path / "smollm2-135m"
    monkeypatch.setattr(loading, "_get_gguf_model", lambda entry, source: (Path(entry.name), None))
    assert loading.get_model("smollm2-135m")[0] == Path("smollm2-135m")


@pytest.mark.parametrize("name", ["/dev/zero", "a.gguf"])
def test_a_device_or_a_folder_is_no_model(tmp_path, home, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.gguf").mkdir()
    with pytest.raises(LabError):
        loading.get_model(name)


def test_a_folder_of_gguf_files_names_them(tiny_gguf, tmp_path, home):
    (tmp_path / "tiny.gguf").symlink_to(tiny_gguf)
    with pytest.raises(LabError, match=r"no \.safetensors") as refused:
        labkit.load(tmp_path)
    assert f"Name the GGUF file itself: {tmp_path / 'tiny.gguf'}" in refused.value.hint


def test_a_folder_without_a_tokenizer_says_so(make_tiny, tmp_path, home):
    folder = make_tiny(tmp_path / "m")
    for file in folder.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(LabError, match="has no tokenizer"):
        labkit.load(folder)


@pytest.mark.parametrize("architecture", ["command-r", "internlm2", "smollm3", "olmo2"])
def test_a_gguf_that_transformers_cannot_convert(tmp_path, home, architecture):
    import gguf
    import numpy as np

    file = tmp_path / "model.gguf"
    writer = gguf.GGUFWriter(file, architecture)
    writer.add_tokenizer_model("gpt2")
    writer.add_tensor("output_norm.weight", np.ones(32, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(LabError, match=f"of the architecture {architecture}") as refused:
        labkit.load(file)
    assert f'load_llamacpp("{file}")' in refused.value.hint
    assert not [path for path in store.models_folder().iterdir() if path.is_dir()]


def test_a_model_that_cannot_fit_is_refused_before_it_is_fetched(home, monkeypatch):
    small = replace(loading.inspect_machine(), available_bytes=2**30, gpus=(), apple_gpu=False)
    monkeypatch.setattr(loading, "inspect_machine", lambda: small)
    with pytest.raises(LabError, match=r"mistral-7b needs 14\.3 GiB"):
        labkit.load("mistral-7b")


@pytest.fixture
def unused_gpus(monkeypatch):
    """A machine with an NVIDIA GPU and Apple's, of which torch can use neither."""
    card = Gpu("a card", 8 << 30, 7 << 30, "580")
    machine = replace(loading.inspect_machine(), gpus=(card,), apple_gpu=True)
    monkeypatch.setattr(loading, "inspect_machine", lambda: machine)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_a_gpu_that_torch_cannot_use_is_left_alone(make_tiny, tmp_path, home, unused_gpus):
    folder = make_tiny(tmp_path / "m")
    assert labkit.load(folder).plan.device == "cpu"
    for device in ("cuda", "mps"):
        with pytest.raises(LabError, match=f"torch has no device '{device}' that it can use"):
            labkit.load(folder, device=device)


def test_a_gpu_is_cleared_before_it_is_asked_and_bfloat16_must_be_its_own(monkeypatch):
    calls = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: calls.append("empty_cache"))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: False)
    monkeypatch.setattr(loading, "inspect_machine", lambda: calls.append("inspect_machine"))
    with pytest.raises(AttributeError):  # there is no machine
        loading.open_model("smollm2-135m")
    assert calls == ["empty_cache", "inspect_machine"]
    assert loading._half() == "float16"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: True)
    assert loading._half() == "bfloat16"


HERE_FULL, GPU_FULL = "This machine's memory is full", "The GPU's memory is full"


@pytest.mark.parametrize(
    ("owner", "name", "error", "sentence"),
    [
        (loading, "read_complete", RuntimeError("mmap: Cannot allocate memory (12)"), HERE_FULL),
        (loading, "read_complete", MemoryError(), HERE_FULL),
        (loading, "read_complete", RuntimeError("MPS backend out of memory"), GPU_FULL),
        (loading, "check_folder", MemoryError("Cannot allocate memory (os error 12)"), HERE_FULL),
        (loading, "_only_tokens", OSError("[WinError 1455] Paging file"), HERE_FULL),
        (AutoTokenizer, "from_pretrained", MemoryError(), HERE_FULL),
        (LlamaForCausalLM, "forward", RuntimeError("CUDA error: out of memory"), GPU_FULL),
        (
            LlamaForCausalLM,
            "forward",
            RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
            HERE_FULL,
        ),
        (
            LlamaForCausalLM,
            "forward",
            RuntimeError("CUDA error: no kernel image is available for execution on the device"),
            "cannot compute on this GPU: CUDA error: no kernel image",
        ),
    ],
)
def test_a_full_memory_or_a_gpu_that_fails_is_no_damaged_file(
    make_tiny, tmp_path, home, monkeypatch, owner, name, error, sentence
):
    def fail(*_, **__):
        raise error

    folder = make_tiny(tmp_path / "m")
    monkeypatch.setattr(owner, name, fail)
    with pytest.raises(LabError, match=sentence):
        labkit.load(folder, device="cpu")


def test_a_conversion_without_memory_says_so(tiny_gguf, home, monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr(gguf_to_safetensors, "read_complete", fail)
    with pytest.raises(LabError, match=r"memory is full: there was no room to convert tiny\.gguf"):
        labkit.load(tiny_gguf)


@pytest.mark.parametrize("packed", [True, False])
def test_what_is_chosen_here_is_loaded_here(make_tiny, tmp_path, home, monkeypatch, packed):
    monkeypatch.setenv("LABKIT_SERVER", "http://127.0.0.1:1")
    model = labkit.load(make_tiny(tmp_path / "m"), packed=packed)
    assert model.plan.device


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"name": "no-such-model"}, "knows no model"),
        ({"name": "/no/such/file.gguf"}, "no file"),
        ({"device": "tpu"}, "device must be one of"),
        ({"dtype": "int3"}, "dtype must be one of"),
    ],
)
def test_bad_input_gets_a_sentence(home, bad, sentence):
    with pytest.raises((LabError, ValueError), match=sentence):
        labkit.load(**bad)


def test_a_file_that_only_pretends_to_be_gguf(tmp_path, home):
    fake = tmp_path / "fake.gguf"
    fake.write_bytes(b"hello there")
    with pytest.raises(LabError, match="not a GGUF file"):
        labkit.load(fake)


def test_terms_come_first(home):
    with pytest.raises(LabError, match="Gemma terms of use") as refused:
        labkit.load("gemma-3-270m")
    assert "--accept-terms" in refused.value.hint


def test_an_empty_name_is_not_this_folder(home):
    with pytest.raises(LabError, match="The lab knows no model ''"):
        labkit.load("")
    for name in (None, 5, b"small"):
        with pytest.raises(ValueError, match="name must be a model's name or path; got"):
            labkit.load(name)


def test_a_setting_of_a_tokenizer_of_a_wrong_type(make_tiny, tmp_path, home):
    folder = make_tiny(tmp_path / "m")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["model_max_length"] = "x"
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(LabError, match="one that transformers cannot read"):
        labkit.load(folder)


def test_a_model_that_is_removed_while_it_is_loaded_says_so(make_tiny, home, monkeypatch):
    with store.new_part("small", "safetensors", "a test") as part:
        make_tiny(part)
    check = loading.check_folder
    monkeypatch.setattr(
        loading, "check_folder", lambda folder: (check(folder), store.remove("small"))
    )
    with pytest.raises(LabError, match="small was removed by another process while") as said:
        labkit.load("small", device="cpu")
    assert said.value.hint == "Load it again."


def test_a_file_that_somebody_added_is_not_read(make_tiny, home):
    with store.new_part("small", "safetensors", "a test") as part:
        make_tiny(part)
    added = store.part_folder("small", "safetensors") / "added_tokens.json"
    added.write_text('{"planted": 299}')
    with pytest.raises(LabError, match=r"did not put there: added_tokens\.json"):
        labkit.load("small", device="cpu")
    added.unlink()
    assert labkit.load("small", device="cpu").name == "small"


def test_of_two_gguf_files_the_one_that_was_checked_is_read(tiny_gguf, home, tmp_path):
    import shutil

    with store.new_part("small", "gguf", "a test") as part:
        shutil.copy(tiny_gguf, part / "b.gguf")
    folder = store.part_folder("small", "gguf")
    (folder / "a.gguf").write_bytes(b"GGUF, and nobody checked it")
    assert loading.get_model("small")[1] == folder / "b.gguf"
    (folder / "b.gguf").unlink()
    with pytest.raises(LabError, match=r"small is damaged: b\.gguf"):
        loading.get_model("small")


def test_the_folders_of_a_path_stay_out_of_what_is_shared(make_tiny, tmp_path, home, monkeypatch):
    """A path may hold a person's name; the model's own name is enough."""
    monkeypatch.setenv("LABKIT_BOOK", str(tmp_path / "book"))
    model = labkit.load(make_tiny(tmp_path / "a-person" / "m"), device="cpu")
    asked = {"raw": True, "max_tokens": 3}
    shared = tmp_path / "shared"
    shared.mkdir()
    measured = labkit.measure(model, "the cat", **asked)
    labkit.save(measured, shared / "measurement.json")
    labkit.record(model, "the cat", name="recording", folder=shared, **asked)
    labkit.comparison.run_batch(["the cat"], {"m": model}, file=shared / "batch.jsonl", **asked)
    labkit.summarize("mine", {"measured": measured})
    found = [model, measured, labkit.generate(model, "the cat", **asked), labkit.book()]
    found += [labkit.predict(model, "the cat", raw=True), labkit.tokenize("the cat", model)]
    for result in found:
        assert "a-person" not in repr(result) + getattr(result, "summary", "")
    for file in (*shared.iterdir(), *(tmp_path / "book").glob("*.json")):
        assert "a-person" not in file.read_text(), file.name


def test_settings_of_blocks_that_overlap():
    """As in two threads: the first ends first, and the second keeps its value until its end."""
    settings = {"offline": True}
    first, second = (temporary_setting(settings, "offline", value) for value in (False, None))
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert settings == {"offline": None}
    second.__exit__(None, None, None)
    assert settings == {"offline": True}
    with temporary_setting(settings, "offline", 1), temporary_setting(settings, "other", 2):
        assert settings == {"offline": 1, "other": 2}
    assert settings == {"offline": True}
