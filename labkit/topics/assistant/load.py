"""`load_coder`: the code model if it is on this machine, else the bundled one."""

from labkit.backends.llamacpp.model import LlamaCppModel, load_llamacpp
from labkit.errors import LabError
from labkit.formatting import in_lines
from labkit.models.catalogue import full_name
from labkit.models.storage.inventory import require_stored

NAMES = ("coder", "smollm2-135m")


def load_coder(*names: str, threads: int | None = None) -> LlamaCppModel:
    """The first of some models that is on this machine; it says what the others would need.

    Nothing is downloaded but the last one, which is the lab's bundled model by default.

    Args:
        names: such as ``"coder"``, the best first; none: the code model, and the bundled one.
        threads: as for ``labkit.load_llamacpp``.
    Raises:
        LabError: none can be loaded.
    """
    *wanted, last = names or NAMES
    for name in wanted:
        try:
            require_stored(name)
        except LabError as error:
            print(in_lines(error.problem, f"To have it: {error.hint}", f"Instead: {last}."))
            continue
        return load_llamacpp(full_name(name), threads=threads, accept_terms=True)
    return load_llamacpp(full_name(last), threads=threads)
