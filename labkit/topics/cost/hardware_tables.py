"""Tables of hardware: what is known of its cost and its speed, each number with its source."""

from html import escape

from labkit.formatting import digits, usd
from labkit.ui.html import HtmlFigure
from labkit.ui.table import grid

from .facts import NUMBERS, Hardware, HardwareList, RangedNumber, tariff

HEADS = {
    "price_usd": "price, $",
    "decode_tokens_per_s": "writes, tokens/s",
    "prefill_tokens_per_s": "reads, tokens/s",
    "load_w": "W at work",
    "idle_w": "W idle",
    "life_years": "life, years",
    "resale_share": "resale share",
}


def hardware_table(machine: Hardware) -> HtmlFigure:
    """Each number of a machine with its range, its origin, its source and its date."""
    heads = ("number", "low", "likely", "high", "origin", "source", "date")
    rows = []
    for name in NUMBERS:
        each: RangedNumber = getattr(machine, name)
        numbers = map(digits, (each.low, each.likely, each.high))
        source = f'<div style="min-width:300px">{escape(each.source)}</div>'
        rows.append([HEADS[name], *numbers, each.origin, source, escape(each.date or "—")])
    return HtmlFigure(grid(heads, rows, escape(_answer_sentence(machine))))


def _answer_sentence(machine: Hardware) -> str:
    """What the article's answer takes there, at the tariff of the United States."""
    seconds = machine.seconds(500, 1000).likely
    watt_hours = machine.load_w.likely * seconds / 3600
    power = tariff("United States").likely
    return (
        f"{machine.title}, {machine.model}: 500 tokens in and 1,000 out take {digits(seconds)} s "
        f"and {digits(watt_hours)} Wh, {usd(watt_hours * power / 1000)} at ${power:g} per kWh "
        "(computed)"
    )


def hardware_list_table(listed: HardwareList) -> HtmlFigure:
    """All of them in one table; a star marks what is assumed, and a pointer shows its source."""
    heads = ("hardware", "name", *HEADS.values())
    rows = [
        [escape(title), escape(name), *(_cell(numbers[key]) for key in HEADS)]
        for title, name, numbers in zip(listed.titles, listed.names, listed.numbers, strict=True)
    ]
    caption = f'<span style="font-weight:400">{escape(listed.note)} * assumed.</span>'
    return HtmlFigure(grid(heads, rows, caption))


def _cell(each: RangedNumber | None) -> str:
    if each is None:
        return "—"
    is_range = each.low < each.high
    ends = f"{digits(each.low)} to {digits(each.high)}" if is_range else digits(each.likely)
    star = "*" if each.origin == "assumed" else ""
    return f'<span title="{escape(f"{each.source}, {each.date}")}">{ends}{star}</span>'
