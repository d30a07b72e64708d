"""The figure of prefix caching: reading everything, and reading what is new."""

from labkit.formatting import digits
from labkit.ui.bar_table import BarColumn, bar_table_figure

from .prefix_cache import PrefixCaching


def caching_figure(caching: PrefixCaching):
    """Seconds to read a prompt whole, and with its system prompt kept, for each engine."""
    names, seconds, tokens = [], [], []
    for each in caching.timings:
        names += [f"{each.engine},\neverything", f"{each.engine},\nsystem prompt kept"]
        seconds += [each.whole_s, each.kept_s]
        tokens += [each.tokens, each.new_tokens]
    times = tuple(f"{digits(each.median)} s" for each in seconds)
    columns = (
        BarColumn("tokens read\nless is better", tuple(tokens), tuple(map(str, tokens))),
        BarColumn("seconds until the\nanswer can begin\nless is better", tuple(seconds), times),
    )
    return bar_table_figure("The same long system prompt, again · measured", names, columns)


FIGURES = {PrefixCaching: caching_figure}
