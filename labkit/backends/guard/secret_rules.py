"""Rules for secrets that are recognized by what stands around them, and the form of a rule.

Every pattern takes a number of steps at each position that has a limit, whatever the text is:
repetitions have an upper bound where something must follow them.
"""

import re
from dataclasses import dataclass

from .token_formats import formats


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern; if it has groups, the secret is the group that matched."""

    kind: str
    name: str
    pattern: re.Pattern
    doubtful: bool = False  # a match may be an ordinary word, such as a variable's name


# A private key from its first line to its last, or as far as it was pasted; line breaks may be
# written as \n. Its header alone, in a sentence or in code, is not followed by such a block.
_BLOCK = r"(?:(?!-----)[\w\s+/=\\\"',.:;-])"
_PRIVATE_KEY = (
    r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
    rf"(?={_BLOCK}{{0,300}}?[A-Za-z0-9+/=]{{30}}){_BLOCK}+"
    r"(?:-----END (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----)?"
)
_PUTTY_KEY = (
    r"Private-Lines: \d{1,3}(?:\s+[A-Za-z0-9+/=]{1,80}(?![\w-]))+"
    r"(?:\s+Private-MAC: [0-9a-f]{32,64})?"
)
# A name in capitals, as in a file of environment variables, with its value.
_SETTING = (
    r"(?m)^[ \t]*+(?:(?:export|ENV|ARG)[ \t]+)?[A-Z0-9_]{{0,60}}?(?:{words})S?"
    r"(?:_[A-Z0-9_]{{0,40}})?[ \t]{{0,9}}=[ \t]{{0,9}}[\"']?([^\s\"'#]{{8,}})"
)
_HAS_DIGIT_OR_SIGN = r"(?=[^\s\"']{0,60}[\d!@%^&*+])"
_NAMES = r"(?<![a-zA-Z])(?:password|pass|passwd|passphrase|passwort|kennwort|contraseña|pwd|pw|mdp)"
_SPOKEN = (
    r"\b(?:password|passphrase|passcode|pw|passwort|kennwort|mot de passe|contraseña)\b"
    r"(?: [\w'’]{1,30}){0,7}?(?: (?:is|was|ist|war|lautet|est|es):?| ?:) ?[\"'“‘`]?"
)
_SQL = r"\b(?:mysql|mysqldump|mysqladmin|mariadb)\b[^\n|;]{0,200}?\s-p"
_COMMAND = rf"(?:{_SQL}|\bredis-cli\b[^\n|;]{{0,200}}?\s-a\s{{1,9}}|\bsshpass\s{{1,9}}-p\s{{0,9}})"
_CURL = r"\b(?:curl|wget)\b(?:[^\n]|\\\n){0,200}?\s(?:-u|--user)[\s=]{0,9}[\"']?[^\s:\"']{1,80}:"

# Kind, name, pattern; those here are doubtful, see `Rule`.
_AROUND = (
    (
        "access token", "authorization header",
        r"(?i)\bauthorization[\"']?\s{0,9}[:=]\s{0,9}[\"']?(?:bearer|basic|token)\s{1,9}"
        r"([\w.~+/=-]{12,})",
    ),
    (
        "access token", "header with a key or a token",
        r"(?i)\b(?:x-[\w-]{0,30}?(?:key|token)|private-token|api-key)[\"']?\s{0,9}:\s{0,9}"
        r"[\"']?([\w.~+/=-]{16,})",
    ),
    (
        "access token", "npm credential",
        r"(?m)(?:^|:)_(?:auth|authToken|password)[ \t]{0,9}=[ \t]{0,9}[\"']?([\w+/=.-]{8,})",
    ),
    ("api key", "setting named KEY or TOKEN", _SETTING.format(words="KEY|TOKEN|CREDENTIAL")),
    (
        "api key", "key in an address",
        r"[?&](?:api_?key|key|token|access_token|auth|sig|signature)=([\w.~%-]{16,})",
    ),
    (
        "cloud key", "AWS session token",
        r"(?i)session[ _]?token[\"']?\s{0,9}[:=]\s{0,9}[\"']?([a-z0-9/+=]{100,})",
    ),
    ("cloud key", "Alibaba secret", r"(?i)access_?key_?secret\W{1,5}([a-z0-9]{30})(?!\w)"),
    (
        "password", "setting named PASSWORD or SECRET",
        _SETTING.format(words="SECRET|PASSWORD|PASSWD|PWD|PASSPHRASE"),
    ),
    (
        "password", "password in a configuration",
        r"(?im)^[ \t-]*+[\w.-]{0,60}?(?:password|passwd|secret|api[_-]?key|auth[_-]?token)"
        rf"[\w.-]{{0,30}}[ \t]{{0,9}}:[ \t]{{0,9}}{_HAS_DIGIT_OR_SIGN}"
        r"([^\s\"'#,{}\[\]()<>$]{6,300})[ \t]{0,9}$",
    ),
    (
        "password", "password in a connection or a command",
        rf"(?i){_NAMES}(?:=|:[ \t]{{0,3}}){_HAS_DIGIT_OR_SIGN}"
        r"([^\s;&\"',<>{}()\[\]$]{6,300})(?![\w(\[{<$])",
    ),
    (
        "password", "password in an address",
        r"://[^\s/?#@:\"'<>]{0,80}:([^\s/@\"'<>]{1,200})@(?=[\w\[])",
    ),
    ("password", "password of a command", rf"{_COMMAND}[\"']?([^\s\"'|;-][^\s\"'|;]{{3,100}})"),
    (
        "password", "option with a password",
        r"--(?:password|passwd|token|api-key|secret)(?:=|[ \t]{1,9})[\"']?"
        rf"{_HAS_DIGIT_OR_SIGN}([^\s\"']{{6,300}})",
    ),
    ("password", "password of curl", rf"{_CURL}([^\s\"']{{3,100}})"),
    (
        "password", "netrc file",
        r"\bmachine\s{1,20}\S{1,100}\s{1,20}login\s{1,20}\S{1,100}\s{1,20}password\s{1,20}"
        r"(\S{1,100})",
    ),
    (
        "password", "password in XML",
        r"(?i)<[\w:.-]{0,30}?(?:password|passwd|pwd|passphrase)>([^<\s]{4,100})</",
    ),
    (
        "password", "pair of user and password",
        r"(?i)\b(?:auth|login)\b[\"']?\s{0,3}(?:=>|[=:(])\s{0,3}[\[(]?\s{0,3}"
        rf"(?:[\"'][^\"'\n]{{1,80}}[\"']|\w{{1,40}}),\s{{0,3}}[\"']{_HAS_DIGIT_OR_SIGN}"
        r"([^\"'\s]{4,80})[\"']",
    ),
    (
        "password", "pair of a name and a password",
        rf"(?i)(?:password|passwd|pwd|secret|api_?key|token)[\"'],\s{{0,3}}[\"']{_HAS_DIGIT_OR_SIGN}"
        r"([^\"'\s]{6,100})[\"']",
    ),
    (
        "password", "name and value in YAML",
        r"(?i)\bname:\s{0,3}[\"']?[\w-]{0,40}?(?:password|secret|token|key)[\w-]{0,20}[\"']?\s{1,40}"
        rf"value:\s{{0,3}}[\"']?{_HAS_DIGIT_OR_SIGN}([^\s\"'${{}}]{{6,300}})",
    ),
    (
        "password", "password in a sentence",
        rf"(?i){_SPOKEN}{_HAS_DIGIT_OR_SIGN}([^\s\"'”’`]{{4,100}}[^\s\"'”’`.,;:?)])",
    ),
)  # fmt: skip
# These are sure: their surroundings have a form of their own too.
_SURE = (
    ("private key", "private key block", _PRIVATE_KEY),
    ("private key", "private part of a PuTTY key", _PUTTY_KEY),
    (
        "private key", "WireGuard key",
        r"(?:PrivateKey|PresharedKey)[ \t]{0,9}=[ \t]{0,9}([A-Za-z0-9+/]{43}=)",
    ),
    (
        "cloud key", "AWS secret key",
        r"(?i)secret[ _-]?access[ _-]?key\W{1,5}([a-z0-9/+]{40})(?![a-z0-9/+])",
    ),
    (
        "cloud key", "AWS secret key beside its ID",
        r"A[KS]IA[0-9A-Z]{16}[\"']?[\s,;:|]{1,5}[\"']?([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])",
    ),
    # Its first two parts begin with {" in base64; detect-secrets' own pattern omits the third.
    ("access token", "JSON web token", r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"),
)  # fmt: skip

RULES = tuple(
    Rule(kind, name, re.compile(pattern), doubtful)
    for rules, doubtful in ((_SURE, False), (formats(), False), (_AROUND, True))
    for kind, name, pattern in rules
)
