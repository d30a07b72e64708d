"""Prefix caching: fewer tokens are read the second time, in both engines."""

import pytest

import labkit
from labkit.stats import Spread
from labkit.topics.prompts.caching.prefix_cache import CacheTiming, PrefixCaching

from ....ui.marks import faint_marks


@pytest.mark.slow
def test_the_kept_prompt_is_not_read_again(smollm2):
    system = "You answer questions about ships and harbours. " * 12
    done = labkit.prompts.measure_prefix_cache(smollm2, system=system, rounds=1)
    assert not done.missing
    assert [each.engine for each in done.timings] == ["transformers", "llama.cpp's server"]
    for each in done.timings:
        assert 0 < each.new_tokens < 40 < each.tokens
        assert len(each.whole_s.values) == len(each.kept_s.values) == 3
        assert each.gain > 0
    figure = labkit.plot(done)
    assert len(figure.data[0].y) == 4 and faint_marks(figure) == []
    with pytest.raises(ValueError, match="rounds"):
        labkit.prompts.measure_prefix_cache(smollm2, rounds=0)


def test_long_readings_have_no_powers_of_ten():
    timing = CacheTiming("slow", 4000, 12, Spread((131.2,)), Spread((0.25,)))
    caching = PrefixCaching((timing,))
    assert "4,000 tokens in 131 s" in caching.summary and "12 in 0.25 s" in caching.summary
    assert "0.25 s, 525 times as fast" in caching.summary
    slight = PrefixCaching((CacheTiming("slow", 40, 12, Spread((1.26,)), Spread((1.0,))),))
    assert "in 1 s, 1.26 times as fast" in slight.summary
    assert "131 s" in str(labkit.plot(caching).layout.annotations)


def test_what_is_missing_is_said(smollm2, monkeypatch):
    monkeypatch.setattr(smollm2, "gguf_file", None)
    done = labkit.prompts.measure_prefix_cache(smollm2, system="Be brief and kind.", rounds=1)
    assert len(done.timings) == 1 and "did not come from a GGUF file" in repr(done)
