"""`week_panel`: a week of questions and a card, with every number under the learner's hand."""

from typing import Any

import ipywidgets as widgets
import numpy as np

from labkit.errors import LabError
from labkit.formatting import usd
from labkit.ui import html, theme
from labkit.ui.debounce import Debounce
from labkit.ui.panel import Panel, choice_slider, column, labelled, on_change, row, slider

from .amortization.break_even import BreakEven, break_even
from .amortization.figures import fan_data, fan_figure, fan_names, fan_title, tornado_figure
from .cloud_bill import Week, week
from .cloud_models import cloud_models
from .facts import countries, hardware, published_hardware, tariff
from .week_page.panel import week_form

ANYWHERE = "anywhere in the list"
STEPS = (0, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
LABEL = "160px"
WIDTH = "345px"  # two columns in a notebook beside the list of files, 1,200 pixels wide


def week_panel(model: str = "gpt-4", *, card: str = "rtx-3090") -> "WeekPanel":
    """A panel of a week in the cloud against a card of your own; every control answers at once.

    Args:
        model: the first cloud model, a name of the list.
        card: the first hardware, a name of the list whose price is known.
    Raises:
        ValueError: either is not in the list.
    """
    (known,) = cloud_models([model])
    hardware(card)
    return WeekPanel(known.id, card)


class WeekPanel(Panel):
    """Controls of both sides, the fan of cumulative cost, and which assumption decides.

    Attributes:
        controls: each control by its name, such as ``"questions_per_hour"`` or ``"price_usd"``.
        week, result: what the controls say now; None after an error.
        status: the week and the break-even in words, or what is wrong.
        fan, tornado: the figures, updated in place.
    """

    def __init__(self, model: str, card: str):
        self.week: Week | None = None
        self.result: BreakEven | None = None
        self._rest, self._is_setting = Debounce(), False
        self.controls = {**_cloud_controls(model), **_card_controls(card)}
        self.status = widgets.HTML()
        self._compute()
        assert self.result is not None  # the first values are in range
        self.fan = theme.widget(fan_figure(self.result))
        self.tornado = theme.widget(tornado_figure(self.result))
        self.widget = self._lay_out()
        self.controls["hardware"].observe(lambda _: self._set_price(), "value")
        on_change(self._change, *self.controls.values())

    def _lay_out(self) -> widgets.Widget:
        controls = list(self.controls.values())
        split = len(_CLOUD)
        box = {"flex": f"1 1 {WIDTH}", "min_width": WIDTH}
        left = [widgets.HTML("<b>In the cloud</b>"), *controls[:split]]
        right = [widgets.HTML("<b>On hardware of your own</b>"), *controls[split:]]
        sides = [widgets.VBox(side, layout=box) for side in (left, right)]
        above = row(*sides, align_items="flex-start")
        return column(above, self.status, self.fan, self.tornado, max_width="1000px")

    def _set_price(self) -> None:
        """Another card brings its own price."""
        self._is_setting = True
        self.controls["price_usd"].value = hardware(
            self.controls["hardware"].value
        ).price_usd.likely
        self._is_setting = False

    def _compute(self) -> None:
        """The week and the break-even of the controls; no draw is made anew."""
        values = {name: control.value for name, control in self.controls.items()}
        try:
            self.week = week(**{name: values[name] for name in _CLOUD})
            self.result = break_even(cloud=self.week, **_card_settings(values))
            self.status.value = html.note(self._sentence())
        except (ValueError, LabError) as error:
            self.week = self.result = None
            self.status.value = html.note(str(error), "bad")

    def _sentence(self) -> str:
        running, model = float(np.median(self.result.running_usd)), self.week.model
        return (
            f"A week in the cloud: {usd(self.week.total_usd)}, {usd(self.week.question_usd)} a "
            f"question. Running the card: {usd(running)} a week. "
            f"Break-even: {self.result.headline}."
            + "".join(f" The list has no {each} price of {model}." for each in self.week.unpriced)
        )

    def _change(self) -> None:
        if self._is_setting:
            return
        self._compute()
        if self.result is None:
            return
        data = fan_data(self.result)
        x = data["weeks"]
        with self.fan.batch_update():
            for trace, key in zip(self.fan.data, ("low", "high", "middle", "cloud"), strict=True):
                trace.x, trace.y = x, data[key]
            self.fan.layout.title.text = f"{fan_title(self.result)} (computed)"
        self._rest.call(self._draw_rest)

    def _draw_rest(self) -> None:
        """The names in the legend and the tornado, once the learner pauses."""
        if self.result is None:
            return
        fresh = tornado_figure(self.result)
        with self.fan.batch_update():
            for trace, name in zip(self.fan.data[2:], fan_names(self.result), strict=True):
                trace.name = name
        with self.tornado.batch_update():
            for trace, new in zip(self.tornado.data, fresh.data, strict=True):
                trace.update(new)
            self.tornado.layout.annotations = fresh.layout.annotations  # there may be fewer now
            self.tornado.layout.update(fresh.layout)

    @property
    def summary(self) -> str:
        """The break-even with the controls as they stand."""
        return self.result.summary if self.result else "no week: a control is out of range"

    @property
    def book_entries(self) -> tuple:
        """The numbers of the week and of the break-even."""
        return (*self.week.book_entries, *self.result.book_entries) if self.result else ()

    def static_form(self) -> list:
        """The controls for a page without a kernel; where no script runs, the sentence."""
        if self.result is None:
            return [self.status.value]
        return [week_form(self.controls, len(_CLOUD), self.result, self.status.value)]


_CLOUD = (
    "model",
    "questions_per_hour",
    "hours",
    "people",
    "tokens_in",
    "tokens_out",
    "thinking_tokens",
    "turns",
    "cached_share",
    "batch",
)


def _cloud_controls(model: str) -> dict[str, widgets.Widget]:
    models = [(f"{each.title} ({each.released})", each.id) for each in cloud_models()]
    whole = {"readout_format": ",.0f", "step": 1}
    return {
        "model": _choice("model", models, model),
        "questions_per_hour": _slide("questions an hour", 20, 0, 120, **whole),
        "hours": _slide("hours a week", 40, 0, 80, **whole),
        "people": _whole("people", 1, 30),
        "tokens_in": _tokens("tokens in", 500),
        "tokens_out": _tokens("tokens out", 1000),
        "thinking_tokens": _tokens("thinking tokens", 0),
        "turns": _whole("turns a conversation", 1, 30),
        "cached_share": _slide("share cached", 0, 0, 1, step=0.05),
        "batch": widgets.Checkbox(False, **labelled("as batches, within a day", WIDTH, LABEL)),
    }


def _card_controls(card: str) -> dict[str, widgets.Widget]:
    listed = published_hardware()
    known = [
        (title, name)
        for title, name, numbers in zip(listed.titles, listed.names, listed.numbers, strict=True)
        if None not in numbers.values()
    ]
    price = hardware(card).price_usd.likely
    regions = [ANYWHERE, *countries()]
    whole = {"readout_format": ",.0f", "step": 1}
    return {
        "hardware": _choice("hardware", known, card),
        "price_usd": _slide("its price, $", price, 0, 4000, readout_format=",.0f", step=10),
        "resale_share": _slide("resale share", 0, 0, 0.9, step=0.05),
        "electricity": _choice("electricity of", regions, ANYWHERE),
        "hours_on": _slide("hours a week it is on", 168, 0, 168, **whole),
        "hourly_rate_usd": _slide("an hour of waiting, $", 0, 0, 200, **whole),
        "yearly_price_fall": _slide("yearly price fall, share", 0, 0, 0.9, step=0.05),
    }


def _card_settings(values: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `break_even`: a price that the learner chose keeps the list's range."""
    listed = hardware(values["hardware"]).price_usd
    factor = values["price_usd"] / listed.likely if listed.likely else 1.0
    region = values["electricity"]
    return {
        "hardware": values["hardware"],
        "price_usd": listed.times(factor),
        "electricity": tariff(None if region == ANYWHERE else region),
        **{
            name: values[name]
            for name in ("resale_share", "hours_on", "hourly_rate_usd", "yearly_price_fall")
        },
    }


def _slide(label: str, value: float, low: float, high: float, **more: Any) -> widgets.Widget:
    return slider(label, value, low, high, width=WIDTH, label_width=LABEL, **more)


def _whole(label: str, value: int, most: int) -> widgets.Widget:
    return widgets.IntSlider(value, min=1, max=most, **labelled(label, WIDTH, LABEL))


def _tokens(label: str, value: int) -> widgets.Widget:
    options = [(f"{each:,}", each) for each in STEPS]
    return choice_slider(options, value, **labelled(label, WIDTH, LABEL))


def _choice(label: str, options: list, value: Any) -> widgets.Widget:
    return widgets.Dropdown(options=options, value=value, **labelled(label, WIDTH, LABEL))
