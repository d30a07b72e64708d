"""The tree of the most likely continuations, with their probabilities."""

from dataclasses import dataclass
from math import exp

from labkit.backends.generate import Backend
from labkit.backends.local.decoding.expansion import grow_levels
from labkit.backends.prompts import Messages
from labkit.checks import check_whole
from labkit.topics.sampling.next_token.prediction import require_scores

MOST_TEXTS = 512  # in one level, and so in one batch


@dataclass(frozen=True, slots=True)
class Node:
    """A token at one place of the tree, and with it the text that leads there.

    Attributes:
        parent: number of the node before it in `Tree.nodes`; None after the prompt.
        depth: 1 for the first token after the prompt.
        token_id: its number in the vocabulary.
        text: what it stands for by itself.
        logprob: natural logarithm of its probability after the text before it.
        path_logprob: the same for all tokens from the prompt up to this one.
    """

    parent: int | None
    depth: int
    token_id: int
    text: str
    logprob: float
    path_logprob: float


@dataclass(frozen=True, slots=True, repr=False)
class Tree:
    """The likeliest tokens after a prompt, the likeliest after each of these, and so on (measured).

    Attributes:
        model: name of the model.
        prompt: what it was asked.
        width: how many tokens were followed after each text.
        depth: how many levels.
        nodes: level by level, each parent's children together and best first.
    """

    model: str
    prompt: str | Messages
    width: int
    depth: int
    nodes: tuple[Node, ...]

    @property
    def leaves(self) -> tuple[int, ...]:
        """Numbers of the nodes at which the tree ends, the likeliest text first."""
        inner = {node.parent for node in self.nodes}
        ends = (number for number in range(len(self.nodes)) if number not in inner)
        return tuple(sorted(ends, key=lambda number: -self.nodes[number].path_logprob))

    def path(self, number: int) -> tuple[Node, ...]:
        """The nodes from the prompt to this one."""
        node = self.nodes[number]
        return (*(() if node.parent is None else self.path(node.parent)), node)

    @property
    def covered(self) -> float:
        """Probability that the model writes one of the tree's texts, 0 to 1."""
        return sum(exp(self.nodes[number].path_logprob) for number in self.leaves)

    @property
    def summary(self) -> str:
        """The likeliest text, and how much the tree holds."""
        best = self.path(self.leaves[0])
        text = "".join(node.text for node in best)
        return (
            f"{self.model}: {len(self.leaves)} texts of up to {self.depth} tokens hold "
            f"{self.covered:.1%} of the probability; the likeliest, {text!r}, has "
            f"{exp(best[-1].path_logprob):.1%} (measured)"
        )

    def __repr__(self) -> str:
        return self.summary


def grow_tree(
    model: Backend, prompt: str | Messages, *, width: int = 3, depth: int = 4, raw: bool = False
) -> Tree:
    """The tree of the most likely continuations.

    Args:
        model: from ``labkit.load``.
        prompt: a text, or chat messages.
        width: how many of the likeliest tokens to follow after each text.
        depth: how many tokens far; ``width ** depth`` is at most 512.
        raw: go on with the text as it stands, with a chat model too.
    Raises:
        ValueError: for a prompt, a width or a depth out of bounds.
        LabError: for a model that does not show its scores.
    """
    require_scores(model, "grow_tree")
    for name, value in (("width", width), ("depth", depth)):
        check_whole(name, value)
    if depth > 20 or width**depth > MOST_TEXTS:
        raise ValueError(
            f"width ** depth must be at most {MOST_TEXTS} and depth at most 20; "
            f"got width {width} and depth {depth}"
        )
    nodes: list[Node] = []
    start = 0  # number of the first node of the level before
    for level, texts in enumerate(grow_levels(model, model.encode(prompt, raw=raw), width, depth)):
        first = len(nodes)
        for before, token_id, logprob in texts:
            parent = start + before if level else None
            total = logprob + (nodes[parent].path_logprob if level else 0.0)
            text = model.text_of(token_id)
            nodes.append(Node(parent, level + 1, token_id, text, logprob, total))
        start = first
    return Tree(model.name, prompt, width, depth, tuple(nodes))
