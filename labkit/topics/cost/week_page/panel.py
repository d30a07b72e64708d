"""The week's controls on a page without a kernel: the facts that its module computes with."""

from functools import cache
from itertools import pairwise
from typing import Any

import ipywidgets as widgets
import numpy as np

from labkit.models.prices import request_price
from labkit.topics.cost.amortization.break_even import BreakEven
from labkit.topics.cost.amortization.figures import POINTS, fan_figure
from labkit.topics.cost.amortization.solve import DRAWS
from labkit.topics.cost.cloud_models import cloud_models
from labkit.topics.cost.facts import countries, hardware, tariff
from labkit.ui.pages.page_module import page_form

# Lengths of a request between which its rates may change, at most once between neighbours.
LENGTHS = (1, 100_000, 150_000, 225_000, 300_000, 600_000, 1_200_000, 6_000_000)
_NUMBERS = (
    "price_usd", "life_years", "idle_w", "load_w", "prefill_tokens_per_s", "decode_tokens_per_s",
)  # fmt: skip
_CSS = """
.lk-week{display:flex;flex-wrap:wrap;gap:8px 20px;font-size:.85rem}
.lk-week fieldset{flex:1 1 300px;min-width:0;border:1px solid rgba(128,136,144,.45);
border-radius:6px;padding:4px 10px}
.lk-week label{display:grid;grid-template-columns:minmax(0,11em) 1fr 4.5em;gap:6px;
align-items:center}
.lk-week :is(input,select){min-width:0;max-width:100%;font:inherit}
.lk-week input[type=checkbox]{justify-self:start}
.lk-week output{text-align:right}"""


def week_form(
    controls: dict[str, widgets.Widget], clouds: int, result: BreakEven, fallback: str
) -> str:
    """The controls, the sentence and the fan of the cost, for a page without a kernel.

    Args:
        controls: of the panel, as they stand.
        clouds: how many of them, from the first, are about the cloud.
        result: what they say now.
        fallback: safe HTML, seen where no script runs.
    """
    described = [
        {"name": name, "side": int(number >= clouds), **_described(control)}
        for number, (name, control) in enumerate(controls.items())
    ]
    regions = {
        value: tariff(value if value in countries() else None) for value in _regions(controls)
    }
    machines = {value: hardware(value) for _, value in controls["hardware"].options}
    facts = {
        "prices": {
            each.id: [tiers(each.id, batch) for batch in (False, True)] for each in cloud_models()
        },
        "hardware": {
            name: {"title": each.title, **{key: _three(getattr(each, key)) for key in _NUMBERS}}
            for name, each in machines.items()
        },
        "tariffs": {name: _three(each) for name, each in regions.items()},
        "generator": _generator(result.seed),
        "points": POINTS,
    }
    figure = fan_figure(result).to_plotly_json()
    data = {"controls": described, "facts": facts, "figure": figure}
    return page_form("week", data, _CSS, fallback)


def _regions(controls: dict[str, widgets.Widget]) -> tuple[str, ...]:
    return tuple(controls["electricity"].options)


def _three(each: Any) -> list[float]:
    return [each.low, each.likely, each.high]


def _generator(seed: int) -> dict[str, Any]:
    """Of the same uniform numbers as the kernel's; whole numbers of 128 bits as text."""
    state = np.random.default_rng(seed).bit_generator.state["state"]
    return {**{name: str(number) for name, number in state.items()}, "draws": DRAWS}


def _described(control: widgets.Widget) -> dict[str, Any]:
    about = {"label": control.tooltip, "value": control.value}
    if isinstance(control, widgets.Checkbox):
        return {**about, "kind": "check"}
    if isinstance(control, widgets.Dropdown | widgets.SelectionSlider):
        pairs = [each if isinstance(each, tuple) else (each, each) for each in control.options]
        kind = "choice" if isinstance(control, widgets.Dropdown) else "steps"
        return {**about, "kind": kind, "options": pairs}
    return {
        **about,
        "kind": "range",
        **{key: getattr(control, key) for key in ("min", "max", "step")},
    }


@cache
def tiers(model: str, batch: bool) -> list[dict[str, float]]:
    """A model's rates in US dollars a token, and up to which length of a request they hold."""
    found = []
    for low, high in pairwise(LENGTHS):
        rates = _rates(model, batch, low)
        if rates != _rates(model, batch, high):
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (
                    (middle, high) if _rates(model, batch, middle) == rates else (low, middle)
                )
            found.append({"most": low, **rates})
    return [*found, {"most": LENGTHS[-1] * 10, **_rates(model, batch, LENGTHS[-1])}]


@cache
def _rates(model: str, batch: bool, length: int) -> dict[str, float]:
    def price(written: int, cached: int) -> float:
        return request_price(model, length, written, cached_tokens=cached, batch=batch)

    plain, million = price(0, 0), 1_000_000
    numbers = (plain / length, price(0, length) / length, (price(million, 0) - plain) / million)
    return dict(
        zip(("read", "cached", "written"), (float(f"{n:.9g}") for n in numbers), strict=True)
    )
