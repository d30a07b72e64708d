"""Fill-in-the-middle prompts, built as llama.cpp's own ``/infill`` builds them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class FimTokens:
    """The tokens with which a model was trained to fill in the middle.

    Attributes:
        prefix: stands before the text before the gap.
        suffix: stands before the text after it.
        middle: after it the model writes what belongs into the gap.
        repo: stands before the name of a project; "" if the model has no such token.
        file: stands before the name of a file; "" if it has no such token.
    """

    prefix: str
    suffix: str
    middle: str
    repo: str = ""
    file: str = ""

    def prompt(self, before: str, after: str) -> str:
        """The prompt for a gap between two texts, with llama.cpp's placeholders for names.

        Source: github.com/ggml-org/llama.cpp, tools/server, ``format_prompt_infill``.

        >>> FimTokens("<P>", "<S>", "<M>").prompt("a = ", "\\n")
        '<P>a = <S>\\n<M>'
        """
        names = f"{self.repo}myproject\n" if self.repo else ""
        names += f"{self.file}filename\n" if self.file else ""
        return f"{names}{self.prefix}{before}{self.suffix}{after}{self.middle}"

    @property
    def all(self) -> tuple[str, ...]:
        """Those that the model has."""
        return tuple(filter(None, (self.prefix, self.suffix, self.middle, self.repo, self.file)))


# Source: github.com/ggml-org/llama.cpp, src/llama-vocab.cpp, where it looks for them by text.
FAMILIES = (
    FimTokens(  # Qwen2.5-Coder
        "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>"
    ),
    FimTokens("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<reponame>"),  # StarCoder, Granite
    FimTokens("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),  # DeepSeek-Coder
)


def find_fim_tokens(ask: Callable[[str, dict[str, Any]], dict[str, Any]]) -> FimTokens | None:
    """The tokens that a model in llama.cpp has; None if it was not made to fill in.

    Args:
        ask: of the model, ``LlamaCppModel.ask``.
    """
    known = "".join(token for family in FAMILIES for token in family.all)
    asked = {"content": known, "parse_special": True, "with_pieces": True}
    pieces = [each["piece"] for each in ask("/tokenize", asked)["tokens"]]
    for family in FAMILIES:
        if all(token in pieces for token in (family.prefix, family.suffix, family.middle)):
            repo, file = (each if each in pieces else "" for each in (family.repo, family.file))
            return replace(family, repo=repo, file=file)
    return None
