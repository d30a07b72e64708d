"""How long a text may be that is typed into a panel."""

MOST_TYPED = 100_000  # characters in a box: the page sends all of them with every key


def check_typed(text: str, name: str) -> None:
    """Raises a ValueError for a text that is too long for a box of a panel.

    Args:
        text: what stands in the box, or is to stand there.
        name: of the box, for the sentence.
    """
    if len(text) > MOST_TYPED:
        raise ValueError(
            f"{name} must be at most {MOST_TYPED:,} characters in a panel, which reads them anew "
            f"with every key; got {len(text):,}. A cell takes longer ones."
        )
