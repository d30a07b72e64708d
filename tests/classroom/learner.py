"""A learner as their browser is: logs in over HTTP, starts a server, runs cells in a kernel."""

import json
import time
import uuid

import requests
import websocket


class Learner:
    """One browser.

    Attributes:
        name: as it logs in.
        kernel: the id of the kernel that runs its cells; None: not started.
        refusal: the page with which the hub answered the last try to log in.
    """

    def __init__(self, address, name, word, authority=None):
        self.address, self.name, self._word = address, name, word
        self.session = requests.Session()
        self.session.trust_env, self._authority = False, authority
        self.session.verify = authority or True
        self.kernel = self._socket = self.refusal = None

    def log_in(self):
        """Whether the hub let it in; if not, `refusal` is the page that says why."""
        page = self.session.get(f"{self.address}/hub/login", timeout=60)
        page.raise_for_status()
        answer = self.session.post(
            f"{self.address}/hub/login",
            data={"username": self.name, "password": self._word, "_xsrf": self._xsrf("/hub/")},
            timeout=60,
            allow_redirects=False,
        )
        self.refusal = answer.text
        return answer.status_code == 302

    def start(self, patience_s=300):
        """Starts its server and waits for it."""
        answer = self.session.get(f"{self.address}/hub/spawn/{self.name}", timeout=patience_s)
        assert answer.status_code < 400, (self.name, answer.status_code, answer.text[-500:])
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            answer = self.session.get(f"{self._own}/lab", timeout=patience_s)
            if answer.ok and answer.url.startswith(f"{self._own}/lab"):
                return
            time.sleep(1)
        raise AssertionError(f"the server of {self.name} did not start: {answer.status_code}")

    @property
    def _own(self):
        return f"{self.address}/user/{self.name}"

    def _xsrf(self, path):
        found = [each.value for each in self.session.cookies if each.name == "_xsrf"]
        exact = [
            each.value
            for each in self.session.cookies
            if each.name == "_xsrf" and each.path.startswith(path)
        ]
        return (exact or found or [""])[-1]

    def request(self, method, path, **more):
        """Asks its own server."""
        headers = {"X-XSRFToken": self._xsrf(f"/user/{self.name}/")}
        url = f"{self._own}{path}"
        return self.session.request(method, url, headers=headers, timeout=300, **more)

    def open_kernel(self):
        """Starts a kernel in the folder of its notebooks."""
        answer = self.request("POST", "/api/kernels", json={"name": "python3"})
        assert answer.status_code == 201, answer.text
        self.kernel = answer.json()["id"]
        self.connect()

    def connect(self):
        """Opens the kernel's channels, again after the hub or the proxy was away."""
        address = self._own.replace("http", "ws", 1)
        cookies = "; ".join(f"{each.name}={each.value}" for each in self.session.cookies)
        self._socket = websocket.create_connection(
            f"{address}/api/kernels/{self.kernel}/channels",
            cookie=cookies,
            timeout=600,
            http_no_proxy=["127.0.0.1"],
            sslopt={"ca_certs": self._authority},
        )

    def run(self, code):
        """What the cell printed; its error as an AssertionError."""
        asked = uuid.uuid4().hex
        header = {"msg_id": asked, "msg_type": "execute_request", "username": "", "version": "5.3"}
        header |= {"session": uuid.uuid4().hex, "date": ""}
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        self._socket.send(json.dumps({**message, "channel": "shell", "buffers": []}))
        printed = []
        while True:
            came = json.loads(self._socket.recv())
            if came["parent_header"].get("msg_id") != asked:
                continue
            kind, content = came["msg_type"], came["content"]
            if kind == "stream" and content["name"] == "stdout":
                printed.append(content["text"])
            elif kind == "error":
                raise AssertionError("\n".join(content["traceback"]))
            elif kind == "status" and content["execution_state"] == "idle":
                return "".join(printed)
