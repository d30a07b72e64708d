"""Finds secrets with the patterns of detect-secrets, and of providers that it does not cover.

The patterns come from its plugins. Here they report positions, find several secrets on a line, and
do without its file handling, the comments that disable it, and its checks over the network.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module

from labkit.errors import LabError

from .findings import Finding
from .secret_rules import RULES, Rule

SURE, NAMED, RANDOM = 0.95, 0.7, 0.5  # confidence by its format, by its name, by its randomness


# Plugins of detect-secrets, by module and class. Left out are those that flag prose (Artifactory),
# that have better patterns in `RULES` (private keys, JWT, npm, OpenAI, Stripe, Azure, Discord,
# passwords in addresses), that do the same as Presidio (IPPublic), or that are for services which
# no longer exist.
_PLUGINS = {
    "aws.AWSKeyDetector": "cloud key",
    "github_token.GitHubTokenDetector": "access token",
    "gitlab_token.GitLabTokenDetector": "access token",
    "ibm_cloud_iam.IbmCloudIamDetector": "cloud key",
    "mailchimp.MailchimpDetector": "api key",
    "pypi_token.PypiTokenDetector": "access token",
    "sendgrid.SendGridDetector": "api key",
    "slack.SlackDetector": "access token",
    "square_oauth.SquareOAuthDetector": "access token",
    "telegram_token.TelegramBotTokenDetector": "access token",
    "twilio.TwilioKeyDetector": "api key",
}
_PREFIX_GROUPS = {"GitHubTokenDetector", "GitLabTokenDetector"}  # their groups are only prefixes


def find_secrets(text: str) -> Iterator[Finding]:
    """Every secret that a rule matches; findings may overlap."""
    for rule in (*_rules(), *RULES):
        for found in rule.pattern.finditer(text):
            group = found.lastindex or 0
            start, end = found.span(group)
            is_harmless = rule.doubtful and _is_placeholder(found[group])
            if start < end and (group or _begins_word(text, start)) and not is_harmless:
                confidence = NAMED if rule.doubtful else SURE
                yield Finding(start, end, rule.kind, rule.name, confidence, text[start:end])
    yield from _in_lines(text)


def _begins_word(text: str, start: int) -> bool:
    """Whether it does not start inside a longer word, where any letters can occur by chance."""
    return start == 0 or not (text[start].isalnum() and text[start - 1].isalnum())


@cache
def _rules() -> tuple[Rule, ...]:
    rules = []
    for path, kind in _PLUGINS.items():
        module, _, name = path.partition(".")
        plugin = _plugin(module, name)
        for pattern in plugin.denylist:
            source = pattern.pattern
            if name in _PREFIX_GROUPS:
                source = re.sub(r"(?<!\\)\((?!\?)", "(?:", source)
            compiled = re.compile(source, pattern.flags | re.MULTILINE)
            rules.append(Rule(kind, f"detect-secrets {name}", compiled))
    return tuple(rules)


@cache
def _plugin(module: str, name: str):
    try:
        return getattr(import_module(f"detect_secrets.plugins.{module}"), name)()
    except ImportError as error:
        raise LabError(
            f"The scanner for secrets is not installed: {error}.",
            "pip install detect-secrets. Until then nothing can be scanned.",
        ) from None


LONGEST_LINE = 2000  # characters that the search for random text gets at a time
LONGEST_NAMED = 400  # characters that detect-secrets' rules for names get: they are quadratic in it
_QUOTE = re.compile(r"[\"'`]")  # these rules want the secret in quotes
_DIGEST = re.compile(r"(?i)sha-?\d|md5|hash|digest|checksum|integrity|commit|revision|etag|uuid")


def _in_lines(text: str) -> Iterator[Finding]:
    """What detect-secrets finds by a name on the same line, or by randomness."""
    at = 0
    for line in text.splitlines(keepends=True):
        if _QUOTE.search(line):
            for find, longest in ((_named, LONGEST_NAMED), (_random, LONGEST_LINE)):
                for begin, piece in _pieces(line, longest):
                    yield from find(piece, at + begin)
        at += len(line)


def _pieces(line: str, longest: int) -> Iterator[tuple[int, str]]:
    """A line in pieces, cut after a comma or a semicolon where there is one; and around each cut,
    which may go through a secret, another piece.
    """
    begin = 0
    while begin < len(line):
        end = begin + longest
        if end < len(line):
            end = max(line.rfind(each, begin, end) for each in ",;") + 1 or end
            around = max(0, end - longest // 2)
            yield around, line[around : end + longest // 2]
        yield begin, line[begin:end]
        begin = end


def _named(line: str, at: int) -> Iterator[Finding]:
    from detect_secrets.filters.heuristic import is_indirect_reference
    from detect_secrets.plugins.keyword import QUOTES_REQUIRED_DENYLIST_REGEX_TO_GROUP as PATTERNS

    for pattern, group in PATTERNS.items():
        for found in pattern.finditer(line):
            value, rest = found[group], line[found.end() :]
            if not _is_placeholder(value) and not is_indirect_reference(found[0] + rest):
                kind = "api key" if "key" in found[0].replace(value, "").lower() else "password"
                start, rule = at + found.start(group), "detect-secrets KeywordDetector"
                yield Finding(start, start + len(value), kind, rule, NAMED, value)


def _random(line: str, at: int) -> Iterator[Finding]:
    from detect_secrets.filters import heuristic

    if _DIGEST.search(line):
        return
    for name in ("Base64HighEntropyString", "HexHighEntropyString"):
        plugin, rule = _plugin("high_entropy_strings", name), f"detect-secrets {name}"
        for found in plugin.regex.finditer(line):
            value, start = found[2], at + found.start(2)
            is_known = (
                heuristic.is_potential_uuid(value)
                or heuristic.is_sequential_string(value)
                or heuristic.is_likely_id_string(value, line)
            )
            if not is_known and plugin.calculate_shannon_entropy(value) > plugin.entropy_limit:
                yield Finding(start, start + len(value), "random text", rule, RANDOM, value)


# Placeholders of a secret that is elsewhere: a name, a call, an ellipsis.
_PLACEHOLDER = re.compile(
    r"(?i)[<\[{$%].*|\W+|x+|(your|my|the|some|an?|insert|enter|put)[-_ ].*|"
    r"change[-_]?me|example|placeholder|todo|none|null|undefined|true|false|"
    r"(user|pass)(name|word|wd)?|secret|token|key|pwd?|string|"
    r"[\w.]+[(\[].*|(os|process|env|self|config|settings|request|args|opts|options|params)\.\S+|\.{3,}|\*{3,}.*"
)


def _is_placeholder(value: str) -> bool:
    """Whether it is a placeholder of a secret that is elsewhere, or too short for one."""
    return len(value) < 4 or bool(_PLACEHOLDER.fullmatch(value))
