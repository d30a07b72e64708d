"""A model with its own settings, beside itself."""

import pytest

import labkit
from labkit.backends.capabilities import model_of, runs_here
from labkit.topics.comparison.side_by_side.settings_variant import own_settings


def test_its_own_settings_override_the_others(smollm2):
    cold = labkit.comparison.with_settings(smollm2, "cold", temperature=0)
    asked = {"temperature": 1.5, "max_tokens": 6, "seed": 3}
    reply = labkit.generate(cold, "Name a river.", **asked)
    alone = labkit.generate(smollm2, "Name a river.", temperature=0, max_tokens=6)
    assert reply.text == alone.text and reply.settings.temperature == 0
    assert (reply.model, reply.settings.max_tokens) == ("cold", 6)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [("", {"seed": 1}, "name must"), ("a", {}, "settings must"), ("a", {"top_p": 2}, "top_p must")],
)
def test_bad_input_is_refused(smollm2, name, settings, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        labkit.comparison.with_settings(smollm2, name, **settings)
    with pytest.raises(ValueError, match=r"^backend must be loaded, as by"):
        labkit.comparison.with_settings("smollm2-135m", "hot", temperature=1.5)


def test_the_model_behind_a_variant_of_a_variant_is_known():
    remote = labkit.connect("http://127.0.0.1:9/v1", "m", kind="OpenAI-compatible")
    inner = labkit.comparison.with_settings(remote, "inner", temperature=0, max_tokens=9)
    outer = labkit.comparison.with_settings(inner, "outer", temperature=1, seed=3)
    assert model_of(outer) is remote and not runs_here(outer)
    assert own_settings(outer, {"temperature": 0.5, "top_k": 2}) == {
        **{"temperature": 0, "max_tokens": 9},
        **{"seed": 3, "top_k": 2},
    }
