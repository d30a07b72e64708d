"""A second copy of a model in the number format in which this machine reads prompts faster."""

from weakref import WeakKeyDictionary

from labkit.errors import LabError

from .model import LocalModel, load

_COPIES: "WeakKeyDictionary[LocalModel, LocalModel]" = WeakKeyDictionary()


def reading_copy(model: LocalModel, dtype: str | None = None) -> LocalModel:
    """The model itself, or a copy of it in another number format, kept as long as the model is.

    Args:
        model: from ``labkit.load``.
        dtype: number format; None: bfloat16 where that was measured to read prompts faster on
            this machine and there is memory for it, else the model's own.
    """
    own = model.plan.needs.dtype
    wanted = dtype or (model.tuning.reading_dtype if model.tuning else own)
    if wanted == own or (dtype is None and own != "float32"):
        return model
    known = _COPIES.get(model)
    if known is None or known.plan.needs.dtype != wanted:
        try:
            known = _COPIES[model] = load(
                model.folder, device=model.plan.device, dtype=wanted, accept_terms=True
            )
        except LabError:
            if dtype:
                raise
            return model
    return known
