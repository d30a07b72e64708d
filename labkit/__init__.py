"""labkit: find out on your own machine what running AI models locally really means.

The verbs, each loaded when it is first used, so that importing labkit costs next to nothing:

    import labkit as lab

    model = lab.load("smollm2-135m")
    reply = lab.generate(model, "Why is the sky blue?")
    for step in lab.stream(model, "Why is the sky blue?"): ...

What one notebook alone needs is below its topic: ``lab.speed.roofline(…)``.
"""

from labkit.interrupts import imports as _imports
from labkit.interrupts import notebook as _notebook
from labkit.lazy_names import lazy_names

__version__ = "0.1.0"
_imports.install()
_notebook.install()
__getattr__, __dir__, __all__ = lazy_names(__name__, __file__)
