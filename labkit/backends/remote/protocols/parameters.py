"""What each kind of server calls the settings, and which of them it takes at all.

A setting that a server would overlook is refused, so that a reply never claims what was not done.
What a server takes is always sent: each has defaults of its own (llama.cpp's top_k is 40).
"""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from labkit.backends.settings import Settings

ALTERNATIVES = 10


def same(*names: str) -> dict[str, str]:
    """Settings that a server calls as we do."""
    return {name: name for name in names}


_BASIC = same("temperature", "top_p", "max_tokens", "seed", "stop")
_OPENAI = _BASIC | same("presence_penalty", "frequency_penalty")
_MORE = same("top_k", "min_p", "typical_p", "repetition_penalty")
# llama.cpp's own names of stages; its three penalties are one stage.
_SAMPLERS = {
    "repetition_penalty": "penalties",
    "presence_penalty": "penalties",
    "frequency_penalty": "penalties",
    "typical_p": "typ_p",
}


@dataclass(frozen=True, slots=True)
class Parameters:
    """What one kind of server can be asked for.

    Attributes:
        names: the server's name of each setting that it takes.
        logprobs: whether it can be asked for them; others refuse the request.
        more: fields that are always sent.
        ordered: whether it takes the order of the stages.
        seeds: the number below which seeds must be.
        fixed: settings that it does not take and that differ from our defaults.
        keeps_stop: whether it ends at a stop string and leaves that in the text.
        thinking: what it takes when it is asked to think, or not to; empty: it cannot be asked.
    """

    names: Mapping[str, str]
    logprobs: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)
    ordered: bool = False
    seeds: int = 2**63
    fixed: Mapping[str, Any] = field(default_factory=dict)
    keeps_stop: bool = False
    thinking: Mapping[bool, "Parameters"] = field(default_factory=dict)

    def settings(self, **chosen) -> Settings:
        """The settings as they will be; with a seed where the server takes one."""
        taken = self.when(chosen.get("thinking"))
        settings = Settings(**{**taken.fixed, **chosen})
        if settings.seed is not None or "seed" not in taken.names:
            return settings
        return replace(settings, seed=random.randrange(min(2**32, taken.seeds)))

    def when(self, thinking: bool | None, *, raw: bool = False) -> "Parameters":
        """What it takes when it is asked to think, or not to; itself where that is not said.

        Raises:
            ValueError: its chat template decides it, and a raw text goes through none.
        """
        if not isinstance(thinking, bool) or thinking not in self.thinking:
            return self
        if raw:
            raise ValueError(
                "thinking must be left at None: no chat template is used for a text that is "
                f"continued; got {thinking}"
            )
        return self.thinking[thinking]

    def thinking_by(self, thinking: bool, /, **fields: Any) -> "Parameters":
        """The same, asked by these fields to think, or not to."""
        fixed = {**self.fixed, "thinking": thinking}
        return replace(self, more={**self.more, **fields}, fixed=fixed, thinking={})


def switched(parameters: Parameters, fields: Callable[[bool], dict[str, Any]]) -> Parameters:
    """The same, for a server that takes either, by the fields that a function gives."""
    variants = {on: parameters.thinking_by(on, **fields(on)) for on in (True, False)}
    return replace(parameters, thinking=variants)


def _by_template(on: bool) -> dict[str, Any]:
    """A variable of the chat template; a template that has no such variable overlooks it.

    Source: github.com/ggml-org/llama.cpp, tools/server/README.md; docs.vllm.ai, "Reasoning
    Outputs".
    """
    return {"chat_template_kwargs": {"enable_thinking": on}}


