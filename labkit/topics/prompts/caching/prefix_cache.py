"""What a long system prompt costs the first time, and again."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from labkit.backends.capabilities import ScoringModel
from labkit.backends.llamacpp.model import LlamaCppModel, load_llamacpp
from labkit.backends.llamacpp.openmp import end_idle_threads
from labkit.backends.served.decoding import shared_length
from labkit.backends.served.model import ServedModel
from labkit.checks import check_whole
from labkit.data import read_data
from labkit.errors import LabError
from labkit.formatting import digits, in_lines
from labkit.interrupts.cell import begin_work
from labkit.lab_book.entry import BookEntry
from labkit.stats import Spread
from labkit.topics.prompts.scoring.arguments import check_model

CHARACTERS = 2400  # of the story in data/ that makes the long system prompt
QUESTIONS = ("Who is it about?", "What happens first?", "Where does it end?", "What is it about?")


@dataclass(frozen=True, slots=True)
class CacheTiming:
    """One engine, with the system prompt read each time, and kept.

    Attributes:
        engine: name of the engine.
        tokens: tokens of system prompt and question.
        new_tokens: tokens that are read where the system prompt is kept.
        whole_s: seconds to read everything, of each question.
        kept_s: seconds to read what is new, of each question.
    """

    engine: str
    tokens: int
    new_tokens: int
    whole_s: Spread
    kept_s: Spread

    @property
    def gain(self) -> float:
        """How many times as long everything takes."""
        return self.whole_s.median / self.kept_s.median


@dataclass(frozen=True, slots=True, repr=False)
class PrefixCaching:
    """The same long system prompt before several questions (measured).

    Attributes:
        timings: a line for each engine.
        missing: why llama.cpp is not among them; empty: it is, or was not asked for.
    """

    timings: tuple[CacheTiming, ...]
    missing: str = ""

    @property
    def book_entries(self) -> tuple[BookEntry, ...]:
        """What the lab book keeps: how much faster a kept prompt is."""
        return tuple(
            BookEntry(
                "prefix_cache_gain", f"prompt kept, {each.engine}", each.gain, "times as fast"
            )
            for each in self.timings
        )

    @property
    def summary(self) -> str:
        """Each engine's seconds, first and again."""
        each = "; ".join(
            f"{t.engine}: {t.tokens:,} tokens in {digits(t.whole_s.median)} s, with the system "
            f"prompt kept {t.new_tokens} in {digits(t.kept_s.median)} s, "
            f"{digits(t.gain)} times as fast"
            for t in self.timings
        )
        return f"{each or 'stopped before the first engine'} (measured)"

    def __repr__(self) -> str:
        return in_lines(self.summary, self.missing)


def measure_prefix_cache(
    model: ScoringModel, *, llamacpp: bool = True, system: str | None = None, rounds: int = 2
) -> PrefixCaching:
    """What a long system prompt costs before each of several questions, read anew and kept.

    Both ways take turns, question by question: in this process, and in llama.cpp's server, which
    is open only meanwhile. An interrupt keeps the engines that were done.

    Args:
        model: a chat model from ``labkit.load``.
        llamacpp: whether to measure llama.cpp too, on the GGUF file that the model came from.
        system: the system prompt; None: a story that was written for this lab.
        rounds: how often each question is asked.
    Raises:
        ValueError: an argument is out of range.
        LabError: the model does not run in this process, or the prompt does not fit.
    """
    check_model(model)
    check_whole("rounds", rounds, 1, 100)
    system = read_data("corpus.txt")[:CHARACTERS] if system is None else system
    begin_work()
    timings, missing = [], ""
    try:
        is_served = isinstance(model, ServedModel)
        how = _served(model, system) if is_served else _local(model, system)
        timings.append(_timing(model.protocol.kind if is_served else "transformers", *how, rounds))
        if llamacpp and not is_served:
            timings.append(_time_llamacpp(model, system, rounds))
    except LabError as error:
        if not timings:
            raise
        missing = f"llama.cpp was not measured: {error.problem}"
    except KeyboardInterrupt:
        pass
    return PrefixCaching(tuple(timings), missing)


def _time_llamacpp(model: ScoringModel, system: str, rounds: int) -> CacheTiming:
    if model.gguf_file is None:
        raise LabError(f"{model.name} did not come from a GGUF file.")
    engine = load_llamacpp(model.gguf_file)
    end_idle_threads()  # torch's, which would slow it
    try:
        return _timing("llama.cpp's server", *_llamacpp(engine, system), rounds)
    finally:
        engine.close()


Read = Callable[[list[int]], float]


def _timing(name: str, prompts: list[list[int]], shared: int, whole: Read, kept: Read, rounds: int):
    seconds: tuple[list[float], list[float]] = [], []
    kept(prompts[-1])  # fills the cache
    for number in range(rounds):
        for ids in prompts:
            for taken, read in zip(seconds, (whole, kept), strict=True):
                duration = read(ids)
                if number or ids is not prompts[0]:  # the first pair warms up
                    taken.append(duration)
    length = max(map(len, prompts))
    return CacheTiming(name, length, length - shared, *(Spread(tuple(each)) for each in seconds))


def _chats(system: str) -> Iterator[list[dict[str, str]]]:
    for question in QUESTIONS:
        yield [{"role": "system", "content": system}, {"role": "user", "content": question}]


def _local(model: ScoringModel, system: str) -> tuple[list[list[int]], int, Read, Read]:
    from labkit.backends.local.decoding.option_scores import SharedPrefix, time_prefill

    prompts = [model.encode(chat) for chat in _chats(system)]
    prefix = SharedPrefix(model.model, prompts)

    def kept(ids: list[int]) -> float:
        return time_prefill(model.model, ids[prefix.length :], prefix.repeated(1))

    return prompts, prefix.length, lambda ids: time_prefill(model.model, ids), kept


def _served(model: ServedModel, system: str) -> tuple[list[list[int]], int, Read, Read]:
    """By the clock of its server, as far as that has one."""
    prompts = [model.encode(chat) for chat in _chats(system)]

    def read(ids: list[int], keep: bool) -> float:
        began = time.perf_counter()
        read_s = model.leading(ids, 1, keep=keep).read_s
        return time.perf_counter() - began if read_s is None else read_s

    return (
        prompts,
        shared_length(prompts),
        lambda ids: read(ids, False),
        lambda ids: read(ids, True),
    )


def _llamacpp(engine: LlamaCppModel, system: str) -> tuple[list[list[int]], int, Read, Read]:
    prompts = [engine.encode(chat) for chat in _chats(system)]
    shared = shared_length(prompts)

    def read(ids: list[int], keep: bool) -> float:
        asked = {"prompt": ids, "n_predict": 1, "temperature": 0, "cache_prompt": keep}
        return engine.ask("/completion", asked)["timings"]["prompt_ms"] / 1000

    return prompts, shared, lambda ids: read(ids, False), lambda ids: read(ids, True)
