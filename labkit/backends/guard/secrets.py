"""Finds secrets with the patterns of detect-secrets, and of providers that it does not cover.

The patterns come from its plugins. Here they report positions, find several secrets on a line, and
do without its file handling, the comments that disable it, and its checks over the network.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from labkit.errors import LabError

from .findings import Finding

SURE, NAMED, RANDOM = 0.95, 0.7, 0.5  # confidence by its format, by its name, by its randomness


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern; if it has groups, the secret is the group that matched."""

    kind: str
    name: str
    pattern: re.Pattern
    doubtful: bool = False  # a match may be an ordinary word, such as a variable's name


# Plugins of detect-secrets, by module and class. Left out are those that flag prose (Artifactory),
# that have better patterns below (JWT, npm, private keys), that do the same as Presidio (IPPublic),
# or that are for services which no longer exist.
_PLUGINS = {
    "aws.AWSKeyDetector": "cloud key",
    "azure_storage_key.AzureStorageKeyDetector": "cloud key",
    "basic_auth.BasicAuthDetector": "password",
    "discord.DiscordBotTokenDetector": "access token",
    "github_token.GitHubTokenDetector": "access token",
    "gitlab_token.GitLabTokenDetector": "access token",
    "ibm_cloud_iam.IbmCloudIamDetector": "cloud key",
    "mailchimp.MailchimpDetector": "api key",
    "openai.OpenAIDetector": "api key",
    "pypi_token.PypiTokenDetector": "access token",
    "sendgrid.SendGridDetector": "api key",
    "slack.SlackDetector": "access token",
    "square_oauth.SquareOAuthDetector": "access token",
    "stripe.StripeDetector": "api key",
    "telegram_token.TelegramBotTokenDetector": "access token",
    "twilio.TwilioKeyDetector": "api key",
}
_PREFIX_GROUPS = {"GitHubTokenDetector", "GitLabTokenDetector"}  # their groups are only prefixes

# A private key from its first line to its last, or as far as it was pasted; line breaks may be
# written as \n. Its header alone, in a sentence or in code, is not followed by such a block.
_BLOCK = r"(?:(?!-----)[\w\s+/=\\\"',.:;-])"
_PRIVATE_KEY = (
    r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
    rf"(?={_BLOCK}{{0,300}}?[A-Za-z0-9+/=]{{30}}){_BLOCK}+"
    r"(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----)?"
)
# A name in capitals, as in a file of environment variables, with its value.
_SETTING = (
    r"(?m)^[ \t]*(?:export[ \t]+)?[A-Z0-9_]*(?:{words})S?(?:_[A-Z0-9_]*)?[ \t]*=[ \t]*"
    r"[\"']?([^\s\"'#]{{8,}})"
)
_HAS_DIGIT_OR_SIGN = r"(?=[^\s\"']*[\d!@%^&*+])"

