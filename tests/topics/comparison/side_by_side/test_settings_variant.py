"""A model with its own settings, beside itself."""

import pytest

import labkit


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
