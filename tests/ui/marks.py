"""Which marks of a figure are too faint to be seen on a light or on a dark page."""

import re

from labkit.ui import theme

GROUNDS = {"#FFFFFF": theme.INK, "#111111": "#E2E7EC"}  # of JupyterLab's themes, and INK on each
LEAST = 3.0  # WCAG 2.1, 1.4.11


def faint_marks(figure):
    """Names of the traces whose colour and outline both are less than 3 : 1 on some page."""
    return [
        f"{trace.name or trace.type}: {sorted(colours)}"
        for trace in figure.data
        if (colours := set(_colours(trace)))
        and any(
            max(contrast(ink if each == theme.INK else each, ground) for each in colours) < LEAST
            for ground, ink in GROUNDS.items()
        )
    ]


def _colours(trace):
    """Of fills, outlines and lines; none of what is drawn as text alone."""
    if trace.type == "waterfall":
        parts = (trace.increasing, trace.decreasing, trace.totals)
        looks = [each.marker for each in parts]
        yield from (look.line.color for look in looks)
        return
    lines = trace.type == "bar" or "lines" in (trace.mode or "")
    if trace.type == "bar" or "markers" in (trace.mode or ""):
        yield trace.marker.color or trace.line.color
        if trace.marker.line.width and trace.marker.line.color:
            yield trace.marker.line.color
    elif lines and trace.line.width != 0:
        yield trace.line.color


def contrast(one, other):
    """The ratio of two colours' luminances, 1 to 21."""
    low, high = sorted(map(_luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour):
    parts = [int(each, 16) / 255 for each in re.findall("[0-9A-Fa-f]{2}", colour)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
