"""The branches of a walk in a table, with their probabilities."""

from html import escape

from labkit.ui import html, theme, token_chips

from .walk import Branch, Branches

_CELL = "padding:4px 12px 4px 0;text-align:left;vertical-align:top"
_HEADS = ("branch", "tokens", "probability of the whole", "bits per token", "text")


def branches_table(result: Branches, *, current: str | None = None) -> html.HtmlFigure:
    """One row per branch, with a bar where it first differs from the first branch.

    Args:
        result: branches of a walk.
        current: name of the branch to mark.
    """
    head = "".join(f'<th scope="col" style="{_CELL}">{name}</th>' for name in _HEADS)
    rows = "".join(_row(each, result.branches[0], each.name == current) for each in result.branches)
    style = f"border-collapse:collapse;width:100%;color:{theme.INK}"
    return html.HtmlFigure(f'<table style="{style}"><tr>{head}</tr>{rows}</table>')


def _row(branch: Branch, first: Branch, here: bool) -> str:
    bits = branch.bits_per_token
    numbers = (
        str(len(branch.tokens)),
        chance(branch.probability) if branch.tokens else "–",
        "–" if bits is None else f"{bits:.2f}",
    )
    cells = "".join(f'<td style="{_CELL};white-space:nowrap">{number}</td>' for number in numbers)
    name = f"{'▸ ' if here else ''}{escape(branch.name)}"
    style = f"border-top:1px solid {theme.LINE}"
    return (
        f'<tr style="{style}"><th scope="row" style="{_CELL}">{name}</th>{cells}'
        f'<td style="{_CELL};width:65%">{_text(branch, first)}</td></tr>'
    )


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
