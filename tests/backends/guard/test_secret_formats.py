"""Formats in which secrets are pasted: each is covered whole; what only looks like one is not."""

import random
import string

import pytest

from labkit.backends.guard.findings import SECRETS
from labkit.backends.guard.scanner import CANNOT_SEE, scan
from labkit.backends.guard.secret_search import find_secrets
from labkit.backends.guard.token_formats import formats

WORD = string.ascii_letters + string.digits
HEX, B64 = "0123456789abcdef", WORD + "+/"


def random_text(length, alphabet=WORD):
    """Of nobody: drawn here, so that nothing in this file looks like a key."""
    return "".join(random.Random(length).choices(alphabet, k=length))


UUID = "-".join(random_text(length, HEX) for length in (8, 4, 4, 4, 12))
AWS_ID, AWS_SECRET = "AKIA" + "Q7ZX" * 4, random_text(40, B64)
PUTTY_PRIVATE = (
    f"Private-Lines: 2\n{random_text(64, B64)}\n{random_text(44, B64)}\n"
    f"Private-MAC: {random_text(40, HEX)}"
)
# What stands around a secret, with {} in its place, and the secret.
PASTED = {
    "redis address": ("redis://:{}@localhost:6379/0", "p4ssw0rdXy9"),
    "sign in an address": ("mysql://root:{}@127.0.0.1/blog", "Pf4nne!kuchen"),
    "credentials.csv": (f"User,Access key ID,Secret\nci,{AWS_ID},{{}}\n", AWS_SECRET),
    "AWS console": ("Secret access key: {}", AWS_SECRET),
    "AWS session": ("aws_session_token={}\nregion=x", random_text(300, B64)),
    "npmrc with a UUID": ("//npm.example.com/:_authToken={}\n", UUID),
    "npmrc _auth": ("_auth={}\nemail=", random_text(24, B64)),
    "netrc": ("machine a.example\n  login deploy\n  password {}\n", "kettle-Sand"),
    "netrc on a line": ("machine a.example login deploy password {}", "kettle-Sand"),
    "curl -u": ("curl -s -u bob:{} https://ci.example.com", "Rettich5halb"),
    "mysql -p": ("mysqldump -u backup -p{} shop > a.sql", "Kastanie_31"),
    "redis-cli -a": ("redis-cli -h cache -a {} ping", "u7Wq0xLm2P"),
    "option": ("deploy --password={} --all", "Nuss-Baum-9"),
    "Azure shared key": (
        "Endpoint=sb://a/;SharedAccessKeyName=Root;{}",
        f"SharedAccessKey={random_text(43, B64)}=",
    ),
    "Azure client secret": ('secret: "{}"', f"{random_text(3)}8Q~{random_text(34)}"),
    "Slack xoxe": ("slack {} ", f"xoxe.xoxp-1-{random_text(120)}"),
    "Slack xoxc": ("slack {} ", f"xoxc-{random_text(12, '123')}-{random_text(64, HEX)}"),
    "Slack xoxd": ("d={};", f"xoxd-{random_text(40)}%2F{random_text(30)}"),
    "GitLab": ("token {}!", f"glpat-{random_text(20)}"),
    "routable GitLab": ("token {}!", f"glpat-{random_text(40)}.01.{random_text(9, HEX)}"),
    "Google access": ("bearer is {}", f"ya29.a0{random_text(120)}"),
    "Google AQ": ("key {} works", f"AQ.Ab8{random_text(48)}"),
    "DigitalOcean": ("doctl -t {}", f"dop_v1_{random_text(64, HEX)}"),
    "Shopify": ("shop {}", f"shpat_{random_text(32, HEX)}"),
    "Databricks": ("dbx {}", f"dapi{random_text(32, HEX)}"),
    "Vault": ("vault login {}", f"hvs.CAES{random_text(90)}"),
    "Replicate": ("r {}", f"r8_{random_text(37)}"),
    "Perplexity": ("p {}", f"pplx-{random_text(48)}"),
    "Atlassian": ("jira {}", f"ATATT3xFf{random_text(170)}={random_text(8, HEX).upper()}"),
    "PuTTY": ("PuTTY-User-Key-File-2: ssh-rsa\nComment: a\n{}\n", PUTTY_PRIVATE),
    "WireGuard": ("[Interface]\nPrivateKey = {}\n", f"{random_text(43, B64)}="),
    "XML": ("<password>{}</password>", "Otter&Stone5"),
    "pair": ("requests.get(url, auth=('svc', '{}'))", "hV83.mollusk"),
    "PHP constant": ("define( 'DB_PASSWORD', '{}' );", "hg62-Lmnop"),
    "name of a user": ('imap.login(USER, "{}")', "Nelke.2020"),
    "YAML name and value": ("- name: API_TOKEN\n  value: {}\n", random_text(40, HEX)),
    "YAML in capitals": ("SECRET_KEY_BASE: {}\n", random_text(64, HEX)),
    "variable of a command": ('ansible-playbook a.yml -e "db_pass={}"', "Feldsalat4"),
    "short name": ("ssh user@host (pw is {})", "gans3ei"),
    "header": ('"X-Api-Key": "{}"', random_text(40)),
    "French": ("le mot de passe du serveur est {}, merci", "Tournesol59"),
    "German": ("neues Kennwort für den Drucker: {}\nGruß", "Papierstau9"),
    "Spanish": ("La contraseña del wifi es {} y nada más", "girasol-2210"),
}


