"""Servers with TLS on the loopback that answer as providers do, and a key that must not be seen.

What they send is held to the vendors' own types: an event that openai's or anthropic's package
would not know is an error of the test.
"""

import contextlib
import json
import secrets
import socket
import ssl
import threading
import time
import traceback
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from pydantic import TypeAdapter

HANG_UP = object()  # in a script: the connection is cut there


def chat_event(**told):
    """An event of OpenAI's stream, by the type of openai's own package."""
    from openai.types.chat import ChatCompletionChunk

    chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1_790_000_000, **told}
    chunk = {"model": "gpt-6-luna-2026-09-22", "choices": [], **chunk}
    ChatCompletionChunk.model_validate(chunk, strict=True)
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def text(content, **more):
    delta = {"content": content, "role": "assistant"}
    return chat_event(choices=[{"index": 0, "delta": delta, "finish_reason": None, **more}])


def chat_end(read, written, reason="stop", **more):
    """The last events: why it ended, what it used, and the mark of the end."""
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    ended = chat_event(choices=[{"index": 0, "delta": {}, "finish_reason": reason}])
    return ended + chat_event(usage=usage | more) + b"data: [DONE]\n\n"


def claude_event(**told):
    """An event of Anthropic's stream, by the types of anthropic's own package."""
    from anthropic.types import RawMessageStreamEvent

    TypeAdapter(RawMessageStreamEvent).validate_python(told, strict=True)
    return f"event: {told['type']}\ndata: {json.dumps(told)}\n\n".encode()


def claude_start(read, **more):
    usage = {"input_tokens": read, "output_tokens": 1, **more}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": "claude-haiku-5-5",
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    block = {"type": "text", "text": "", "citations": None}
    begun = claude_event(type="content_block_start", index=0, content_block=block)
    return (
        claude_event(type="message_start", message=message) + b"event: ping\ndata: {}\n\n" + begun
    )


def claude_text(content):
    delta = {"type": "text_delta", "text": content}
    return claude_event(type="content_block_delta", index=0, delta=delta)


def claude_end(written, reason="end_turn", **more):
    delta = {"stop_reason": reason, "stop_sequence": None}
    return (
        claude_event(type="content_block_stop", index=0)
        + claude_event(type="message_delta", delta=delta, usage={"output_tokens": written, **more})
        + claude_event(type="message_stop")
    )


@dataclass
class Request:
    """What a client sent."""

    line: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self):
        return json.loads(self.raw.partition(b"\r\n\r\n")[2])


@dataclass
class SecureServer:
    """Answers each request with the next script, over connections that stay open.

    A script's parts are sent as chunks of HTTP; numbers are pauses in seconds.
    """

    host: str = "localhost"
    expired: bool = False
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self):
        self.authority, self._scripts = trustme.CA(), deque()
        yesterday = datetime.now(UTC) - timedelta(days=1)
        dates = {"not_after": yesterday} if self.expired else {}
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(self.host, **dates).configure_cert(self._context)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def address(self):
        return f"https://{self.host}:{self.port}"

    def answer(self, *parts, status="200 OK", headers=("Content-Type: text/event-stream",)):
        """Queues a script."""
        head = [f"HTTP/1.1 {status}", *headers, "Transfer-Encoding: chunked", "", ""]
        self._scripts.append(("\r\n".join(head).encode(), parts))

    def refuse(self, status, told, **headers):
        """Queues a refusal with that JSON."""
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        body = json.dumps(told).encode()
        self.answer(body, status=status, headers=("Content-Type: application/json", *lines))

    def close(self):
        end_listener(self._listener)

    def _listen(self):
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            # Or small pieces would wait for the receipt of those before them.
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain):
        with (
            contextlib.suppress(OSError),
            self._context.wrap_socket(plain, server_side=True) as way,
        ):
            self.connections += 1
            while (request := read_request(way)) and self._scripts:
                self.requests.append(request)
                if not self._play(way, *self._scripts.popleft()):
                    return

    def _play(self, way, head, parts):
        way.sendall(head)
        for part in parts:
            if part is HANG_UP:
                return False
            if isinstance(part, int | float):
                time.sleep(part)
            else:
                way.sendall(b"%x\r\n%s\r\n" % (len(part), part))
        way.sendall(b"0\r\n\r\n")
        return True


class Proxy:
    """A real proxy that leads every CONNECT to one port, wherever it should go, or refuses.

    Attributes:
        port: where it listens.
        asked: the requests that it got.
    """

    def __init__(self, leads_to, refusal=None):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.asked = self._listener.getsockname()[1], []
        self._leads_to, self._refusal = leads_to, refusal
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self):
        end_listener(self._listener)

    def _listen(self):
        with contextlib.suppress(OSError):
            while True:
                self._serve(self._listener.accept()[0])

    def _serve(self, near):
        self.asked.append(read_request(near))
        if self._refusal:
            near.sendall(f"HTTP/1.1 {self._refusal}\r\n\r\n".encode())
            return near.close()
        far = socket.create_connection(("127.0.0.1", self._leads_to))
        near.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        for one, other in ((near, far), (far, near)):
            threading.Thread(target=pump, args=(one, other), daemon=True).start()


def end_listener(listener):
    """Closing alone would leave the thread that waits in ``accept``, and the port with it."""
    with contextlib.suppress(OSError):  # macOS: a listener is not connected
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def pump(source, target):
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)


def read_request(way):
    """One request off a connection; None where it has ended."""
    told = b""
    while b"\r\n\r\n" not in told:
        piece = way.recv(65536)
        if not piece:
            return None
        told += piece
    head, _, body = told.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in lines)}
    missing = int(headers.get("content-length", 0)) - len(body)
    while missing > 0:
        piece = way.recv(65536)
        if not piece:
            return None
        told, missing = told + piece, missing - len(piece)
    return Request(line, headers, told)


@dataclass
class Planted:
    """A key that nobody may see; `told` gathers what learners would.

    Attributes:
        key: the key.
        told: texts that a test has got to see.
    """

    key: str = field(default_factory=lambda: f"sk-planted-{secrets.token_hex(12)}")
    told: list[str] = field(default_factory=list)

    def saw(self, *things):
        """Notes how things show themselves; errors with their tracebacks."""
        for thing in things:
            self.told += [str(thing), repr(thing)]
            if isinstance(thing, BaseException):
                self.told += traceback.format_exception(thing)
            elif hasattr(thing, "__dict__"):
                self.told.append(repr(vars(thing)))

    def check(self, *texts, folder):
        """That the key is nowhere: not in what was told, in a text, a file or a command line."""
        files = [file for file in Path(folder).rglob("*") if file.is_file()]
        found = [file for file in files if self.key.encode() in file.read_bytes()]
        assert not found, "the key is in a file"
        commands = Path("/proc/self/cmdline")
        if commands.exists():
            assert self.key.encode() not in commands.read_bytes()
        assert self.key not in "\n".join([*self.told, *texts])
