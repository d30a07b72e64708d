"""Formulas of a notebook as MathML, which browsers draw without a script."""

import re
from html import escape

try:
    from latex2mathml.converter import convert
except ImportError:  # not installed: formulas stay readable as TeX
    convert = None

# An unknown command leaves its name, or a bare alignment mark, in the converter's output.
_NOT_UNDERSTOOD = re.compile(r"<m\w+[^>]*>\s*(\\|&(?!#?\w+;))")


def tex_to_mathml(tex: str, block: bool = False) -> str:
    """A formula as MathML, or its TeX as code if that is not possible; both are HTML.

    Args:
        tex: the formula, without dollar signs.
        block: whether the formula is on a line of its own.

    >>> tex_to_mathml("x_")
    '<code class="tex">x_</code>'
    """
    # "aligned" is "align" inside a formula; the converter knows only the latter.
    known = re.sub(r"\{(aligned|split|gathered)\}", "{align*}", tex.strip())
    try:
        mathml = convert(known, display="block" if block else "inline") if convert else ""
    except Exception:  # its many small parsers raise any kind of error
        mathml = ""
    if mathml and not _NOT_UNDERSTOOD.search(mathml):
        return mathml
    return f'<code class="tex{" block" if block else ""}">{escape(tex.strip())}</code>'