_OURS = (
    Rule("private key", "private key block", re.compile(_PRIVATE_KEY)),
    Rule("api key", "Anthropic key", re.compile(r"\bsk-ant-[\w-]{20,}")),
    Rule("api key", "OpenAI key", re.compile(r"\bsk-(?:proj|svcacct|admin)-[\w-]{20,}")),
    Rule("api key", "OpenRouter key", re.compile(r"\bsk-or-v1-[0-9a-f]{32,}")),
    Rule("api key", "key of OpenAI's form", re.compile(r"\bsk-[A-Za-z0-9]{32,}\b")),
    Rule("api key", "Groq key", re.compile(r"\bgsk_[A-Za-z0-9]{40,}\b")),
    Rule("api key", "xAI key", re.compile(r"\bxai-[A-Za-z0-9]{60,}\b")),
    Rule("api key", "Stripe test key", re.compile(r"\b[rs]k_test_[0-9A-Za-z]{20,}\b")),
    Rule("cloud key", "Google key", re.compile(r"\bAIza[\w-]{35}(?![\w-])")),
    Rule(
        "cloud key", "AWS secret key",
        re.compile(r"(?i)\baws_secret_access_key\W{1,5}([a-z0-9/+]{40})(?![a-z0-9/+])"),
    ),
    Rule(
        "access token", "Discord webhook",
        re.compile(r"https://discord(?:app)?\.com/api/webhooks/\d{15,}/[\w-]{60,}"),
    ),
    Rule("access token", "Hugging Face token", re.compile(r"\bhf_[A-Za-z0-9]{30,}\b")),
    Rule("access token", "GitHub token", re.compile(r"\bgithub_pat_[A-Za-z0-9]{22}_\w{40,}\b")),
    Rule("access token", "npm token", re.compile(r"\bnpm_[A-Za-z0-9]{36}\b")),
    # Its first two parts begin with {" in base64; detect-secrets' own pattern omits the third.
    Rule("access token", "JSON web token", re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?")),
    Rule("access token", "Slack app token", re.compile(r"\bxapp-\d-[A-Z0-9]+-\d+-[0-9a-f]{20,}")),
    Rule(
        "access token", "authorization header",
        re.compile(r"(?i)\bauthorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic|token)\s+([\w.~+/=-]{12,})"),
        doubtful=True,
    ),
    Rule(
        "api key", "setting named KEY or TOKEN",
        re.compile(_SETTING.format(words="KEY|TOKEN|CREDENTIAL")), doubtful=True,
    ),
    Rule(
        "api key", "key in an address",
        re.compile(r"[?&](?:api_?key|key|token|access_token|auth|sig|signature)=([\w.~%-]{16,})"),
        doubtful=True,
    ),
    Rule(
        "password", "setting named PASSWORD or SECRET",
        re.compile(_SETTING.format(words="SECRET|PASSWORD|PASSWD|PWD|PASSPHRASE")),
        doubtful=True,
    ),
    Rule(
        "password", "password in a configuration",
        re.compile(
            r"(?im)^[ \t-]*[\w.-]*(?:password|passwd|secret|api[_-]?key|auth[_-]?token)[ \t]*:"
            r"[ \t]*"
            rf"{_HAS_DIGIT_OR_SIGN}([^\s\"'#,{{}}\[\]()<>$]{{6,}})[ \t]*$"
        ),
        doubtful=True,
    ),
    Rule(
        "password", "password in a connection or a command",
        re.compile(rf"(?i)\b(?:password|passwd|pwd)={_HAS_DIGIT_OR_SIGN}([^\s;&\"',)]{{6,}})"),
        doubtful=True,
    ),
    Rule(
        "password", "password in a sentence",
        re.compile(
            r"(?i)\b(?:password|passphrase|passcode|passwort)\b(?: \w+){0,4}? (?:is|was|ist):? ?"
            rf"[\"'“‘`]?{_HAS_DIGIT_OR_SIGN}([^\s\"'”’`]{{4,}}[^\s\"'”’`.,;:?)])"
        ),
        doubtful=True,
    ),
)  # fmt: skip


def find_secrets(text: str) -> Iterator[Finding]:
    """Every secret that a rule matches; findings may overlap."""
    for rule in (*_rules(), *_OURS):
        for found in rule.pattern.finditer(text):
            group = found.lastindex or 0
            start, end = found.span(group)
            is_harmless = rule.doubtful and _is_placeholder(found[group])
            if start < end and _begins_word(text, start) and not is_harmless:
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


LONGEST_LINE = 2000  # characters that the slower rules get at a time
_DIGEST = re.compile(r"(?i)sha-?\d|md5|hash|digest|checksum|integrity|commit|revision|etag|uuid")


def _in_lines(text: str) -> Iterator[Finding]:
    """What detect-secrets finds by a name on the same line, or by randomness."""
    at = 0
    for line in text.splitlines(keepends=True):
        for begin in range(0, len(line), LONGEST_LINE):
            piece = line[begin : begin + LONGEST_LINE]
            yield from _named(piece, at + begin)
            yield from _random(piece, at + begin)
        at += len(line)


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
    r"[\w.]+[(\[].*|(os|process|env|self|config|settings|request)\.\S+|\.{3,}|\*{3,}.*"
)


def _is_placeholder(value: str) -> bool:
    """Whether it is a placeholder of a secret that is elsewhere, or too short for one."""
    return len(value) < 4 or bool(_PLACEHOLDER.fullmatch(value))