_ASKED_LOGPROBS = {"logprobs": True, "top_logprobs": ALTERNATIVES}
USAGE = {"stream_options": {"include_usage": True}}
LLAMA_CPP = switched(
    Parameters(
        {**_OPENAI, **_MORE, "repetition_penalty": "repeat_penalty"},
        logprobs=True,
        # Penalties look at the whole text, as ours do; each event says how many tokens there are;
        # the prompt is read anew each time, or the time to the first token would be that of a
        # second visit.
        more={**USAGE, "repeat_last_n": 65536, "timings_per_token": True, "cache_prompt": False},
        ordered=True,
        seeds=2**32 - 1,  # the last one means: take any
    ),
    _by_template,
)
# The options of its own interface: github.com/ollama/ollama, docs/modelfile.mdx, "Valid Parameters
# and Values", and docs/api.md, "Generate request (With options)", for typical_p and the penalties
# of presence and frequency. Its llama.cpp takes them all; of its engine for Apple's MLX no document
# says.
OLLAMA = switched(
    Parameters(
        {**_OPENAI, **_MORE, "repetition_penalty": "repeat_penalty", "max_tokens": "num_predict"},
        more={"repeat_last_n": -1},
        seeds=2**31,
    ),
    # docs/capabilities/thinking.mdx; a model that cannot is an error of its own
    lambda on: {"think": on},
)
PARAMETERS = {
    "llama.cpp": LLAMA_CPP,
    "vLLM": switched(
        Parameters(
            _OPENAI | same("top_k", "min_p", "repetition_penalty"), logprobs=True, more=USAGE
        ),
        _by_template,
    ),
    "Ollama": Parameters(_OPENAI, logprobs=True, more=USAGE),  # its OpenAI interface
    # lmstudio.ai/docs/developer/openai-compat/chat-completions, "Supported payload parameters", and
    # api-changelog, 0.3.18: stream_options.
    "LM Studio": Parameters(
        {**_OPENAI, **same("top_k"), "repetition_penalty": "repeat_penalty"}, more=USAGE
    ),
    # transformers/cli/serving: the other fields are ignored, so the rest goes by generation_config.
    "transformers serve": Parameters(_BASIC | _MORE, keeps_stop=True),
    "OpenAI-compatible": Parameters(_OPENAI, logprobs=True, more=USAGE),
}


def request_fields(
    kind: str, settings: Settings, *, raw: bool, parameters: Parameters | None = None
) -> dict[str, Any]:
    """The settings as that kind of server takes them, or one with these `Parameters`.

    Raises:
        ValueError: a setting is not left at its default and the server would overlook it.
    """
    parameters = (parameters or PARAMETERS[kind]).when(settings.thinking, raw=raw)
    sent = {**parameters.more, **named_settings(kind, settings, parameters)}
    if parameters.logprobs:
        sent |= {"logprobs": ALTERNATIVES} if raw else _ASKED_LOGPROBS
    if parameters.ordered:
        stages = (_SAMPLERS.get(stage, stage) for stage in settings.order)
        sent["samplers"] = list(dict.fromkeys(stages))
    if kind == "transformers serve":  # it reads what OpenAI does not know out of a JSON text
        config = {name: sent.pop(name) for name in _MORE} | {"do_sample": sent["temperature"] > 0}
        sent["generation_config"] = json.dumps(config)
    return sent


def named_settings(kind: str, settings: Settings, parameters: Parameters) -> dict[str, Any]:
    """Each setting under the server's name; see `request_fields`."""
    seed, below = settings.seed, parameters.seeds
    if seed is not None and seed >= below:
        raise ValueError(f"seed must be below {below:,} for {kind}; got {seed:,}")
    sent, standard = {}, Settings(**parameters.fixed)
    for name in (each.name for each in fields(Settings)):
        value = getattr(settings, name)
        if name in parameters.names:
            sent[parameters.names[name]] = 0 if name == "top_k" and value is None else value
        elif value != getattr(standard, name) and not (name == "order" and parameters.ordered):
            when = " with thinking=True" if settings.thinking else ""
            raise ValueError(
                f"{name} must be left at {getattr(standard, name)!r}: {kind} does not take it"
                f"{when if name != 'thinking' else ''}; got {value!r}"
            )
    if not sent.pop("stop", ()):
        return sent
    return sent | {parameters.names["stop"]: list(settings.stop)}
