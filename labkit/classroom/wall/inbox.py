"""One address on the leader's machine, to which laptops post files for the wall; no hub is needed.

A browser opens it and gets a page with a form; a program posts a file to ``/files/NAME`` with the
headers `LEARNER` and `WORD`, the word percent-encoded. A page of another origin cannot send these
headers.
"""

import contextlib
import hmac
import secrets
import ssl
import time
from functools import partial
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import unquote

from labkit.classroom.bounded_server import BoundedServer
from labkit.classroom.learners.taken_names import WALL, take_name
from labkit.classroom.settings import NAME, ClassSettings
from labkit.errors import LabError

from .kept import keep

LEARNER, WORD = "X-Labkit-Learner", "X-Labkit-Word"
COOKIE = "labkit-wall-name"
LARGEST = 8_000_000  # bytes of a file; a notebook with its figures
PATIENCE_S, GUESS_S = 20, 1
PAGE = Path(__file__).with_name("inbox.html")
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
)


def open_inbox(settings: ClassSettings, folder: Path) -> BoundedServer:
    """The service, which answers in ``serve_forever``.

    Args:
        settings: who may post, with which word; where it listens; its certificate.
        folder: where the files go.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    server = BoundedServer((settings.host, settings.port), partial(_Handler, settings, folder))
    if settings.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings.certificate, settings.certificate_key)
        # The handshake is the handler's, so that who does not finish it keeps nobody waiting.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    return server


class _Handler(BaseHTTPRequestHandler):
    timeout = PATIENCE_S

    def __init__(self, settings: ClassSettings, folder: Path, *connection):
        self._settings, self._folder = settings, folder
        super().__init__(*connection)

    def do_GET(self):
        """The page with the form."""
        if self.path != "/":
            return self._answer(404, "There is nothing here.")
        self._answer(200, PAGE.read_text(encoding="utf-8"), kind="text/html")

    def do_POST(self):
        """A file."""
        name = unquote(self.path.removeprefix("/files/"))
        learner, cookie = self.headers.get(LEARNER, "").strip().lower(), ""
        try:
            content = self._content()
            cookie = self._require_owner(learner)
            keep(self._folder, learner, name, content)
        except LabError as error:
            return self._answer(400, error.problem, cookie=cookie)
        self._answer(200, f"{name} is on the wall.", cookie=cookie)

    def _content(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST:
            self.close_connection = True
            raise LabError(f"A file has at most {LARGEST / 1e6:.0f} MB.")
        return self.rfile.read(int(length))

    def _require_owner(self, learner: str) -> str:
        """The cookie of the browser that has the name; raises LabError for any other."""
        word, names = unquote(self.headers.get(WORD, "")).strip().lower(), self._settings.names
        if not hmac.compare_digest(word.encode(), self._settings.word.encode()):
            time.sleep(GUESS_S)
            raise LabError("That is not the word.")
        if not NAME.fullmatch(learner) or (names and learner not in names):
            raise LabError("That name cannot come: letters a to z, digits and -.")
        cookie = self._cookie() or secrets.token_hex(24)
        if refusal := take_name(self._settings, learner, cookie, WALL):
            raise LabError(refusal)
        return cookie

    def _cookie(self) -> str:
        with contextlib.suppress(CookieError):
            found = SimpleCookie(self.headers.get("Cookie", ""))
            return found[COOKIE].value if COOKIE in found else ""
        return ""

    def _answer(self, status: int, text: str, *, kind: str = "text/plain", cookie: str = ""):
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        if cookie:
            secure = "; Secure" if self._settings.certificate else ""
            lasts = "Path=/; Max-Age=7776000; HttpOnly; SameSite=Strict"
            self.send_header("Set-Cookie", f"{COOKIE}={cookie}; {lasts}{secure}")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format, *args):
        """Nobody reads along."""