@pytest.mark.parametrize("name", PASTED)
def test_a_pasted_secret_is_covered_whole(name):
    around, secret = PASTED[name]
    before, after = around.format(secret).split(secret, 1)
    text, start = before + secret + after, len(before)
    found = scan(text, kinds=SECRETS)
    covered = {at for each in found for at in range(each.start, each.end)}
    assert covered >= set(range(start, start + len(secret)))


@pytest.mark.parametrize(
    "harmless",
    [
        "docker run -u 1000:1000 -p 8080:80 example/app",
        "mysql -P 3307 -p -u root shop < dump.sql",
        'curl -u "$USER:$PASS" https://ci.example.com',
        "postgres://user:password@localhost/db",
        "redis://:${REDIS_PASSWORD}@cache:6379",
        "machine <host> login <user> password <password>",
        "hf_hub, sk-learn, xoxb-your-token and glpat-xxxx are not tokens",
        "Your password must be at least 12 characters, or 4 words.",
        "password = hashlib.sha256(text)",
        "connect(password=args.password1, user=name)",
    ],
)
def test_what_only_looks_like_one_is_not_found(harmless):
    assert list(find_secrets(harmless)) == []


def test_a_form_inside_a_word_is_not_a_token():
    assert list(find_secrets("a" + f"r8_{random_text(37)}")) == []


def test_every_form_has_a_kind_and_a_name_of_its_own():
    names = [name for _, name, _ in formats()]
    assert len(names) > 80 and len(set(names)) == len(names)
    assert {kind for kind, _, _ in formats()} <= SECRETS.keys()


# An example for each line of the scanner's own list of what it cannot see.
UNSEEN = (
    ("log: session={} ", random_text(32, HEX)),
    ("login: maria / {}", "kaffee"),
    (r"net use Z: \\files\team /user:CORP\jb {}", "Herbst!2025"),
    ("the first half of the key is {}, the second follows", random_text(10)),
    ("Konto {}, BLZ 370 400 44", "532 013 000"),
    ("please remind {} of it", "maria"),
    ("Deliver to {}.", "14 Elm Street"),
)


@pytest.mark.parametrize(("line", "unseen"), list(zip(CANNOT_SEE, UNSEEN, strict=True)))
def test_what_the_scanner_says_it_cannot_see_it_does_not_see(line, unseen):
    around, secret = unseen
    assert not [each for each in scan(around.format(secret)) if each.text in secret], line
