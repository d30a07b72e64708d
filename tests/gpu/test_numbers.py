"""The GPU's numbers: log-probabilities by the CPU's, greedy text by transformers' `generate`."""

import copy
import itertools

import pytest
import torch

import labkit
from labkit.backends.local.decoding.beam_search import search_beams
from labkit.backends.local.decoding.cursor import Cursor
from labkit.backends.local.decoding.speculative import SpeculativeMode
from labkit.backends.local.decoding.tree_expansion import expand_tree
from labkit.backends.local.generation_modes import UncachedMode
from labkit.backends.settings import Settings
from labkit.topics.control.finetune.strength import last_logprobs

from .random_models import LARGE, MIDDLE, PROMPT, SHAPES, SMALL, logprobs, mean_kl, worst_difference

MOST_KL = {"float32": 1e-4, "bfloat16": 2e-3}
# Of log-probabilities: rounding to the dtype, after the layers' sums in another order.
ROUNDING = {"float32": 2e-3, "bfloat16": 0.2}
TEXT = (
    "Why is the sky blue? Sunlight reaches the atmosphere and is scattered in all directions by "
    "the gases and particles in the air. Blue light is scattered more than the other colours, "
    "because it travels as shorter waves. At sunset the light has passed through more air, and"
)


def random_ids(model, count):
    vocabulary = model.model.config.get_text_config().vocab_size
    return torch.randint(2, vocabulary, (count,), generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=["own", "random"])
def small(request, rig):
    """SmolLM2-135M in float32 with its own weights, and with random ones."""
    if request.param == "own":
        return request.getfixturevalue("own")(rig.device, "float32")
    return rig.random_model(SMALL, "float32")


@pytest.mark.parametrize("dtype", MOST_KL)
def test_own_logprobs_are_the_cpus(rig, own, checks, dtype):
    on_cpu = own("cpu", "float32")
    ids = on_cpu.encode(TEXT, raw=True)
    reference = logprobs(on_cpu, ids)
    found = logprobs(own(rig.device, dtype), ids)
    checks.at_most("mean KL from the CPU's float32", mean_kl(reference, found), MOST_KL[dtype])
    same = (reference.argmax(-1) == found.argmax(-1)).double().mean().item()
    checks.note("share of positions with the same likeliest token", same)


@pytest.mark.parametrize("name", [SMALL, MIDDLE])
def test_random_logprobs_are_the_cpus(rig, checks, name):
    model = rig.random_model(name, "float32")
    ids = random_ids(model, 128).tolist()
    found = {"float32": logprobs(model, ids)}
    half = rig.random_model(name, "bfloat16", weights=model)
    found["bfloat16"] = logprobs(half, ids)
    model.model.to("cpu")
    reference = logprobs(model, ids)
    for dtype, bound in MOST_KL.items():
        checks.at_most(f"mean KL, {dtype}", mean_kl(reference, found[dtype]), bound)


def test_7b_in_16_bits_is_its_float32(rig, checks):
    """On the GPU both: the CPU's float32 of 7 billion weights would take minutes to make."""
    whole = rig.random_model(LARGE, "float32")
    half = rig.random_model(LARGE, "bfloat16", weights=whole)
    ids = random_ids(whole, 128).tolist()
    divergence = mean_kl(logprobs(whole, ids), logprobs(half, ids))
    checks.at_most("mean KL from the GPU's float32", divergence, MOST_KL["bfloat16"])


def greedy_by_generate(model, ids, tokens):
    whole = model.model.generate(
        torch.tensor([ids], device=model.model.device),
        attention_mask=torch.ones(1, len(ids), dtype=torch.long, device=model.model.device),
        do_sample=False,
        max_new_tokens=tokens,
        eos_token_id=sorted(model.end_ids),
        pad_token_id=min(model.end_ids),
    )
    return whole[0, len(ids) :].tolist()


def check_same(checks, what, steps, expected, dtype):
    """Equal, or different first where two tokens are as likely but for the rounding."""
    same = sum(
        1
        for _ in itertools.takewhile(
            lambda pair: pair[0].token_id == pair[1], zip(steps, expected, strict=False)
        )
    )
    gap = 0.0
    if same < max(len(steps), len(expected)):
        others = {each.token_id: each.logprob for each in steps[same].alternatives}
        gap = abs(steps[same].logprob - others.get(expected[same], float("-inf")))
    checks.note(f"{what}: equal tokens", f"{same} of {len(expected)}")
    checks.at_most(f"{what}: gap where they differ first, in nats", gap, ROUNDING[dtype])


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("name", SHAPES)
def test_greedy_is_generates(rig, checks, name, dtype):
    model, tokens = rig.random_model(name, dtype), rig.size(64, 8)
    ids = model.encode(PROMPT, raw=True)
    reply = labkit.generate(model, PROMPT, raw=True, temperature=0, max_tokens=tokens)
    expected = greedy_by_generate(model, ids, tokens)
    check_same(checks, "greedy and generate", reply.steps, expected, dtype)


@pytest.mark.parametrize("dtype", ROUNDING)
def test_own_greedy_is_generates(rig, own, checks, dtype):
    model, tokens = own(rig.device, dtype), rig.size(64, 8)
    reply = labkit.generate(model, TEXT, raw=True, temperature=0, max_tokens=tokens)
    expected = greedy_by_generate(model, model.encode(TEXT, raw=True), tokens)
    check_same(checks, "greedy and generate", reply.steps, expected, dtype)


