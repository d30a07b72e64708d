"""The branches of a walk in a table, with their probabilities."""

from html import escape

from labkit.ui import token_chips
from labkit.ui.html import HtmlFigure
from labkit.ui.table import grid

from .walk import Branch, Branches

_HEADS = ("branch", "tokens", "probability of the whole", "bits per token", "text")


def branches_table(result: Branches, *, current: str | None = None) -> HtmlFigure:
    """One row per branch, with a bar where it differs from the first; `current` is marked."""
    rows = [_cells(each, result.branches[0], each.name == current) for each in result.branches]
    return HtmlFigure(grid(_HEADS, rows))


def _cells(branch: Branch, first: Branch, here: bool) -> list[str]:
    bits = branch.bits_per_token
    return [
        f"{'▸ ' if here else ''}{escape(branch.name)}",
        str(len(branch.tokens)),
        chance(branch.probability) if branch.tokens else "–",
        "–" if bits is None else f"{bits:.2f}",
        _text(branch, first),
    ]


def _text(branch: Branch, first: Branch) -> str:
    texts = [token.text for token in branch.tokens]
    shared = branch.shared_tokens(first)
    if shared == min(len(branch.tokens), len(first.tokens)):  # one continues the other
        return token_chips.chips(texts)
    label = f"differs from {first.name} after {shared} token{'s' if shared != 1 else ''}"
    return token_chips.chips(texts, bar_at=shared, bar_label=label)


def chance(probability: float) -> str:
    """A probability for readers: in percent, or as 1 in n.

    >>> chance(0.123), chance(0.0002), chance(3e-12)
    ('12.3%', '1 in 5,000', '1 in 3 × 10^11')
    """
    if probability >= 0.001:
        return f"{probability:.1%}"
    if probability < 1e-300:
        return "less than 1 in 10^300"
    digits, _, power = f"{1 / probability:.0e}".partition("e")
    if int(power) < 9:
        return f"1 in {float(f'{1 / probability:.2g}'):,.0f}"
    return f"1 in {digits} × 10^{int(power)}"
