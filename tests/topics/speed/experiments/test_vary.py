"""Experiments on tiny random models: every value gets its runs; an interrupt keeps them."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch

import labkit
from labkit.backends.local import model as local_model
from labkit.backends.local import overrides
from labkit.backends.local.decoding import speculative
from labkit.backends.local.decoding.speculative import SpeculativeMode
from labkit.backends.local.generation_modes import BatchMode, UncachedMode
from labkit.errors import LabError
from labkit.formatting import LINE
from labkit.topics.speed.experiments import prompt_length, runner, vary
from labkit.topics.speed.experiments.runner import ExperimentCase, run_interleaved, was_stopped
from labkit.topics.speed.explain import kv_cache

FEW = {"repeats": 2, "max_tokens": 4}
THREE = {"repeats": 3, "max_tokens": 4}


def ids_of(backend, **settings):
    return [step.token_id for step in backend.stream("the cat sat", temperature=0, **settings)]


def test_prompt_length(tiny):
    experiment = labkit.speed.vary_prompt_length(tiny, lengths=(8, 32, 500), **FEW)
    assert [point.value for point in experiment.points] == [
        point.measurement.prompt_tokens for point in experiment.points
    ]
    assert len(experiment.points) == 2 and experiment.rounds == 2
    assert experiment.missing == ("No room for the answer in the context: 500 tokens.",)
    assert experiment.points[0].value < experiment.points[1].value
    fit = labkit.speed.fit_latency(experiment)
    assert fit.tokens_in == (experiment.points[0].value, experiment.points[1].value)
    assert "prompt length varied" in experiment.summary


@pytest.fixture
def roomy(make_tiny, tmp_path):
    """A tiny model with a context of 1,000 tokens."""
    return labkit.load(make_tiny(tmp_path / "roomy", max_position_embeddings=1000))


def test_prompts_go_up_to_the_context_by_default(roomy, monkeypatch):
    monkeypatch.setattr(prompt_length, "DOUBLING_COST", 0)  # as if no time passed
    experiment = labkit.speed.vary_prompt_length(roomy, repeats=1)
    lengths = [point.measurement.prompt_tokens for point in experiment.points]
    assert lengths == pytest.approx([128, 256, 512, 992], abs=4) and max(lengths) < roomy.context
    assert all(point.measurement.output_tokens.median == 8 for point in experiment.points[:3])
    assert experiment.missing == ()


@pytest.mark.parametrize("tokens", [1, 128, 512, 8184])
def test_a_text_has_the_length_asked_for(smollm2, tokens, capfd):
    text = prompt_length.text_of_length(smollm2, tokens)
    assert abs(len(smollm2.encode(text, raw=True)) - tokens) <= 1
    assert not capfd.readouterr().err, "transformers' own warning"


def test_prompts_that_take_too_long_are_left_to_the_learner(roomy, monkeypatch):
    now = [0.0]
    real = type(roomy).scores

    def scores(model, prompt, **more):
        ids, logprobs = real(model, prompt, **more)
        now[0] += len(ids) / 200
        return ids, logprobs

    monkeypatch.setattr(type(roomy), "scores", scores)
    monkeypatch.setattr(prompt_length.time, "monotonic", lambda: now[0])
    # 128 tokens take 0.64 s and 256 take 1.28: 1.92 in all, and 512 could take four times 1.28.
    experiment = labkit.speed.vary_prompt_length(roomy, repeats=1, limit_s=7 * 7)
    assert len(experiment.points) == 2
    (missing,) = experiment.missing
    assert "Prompts of 512 tokens and more were left out" in missing
    assert "lengths=(128, 256, 512, 992) includes" in missing  # as it can be pasted
    assert missing in " ".join(repr(experiment).split())
    assert len(labkit.speed.vary_prompt_length(roomy, repeats=1, limit_s=7 * 7.1).points) == 3
    named = labkit.speed.vary_prompt_length(roomy, repeats=1, lengths=(512,), limit_s=0)
    assert len(named.points) == 1 and named.missing == ()


@pytest.mark.parametrize(
    ("verb", "wrong", "message"),
    [
        ("vary_prompt_length", {"lengths": ()}, "lengths must be"),
        ("vary_prompt_length", {"lengths": (500,)}, "lengths must be 1 to 120 tokens; got (500,)"),
        ("vary_prompt_length", {"lengths": ("long",)}, "lengths must be"),
        ("vary_prompt_length", {"lengths": 20}, "lengths must be"),
        ("vary_prompt_length", {"max_tokens": 9999}, "max_tokens must be a whole number, 1 to 127"),
        ("vary_prompt_length", {"limit_s": None}, "limit_s must be"),
        ("vary_output_length", {"lengths": 8}, "lengths must be"),
        ("vary_output_length", {"lengths": ("8",)}, "lengths must be"),
        ("vary_output_length", {"lengths": (0,)}, "lengths must be a whole number, 1 or more"),
        ("vary_batch_size", {"sizes": (2.0,)}, "sizes must be one or more whole numbers"),
        ("vary_threads", {"counts": ()}, "counts must be one or more whole numbers"),
        ("vary_threads", {"counts": (0,)}, "counts must be a whole number, 1 or more; got 0"),
        ("vary_threads", {"counts": np.array([1, 2])}, "counts must be one or more whole numbers"),
        ("vary_dtype", {"dtypes": "float32"}, "dtypes must be one or more names"),
        ("vary_cache", {"max_tokens": "8"}, "max_tokens must be a whole number"),
        ("vary_cache", {"repeats": 2.5}, "repeats must be a whole number, 1 or more; got 2.5"),
        ("vary_cache", {"repeats": True}, "repeats must be"),
        ("vary_cache", {"limit_s": "5"}, "limit_s must be a number, 0 or more; got '5'"),
        ("vary_cache", {"limit_s": float("nan")}, "limit_s must be a number, 0 or more; got nan"),
        ("vary_engine", {"limit_s": None}, "limit_s must be"),
        ("vary_quantization", {"repeats": 0}, "repeats must be"),
        ("vary_quantization", {"kinds": "F16"}, "kinds must be one or more names"),
        ("vary_model_size", {"repeats": 0}, "repeats must be"),
        ("vary_speculation", {"repeats": 0}, "repeats must be"),
        ("measure_cache", {"lengths": 5}, "lengths must be one or more whole numbers that rise"),
        ("measure_cache", {"lengths": (8.5,)}, "lengths must be one or more whole numbers"),
    ],
)
def test_what_is_out_of_range_is_refused_before_any_work(tiny, monkeypatch, verb, wrong, message):
    monkeypatch.setattr(overrides, "require_cpu_threads", lambda model: 2)
    for owner, name in ((type(tiny), "stream"), (type(tiny), "scores"), (overrides, "load")):
        monkeypatch.setattr(owner, name, pytest.fail)
    with pytest.raises(ValueError) as caught:
        getattr(labkit.speed, verb)(tiny, **wrong)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("models", "error", "message"),
    [
        ("smollm2-135m", ValueError, "models must be one or more models or their names"),
        (["none"], LabError, "No model size can be measured. none: There is no such model."),
        (None, LabError, "No model size can be measured. No model is on this machine."),
    ],
)
def test_why_no_model_is_measured(monkeypatch, models, error, message):
    def load(name):
        raise LabError("There is no such model.")

    monkeypatch.setattr(overrides, "load", load)
    monkeypatch.setattr(vary.store, "list_models", dict)
    with pytest.raises(error) as caught:
        labkit.speed.vary_model_size(models)
    assert message in str(caught.value)


def test_an_experiment_says_where_its_numbers_come_from(make_scripted):
    far = make_scripted((0.5, 1.0), origin="stand-in: a model")
    experiment = labkit.speed.vary_output_length(far, "the cat", lengths=(2, 3), repeats=1)
    assert {point.measurement.origin for point in experiment.points} == {"stand-in"}
    assert "(stand-in)" in experiment.summary and "(measured)" not in experiment.summary
    assert "1 interleaved round, stand-in" in labkit.plot(experiment).layout.title.text
    engines = labkit.speed.vary_engine({"far": far}, repeats=1)
    assert "(stand-in)" in engines.summary
    assert "· stand-in." in labkit.plot(engines, kind="texts").html


def test_a_stop_after_the_last_round_loses_nothing(make_scripted):
    """Cases are opened for their runs alone: for llama.cpp it is a whole load."""
    opened = []

    @contextmanager
    def around():
        opened.append(1)
        if len(opened) > 6:
            raise KeyboardInterrupt
        yield

    backend = make_scripted((0.5, 1.0))
    cases = [ExperimentCase(n, backend, "p", {"max_tokens": 2}, around=around) for n in "ab"]
    experiment = run_interleaved(cases, name="x", repeats=2)
    assert [len(point.measurement.counted) for point in experiment.points] == [2, 2]
    assert len(opened) == 6 and dict(experiment.points[0].measurement.setup.software)["engine"]


def test_output_length(tiny):
    experiment = labkit.speed.vary_output_length(tiny, "the cat", lengths=(2, 6), repeats=2)
    assert [point.measurement.output_tokens.median for point in experiment.points] == [2, 6]


def test_batch_size(tiny):
    experiment = labkit.speed.vary_batch_size(tiny, "the cat", sizes=(1, 3), **FEW)
    one, three = (point.measurement for point in experiment.points)
    assert (one.rows, three.rows) == (1, 3)
    alone = three.decode_tokens_per_s
    assert three.throughput_tokens_per_s.values == tuple(3 * v for v in alone.values)
    assert ids_of(BatchMode(tiny, 3), max_tokens=4) == ids_of(tiny, max_tokens=4)


def test_without_the_cache_the_text_is_the_same(tiny):
    assert ids_of(UncachedMode(tiny), max_tokens=12) == ids_of(tiny, max_tokens=12)
    experiment = labkit.speed.vary_cache(tiny, "the cat", **FEW)
    assert [point.value for point in experiment.points] == ["with the cache", "without"]
    texts = {point.measurement.runs[0].text for point in experiment.points}
    assert len(texts) == 1


def test_dtype(tiny):
    experiment = labkit.speed.vary_dtype(tiny, "the cat", dtypes=("float32", "bfloat16"), **FEW)
    setups = [dict(point.measurement.setup.software)["dtype"] for point in experiment.points]
    assert setups == ["float32", "bfloat16"]


def threads_of(experiment):
    return [dict(point.measurement.setup.software)["threads"] for point in experiment.points]


def test_threads(tiny, monkeypatch):
    monkeypatch.setattr(vary, "TORCH_THREADS", 2)
    with overrides.threads(1):  # as many as suit this model best
        experiment = labkit.speed.vary_threads(tiny, "the cat", **FEW)
        assert threads_of(experiment) == ["1", "2"] and overrides.thread_count() == 1
    monkeypatch.setattr(vary, "TORCH_THREADS", 1)
    with pytest.raises(LabError, match="torch has one thread here"):
        labkit.speed.vary_threads(tiny, "the cat", **FEW)


def test_a_second_model_runs_with_its_own_threads_and_leaves_the_firsts_alone(tiny, monkeypatch):
    def load(*args, **how):
        other = local_model.load(*args, **how)
        other.tuning = replace(other.tuning, threads=2)
        torch.set_num_threads(2)
        return other

    monkeypatch.setattr(overrides, "load", load)
    monkeypatch.setattr(tiny, "tuning", replace(tiny.tuning, threads=1))
    source = tiny.source
    with overrides.threads(1):
        varied = labkit.speed.vary_dtype(tiny, "a", dtypes=("float32", "bfloat16"), **FEW)
        assert threads_of(varied) == ["1", "2"]
        assert threads_of(labkit.speed.vary_model_size([tiny, source], "a", **FEW)) == ["1", "2"]
        labkit.speed.vary_speculation(tiny, "a", draft_model=source, **FEW)
        assert overrides.reading_copy(tiny, "bfloat16").tuning.threads == 2
        assert overrides.thread_count() == 1


def test_model_size(tiny, tmp_path):
    experiment = labkit.speed.vary_model_size([tiny, str(tmp_path / "none")], "the cat", **FEW)
    assert len(experiment.points) == 1 and experiment.points[0].value > 0
    assert len(experiment.missing) == 1 and "There is no folder" in experiment.missing[0]


def test_cases_run_in_turn_after_their_warm_up(make_scripted):
    order = []
    cases = []
    for value in (1, 2):
        backend = make_scripted((0.5 * value, 1.0 * value))
        inner = backend.stream
        backend.stream = lambda *a, _s=inner, _v=value, **k: (order.append(_v), _s(*a, **k))[1]
        cases.append(ExperimentCase(value, backend, "p", {"max_tokens": 2}))
    experiment = run_interleaved(cases, name="x", axis="x", metrics=("ttft_s",), repeats=3)
    assert order == [1, 2] * 4
    assert experiment.numbers("ttft_s")[1][1].values == (1.0, 1.0, 1.0)
    line = "scripted, x varied: seconds to the first token at 1: 0.5, 2: 1 (measured)"
    assert experiment.summary.startswith(line)


def test_an_interrupt_keeps_what_was_measured(make_scripted):
    good = (0.5, 1.0)
    one = make_scripted(good)
    two = make_scripted(good, good, good, (0.5, KeyboardInterrupt))
    cases = [
        ExperimentCase(1, one, "p", {"max_tokens": 2}),
        ExperimentCase(2, two, "p", {"max_tokens": 2}),
    ]
    experiment = run_interleaved(cases, name="x", axis="x", metrics=("ttft_s",), repeats=9)
    assert [len(point.measurement.counted) for point in experiment.points] == [3, 2]
    assert experiment.points[1].measurement.aborted[0].finish == "interrupted"


def test_a_case_that_fails_in_its_warm_up_is_named(make_scripted):
    """As one does for which there is too little memory."""
    dead = make_scripted((LabError,))
    cases = [
        ExperimentCase(n, backend, "p", {"max_tokens": 2})
        for n, backend in ((1, make_scripted((0.5, 1.0))), (16, dead))
    ]
    experiment = run_interleaved(cases, name="x", axis="x", metrics=("ttft_s",), repeats=3)
    assert experiment.points == () and experiment.missing == ("16: The server went away.",)
    assert "ended before one round was complete" in experiment.summary


VERBS = {
    "prompt length": lambda m: labkit.speed.vary_prompt_length(m, lengths=(8, 16), repeats=3),
    "output length": lambda m: labkit.speed.vary_output_length(
        m, "the cat", lengths=(2, 4), repeats=3
    ),
    "batch size": lambda m: labkit.speed.vary_batch_size(m, "the cat", sizes=(1, 3), **THREE),
    "KV cache": lambda m: labkit.speed.vary_cache(m, "the cat", **THREE),
    "dtype": lambda m: labkit.speed.vary_dtype(
        m, "the cat", dtypes=("float32", "bfloat16"), **THREE
    ),
    "threads": lambda m: labkit.speed.vary_threads(m, "the cat", counts=(1, 2), **THREE),
    "model size": lambda m: labkit.speed.vary_model_size([m, Bigger(m)], "the cat", **THREE),
    "speculation": lambda m: labkit.speed.vary_speculation(
        m, "the cat sat on the cat sat", **THREE
    ),
}


class Bigger:
    """The same model under another name."""

    def __init__(self, model):
        self.__dict__.update(model.__dict__ | {"name": "bigger"})
        self.stream, self.stream_rows, self.about = model.stream, model.stream_rows, model.about


@pytest.fixture
def interrupt(monkeypatch):
    """``interrupt(run)`` presses Stop after the second token of the run of that number."""

    def press(number):
        ask, write, runs = runner.time_run, local_model.StepWriter.write, []

        def asked(*arguments, **more):
            runs.append(0)
            return ask(*arguments, **more)

        def written(writer, choice):
            step = write(writer, choice)
            runs[-1] += 1
            if len(runs) == number and runs[-1] == 2:
                raise KeyboardInterrupt
            return step

        monkeypatch.setattr(runner, "time_run", asked)
        monkeypatch.setattr(local_model.StepWriter, "write", written)

    return press


@pytest.mark.parametrize("name", VERBS)
def test_stop_keeps_what_was_measured_and_the_bar_ends(tiny, interrupt, bars, monkeypatch, name):
    monkeypatch.setattr(overrides, "require_cpu_threads", lambda model: 2)
    interrupt(5)  # two to warm up, a round of two, and then with the second round's first
    experiment = VERBS[name](tiny)
    assert [len(point.measurement.counted) for point in experiment.points] == [1, 1]
    cut = experiment.points[0].measurement.runs[1]
    assert (cut.finish, cut.complete) == ("interrupted", False)
    assert was_stopped(experiment, 2) and experiment.rounds == 1
    assert bars[-1] == (name, 5, 5)  # five of eight: a bar left unfinished would stay, in red
    assert labkit.plot(experiment).data and experiment.summary and repr(experiment)


def test_stop_before_anything_is_measured(tiny, interrupt):
    interrupt(1)
    experiment = labkit.speed.vary_cache(tiny, "the cat", **THREE)
    assert experiment.points == () and "nothing was measured" in experiment.summary
    labkit.plot(experiment)


def test_progress_is_reported_run_by_run(make_scripted, bars):
    cases = [
        ExperimentCase(n, make_scripted((0.5, 1.0)), "p", {"max_tokens": 2}) for n in (1, 2, 3)
    ]
    run_interleaved(cases, name="x", axis="x", metrics=(), repeats=2)
    assert bars.updates == list(range(1, 10)) and bars[-1] == ("x", 9, 9)


def test_no_round_begins_that_there_is_no_time_for(make_scripted):
    case = ExperimentCase(1, make_scripted((0.5, 1.0)), "p", {"max_tokens": 2})
    assert run_interleaved([case], name="x", axis="x", metrics=(), repeats=9, limit_s=0).rounds == 1


def test_the_time_limit_counts_warming_up_too(make_scripted, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(runner.time, "monotonic", lambda: now[0])
    backend = make_scripted((0.5, 1.0))
    stream = backend.stream

    def slow(*arguments, **more):
        now[0] += 1
        return stream(*arguments, **more)

    backend.stream = slow
    case = ExperimentCase(1, backend, "p", {"max_tokens": 2})
    # One second to warm up, then rounds of one: a fifth would end after 5.5.
    experiment = run_interleaved([case], name="x", axis="x", metrics=(), repeats=9, limit_s=5.5)
    assert experiment.rounds == 4


def test_what_runs_elsewhere_is_refused(make_scripted):
    with pytest.raises(
        LabError, match="vary_batch_size needs a model of transformers; got 'scripted'"
    ):
        labkit.speed.vary_batch_size(make_scripted((0.5,)))
    with pytest.raises(LabError, match=r"No x can be measured\. a: why\."):
        run_interleaved([], name="x", axis="x", metrics=(), missing=("a: why.",))


def test_the_cache_grows_as_computed(tiny, monkeypatch):
    growth = labkit.speed.measure_cache(tiny, lengths=(8, 16, 100))
    # 2 layers * 2 (key, value) * 2 heads * 8 wide * 4 bytes
    assert growth.token_bytes == 256
    assert [size.used_bytes for size in growth.sizes] == [256 * 8, 256 * 16, 256 * 100]
    assert all(
        size.used_bytes == size.computed_bytes <= size.allocated_bytes for size in growth.sizes
    )
    assert (growth.longest, growth.limited_by) == (128, "context")
    monkeypatch.setattr(kv_cache, "free_bytes", lambda model: 256 * 100 + 255)
    little = labkit.speed.measure_cache(tiny, lengths=(8, 9999))
    assert (little.longest, little.limited_by) == (100, "memory") and len(little.sizes) == 1
    assert repr(little).endswith("Beyond the context of 128 tokens: 9,999.")
    with pytest.raises(ValueError, match="lengths must rise"):
        labkit.speed.measure_cache(tiny, lengths=(16, 8))


def test_drafts_leave_every_text_as_it_is(tiny):
    for settings in ({"temperature": 0}, {"temperature": 1.5, "seed": 3, "top_p": 0.9}):
        alone = list(tiny.stream("the cat sat on the cat sat", max_tokens=40, **settings))
        for assistant in (None, tiny):
            helped = SpeculativeMode(tiny, assistant, tokens=4)
            steps = list(helped.stream("the cat sat on the cat sat", max_tokens=40, **settings))
            assert [step.token_id for step in steps] == [step.token_id for step in alone]
            assert [step.text for step in steps] == [step.text for step in alone]
            off = max(abs(a.logprob - b.logprob) for a, b in zip(steps, alone, strict=True))
            assert off < 1e-4


def test_a_draft_model_that_is_the_model_drafts_right(tiny):
    helped = SpeculativeMode(tiny, tiny, tokens=4)
    list(helped.stream("the cat", temperature=0, max_tokens=21))
    stats = helped.draft_stats
    assert stats.drafted == stats.accepted == 16  # 1 + 4 passes of 4 and their own
    assert helped.draft_stats.sentence == "16 of 16 drafted tokens were accepted"


def test_drafts_fill_the_context_and_no_more(tiny):
    helped = SpeculativeMode(tiny, tiny, tokens=4)
    running = helped.stream("the cat", temperature=0, max_tokens=1000)
    steps = list(running)
    assert running.prompt_tokens + len(steps) == tiny.context
    assert running.finish == "length"


@pytest.mark.parametrize("context", [6, 10, 20])
def test_drafts_end_where_the_assistants_context_does(make_tiny, tmp_path, tiny, context):
    assistant = labkit.load(make_tiny(tmp_path / "short"))
    assistant.context = context
    helped = SpeculativeMode(tiny, assistant, tokens=4)
    prompt = "the cat sat on the mat"
    alone, drafted = (
        [step.token_id for step in mode.stream(prompt, temperature=0, max_tokens=30)]
        for mode in (tiny, helped)
    )
    assert drafted == alone
    assert helped.draft_stats.drafted <= max(0, context - len(tiny.encode(prompt)))


def test_drafts_in_a_window_end_where_it_slides(make_tiny, tmp_path):
    windowed = labkit.load(make_tiny(tmp_path / "window", "mistral", sliding_window=16))
    helped = SpeculativeMode(windowed, windowed, tokens=4)
    assert ids_of(helped, max_tokens=40) == ids_of(windowed, max_tokens=40)
    assert 0 < helped.draft_stats.drafted < 30


def test_drafts_follow_the_last_two_tokens_or_else_the_last():
    draft = speculative._prompt_lookup(5)
    assert draft([5, 9, 7, 5], 5) == [9, 7, 5]
    assert draft([5, 7, 1, 5, 9, 1, 5], 1) == [9]


def test_a_draft_model_must_know_the_same_tokens(tiny, smollm2):
    with pytest.raises(LabError, match="vocabularies differ"):
        SpeculativeMode(smollm2, tiny)


def test_speculation(tiny):
    experiment = labkit.speed.vary_speculation(
        tiny, "the cat sat", draft_model=tiny, draft_tokens=3, **FEW
    )
    assert [point.value for point in experiment.points][:2] == ["no drafts", "drafts from the text"]
    assert len({point.measurement.runs[0].text for point in experiment.points}) == 1
    assert "drafted tokens were accepted" in " ".join(repr(experiment).split())
    with pytest.raises(ValueError, match="draft_tokens must be a whole number, 1 or more; got 0"):
        labkit.speed.vary_speculation(tiny, "the cat", draft_tokens=0)


def test_what_is_printed_is_broken_between_words(tiny):
    experiment = labkit.speed.vary_output_length(tiny, "the cat sat", lengths=(2, 4), repeats=1)
    printed = repr(experiment).splitlines()
    assert max(map(len, printed)) <= LINE
    assert " ".join(printed).startswith(experiment.summary)
