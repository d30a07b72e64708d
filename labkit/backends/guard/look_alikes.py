"""Code and versions that are spelt like a network address or a telephone number."""

import ast
import ipaddress
import re

CONTEXT = 200  # characters before and after in which the brackets of a slice are looked for
_VERSION = re.compile(
    r"(?i)(?:(?<![\w.\]-])(?!ip\.|[\w.-]{0,30}(?:addr|host|src|dst))"  # a package
    r"[\w.-]{1,60}(?:\[[\w,-]{0,60}\])?[=~!<>]=|"
    r"(?<![\w.-])[a-z][a-z-]{1,30}/|\bv|§\s?|"
    r"\b(?:versions?|versión|release|driver|build|firmware|kernel|sections?|chapter|figure|"
    r"abschnitt|kapitel|sección|chapitre)\b(?: (?:is|of|no\.?|number|version))?[\s:=\"']{0,3})$"
)


def is_look_alike(text: str, start: int, end: int) -> bool:
    """Whether a supposed address or number is a slice, a version, or a mask.

    >>> is_look_alike("pip install torch==2.1.0.1", 19, 26)
    True
    >>> is_look_alike("ping 203.0.113.9", 5, 16)
    False
    """
    value = text[start:end]
    if re.fullmatch(r"\d+(?:\.\d+){2,}(?:/\d+)?", value):
        before = text[max(0, start - 40) : start]
        is_port = re.match(r":\d", text[end : end + 2])
        return is_unspecific(value) or (not is_port and bool(_VERSION.search(before)))
    return ":" in value and _is_slice(text, start, end)


def is_unspecific(address: str) -> bool:
    """Whether it is a loopback, a mask, or out of a range that nobody has, such as ::2."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:  # a MAC address, a network, a number
        return False
    is_mask = found.version == 4 and int(address.split(".")[0]) in (0, 255)
    is_reserved = found.version == 6 and found.is_reserved and not found.ipv4_mapped
    return found.is_loopback or is_mask or is_reserved


_MIRROR = str.maketrans("[]", "][")


def _is_slice(text: str, start: int, end: int) -> bool:
    """Whether it stands in the brackets of a name, and Python reads a slice there."""
    before = text[max(0, start - CONTEXT) : start].rpartition("\n")[2]
    after = text[end : end + CONTEXT].partition("\n")[0]
    opens, closes = _open_bracket(before), _open_bracket(after[::-1].translate(_MIRROR))
    if opens < 1 or closes < 0 or not re.match(r"[\w\])\"']", before[opens - 1]):
        return False
    try:
        code = ast.parse(
            f"_{before[opens:]}{text[start:end]}{after[: len(after) - closes]}", mode="eval"
        )
    except (SyntaxError, ValueError):
        return False
    return any(isinstance(node, ast.Slice) for node in ast.walk(code))


def _open_bracket(text: str) -> int:
    """The index of the last bracket that is opened and not closed; -1 without one."""
    depth = 0
    for index in range(len(text) - 1, -1, -1):
        depth += {"[": 1, "]": -1}.get(text[index], 0)
        if depth > 0:
            return index
    return -1
