"""The jobs of a batch: which prompt to which backend, and by what its answer is known in a file."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from labkit.backends.prompts import Messages, checked_prompt
from labkit.backends.remote.api_keys import without_keys
from labkit.backends.settings import Settings

# Settings that files of version 0.1 lack: they identify a job where they are used.
LATER = {"thinking": None, "frequency_penalty": 0.0}


@dataclass(frozen=True, slots=True)
class BatchJob:
    """One prompt for one backend.

    Attributes:
        prompt_index: number of the prompt, from 0.
        prompt: the prompt.
        backend: the backend's name.
        settings: the sampling settings with which it answers.
        raw: whether the chat template is left out.
        repeat: number of earlier occurrences of the same prompt in the batch.
    """

    prompt_index: int
    prompt: str | Messages
    backend: str
    settings: Settings
    raw: bool = False
    repeat: int = 0

    @property
    def key(self) -> str:
        """Identifies its row in a file: the same for the same prompt to the same backend."""
        return self._key(int)

    @property
    def earlier_keys(self) -> tuple[str, ...]:
        """The keys that its row may have in an earlier file, which took 1 and 1.0 for two."""
        return self._key(float), self._key(None)

    def _key(self, whole: type | None) -> str:
        identity = {"raw": self.raw, **_known_to_earlier_files(self.settings, whole)}
        parts = [self.prompt, self.backend, identity, self.repeat]
        text = json.dumps(parts, ensure_ascii=True, sort_keys=True, default=list)
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    @property
    def setting(self) -> str:
        """The settings in words, as far as they are not the defaults."""
        parts = ["raw"] if self.raw else []
        for each in fields(Settings):
            value = getattr(self.settings, each.name)
            if value != each.default:
                shown = f"{value:g}" if isinstance(value, float) else repr(value)
                parts.append(f"{each.name}={shown}")
        return without_keys(", ".join(parts)) or "defaults"


def _known_to_earlier_files(settings: Settings, whole: type | None) -> dict[str, Any]:
    """The settings that identify a job.

    Args:
        settings: of the job.
        whole: the type of whole numbers that may be fractions, other than the defaults: 1 and 1.0
            are the same setting, but not the same text. None: all numbers as they were typed.
    """
    known = asdict(settings)
    for each in fields(Settings):
        value = known[each.name]
        if whole and isinstance(each.default, float):
            is_default, kind = value == each.default, whole if value == int(value) else float
            known[each.name] = each.default if is_default else kind(value)
    unused = {name for name, default in LATER.items() if known[name] == default}
    known["order"] = tuple(stage for stage in settings.order if stage not in unused)
    return {name: value for name, value in known.items() if name not in unused}


def make_jobs(
    prompts: Sequence[str | Messages], settings: Mapping[str, Settings], *, raw: bool = False
) -> list[BatchJob]:
    """Every prompt for every backend, in that order.

    Args:
        prompts: texts, or chat messages.
        settings: those with which each backend answers, by its name.
        raw: whether the chat template is left out.
    Raises:
        ValueError: no prompts, or invalid ones.
    """
    if isinstance(prompts, str) or not isinstance(prompts, Sequence) or not prompts:
        raise ValueError(f"prompts must be a list of at least one prompt; got {prompts!r}")
    jobs, counts = [], Counter()
    for index, prompt in enumerate(prompts):
        checked_prompt(prompt, raw=raw)
        copy = prompt if isinstance(prompt, str) else [dict(each) for each in prompt]
        more = raw, counts[str(copy)]
        jobs += [BatchJob(index, copy, name, own, *more) for name, own in settings.items()]
        counts[str(copy)] += 1
    return jobs
