"""Which model servers run on this machine: known by what they answer, not by their port.

Only the loopback is asked, past any proxy, and no redirect is followed: nothing leaves the
machine. Finding them needs the standard library alone; asking one, the client of its interface.

Sources: github.com/ollama/ollama, docs/openapi.yaml (commit 017eb8a), /api/version and /api/tags;
github.com/lmstudio-ai/docs, 1_developer/2_rest/endpoints.mdx (86cb996), /api/v0/models, and chat.md
(571e0dd) for v1; github.com/ggml-org/llama.cpp, tools/server/README.md (00dc805), "GET /v1/models"
and "--port"; github.com/vllm-project/vllm, ModelCard of the OpenAI interface; transformers 5.23,
cli/serve.py and cli/serving/server.py.
"""

import http.client
import ipaddress
import json
import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .api_keys import excerpt

# Where each listens by default; `transformers serve` takes vLLM's, and llama.cpp moved
# from 8080 to 9931 in 2026 (its pull request 26508).
# 8012 is llama.vscode's, and so that of `labkit serve`.
PORTS = {11434: "Ollama", 1234: "LM Studio", 8000: "vLLM"}
PORTS |= dict.fromkeys((8080, 9931, 8012), "llama.cpp")
OWNERS = {"llamacpp": "llama.cpp", "vllm": "vLLM"}  # how /v1/models of these two names its owner
# FastAPI lists them in /openapi.json.
SERVE_PATHS = {"/v1/models", "/load_model", "/reset"}
# Where each reports its version, and by which name; the others' documents name no such path.
VERSIONS = {
    "Ollama": ("/api/version", "version"),
    "vLLM": ("/version", "version"),
    "llama.cpp": ("/props", "build_info"),
}
LONGEST_ANSWER = 4_000_000  # bytes
PATIENCE = 3  # how many times as long as for a byte an answer is waited for


@dataclass(frozen=True, slots=True)
class Server:
    """A model server that answers on this machine.

    Attributes:
        kind: ``"Ollama"``, ``"LM Studio"``, ``"vLLM"``, ``"llama.cpp"``, ``"transformers serve"``,
            or ``"OpenAI-compatible"`` where the answer says no more.
        address: such as ``http://127.0.0.1:11434``; the OpenAI interface lies below ``/v1``.
        models: the names that it takes in a request; of Ollama and LM Studio, those that write text
            on this machine: neither the models of Ollama's cloud nor LM Studio's embeddings.
        identified: whether the lab itself asked it; of one made by hand nothing is known.
    """

    kind: str
    address: str
    models: tuple[str, ...]
    identified: bool = field(default=False, repr=False, compare=False)


def servers() -> tuple[Server, ...]:
    """The model servers that run on this machine, each with its models.

    Asked are the usual ports of Ollama, LM Studio, vLLM, llama.cpp and `transformers serve` on the
    loopback, and no other machine. One that listens elsewhere: ``labkit.connect(address)``.

    Returns:
        A tuple of `Server`; ``labkit.connect(server, name)`` gives a backend. Empty if none runs.
    """
    return find_servers()


def find_servers(ports: Iterable[int] = tuple(PORTS), *, timeout_s: float = 0.5):
    """The model servers at these ports of the loopback, which are asked all at once, in order."""
    ports = tuple(ports)
    with ThreadPoolExecutor(max(1, len(ports))) as pool:
        found = pool.map(lambda port: identify(f"http://127.0.0.1:{port}", timeout_s), ports)
        return tuple(server for server in found if server)


def identify(address, timeout_s):
    """The `Server` at that address, or None."""
    found = _identify(address, timeout_s)
    return found and Server(*found, identified=True)


def _identify(address, timeout_s):
    """Its kind, address and models. Ollama and LM Studio speak OpenAI's language too."""

    def ask(path):
        return _ask(address + path, timeout_s)

    try:
        listing = ask("/v1/models")
        for owner in _each(listing, "data", "owned_by"):
            if owner in OWNERS:
                return OWNERS[owner], address, _each(listing, "data", "id")
        if "version" in ask("/api/version") and "models" in (tags := ask("/api/tags")):
            return "Ollama", address, _each(tags, "models", "name", _is_here)
        if "data" in (own := ask("/api/v0/models")):
            # It comes with a model for embeddings, beside "llm" and "vlm".
            writers = _each(own, "data", "id", lambda entry: entry.get("type") != "embeddings")
            return "LM Studio", address, writers
        paths = ask("/openapi.json").get("paths")
        if isinstance(paths, dict) and paths.keys() >= SERVE_PATHS:
            # It lists the hub's cache, and fails without a cache.
            return "transformers serve", address, _each(listing, "data", "id")
    except (OSError, http.client.HTTPException):  # nobody there, too slow, or not HTTP
        return None
    if isinstance(listing.get("data"), list):
        return "OpenAI-compatible", address, _each(listing, "data", "id")
    return None


def find_version(kind, address, timeout_s=0.5):
    """The version of a server of that kind; None where it does not report it."""
    if kind not in VERSIONS:
        return None
    path, name = VERSIONS[kind]
    try:
        version = _ask(address + path, timeout_s).get(name)
    except (OSError, http.client.HTTPException):
        return None
    if not isinstance(version, str) or "unknown" in version:
        return None
    return excerpt(version, 100)


def is_of_a_cloud(model: str) -> bool:
    """Whether Ollama computes a model of that name in its cloud: gpt-oss:120b-cloud."""
    return model.endswith(("-cloud", ":cloud"))


def _is_here(entry):
    """Whether Ollama has that model; for others, it passes prompts on to a `remote_host`."""
    is_remote = entry.get("remote_host") or entry.get("remote_model")
    return not is_remote and not is_of_a_cloud(str(entry.get("name")))


def is_loopback(address: str) -> bool:
    """Whether an address is on this machine by its very spelling; no name is looked up."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def server_root(base_url: str) -> str:
    """Where a server's own paths begin."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}"


def _each(answer, plural, key, good=bool):
    """One text out of each entry of a list in an answer. Ollama without models says null."""
    entries = answer.get(plural)
    entries = entries if isinstance(entries, list) else []
    texts = [entry.get(key) for entry in entries if isinstance(entry, dict) and good(entry)]
    return tuple(excerpt(text) for text in texts if isinstance(text, str))


class _StayHere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        return None


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _StayHere)


def _ask(url, timeout_s):
    """The JSON object at that address; an empty one where there is something else.

    However slowly it comes, byte by byte, it is waited for no longer than a few times as long.
    """
    answers: queue.SimpleQueue[tuple[dict, Exception | None]] = queue.SimpleQueue()

    def work():
        try:
            answers.put((_read(url, timeout_s), None))
        except (OSError, http.client.HTTPException) as error:
            answers.put(({}, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        content, error = answers.get(timeout=PATIENCE * timeout_s)
    except queue.Empty:
        raise TimeoutError(f"{url} is too slow") from None
    if error:
        raise error
    return content


def _read(url, timeout_s):
    try:
        with _opener.open(url, timeout=timeout_s) as answer:
            if answer.headers.get_content_type() != "application/json":  # a stream may never end
                return {}
            content = json.loads(answer.read(LONGEST_ANSWER))
    except urllib.error.HTTPError as error:
        error.close()
        return {}
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
