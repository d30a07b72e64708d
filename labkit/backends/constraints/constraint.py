"""What an answer may look like: a JSON schema, a regular expression, a list of choices, a grammar.

llguidance (MIT) turns each into the set of tokens that may come next: `token_mask`.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labkit.checks import check_one_of

# How much white space may stand between the parts of a JSON text.
WHITESPACE: dict[str, Any] = {
    "any": {"whitespace_flexible": True},
    "bounded": {"whitespace_pattern": r"[\x20\x0A\x0D\x09]{0,2}"},
    "none": {"whitespace_flexible": False},
}
# llama.cpp's copy of llguidance overlooks the bound: there, one blank after each separator.
LLAMACPP_SPACES = {
    **WHITESPACE,
    "bounded": {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "},
}
SCHEMA, REGEX, CHOICES, GRAMMAR = "JSON schema", "regular expression", "choices", "grammar"


@dataclass(frozen=True, slots=True, repr=False)
class Constraint:
    """What an answer may look like.

    Attributes:
        kind: ``"JSON schema"``, ``"regular expression"``, ``"choices"`` or ``"grammar"``.
        source: the schema as JSON, the expression, the choices as a JSON list, or the grammar.
        program: the same as llguidance reads it.
        whitespace: of a JSON schema, a key of `WHITESPACE`; else empty.
    """

    kind: str
    source: str
    program: str
    whitespace: str = ""

    @property
    def summary(self) -> str:
        """Its kind and its beginning."""
        spaces = f", white space: {self.whitespace}" if self.whitespace else ""
        shown = self.source if len(self.source) <= 60 else f"{self.source[:57]}…"
        return f"{self.kind} {shown}{spaces}"

    def __repr__(self) -> str:
        return f"<Constraint {self.summary}>"

    def accepts(self, text: str) -> bool | None:
        """Whether a whole text keeps to it; None: it is too complex to be followed."""
        if self.kind == CHOICES:
            return text in json.loads(self.source)
        if self.kind == SCHEMA:
            return _is_instance(text, json.loads(self.source))
        return _follows(text, self.program)

    @property
    def llamacpp_fields(self) -> dict[str, Any]:
        """The same in a request to llama.cpp, which compiles it itself.

        Builds of it that have llguidance inside, as xllamacpp does, read that one's syntax too;
        others refuse expressions and grammars that are not GBNF.
        """
        if self.kind == SCHEMA:
            spaces = {"x-guidance": LLAMACPP_SPACES[self.whitespace]}
            return {"json_schema": {**json.loads(self.source), **spaces}}
        if self.kind == CHOICES:
            options = (json.dumps(each, ensure_ascii=False) for each in json.loads(self.source))
            return {"grammar": f"root ::= {' | '.join(options)}"}
        source = _ascii_digits(self.source)
        if self.kind == REGEX:
            expression = re.sub(r"(?<!\\)((?:\\\\)*)/", r"\1\/", source)
            return {"grammar": f"%llguidance {{}}\nstart: /{expression}/"}
        is_gbnf = "::=" in self.source
        return {"grammar": self.source if is_gbnf else f"%llguidance {{}}\n{source}"}


def _ascii_digits(source: str) -> str:
    """Expressions whose digits are 0 to 9, as in a JSON schema: Rust's ``\\d`` is any script's."""
    digits = {"d": "[0-9]", "D": "[^0-9]"}
    return re.sub(r"(?<!\\)((?:\\\\)*)\\([dD])", lambda found: found[1] + digits[found[2]], source)


def _follows(text: str, program: str) -> bool | None:
    """The same by llguidance, byte by byte; None: too complex.

    Python's ``re`` tries every way to divide a text, which for ``(a+)+b`` has no end.
    """
    matcher, data = _byte_matcher(program), text.encode(errors="surrogatepass")
    is_whole = matcher.try_consume_tokens(list(data)) == len(data) and matcher.is_accepting()
    return None if matcher.is_error() else is_whole


def _byte_matcher(program: str) -> Any:
    from llguidance import LLMatcher, LLTokenizer

    return LLMatcher(LLTokenizer("byte"), program, log_level=0)


def _is_instance(text: str, schema: Any) -> bool | None:
    """Whether a text is JSON of a schema; None: it is nested too deeply."""
    from jsonschema import ValidationError, validators

    known = schema if isinstance(schema, dict) else {}
    options = {name: known[name] for name in known if name == "x-guidance"}
    judged = {keyword: _errors_of(keyword, options) for keyword in ("format", "pattern")}
    own = validators.extend(validators.validator_for(schema), judged)
    try:
        own(schema).validate(json.loads(text))
    except (ValueError, ValidationError):
        return False
    except RecursionError:
        return None
    return True


def _errors_of(keyword: str, options: Mapping[str, Any]) -> Callable[..., Iterator[Exception]]:
    """What jsonschema says of a keyword for texts, judged by llguidance with its options."""
    from jsonschema import ValidationError
    from llguidance import LLMatcher

    def errors(_validator, wanted: str, value: Any, _schema) -> Iterator[Exception]:
        schema = json.dumps({"type": "string", keyword: wanted, **options})
        program = LLMatcher.grammar_from_json_schema(schema)
        if isinstance(value, str) and not _follows(json.dumps(value, ensure_ascii=False), program):
            yield ValidationError(f"{value!r} is not of the {keyword} {wanted!r}")

    return errors


def json_schema(schema: Mapping[str, Any] | str, *, whitespace: str = "bounded") -> Constraint:
    """Answers are JSON of a schema.

    Args:
        schema: a JSON schema as a dict or as its text.
        whitespace: ``"any"``: as much as the model likes, which can be without end; ``"bounded"``:
            at most two characters between two parts; ``"none"``.
    Raises:
        ValueError: it is not a schema, or no text can satisfy it.
    """
    from llguidance import LLMatcher

    check_one_of("whitespace", whitespace, WHITESPACE)
    try:
        parsed = json.loads(schema) if isinstance(schema, str) else dict(schema)
        source = json.dumps(parsed, ensure_ascii=False)
        program = LLMatcher.grammar_from_json_schema(source, overrides=WHITESPACE[whitespace])
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"schema must be a JSON schema; got {schema!r:.80}: {error}") from None
    made = _checked(Constraint(SCHEMA, source, program, whitespace), "schema")
    _require_schema(parsed)
    return made


def _require_schema(schema: Any) -> None:
    """Raises a ValueError for what llguidance overlooks, such as ``$schema`` that is not a text."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match
    from jsonschema.validators import validator_for

    dialect = Draft202012Validator
    if isinstance(schema, dict) and isinstance(schema.get("$schema"), str):
        dialect = validator_for(schema, default=dialect)
    if error := best_match(dialect(dialect.META_SCHEMA).iter_errors(schema)):
        where = "/".join(map(str, error.path)) or "as a whole"
        raise ValueError(f"schema must be a JSON schema; {where}: {error.message:.200}")


