"""The tree of the likeliest continuations, with their probabilities."""

from dataclasses import dataclass
from math import exp

from labkit.backends.generate import Backend
from labkit.backends.loaded.decoding import expand_tree
from labkit.backends.prompts import Messages
from labkit.checks import check_whole
from labkit.formatting import number_of
from labkit.interrupts.cell import begin_work
from labkit.lab_book.entry import BookEntry
from labkit.topics.sampling.next_token.prediction import require_scores

MOST_TEXTS = 512  # in one level, and so in one batch


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A token in the tree; it represents the text that ends with it.

    Attributes:
        parent: index of the previous token in `TokenTree.nodes`; None after the prompt.
        depth: number of tokens after the prompt, 1 for the first.
        token_id: number of the token in the vocabulary.
        text: text of the token alone.
        logprob: natural logarithm of its probability after the text before it.
        path_logprob: natural logarithm of the probability of the whole text.
    """

    parent: int | None
    depth: int
    token_id: int
    text: str
    logprob: float
    path_logprob: float


@dataclass(frozen=True, slots=True, repr=False)
class TokenTree:
    """The likeliest tokens after a prompt, the likeliest after each of these, and so on (measured).

    Attributes:
        model: name of the model.
        prompt: prompt that all texts continue.
        width: number of tokens followed after each text.
        depth: number of levels that are complete.
        nodes: tokens level by level, each parent's children together and best first.
        stopped: whether it was stopped before its last level.
    """

    model: str
    prompt: str | Messages
    width: int
    depth: int
    nodes: tuple[TreeNode, ...]
    stopped: bool = False

    @property
    def how(self) -> str:
        """How it came about, for a title."""
        return f"stopped after level {self.depth}, measured" if self.stopped else "measured"

    @property
    def leaves(self) -> tuple[int, ...]:
        """Indices of the nodes without children, the likeliest text first."""
        inner = {node.parent for node in self.nodes}
        ends = (number for number in range(len(self.nodes)) if number not in inner)
        return tuple(sorted(ends, key=lambda number: -self.nodes[number].path_logprob))

    def path(self, number: int) -> tuple[TreeNode, ...]:
        """The nodes from the prompt to a node."""
        node = self.nodes[number]
        return (*(() if node.parent is None else self.path(node.parent)), node)

    @property
    def covered(self) -> float:
        """Probability that the model writes one of the tree's texts, 0 to 1."""
        return sum(exp(self.nodes[number].path_logprob) for number in self.leaves)

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """The probability that the texts of the tree have together."""
        share = 100 * self.covered
        label = f"covered by {number_of(len(self.leaves), 'likely text')}"
        return (BookEntry("covered_probability", label, share, "%", model=self.model),)

    @property
    def summary(self) -> str:
        """The likeliest text, and the probability that the tree covers."""
        best = self.path(self.leaves[0])
        text = "".join(node.text for node in best)
        return (
            f"{self.model}: {number_of(len(self.leaves), 'text')} of up to "
            f"{number_of(self.depth, 'token')} cover {self.covered:.1%} of the "
            f"probability; the likeliest, {text!r}, has "
            f"{exp(best[-1].path_logprob):.1%} ({self.how})"
        )

    def __repr__(self) -> str:
        return self.summary


def grow_tree(
    model: Backend, prompt: str | Messages, *, width: int = 3, depth: int = 4, raw: bool = False
) -> TokenTree:
    """Builds the tree of the likeliest continuations; an interrupt keeps its complete levels.

    Args:
        model: from ``labkit.load``.
        prompt: a text, or chat messages.
        width: number of the likeliest tokens to follow after each text.
        depth: length of the texts in tokens; ``width ** depth`` is at most 512.
        raw: whether to continue the text without the chat template.
    Raises:
        ValueError: the prompt, the width or the depth is out of range.
        LabError: the model does not give its scores.
    """
    require_scores(model, "grow_tree")
    for name, value in (("width", width), ("depth", depth)):
        check_whole(name, value)
    if depth > 20 or width**depth > MOST_TEXTS:
        raise ValueError(
            f"width ** depth must be at most {MOST_TEXTS} and depth at most 20; "
            f"got width {width} and depth {depth}"
        )
    begin_work()
    levels = expand_tree(model, model.encode(prompt, raw=raw), width, depth)
    complete: list[list[TreeNode]] = []
    stopped = False
    try:
        for texts in levels:
            complete.append(_level(model, complete, texts))
    except KeyboardInterrupt:
        if not complete:
            raise
        stopped = True
    nodes = tuple(node for level in complete for node in level)
    return TokenTree(model.name, prompt, width, len(complete), nodes, stopped)


def _level(model, above: list[list[TreeNode]], texts) -> list[TreeNode]:
    """The nodes of a level below those that are there."""
    start = sum(map(len, above[:-1]))  # index of the first node of the previous level
    nodes = []
    for parent_text, token_id, logprob in texts:
        parent = start + parent_text if above else None
        total = logprob + (above[-1][parent_text].path_logprob if above else 0.0)
        text = model.text_of(token_id)
        nodes.append(TreeNode(parent, len(above) + 1, token_id, text, logprob, total))
    return nodes
