"""labkit: find out on your own machine what running AI models locally really means.

The verbs, each loaded when it is first used, so that importing labkit costs next to nothing:

    model = labkit.load("smollm2-135m")
    reply = labkit.generate(model, "Why is the sky blue?")
    for step in labkit.stream(model, "Why is the sky blue?"): ...
"""

import importlib

__version__ = "0.1.0"

_VERBS = {
    "LabError": ".errors",
    "ask": ".start.panel",
    "check_machine": ".start.analysis",
    "explore": ".show",
    "generate": ".backends.base",
    "load": ".backends.local",
    "plot": ".show",
    "stream": ".backends.base",
    "summarize": ".show",
}
__all__ = sorted(_VERBS)


def __getattr__(name: str):
    if name not in _VERBS:
        raise AttributeError(f"module 'labkit' has no attribute '{name}'")
    verb = getattr(importlib.import_module(_VERBS[name], __name__), name)
    globals()[name] = verb
    return verb


def __dir__() -> list[str]:
    return sorted([*globals(), *_VERBS])
