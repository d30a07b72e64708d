"""What is quick on this processor is measured once; both outcomes, faked and real."""

import json
from dataclasses import replace

import pytest
import torch

import labkit
from labkit.models.cpu import record, tuning
from labkit.models.cpu.layers import FusedRMSNorm, PackedLinear
from labkit.models.storage import store


def gains(monkeypatch, *values):
    """Fakes the outcomes of the trials, in the order of the questions; returns how many were made.

    Each trial still runs both of its contenders once.
    """
    made = []

    def gain(first, second):
        first(), second()
        made.append(values[len(made) % len(values)])
        return made[-1]

    monkeypatch.setattr(tuning, "_gain", gain)
    return made


def is_packed(model):
    return any(isinstance(module, PackedLinear) for module in model.model.modules())


@pytest.fixture
def folder(make_tiny, tmp_path, home):
    return make_tiny(tmp_path / "m")


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield before
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Nothing else runs, whatever does; and tiny models are measured."""
    monkeypatch.setattr(tuning, "_busy_of_others_s", lambda: 0.0)
    monkeypatch.setattr(tuning, "SMALL_BYTES", 0)


def test_a_containers_quota_counts(monkeypatch):
    machine = replace(tuning.inspect_machine(), cores=1)
    torch.set_num_threads(2)
    monkeypatch.setattr(tuning, "inspect_machine", lambda: machine)
    assert tuning.respect_quota() == torch.get_num_threads() == 1
    monkeypatch.setattr(tuning, "inspect_machine", lambda: replace(machine, cores=64))
    assert tuning.respect_quota() == 1, "never more than torch has"


@pytest.mark.parametrize(("gain", "packed"), [(1.3, True), (0.7, False)])
def test_the_quicker_layers_run(folder, monkeypatch, gain, packed):
    gains(monkeypatch, gain, 1.0, 1.0)
    model = labkit.load(folder, device="cpu")
    assert is_packed(model) == model.tuning.packed == packed
    assert any(isinstance(module, FusedRMSNorm) for module in model.model.modules())
    said = "packed (packed" if packed else "plain (packed"
    assert model.about()["layers"] == f"{said} ones took {1 / gain:.2f} of the time of plain ones)"


def test_answers_are_the_same_either_way(folder):
    ask = {"raw": True, "temperature": 0, "max_tokens": 20}
    texts = {
        labkit.generate(labkit.load(folder, device="cpu", packed=packed), "the cat", **ask).text
        for packed in (True, False)
    }
    assert len(texts) == 1


@pytest.mark.parametrize(("gain", "half"), [(1.0, False), (1.1, False), (1.3, True)])
def test_fewer_threads_run_only_if_they_clearly_win(folder, monkeypatch, threads, gain, half):
    if threads == 1:
        pytest.skip("one thread")
    gains(monkeypatch, 1.0, 1.0, gain)
    labkit.load(folder, device="cpu")
    assert torch.get_num_threads() == (threads // 2 if half else threads)


@pytest.mark.parametrize(
    ("gain", "dtype"), [(3.7, "bfloat16"), (0.17, "float32"), (None, "float32")]
)
def test_reading_may_be_quicker_in_bfloat16_and_what_is_shown_stays_float32(folder, gain, dtype):
    model = labkit.load(folder, device="cpu")
    assert replace(model.tuning, bfloat16_gain=gain).reading_dtype == dtype
    assert model.plan.needs.dtype == "float32"


def test_measured_once_a_machine_and_shape(folder, make_tiny, tmp_path, monkeypatch):
    made = gains(monkeypatch, 1.3, 2.0, 1.0)
    first = labkit.load(folder, device="cpu").tuning
    trials = len(made)
    assert first.date and trials >= 2
    assert labkit.load(folder, device="cpu").tuning == first
    assert len(made) == trials
    labkit.load(make_tiny(tmp_path / "other", hidden_size=64), device="cpu")
    assert len(made) == 2 * trials
    monkeypatch.setattr(torch, "__version__", "9.9.0")
    labkit.load(folder, device="cpu")
    assert len(made) == 3 * trials


@pytest.mark.parametrize(("features", "packed"), [(("avx2",), True), (("amx_bf16",), False)])
def test_a_busy_machine_decides_nothing(folder, monkeypatch, features, packed):
    machine = replace(tuning.inspect_machine(), features=features)
    monkeypatch.setattr(tuning, "inspect_machine", lambda: machine)
    busy = iter(range(0, 10_000, 100))
    monkeypatch.setattr(tuning, "_busy_of_others_s", lambda: next(busy))
    made = gains(monkeypatch, 1.3, 2.0, 1.0)
    model = labkit.load(folder, device="cpu")
    assert (model.tuning.quiet, model.tuning.packed, len(made)) == (False, packed, 3)
    assert "other programs were busy" in str(model.tuning)
    monkeypatch.setattr(tuning, "_is_quiet", lambda: False)
    assert labkit.load(folder, device="cpu").tuning == model.tuning
    assert len(made) == 3
    monkeypatch.setattr(tuning, "_is_quiet", lambda: True)
    monkeypatch.setattr(tuning, "_busy_of_others_s", lambda: 0.0)
    assert labkit.load(folder, device="cpu").tuning.quiet
    assert len(made) > 3


def test_an_argument_overrules_it(folder, monkeypatch):
    made = gains(monkeypatch, 1.3, 1.0, 1.0)
    model = labkit.load(folder, device="cpu", packed=False)
    assert not is_packed(model) and made == []
    assert model.about()["layers"] == "plain"
    gains(monkeypatch, 0.7, 1.0, 1.0)
    assert is_packed(labkit.load(folder, device="cpu", packed=True))


def test_without_memory_for_a_copy_layers_stay_plain(folder, monkeypatch):
    made = gains(monkeypatch, 1.3, 1.0, 1.0)
    labkit.load(folder, device="cpu")
    model = labkit.load(folder, device="cpu").model
    assert tuning.tune(model, "m", may_pack=False).packed is False
    assert tuning.tune(model, "m", may_pack=False, packed=True).packed is False
    assert len(made) >= 2


@pytest.mark.parametrize("content", ["", "[]", "null", '{"a": 5}', '{"a": {"b": 1}}', "[" * 99_999])
def test_a_damaged_record_is_measured_again(folder, monkeypatch, content):
    (store.models_folder().parent / "cpu_tuning.json").write_text(content)
    made = gains(monkeypatch, 1.3, 1.0, 1.0)
    assert labkit.load(folder, device="cpu").tuning.packed
    assert made
    assert len(json.loads((store.home() / "cpu_tuning.json").read_text())) == 1


def test_a_home_that_may_only_be_read(folder, monkeypatch):
    def refuse(path, content):
        raise labkit.LabError("read-only")

    monkeypatch.setattr(record, "write_json", refuse)
    assert labkit.load(folder, device="cpu").tuning.date


@pytest.mark.slow
def test_the_real_trials_choose_for_the_real_model(smollm2, tmp_path, monkeypatch):
    monkeypatch.setattr(record, "_file", lambda: tmp_path / "cpu_tuning.json")
    plain = labkit.load(smollm2.name, device="cpu", packed=False)
    measured = tuning.tune(plain.model, plain.name, may_pack=True)
    assert measured.date and 0.2 < measured.packed_gain < 5
    assert measured.packed == (measured.packed_gain > 1)
    assert 0.02 < measured.bfloat16_gain < 20
    assert "smollm2-135m in float32: layers p" in str(measured)


def test_what_is_too_small_to_matter_is_not_measured(folder, monkeypatch):
    monkeypatch.setattr(tuning, "SMALL_BYTES", 8 * 1024**2)
    made = gains(monkeypatch, 1.3, 1.0, 1.0)
    model = labkit.load(folder, device="cpu")
    assert (model.about()["layers"], made) == ("plain", [])


def test_the_record_holds_no_path(folder, monkeypatch):
    gains(monkeypatch, 1.3, 1.0, 1.0)
    assert labkit.load(folder, device="cpu").tuning.model == f"{folder.name} in float32"


def test_a_model_after_one_with_fewer_threads_has_its_own(make_tiny, tmp_path, home, monkeypatch):
    if tuning.TORCH_THREADS == 1:
        pytest.skip("one thread cannot be halved")
    gains(monkeypatch, 1.0, 1.0, 2.0)
    slow = labkit.load(make_tiny(tmp_path / "a", hidden_size=16), device="cpu")
    assert slow.tuning.threads == torch.get_num_threads() < tuning.TORCH_THREADS
    gains(monkeypatch, 1.0, 1.0, 1.0)
    model = labkit.load(make_tiny(tmp_path / "b"), device="cpu")
    assert model.tuning.threads == torch.get_num_threads() == tuning.TORCH_THREADS


def test_a_trial_that_is_stopped_leaves_no_half_of_the_threads(folder, monkeypatch):
    def stop(first, second):
        second()
        raise KeyboardInterrupt

    layers = tuning._some(labkit.load(folder, device="cpu", packed=False).model)
    monkeypatch.setattr(tuning, "TORCH_THREADS", 2)
    monkeypatch.setattr(tuning, "_gain", stop)
    with pytest.raises(KeyboardInterrupt):
        tuning._try_threads(layers)
    assert torch.get_num_threads() == 2
