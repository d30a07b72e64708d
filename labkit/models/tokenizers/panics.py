"""Faults of a tokenizer.json that end tokenizers' Rust code, not as an error."""

from collections.abc import Iterator
from contextlib import contextmanager

from labkit.errors import LabError


@contextmanager
def without_panic(name: str) -> Iterator[None]:
    """Makes a `LabError` of a panic in tokenizers, as at a regular expression without end.

    Args:
        name: of the tokenizer, for the sentence.
    """
    try:
        yield
    except BaseException as error:  # pyo3's panics are no Exception, and have no name to import
        if type(error).__name__ != "PanicException":
            raise
        reason = str(error).splitlines()[0][:200] if str(error) else "it gives no reason"
        raise LabError(
            f"The tokenizer of {name} fails at this text: {reason}",
            "Shorten the text, or take another model: this tokenizer.json has a fault.",
        ) from None
