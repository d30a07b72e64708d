"""The process that runs chat templates: a line of JSON asks, a line of JSON answers.

Run by `template_process`. It imports nothing of the lab, so that it starts in a moment, and takes
no more memory than it may. A template sees what transformers shows it, and no more: its own code
cannot be used, because it would load torch.

Source: transformers, utils/chat_template_utils.py (the environment, the filters, the names).
"""

import datetime
import json
import signal
import sys
from typing import Any

import jinja2.meta
import jinja2.sandbox
from jinja2.ext import Extension


class Generation(Extension):
    """transformers' own tag around an answer, which changes nothing in the text."""

    tags = {"generation"}  # noqa: RUF012 - jinja2's own form

    def parse(self, parser):
        """The statements inside, as they are."""
        line = next(parser.stream).lineno
        inside = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.Scope(inside).set_lineno(line)


class Dictionaries:
    """What a template knows as ``dict``: no class, whose attributes would lead further."""

    def __call__(self, *args, **more):
        """A new one."""
        return dict(*args, **more)

    def fromkeys(self, *args):
        """A dictionary of these keys."""
        return dict.fromkeys(*args)


class Names(jinja2.utils.Namespace):
    """``namespace``, which refuses names of Python's own."""

    def __init__(*args, **more):
        self, *values = args
        names = dict(*values, **more)
        for name in names:
            _require_public(name)
        jinja2.utils.Namespace.__init__(self, names)

    def __setitem__(self, name, value):
        _require_public(name)
        super().__setitem__(name, value)


def _require_public(name):
    if str(name).startswith("_"):
        raise jinja2.sandbox.SecurityError(f"it may not use the name {name!r}")


def _raise(message):
    raise jinja2.TemplateError(message)


def _to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def environment():
    """As transformers' own."""
    made = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"]
    )
    made.filters["tojson"] = _to_json
    names: dict[str, Any] = made.globals
    names["raise_exception"], names["namespace"], names["dict"] = _raise, Names, Dictionaries()
    names["strftime_now"] = lambda form: datetime.datetime.now().strftime(form)
    return made


def render(template, variables, most):
    """The text that a template writes; a `LookupError` if it has more characters than `most`."""
    pieces, length = [], 0
    for piece in template.generate(variables):
        length += len(piece)
        if length > most:
            raise LookupError
        pieces.append(piece)
    text = "".join(pieces)
    text.encode()
    return text


def answer(made, cache, asked):
    """What is asked for: the names of a template's variables, or a text; or what went wrong."""
    source = asked["template"]
    try:
        if "variables" not in asked:
            return {"names": sorted(jinja2.meta.find_undeclared_variables(made.parse(source)))}
        if source not in cache:
            cache.clear()
            cache[source] = made.from_string(source)
        return {"text": render(cache[source], asked["variables"], asked["most"])}
    except Exception as error:  # whatever a program does wrong
        return {"kind": type(error).__name__, "error": str(error)[:500]}


def limit(memory_bytes):
    """Limits the memory where the system can: Linux."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    except (ImportError, ValueError, OSError):  # Windows; macOS, which knows no such limit
        pass


def main():
    """Answers until nobody asks any more."""
    memory_bytes, seconds = int(sys.argv[1]), int(sys.argv[2])
    limit(memory_bytes)
    made, cache = environment(), {}
    print(flush=True)  # ready
    alarm = getattr(signal, "alarm", lambda seconds: None)  # should nobody be there to end it
    for line in sys.stdin.buffer:
        alarm(seconds + 1)
        print(json.dumps(answer(made, cache, json.loads(line))), flush=True)
        alarm(0)


if __name__ == "__main__":
    main()
