"""Several models on the same items, and what is said of those that are not here."""

import dataclasses
from types import SimpleNamespace

import pytest

import labkit
from labkit.topics.limits.sizes.compare_models import ModelsHere, _difference


def test_a_model_that_is_not_here_is_named_with_what_to_do(home, untrained):
    models = labkit.limits.load_models(untrained, "coder", "nonsense")
    assert [each.name for each in models.models] == ["untrained"]
    assert "qwen2.5-coder-0.5b is not on this machine" in models.missing[0]
    assert "python3 -m labkit models get qwen2.5-coder-0.5b" in models.missing[0]
    assert "nonsense" in models.missing[1]


def test_models_are_compared_in_pairs(untrained):
    models = ModelsHere((untrained, untrained), ("another one is missing",))
    compared = labkit.limits.compare_models(labkit.limits.arithmetic, models, digits=(1,), items=3)
    assert compared.differences[0].difference == 0 and compared.differences[0].count == 9
    assert compared.lines[-1] == "another one is missing"
    assert len(labkit.plot(compared).data) == 2
    first, second = compared.results
    flipped = tuple(dataclasses.replace(each, right=True) for each in second.answers)
    better = dataclasses.replace(second, answers=flipped)
    title = labkit.plot(compared).layout.title.text
    assert " · measured<br>" in title and "common" not in title
    begun = dataclasses.replace(second, answers=second.answers[:1])
    change = (_difference(first, begun),)
    begun = dataclasses.replace(compared, results=(first, begun), differences=change)
    title = labkit.plot(begun).layout.title.text
    assert "measured, stopped; 9 were to be" in title and " on 1 common item</span>" in title
    apart = dataclasses.replace(compared, differences=(None,))
    assert "untrained: no item in common with untrained" in labkit.plot(apart).layout.title.text
    change = _difference(first, better)
    assert change.gained == 9 - first.cell().right and change.lost == 0


def test_results_without_a_map_get_a_bar_each(untrained, notebook_files):
    models = ModelsHere((untrained,), ())
    compared = labkit.limits.compare_models(labkit.limits.facts, models, items=1)
    assert len(labkit.plot(compared).data[0].x) == 2
    code = labkit.limits.compare_models(labkit.limits.write_code, models, items=2, max_tokens=4)
    assert list(labkit.plot(code).data[0].y) == ["untrained"]


def test_after_a_stop_the_models_that_are_left_are_named(untrained):
    done, models = [], ModelsHere((untrained, untrained), ("coder is not here",))

    def experiment(model):
        if done:
            raise KeyboardInterrupt
        done.append(model)
        return SimpleNamespace(model=model.name, marks={}, summary="a result")

    compared = labkit.limits.compare_models(experiment, models)
    assert compared.lines == ("a result", "coder is not here", "untrained: stopped before it")


def test_bad_input_gets_a_sentence(untrained):
    with pytest.raises(ValueError, match="models must hold at least one model"):
        labkit.limits.load_models()
    with pytest.raises(ValueError, match=r"models must come from lab.limits.load_models; got list"):
        labkit.limits.compare_models(labkit.limits.arithmetic, [untrained])
    with pytest.raises(ValueError, match=r"experiment must be .* got 'arithmetic'"):
        labkit.limits.compare_models("arithmetic", ModelsHere((untrained,), ()))
    with pytest.raises(ValueError, match="experiment must be arithmetic, letters"):
        labkit.limits.compare_models(
            labkit.limits.conversation_cost, ModelsHere((untrained,), ()), turns=2, turn_tokens=8
        )
