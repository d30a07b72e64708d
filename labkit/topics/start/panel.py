"""The prompt panel: ask a model, watch the answer and its speed, change a setting, ask again."""

from collections.abc import Iterator

import ipywidgets as widgets

from labkit.backends.capabilities import check_backend
from labkit.backends.generate import Backend, make_reply
from labkit.backends.generate import stream as stream_from
from labkit.backends.prompts import check_text
from labkit.backends.reply import Reply
from labkit.backends.settings import Settings
from labkit.backends.steps import join_steps
from labkit.formatting import number_of
from labkit.ui import html, theme
from labkit.ui.panel import (
    RunPanel,
    check_typed,
    column,
    labelled,
    number_box,
    row,
    slider,
    text_box,
)
from labkit.ui.runner import Progress, Runner

from . import figures


def prompt_panel(model: Backend, prompt: str = "Why is the sky blue?", **settings) -> "PromptPanel":
    """A panel in which a model answers as you watch.

    Args:
        model: from ``labkit.load``.
        prompt: initial text of the prompt box.
        settings: see ``labkit.backends.settings.Settings``; of temperature, top_p, max_tokens and
            seed the initial values of the controls.
    Raises:
        ValueError: a setting is out of range, or the prompt is not a text or too long for a box.
    """
    check_backend("model", model)
    check_text(prompt, "prompt")
    check_typed(prompt, "prompt")
    return PromptPanel(model, prompt, settings)


class PromptPanel(RunPanel):
    """Controls, the answer, and the figure of its times.

    Attributes:
        reply, result: last answer, complete or stopped; None before the first.
        runner: Run, Stop and progress.
        prompt, temperature, top_p, max_tokens, seed: controls.
        figure: figure that is updated while the answer comes.
    """

    no_result = "no prompt was sent yet"

    def __init__(self, model: Backend, prompt: str, settings: dict):
        self._model, self._given = model, settings
        self._steps: list = []
        self._stream = None
        self.reply: Reply | None = None
        self._make_controls(prompt, Settings(**settings))
        self.answer = widgets.HTML(html.card(html.paragraph(" ")))
        title, tokens = figures.timing_title(()), self.max_tokens.value
        self.figure = theme.widget(figures.timing_figure((), title=title, tokens=tokens))
        self.runner = Runner(self._work, self._draw, "Ask the model", self._stop_stream)
        choice, extent = row(self.temperature, self.top_p), row(self.max_tokens, self.seed)
        parts = (self.prompt, choice, extent, self.runner.widget, self.answer, self.figure)
        self.widget = column(*parts)

    def _make_controls(self, prompt: str, settings: Settings) -> None:
        self.prompt = text_box("Prompt", prompt)
        self.temperature = slider(
            "temperature", settings.temperature, 0, max(3, settings.temperature)
        )
        self.top_p = slider("top_p", settings.top_p, min(0.05, settings.top_p), 1)
        self.max_tokens = number_box(
            "max_tokens", settings.max_tokens, max(2048, settings.max_tokens)
        )
        seed = "" if settings.seed is None else str(settings.seed)
        self.seed = widgets.Text(seed, placeholder="a fresh one", **labelled("seed", "220px"))

    def _settings_now(self) -> dict:
        seed = self.seed.value.strip()
        if seed and not seed.isdecimal():
            raise ValueError(f"seed must be a whole number, 0 or more, or empty; got {seed!r}")
        return {
            **self._given,
            "temperature": self.temperature.value,
            "top_p": self.top_p.value,
            "max_tokens": self.max_tokens.value,
            "seed": int(seed) if seed else None,
        }

    def _work(self) -> Iterator[Progress]:
        prompt = self.prompt.value
        check_typed(prompt, "prompt")
        running = self._stream = stream_from(self._model, prompt, **self._settings_now())
        # only now: a setting out of range leaves the last answer in place
        self._steps, self.reply = [], None
        total = running.settings.max_tokens
        length = running.prompt_tokens  # a server reports it only at the end
        prompt_length = f"{number_of(length, 'token')} of prompt" if length else "the prompt"
        yield Progress(0, total, f"reading {prompt_length} …")
        try:
            for step in running:
                self._steps.append(step)
                yield Progress(len(self._steps), total, self._title())
        finally:
            running.close()
            self.reply = self.result = make_reply(self._model.name, prompt, running, self._steps)
        yield Progress(len(self._steps), total, self._title())

    def _stop_stream(self) -> None:
        """Closes a server's stream without waiting; a model in this process finishes its step."""
        if self._stream:
            self._stream.close()

    def _draw(self) -> None:
        steps = tuple(self._steps)
        self.answer.value = html.answer(*reversed(join_steps(steps)))
        data = figures.timing_data(steps)
        with self.figure.batch_update():
            for trace, key in zip(self.figure.data, ("first", "thought", "later"), strict=True):
                trace.x, trace.y = data[key]["x"], data[key]["y"]
                trace.customdata = data[key]["text"]
            self.figure.data[1].visible = bool(data["thought"]["x"])
            self.figure.layout.xaxis.title.text = figures.step_unit(self._stream)
            self.figure.layout.title.text = self._title()
            self.figure.layout.xaxis.range = figures.token_range(len(steps), self.max_tokens.value)

    def _title(self) -> str:
        if self.reply:
            return figures.reply_title(self.reply)
        return figures.timing_title(self._steps, figures.step_unit(self._stream))

    def static_form(self) -> list:
        """The prompt, its answer and the figure of its times."""
        reply = self.finished()
        if reply is None:
            return [html.note(self.summary)]
        prompt = html.paragraph(f"Prompt: {reply.prompt}")
        answer = html.answer(reply.text, reply.thinking)
        return [prompt + answer, figures.reply_figure(reply)]