MODES = {"stream": lambda m: m, "uncached": UncachedMode, "speculative": SpeculativeMode}


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_writes_the_greedy_text(rig, small, checks, mode):
    ids, chosen = small.encode(TEXT, raw=True), {"temperature": 0, "max_tokens": rig.size(48, 8)}
    expected = greedy_by_generate(small, ids, chosen["max_tokens"])
    reply = labkit.generate(MODES[mode](small), TEXT, raw=True, **chosen)
    check_same(checks, mode, reply.steps, expected, "float32")
    far = worst_difference(small, ids, reply.steps)
    checks.at_most("log-probabilities from one pass's", far, ROUNDING["float32"])


@pytest.mark.parametrize("rows", [1, 2, 8, 32, 128, 256])
def test_every_row_of_a_batch_has_its_own_logprobs(rig, small, checks, rows):
    tokens = rig.size(24, 4)
    settings = [Settings(temperature=1, seed=seed, max_tokens=tokens) for seed in range(rows)]
    ids, steps = small.encode(TEXT, raw=True), [[] for _ in range(rows)]
    running = small.stream_rows(TEXT, settings, raw=True, batch_size=rows)
    for row, step in running:
        steps[row].append(step)
    checks.same("rows that ended", sum(bool(each.finish) for each in running.streams), rows)
    chosen = sorted({0, rows // 2, rows - 1})
    far = max(worst_difference(small, ids, steps[row]) for row in chosen)
    checks.at_most("log-probabilities from one pass's", far, ROUNDING["float32"])
    alone = labkit.generate(small, TEXT, raw=True, temperature=1, seed=0, max_tokens=tokens)
    equal = [step.token_id for step in alone.steps] == [step.token_id for step in steps[0]]
    checks.note("row 0 is the text of its seed alone", equal)


def test_cursor_goes_forth_and_back(small, checks):
    ids = small.encode(TEXT, raw=True)
    cursor = Cursor(small, ids)
    for _ in range(6):
        cursor.take(int(cursor.scores.argmax()))
    cursor.back(4)
    cursor.take(int(cursor.scores.argmin()))
    found = torch.from_numpy(cursor.scores).log_softmax(-1)
    far = (logprobs(small, cursor.ids)[-1] - found).abs().max().item()
    checks.at_most("log-probabilities from one pass's", far, ROUNDING["float32"])
    # Six taken; on the way back the last one kept, from which the scores come; one more taken.
    checks.same("tokens read", cursor.tokens_read, len(ids) + 6 + 1 + 1)


def test_beams_are_distinct_and_in_order(rig, small, checks):
    replies = search_beams(small, TEXT, 4, rig.size(12, 4), raw=True)
    means = [sum(s.logprob for s in each.steps) / len(each.steps) for each in replies]
    texts = {tuple(step.token_id for step in each.steps) for each in replies}
    checks.same("distinct texts", len(texts), 4)
    worst = max(after - before for before, after in itertools.pairwise(means))
    checks.at_most("mean log-probability rises down the list by", worst, ROUNDING["float32"])


def test_tree_levels_are_one_passes(small, checks):
    ids = small.encode(TEXT, raw=True)
    first, second = list(expand_tree(small, ids, 3, 2))
    far = 0.0
    for parent, token, logprob in second:
        whole = logprobs(small, [*ids, first[parent][1]])[-1]
        far = max(far, abs(whole[token].item() - logprob))
    checks.at_most("log-probabilities from one pass's", far, ROUNDING["float32"])


def test_sweep_answers_every_cell(rig, small, checks):
    grid = {"temperatures": (0.0, 0.7, 1.5), "top_ps": (0.9, 1.0), "samples": 4}
    swept = labkit.sweep(small, TEXT, raw=True, max_tokens=rig.size(24, 4), **grid)
    checks.same("answers", len(swept.replies), 24)
    checks.same(
        "answers that ended", sum(r.finish in ("stop", "length") for r in swept.replies), 24
    )
    checks.note("tokens/s of the sweep", swept.tokens / swept.elapsed_s)


def test_next_logprobs_are_compared_on_the_cpu(small, checks):
    """A kept model is read on the CPU, and compared with the one on the GPU."""
    ids = small.encode(TEXT, raw=True)
    found = last_logprobs(small, ids)
    checks.same("device", found.device.type, "cpu")
    far = (logprobs(small, ids)[-1] - found).abs().max().item()
    checks.at_most("log-probabilities from one pass's", far, ROUNDING["float32"])


def test_fine_tuning_steps_are_the_cpus(rig, checks):
    model = rig.random_model(SMALL, "float32").model
    ids = torch.arange(2, 66)[None]
    on_cpu = training_losses(copy.deepcopy(model).to("cpu"), ids)
    on_gpu = training_losses(model, ids.to(rig.device))
    far = max(abs(a / b - 1) for a, b in zip(on_gpu, on_cpu, strict=True))
    checks.at_most("loss from the CPU's, relative", far, 1e-2)
    checks.at_most("loss after two steps, of the first", on_gpu[-1] / on_gpu[0], 0.99)


def training_losses(model, ids):
    """The loss before each of three steps of plain gradient descent."""
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=1e-2), []
    for _ in range(3):
        loss = model(input_ids=ids, labels=ids).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses
