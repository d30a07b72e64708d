"""Who sells answers of large models, and what each one's interface takes: facts with their sources.

None of it was tried against the providers themselves while this was written: no key was at hand.
The forms of requests and answers are held to the providers' own packages in the tests.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from labkit.backends.remote.protocols.parameters import USAGE, Parameters, same, switched

NOTED = "2026-11-23"  # when the sources were read


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider, and how it is asked.

    Attributes:
        name: as it calls itself.
        address: below which its interface lies; None: your own, see ``address_names``.
        key_names: environment variables that may hold the key, the usual one first.
        key_page: where a key is made.
        model: a small, cheap model, taken where none is named; None: one must be named.
        prices: the provider and the kind of usage in the list of prices (genai-prices).
        families: what the models take, by the beginning of their names; the first that fits.
        speaks: ``"openai"`` or ``"anthropic"``.
        address_names: environment variables that may hold your own address.
        source: where the facts are from, read on `NOTED`.
    """

    name: str
    address: str | None
    key_names: tuple[str, ...]
    key_page: str
    model: str | None
    prices: tuple[str, str] | None
    families: Mapping[str, Parameters]
    speaks: str = "openai"
    address_names: tuple[str, ...] = ()
    source: str = ""

    def parameters(self, model: str) -> Parameters:
        """What a model of theirs can be asked for."""
        return next(each for name, each in self.families.items() if re.match(name, model))


# A model that thinks before it writes takes no temperature: it is 1.
_FIXED = {"temperature": 1.0}
_SAMPLED = same("temperature", "top_p", "stop")
_PENALTIES = same("presence_penalty", "frequency_penalty")
_PENALISED = _SAMPLED | _PENALTIES | same("seed")
_LIMIT = {"max_tokens": "max_completion_tokens"}
# These can be asked not to think, and only then take a temperature.
_NEED_NOT_THINK = (
    r"gpt-(6-(luna|sol)|6\.1-terra|5\.6-\w+|5\.[1-5](-mini|-nano)?)(-20\d\d-\d\d-\d\d)?$"
)
_THINKER = Parameters(_LIMIT, more=USAGE, fixed=_FIXED)


def _at_will(silent: Parameters, thinker: Parameters, /, **fields) -> Parameters:
    """A model that thinks when it is asked to, by these fields, and then takes what a thinker does.

    Asked for nothing, it does not: what is compared with a small model is an answer alone.
    """
    return replace(
        silent,
        thinking={True: thinker.thinking_by(True, **fields), False: silent.thinking_by(False)},
    )


def _always(thinker: Parameters, /, **fields) -> Parameters:
    """A model that always thinks."""
    return replace(thinker, thinking={True: thinker.thinking_by(True, **fields)})


_OPENAI = {
    _NEED_NOT_THINK: _at_will(
        Parameters(_PENALISED | _LIMIT, more={**USAGE, "reasoning_effort": "none"}),
        _THINKER,
        reasoning_effort="medium",
    ),
    r"gpt-[34]|chatgpt-4": Parameters(_PENALISED | _LIMIT, more=USAGE),
    r"": _always(_THINKER),
}
_GEMINI = Parameters(_SAMPLED | same("max_tokens"), more=USAGE)
_CLAUDE_STOP = {"stop": "stop_sequences", "max_tokens": "max_tokens"}
_CLAUDE = Parameters(_CLAUDE_STOP | same("temperature", "top_p", "top_k"))
_CLAUDE_THINKER = Parameters(_CLAUDE_STOP, fixed=_FIXED)
_ADAPTIVE = {"type": "adaptive", "display": "summarized"}
_BUDGET = {"type": "enabled", "budget_tokens": 1024}  # the least; max_tokens must be above it

PROVIDERS = {
    "openai": Provider(
        "OpenAI",
        "https://api.openai.com/v1",
        ("OPENAI_API_KEY",),
        "https://platform.openai.com/api-keys",
        "gpt-6-luna",
        ("openai", "chat"),
        _OPENAI,
        source="openai 3.54: types/chat, types/shared/chat_model.py; developers.openai.com, "
        '"Using the latest model": no temperature unless the reasoning effort is off, which '
        "gpt-6-astra and gpt-6.1-sol do not have",
    ),
    "anthropic": Provider(
        "Anthropic",
        "https://api.anthropic.com",
        ("ANTHROPIC_API_KEY",),
        "https://platform.claude.com/settings/keys",
        "claude-haiku-5-5",
        ("anthropic", "default"),
        {
            r"claude-(haiku-5-5|opus-5$)": _at_will(
                replace(_CLAUDE_THINKER, more={"thinking": {"type": "disabled"}}),
                _CLAUDE_THINKER,
                thinking=_ADAPTIVE,
            ),
            r"claude-(sonnet|opus)-4-6": _at_will(_CLAUDE, _CLAUDE_THINKER, thinking=_ADAPTIVE),
            r"claude-(haiku-4|sonnet-4|opus-4(?!-[78]))": _at_will(
                _CLAUDE, _CLAUDE_THINKER, thinking=_BUDGET
            ),
            r"": _always(_CLAUDE_THINKER, thinking=_ADAPTIVE),
        },
        speaks="anthropic",
        source="anthropic 2.12: types/message_create_params.py, types/model_param.py; "
        'platform.claude.com/docs, "Claude Haiku 5.5 migration guide" (no temperature, top_p, '
        'top_k) and "Thinking" (which models need not); types/thinking_config_param.py',
    ),
    "google": Provider(
        "Google",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        "https://aistudio.google.com/apikey",
        "gemini-3.1-flash-lite",
        ("google", "chat"),
        {
            # The least that these can think is "minimal", which is not said to be nothing.
            r"gemini-3[\d.]*-flash": replace(
                _GEMINI,
                more={**USAGE, "reasoning_effort": "minimal"},
                thinking={True: _GEMINI.thinking_by(True, reasoning_effort="medium")},
            ),
            r"gemini-2\.5-flash": _at_will(
                replace(_GEMINI, more={**USAGE, "reasoning_effort": "none"}),
                _GEMINI,
                reasoning_effort="medium",
            ),
            r"": _GEMINI,
        },
        source="ai.google.dev/gemini-api/docs/openai (OpenAI compatibility)",
    ),
    "mistral": Provider(
        "Mistral",
        "https://api.mistral.ai/v1",
        ("MISTRAL_API_KEY",),
        "https://console.mistral.ai/api-keys",
        "mistral-small-latest",
        ("mistral", "default"),
        # It refuses fields that it does not know, and reports its usage unasked.
        {
            r"": Parameters(
                _SAMPLED | _PENALTIES | same("max_tokens") | {"seed": "random_seed"}, seeds=2**31
            )
        },
        source="github.com/mistralai/client-python, models/chatcompletionstreamrequest.py; "
        "github.com/mistralai/platform-docs-public/issues/7",
    ),
    "openrouter": Provider(
        "OpenRouter",
        "https://openrouter.ai/api/v1",
        ("OPENROUTER_API_KEY",),
        "https://openrouter.ai/settings/keys",
        "meta-llama/llama-3.1-8b-instruct",
        ("openrouter", "chat"),
        # Without it, a setting that the chosen provider does not know would be dropped in silence.
        {
            r"": switched(
                Parameters(
                    _SAMPLED | same("max_tokens"), more={"provider": {"require_parameters": True}}
                ),
                lambda on: {"reasoning": {"effort": "medium" if on else "none"}},
            )
        },
        source='openrouter.ai/docs, "Usage Accounting" (its own cost, in every answer), '
        '"Provider Routing" (require_parameters) and "Reasoning Tokens"',
    ),
    "azure": Provider(
        "Azure OpenAI",
        None,
        ("AZURE_OPENAI_API_KEY",),
        "https://ai.azure.com",
        None,
        ("azure", "chat"),
        _OPENAI,
        address_names=("AZURE_OPENAI_ENDPOINT",),
        source="learn.microsoft.com/azure/foundry/openai/api-version-lifecycle: the OpenAI client "
        "on https://NAME.openai.azure.com/openai/v1/, the deployment's name as the model",
    ),
}


def other_provider(name: str) -> Provider:
    """Any other that speaks OpenAI's language: with the settings that nearly every one takes."""
    parameters = Parameters(_SAMPLED | same("max_tokens"), more=USAGE)
    return Provider(name, None, (), "", None, None, {"": parameters})
