"""A package index and a model hub on the loopback, as slow, damaged or dead as a test wants them.

What speaks to them is real: pip, the hub client, its downloader.
"""

import base64
import hashlib
import http.server
import io
import json
import re
import threading
import urllib.parse
import zipfile


def wheel(name, version, files):
    """The bytes of a wheel with these files."""
    stem = f"{name.replace('-', '_')}-{version}"
    tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = {
        f"{stem}.dist-info/METADATA": metadata(name, version),
        f"{stem}.dist-info/WHEEL": tags,
    }
    record[f"{stem}.dist-info/RECORD"] = ""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, data in {**files, **record}.items():
            archive.writestr(path, data)
    return content.getvalue()


def metadata(name, version):
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"


class Server:
    """An HTTP server in a thread; `answer` is given each request by its subclasses."""

    def __init__(self):
        ours = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                ours.answer(self)

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request):
        raise NotImplementedError

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def send(request, content=b"", status=200, **headers):
    """A whole answer; of a HEAD request, its head."""
    request.send_response(status)
    headers.setdefault("Content-Length", str(len(content)))
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    if request.command == "GET":
        request.wfile.write(content)


class Index(Server):
    """Serves one wheel, ``tiny-model`` 1.0.

    Attributes:
        wheel: its bytes.
        fetched: for each request of it, the first byte that was asked for.
        damage: how many of the next requests get a changed byte.
        stall_at: byte at which a request is left hanging, or None.
        ranges: whether the server knows how to go on in the middle.
        login: name and password that it asks for, as ``"name:password"``; None: it asks for none.
    """

    FILE = "tiny_model-1.0-py3-none-any.whl"

    def __init__(self):
        self.wheel, self.fetched, self.damage = b"", [], 0
        self.stall_at, self.stalled, self.ranges = None, threading.Event(), True
        self.login = None
        self.lock = threading.Lock()
        super().__init__()
        self.url = f"{self.address}/simple/"

    def answer(self, request):
        if not self.admits(request):
            send(request, status=401, WWW_Authenticate="Basic")
        elif request.path == "/simple/tiny-model/":
            page = f'<a href="/files/{self.FILE}" data-core-metadata="true">{self.FILE}</a>'
            send(request, page.encode(), Content_Type="text/html")
        elif request.path == f"/files/{self.FILE}.metadata":
            send(request, metadata("tiny-model", "1.0").encode())
        elif request.path == f"/files/{self.FILE}":
            self.send_wheel(request)
        else:
            send(request, status=404)

    def admits(self, request):
        shown = request.headers.get("Authorization", "").removeprefix("Basic ")
        return self.login is None or base64.b64decode(shown).decode() == self.login

    def send_wheel(self, request):
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        content = self.wheel
        with self.lock:
            self.fetched.append(start)
            if self.damage:
                self.damage -= 1
                content = content[:-1] + bytes([content[-1] ^ 1])
        start = start if self.ranges else 0
        if start >= len(content):
            return send(request, status=416, Content_Range=f"bytes */{len(content)}")
        content_range = f"bytes {start}-{len(content) - 1}/{len(content)}"
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(content) - start))
        if start:
            request.send_header("Content-Range", content_range)
        request.end_headers()
        if self.stall_at is not None:
            request.wfile.write(content[start : self.stall_at])
            request.wfile.flush()
            self.stalled.set()
            return threading.Event().wait(60)
        request.wfile.write(content[start:])


class Hub(Server):
    """Serves repositories as the model hub does.

    Attributes:
        repos: id of each repository to its folder, or to the error's code that it answers with.
        files: names of the files that were fetched.
    """

    COMMIT = "0123456789abcdef0123456789abcdef01234567"

    def __init__(self):
        self.repos, self.files = {}, []
        super().__init__()

    def answer(self, request):
        path = urllib.parse.urlsplit(request.path).path
        api = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(revision|tree)/[^/]+", path)
        file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path)
        repo = self.repos.get((api or file)[1], "RepoNotFound") if api or file else "EntryNotFound"
        if file and not isinstance(repo, str) and not (repo / file[2]).is_file():
            repo = "EntryNotFound"
        if repo == "GatedRepo" and api:  # what a gated model is made of may be seen
            send(request, json.dumps(self.about(request, api)).encode())
        elif isinstance(repo, str):
            status = 403 if repo == "GatedRepo" else 404
            send(request, status=status, X_Error_Code=repo, X_Error_Message="no")
        elif api:
            send(request, json.dumps(self.about(request, api, repo)).encode())
        else:
            self.send_file(request, repo / file[2])

    def about(self, request, api, repo=None):
        paths = sorted(repo.iterdir()) if repo else []
        if api[2] == "tree":
            return [file_entry(path) for path in paths] or [{**EMPTY, "path": "config.json"}]
        names = [{"rfilename": path.name} for path in paths]
        return {"id": api[1], "sha": self.COMMIT, "siblings": names, "private": False}

    def send_file(self, request, path):
        content = path.read_bytes()
        sha256 = file_entry(path).get("lfs", {}).get("oid")
        linked = {"X_Linked_Etag": f'"{sha256}"', "X_Linked_Size": str(len(content))}
        if request.command == "GET":
            self.files.append(path.name)
        send(
            request,
            content,
            ETag=f'"{sha256 or file_entry(path)["oid"]}"',
            X_Repo_Commit=self.COMMIT,
            **(linked if sha256 else {}),
        )


EMPTY = {"type": "file", "size": 0, "oid": "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"}


def file_entry(path):
    """A file as the hub lists it: weights by their sha256, small files as git keeps them."""
    content = path.read_bytes()
    oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    about = {"type": "file", "path": path.name, "size": len(content), "oid": oid}
    if path.suffix in (".safetensors", ".bin", ".gguf"):
        sha256 = hashlib.sha256(content).hexdigest()
        about["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 130}
    return about
