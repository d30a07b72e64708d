"""llama.cpp under a constraint, by its own engine of grammars."""

from labkit.backends.constraints.constraint import Constraint
from labkit.backends.prompts import Messages
from labkit.backends.reply import Stream

from .model import LlamaCppModel


class ConstrainedLlamaCpp:
    """A model in llama.cpp whose answers keep to a constraint; its masks are not reported."""

    def __init__(self, model: LlamaCppModel, constraint: Constraint):
        self.model, self.constraint, self.name = model, constraint, model.name
        self._fields = constraint.llamacpp_fields
        self.about = model.about

    def stream(self, prompt: str | Messages, *, raw: bool = False, **settings) -> Stream:
        """See `labkit.stream`."""
        return self.model.stream(prompt, raw=raw, more=self._fields, **settings)