def regex(pattern: str) -> Constraint:
    """Answers match a regular expression from their first to their last character.

    Args:
        pattern: in the syntax of Rust's ``regex``: no look-around and no backreferences. A ``\\d``
            is one of 0 to 9.
    Raises:
        ValueError: it is not an expression, or one that llguidance cannot follow.
    """
    from llguidance import LLMatcher

    _require_text(pattern, "pattern")
    program = LLMatcher.grammar_from_regex(_ascii_digits(pattern))
    return _checked(Constraint(REGEX, pattern, program), "pattern")


def choices(options: Sequence[str]) -> Constraint:
    """Answers are one of a list of texts.

    Raises:
        ValueError: there is no option, or one is not a text.
    """
    from llguidance import LLMatcher

    if not isinstance(options, list | tuple) or not options:
        raise ValueError(f"options must be a list of texts; got {options!r}")
    for option in options:
        _require_text(option, "options")
    # A regular expression takes every character, which a string of Lark's does not.
    program = LLMatcher.grammar_from_regex("|".join(map(_escaped, options)))
    source = json.dumps(list(options), ensure_ascii=False)
    return _checked(Constraint(CHOICES, source, program), "options")


def grammar(text: str) -> Constraint:
    """Answers follow a context-free grammar, in Lark's syntax or in llama.cpp's GBNF.

    Args:
        text: with a rule ``start:`` (Lark), or ``root ::=`` (GBNF).
    Raises:
        ValueError: it is not a grammar.
    """
    from llguidance import LLMatcher
    from llguidance.gbnf_to_lark import any_to_lark

    _require_text(text, "text")
    try:
        lark = _ascii_digits(any_to_lark(text))
    except Exception as error:  # its parser has errors of its own
        raise ValueError(f"text must be a grammar: {_first(str(error))}") from None
    return _checked(Constraint(GRAMMAR, text, LLMatcher.grammar_from_lark(lark)), "text")


def _require_text(value: Any, name: str) -> None:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} must be text, and not empty; got {value!r}")
    if re.search("[\ud800-\udfff]", value):
        raise ValueError(f"{name} must be text without halves of characters; got {value!r:.60}")


def _escaped(text: str) -> str:
    return re.sub(r"([\\.+*?()|\[\]{}^$/])", r"\\\1", text)


def _checked(constraint: Constraint, argument: str) -> Constraint:
    """The constraint, if llguidance can follow it.

    Raises:
        ValueError: with what it says of it.
    """
    from llguidance import LLMatcher

    if message := LLMatcher.validate_grammar(constraint.program):
        if message.startswith("WARNING"):
            return constraint
        reason = _first(message)
        if "nsatisfiable" in message:
            reason = f"no text can satisfy it: {reason.removeprefix('Unsatisfiable schema: ')}"
        raise ValueError(f"{argument} is not a usable {constraint.kind}: {reason}")
    matcher = _byte_matcher(constraint.program)
    matcher.compute_bitmask()
    if matcher.get_error().startswith("NoExtension"):  # no first byte is allowed
        raise ValueError(f"{argument} is not a usable {constraint.kind}: no text can satisfy it")
    return constraint


def _first(message: str) -> str:
    """What llguidance says, without the excerpt that it quotes."""
    lines = [line.strip() for line in message.splitlines()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (errors or lines or ["unknown"])[0]
