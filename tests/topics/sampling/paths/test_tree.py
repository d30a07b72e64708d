"""The tree: its probabilities are those of fresh passes over its texts; and its figure."""

import json
from math import exp

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import labkit
from labkit.backends.local.decoding.tree_expansion import expand_tree
from labkit.topics.sampling.paths.figures import SMALLEST, tree_figure
from labkit.topics.sampling.paths.tree import grow_tree


@pytest.fixture(scope="module", params=["llama", "gemma3_text"])
def tiny(request, make_tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    window = {"sliding_window": 8} if request.param == "gemma3_text" else {}
    return labkit.load(make_tiny(folder, request.param, **window))


def fresh(model, ids):
    """Log-probabilities of the token after these, from a pass of their own."""
    with torch.inference_mode():
        return model.model(torch.tensor([ids])).logits[0, -1].float().log_softmax(-1)


def check(model, ids, tree, tolerance):
    for number, node in enumerate(tree.nodes):
        path = [each.token_id for each in tree.path(number)]
        before = fresh(model, [*ids, *path[:-1]])
        assert node.logprob == pytest.approx(float(before[node.token_id]), abs=tolerance)
        assert node.path_logprob == pytest.approx(
            sum(each.logprob for each in tree.path(number)), abs=1e-6
        )
        children = [each for each in tree.nodes if each.parent == number]
        assert sum(exp(each.path_logprob) for each in children) <= exp(node.path_logprob) + 1e-6
        assert len(children) in (0, tree.width)


@given(width=st.integers(1, 4), depth=st.integers(1, 3), prompt=st.text("abc the", min_size=1))
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
def test_its_probabilities_are_those_of_fresh_passes(tiny, width, depth, prompt):
    tree = grow_tree(tiny, prompt, width=width, depth=depth, raw=True)
    check(tiny, tiny.encode(prompt, raw=True), tree, 1e-3)
    assert tree.covered <= 1 + 1e-6


def test_on_the_real_model(smollm2):
    tree = grow_tree(smollm2, "The capital of France is", width=2, depth=3, raw=True)
    check(smollm2, smollm2.encode("The capital of France is", raw=True), tree, 1e-2)
    assert tree.nodes[0].text == " Paris"
    best = tree.path(tree.leaves[0])
    assert [node.depth for node in best] == [1, 2, 3]
    assert "8 texts" in tree.summary


def test_children_are_the_likeliest_tokens(tiny):
    tree = grow_tree(tiny, "the cat", width=3, depth=1, raw=True)
    expected = fresh(tiny, tiny.encode("the cat", raw=True)).topk(3).indices.tolist()
    assert [node.token_id for node in tree.nodes] == expected


def test_a_text_that_ended_is_a_leaf(tiny, monkeypatch):
    ids = tiny.encode("the cat", raw=True)
    first = grow_tree(tiny, "the cat", width=3, depth=1, raw=True).nodes[1]
    monkeypatch.setitem(tiny.__dict__, "end_ids", frozenset([first.token_id]))
    levels = list(expand_tree(tiny, ids, 3, 2))
    assert {before for before, *_ in levels[1]} == {0, 2}
    tree = grow_tree(tiny, "the cat", width=3, depth=3, raw=True)
    assert 1 in tree.leaves
    check(tiny, ids, tree, 1e-3)


def test_where_every_text_ended_it_ends(tiny, monkeypatch):
    monkeypatch.setitem(tiny.__dict__, "end_ids", frozenset(range(300)))
    tree = grow_tree(tiny, "the cat", width=3, depth=3, raw=True)
    assert tree.leaves == (0, 1, 2)


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"width": 0}, "width must be a whole number, 1 or more; got 0"),
        ({"depth": "deep"}, "depth must be a whole number, 1 or more; got 'deep'"),
        ({"width": 8, "depth": 4}, "at most 512 and depth at most 20; got width 8 and depth 4"),
        ({"width": 1, "depth": 21}, "depth at most 20"),
    ],
)
def test_what_is_out_of_range_is_refused(tiny, bad, sentence):
    with pytest.raises(ValueError, match=sentence.replace("*", r"\*")):
        grow_tree(tiny, "the cat", raw=True, **bad)


def test_the_figure_fills_every_box_and_shows_white_space(smollm2):
    tree = grow_tree(smollm2, "The capital of France is", raw=True)
    boxes = tree_figure(tree).data[0]
    sums = {}
    for parent, value in zip(boxes.parents, boxes.values, strict=True):
        sums[parent] = sums.get(parent, 0) + value
    for name, value in zip(boxes.ids, boxes.values, strict=True):
        assert sums.get(name, value) == pytest.approx(value, abs=1e-9)
        assert name == "prompt" or name.startswith("others") or value >= SMALLEST
    assert "·Paris" in boxes.labels
    assert "⏎" in boxes.labels
    assert set(boxes.marker.pattern.shape) == {"", "/"}, "the others are hatched too"


def test_text_in_the_figure_is_escaped(tiny):
    figure = tree_figure(grow_tree(tiny, "<b>x</b>", raw=True))
    assert "<b>x" not in json.dumps(figure.to_plotly_json(), default=list)


def test_an_interrupt_keeps_the_complete_levels_and_says_so(tiny, monkeypatch):
    levels, home = expand_tree, "labkit.topics.sampling.paths.tree.expand_tree"

    def interrupted(model, ids, width, depth):
        for number, texts in enumerate(levels(model, ids, width, depth)):
            if number == 2:
                raise KeyboardInterrupt
            yield texts

    whole = grow_tree(tiny, "the cat", width=2, depth=2, raw=True)
    monkeypatch.setattr(home, interrupted)
    tree = grow_tree(tiny, "the cat", width=2, depth=4, raw=True)
    assert (tree.depth, tree.stopped, whole.stopped) == (2, True, False)
    assert tree.nodes == whole.nodes
    assert "stopped after level 2" in tree.summary
    assert "stopped after level 2" in tree_figure(tree).layout.title.text


def test_one_text_is_no_plural(tiny):
    tree = grow_tree(tiny, "the cat", width=1, depth=2, raw=True)
    assert tree.book_entries[0].label == "covered by 1 likely text"
    figure = tree_figure(tree)
    assert "The tree's 1 text covers " in figure.layout.title.text
