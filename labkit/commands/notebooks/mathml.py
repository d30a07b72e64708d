"""Formulas of a notebook as MathML, which browsers draw by themselves, without a script."""

import re
from html import escape

try:
    from latex2mathml.converter import convert
except ImportError:  # an environment of one's own: formulas stay readable as TeX
    convert = None

# Where the converter does not know a command it hands on its name, or a bare alignment mark.
_NOT_UNDERSTOOD = re.compile(r"<m\w+[^>]*>\s*(\\|&(?!#?\w+;))")


def tex_to_mathml(tex: str, block: bool = False) -> str:
    """Turn a formula into MathML, or keep its TeX where that cannot be done.

    Args:
        tex: the formula, without dollar signs.
        block: True for a formula on a line of its own.

    Returns:
        HTML: a ``<math>`` element, or the TeX as code.

    >>> tex_to_mathml("x_")
    '<code class="tex">x_</code>'
    """
    # "aligned" is "align" inside a formula; the converter knows the latter alone.
    known = re.sub(r"\{(aligned|split|gathered)\}", "{align*}", tex.strip())
    try:
        mathml = convert(known, display="block" if block else "inline") if convert else ""
    except Exception:  # a converter of many small parsers: any kind of error means "not understood"
        mathml = ""
    if mathml and not _NOT_UNDERSTOOD.search(mathml):
        return mathml
    return f'<code class="tex{" block" if block else ""}">{escape(tex.strip())}</code>'
