"""The field for a provider's key; how it keeps one is tested beside the providers."""

import pytest

import labkit


@pytest.mark.parametrize("provider", [None, 3, ["openai"], "opnai"])
def test_what_is_not_a_provider_is_a_sentence(provider):
    with pytest.raises(ValueError, match=r"^provider must be one of openai.*; got "):
        labkit.comparison.api_key_panel(provider)
