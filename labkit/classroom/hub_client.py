"""Asks the hub and the model server of a class how they are."""

import json
import re
import urllib.request
from http.client import HTTPException
from typing import Any

from .settings import ClassSettings

# llama.cpp's names and vLLM's for the same two numbers.
RUNNING = ("llamacpp:requests_processing", "vllm:num_requests_running")
WAITING = ("llamacpp:requests_deferred", "vllm:num_requests_waiting")


def ask_hub(settings: ClassSettings, path: str, method: str = "GET") -> Any:
    """What JupyterHub's API answers.

    Raises:
        OSError: it does not answer, or not so.
    """
    headers = {"Authorization": f"token {settings.token}"}
    content = _open(settings.hub_api + path, headers, method)
    try:
        return json.loads(content) if content else None
    except ValueError:
        raise OSError("another program answers at the hub's port") from None


def ask_model(settings: ClassSettings, path: str) -> str:
    """What the model server answers.

    Raises:
        OSError: it does not answer, or that is not an address.
    """
    return _open(settings.model_address + path)


def _open(address: str, headers: dict[str, str] | None = None, method: str = "GET") -> str:
    """Past any proxy that the environment names: the class is here, or in its network."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        request = urllib.request.Request(address, None, headers or {}, method=method)
        with opener.open(request, timeout=10) as answer:
            return answer.read().decode()
    except (HTTPException, ValueError) as error:  # not an address, or not HTTP
        raise OSError(str(error)) from None


def read_load(metrics: str) -> tuple[int | None, int | None]:
    """Answers that are being written, and requests that wait, in what a server measures.

    >>> read_load("llamacpp:requests_processing 3\\nllamacpp:requests_deferred 12\\n")
    (3, 12)
    >>> read_load('vllm:num_requests_running{engine="0",model_name="m"} 4.0\\n')
    (4, None)
    """
    running, waiting = (
        re.search(rf"^(?:{'|'.join(names)})(?:{{.*}})? ([\d.e+]+)$", metrics, re.MULTILINE)
        for names in (RUNNING, WAITING)
    )
    return running and int(float(running[1])), waiting and int(float(waiting[1]))
