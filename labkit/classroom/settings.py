"""What a class is: who may come, where it listens, which model it shares. One file keeps it."""

import os
import re
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from labkit.errors import PYTHON, LabError
from labkit.filesystem.read import read_shared
from labkit.filesystem.write import write_json
from labkit.formatting import shell_quoted
from labkit.models.storage.store import home

INNER_PORTS = ("hub_port", "proxy_port", "model_port", "tokenizer_port")
# A user's name on every system, and a folder's; the wall's files have ``--`` behind it.
NAME = re.compile(r"(?!.*--)[a-z](?:[a-z0-9-]{0,29}[a-z0-9])?")
MOST_SLOTS = 64
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is read as another


@dataclass(frozen=True, slots=True)
class ClassSettings:
    """A class.

    Attributes:
        folder: of all its files; the learners' homes are in its ``learners``.
        students: the most learners at once.
        names: who may come; empty: all who know the word.
        word: what each types beside the name.
        host: the address that it listens on.
        port: the port that learners open.
        hub_port, proxy_port, model_port: of the loopback, for its parts to find each other; where
            another program has taken one, the next start chooses anew.
        token: what lets `status` and `stop` ask the hub.
        model: the model that is shared.
        server: the address of a model server that runs elsewhere; "": llama.cpp's, here.
        store: the folder of models, which learners read.
        memory_mib: the most memory of each process of a learner.
        slots: answers that the model server writes at once.
        context: the most tokens of one prompt with its answer.
        certificate, certificate_key: files for TLS; "": none.
        system_users: whether each learner is a user of this system.
        tokenizer_port: as the other ports; 0: of an older class, which has none yet.
    """

    folder: str
    students: int
    names: tuple[str, ...]
    word: str
    host: str
    port: int
    hub_port: int
    proxy_port: int
    model_port: int
    token: str
    model: str
    server: str
    store: str
    memory_mib: int
    slots: int
    context: int = 2048
    certificate: str = ""
    certificate_key: str = ""
    system_users: bool = False
    tokenizer_port: int = 0
    labkit_class: Literal[1] = 1

    @property
    def path(self) -> Path:
        """The folder."""
        return Path(self.folder)

    @property
    def learners(self) -> Path:
        """The folder of the learners' homes."""
        return self.path / "learners"

    @property
    def course(self) -> Path:
        """The folder of assignments and marks, with the solutions; for the leader alone."""
        return self.path / "course"

    @property
    def handout(self) -> Path:
        """The folder of assignments as learners get them."""
        return self.path / "handout"

    @property
    def model_address(self) -> str:
        """Where learners find the model."""
        return self.server or f"http://127.0.0.1:{self.model_port}"

    @property
    def tokenizer_address(self) -> str:
        """Where learners find the tokenizers."""
        return f"http://127.0.0.1:{self.tokenizer_port}"

    @property
    def address(self) -> str:
        """What learners open."""
        scheme = "https" if self.certificate else "http"
        host = own_address() if self.host in ("0.0.0.0", "::") else self.host
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def hub_api(self) -> str:
        """Where the hub answers programs on this machine."""
        return f"http://127.0.0.1:{self.hub_port}/hub/api"


def class_folder(chosen: str | Path | None) -> Path:
    """The folder of a class: the one that was named, or ``class`` in the lab's home."""
    return Path(os.path.expanduser(chosen)).absolute() if chosen else home() / "class"


def class_command(folder: str | Path, *words: str) -> str:
    """What to type for the class in a folder, such as ``class_command(folder, "stop")``."""
    chosen = () if Path(folder) == class_folder(None) else ("--folder", shell_quoted(folder))
    return " ".join((f"{PYTHON} -m labkit class", *words, *chosen))


def checked_names(lines: list[str]) -> tuple[str, ...]:
    """Names as they are typed to log in, each once.

    Raises:
        LabError: one of them cannot be a name.

    >>> checked_names(["Ada", "", "grace "])
    ('ada', 'grace')
    """
    names = tuple(dict.fromkeys(name for line in lines if (name := line.strip().lower())))
    for name in names:
        if not NAME.fullmatch(name):
            raise LabError(
                f"{name!r} cannot be a learner's name.",
                "Names have up to 31 letters a to z and digits, begin with a letter, and may have "
                "a - between two of them.",
            )
    return names


def new_word() -> str:
    """A word for signing up that nobody guesses and everybody can type."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(2))


def new_token() -> str:
    """What lets a program ask the hub."""
    return secrets.token_hex(24)


def free_port(preferred: int = 0) -> int:
    """A port of the loopback that is free now: the preferred one, or else any."""
    try:
        with socket.create_server(("127.0.0.1", preferred)) as listening:
            return listening.getsockname()[1]
    except OSError:
        if not preferred:
            raise
        return free_port()


def own_address() -> str:
    """This machine's address in its network, by the route of a packet that is not sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: an address for documents
            return probe.getsockname()[0]
        except OSError:
            return socket.gethostname()


def write_settings(settings: ClassSettings) -> None:
    """Keeps them in the class's folder, for its own user to read alone."""
    file = settings.path / "class.json"
    os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))  # replaced with the same permissions
    write_json(file, asdict(settings))


def read_settings(folder: str | Path) -> ClassSettings:
    """The class in a folder.

    Raises:
        LabError: the folder has no class.
    """
    file, start = Path(folder) / "class.json", class_command(folder, "start")
    if not os.path.exists(file):
        raise LabError(f"There is no class in {folder}.", f"Start one: {start}")
    return read_shared(file, ClassSettings, "a class", hint=f"Move it away, then: {start}")
