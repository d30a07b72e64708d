"""A byte-level BPE trained by the tokenizers library, or built from given merges."""

import json
from collections.abc import Sequence

from .readers import TokenizersReader, byte_table


def train_merges(corpus: str, vocab_size: int) -> tuple[tuple[str, str], ...]:
    """The merges of a byte-level BPE, as tokenizers' trainer learns them; 256 tokens are bytes."""
    from tokenizers import trainers
    from tokenizers.pre_tokenizers import ByteLevel

    library = with_merges("", ()).library
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=ByteLevel.alphabet(), show_progress=False
    )
    library.train_from_iterator([corpus], trainer)
    merges = json.loads(library.to_str())["model"]["merges"]
    return tuple((left, right) for left, right in merges)


def with_merges(name: str, merges: Sequence[tuple[str, str]]) -> TokenizersReader:
    """A byte-level BPE with exactly these merges; ids in the order of the merges."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(byte_table(), key=byte_table().__getitem__)
    tokens = dict.fromkeys([*alphabet, *(left + right for left, right in merges)])
    vocab = {token: number for number, token in enumerate(tokens)}
    library = Tokenizer(models.BPE(vocab=vocab, merges=list(merges)))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    return TokenizersReader(name, name, "byte-level BPE", library)
