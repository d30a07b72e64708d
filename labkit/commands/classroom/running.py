"""Starts, stops and inspects a class, frees a name, and takes files for the wall."""

import contextlib
import dataclasses
import io
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import filelock

from labkit.backends.llamacpp.model import get_gguf
from labkit.classroom import settings as class_settings
from labkit.classroom import supervisor
from labkit.classroom.hub_client import ask_model
from labkit.classroom.learners import system_users
from labkit.classroom.marks.kernel import CLOSED
from labkit.classroom.settings import ClassSettings, class_command, class_folder, read_settings
from labkit.errors import LabError
from labkit.filesystem.read import read_file
from labkit.formatting import number_of
from labkit.install.checkout import ROOT
from labkit.models.storage.store import home

from ..lab import LOOPBACK, checked_port, free_port

HERE = "127.0.0.1"
NO_TLS = (
    "Not encrypted: who listens in this network reads along, the word too. "
    "A certificate ends that: --certificate FILE --certificate-key FILE."
)
ONE_USER = (
    "All learners are one user of this system: each can read the others' files and keys, and the "
    "answer key. "
    "As root on Linux, and without --one-user, each learner is a user of their own."
)
AS_ROOT = (
    "And that user is root: each can do anything to this machine. Do not open it to a network."
)


def start(args):
    """Makes the class, or finds it in its folder, and keeps it running."""
    settings = _settings(args)
    if settings.path.is_dir():
        supervisor.require_stopped(settings)
    checked_port(settings.host, settings.port, "Take another: --port N.")
    if settings.server:
        _require_server(settings)
    else:
        get_gguf(settings.model)  # fetched now, and not while thirty wait
    if settings.system_users:
        system_users.require_open(settings)
    # Nothing was written so far: a class that cannot start leaves no trace.
    _make_folder(settings.path)
    settings.learners.mkdir(exist_ok=True)
    if settings.system_users:
        settings.path.chmod(0o711)
        settings.learners.chmod(0o711)
        for name in CLOSED:  # the answer key, and the history, which has it too
            if (ROOT / name).exists():
                (ROOT / name).chmod(0o700)
        system_users.require_group()
    os.umask(0o077)  # what the class writes from here on is its own
    class_settings.write_settings(settings)
    try:
        supervisor.run(settings, lambda: _announce(settings))
    except KeyboardInterrupt:
        host = () if settings.host in LOOPBACK else ("--host", settings.host)
        again = class_command(settings.path, "start", *host)
        print(f"The class is stopped. Every notebook is where it was. To continue: {again}")
    return 0


def _make_folder(folder: Path) -> None:
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError as error:
        raise LabError(
            f"{folder} cannot be made: {error.strerror}.", "Name another: --folder FOLDER."
        ) from None


def _require_server(settings: ClassSettings) -> None:
    """Raises LabError unless a model server answers at the address that was given."""
    try:
        ask_model(settings, "/v1/models")
    except OSError:
        raise LabError(
            f"No model server answers at {settings.server}.",
            "Start it first; its address is such as http://127.0.0.1:8080.",
        ) from None


def _settings(args) -> ClassSettings:
    """What was typed, upon what the folder's class had: its free ports, word and names stay.

    The host does not: nothing is open to a network unless it was asked for now.
    """
    folder = class_folder(args.folder)
    known = read_settings(folder) if (folder / "class.json").exists() else _new(folder, args)
    typed = {"students": args.students, "model": args.model, "server": args.server}
    typed |= {"host": args.host or HERE, "word": args.word and args.word.strip().lower()}
    typed |= {"memory_mib": args.memory, "port": args.port, "certificate": args.certificate}
    typed["certificate_key"] = args.certificate_key
    for name in class_settings.INNER_PORTS:
        typed[name] = class_settings.free_port(getattr(known, name))
    if args.names:
        names = typed["names"] = class_settings.checked_names(_lines(args.names))
        if not names:
            raise LabError(f"There is no name in {args.names}.", "Put a name on each line.")
        typed["students"] = args.students or len(names)
    if typed["students"]:
        typed["slots"] = _slots(typed["students"])
    chosen = {name: value for name, value in typed.items() if value is not None}
    settings = dataclasses.replace(known, **chosen)
    _check(settings)
    users = system_users.are_possible() and not args.one_user
    return dataclasses.replace(settings, system_users=users, store=str(home()))


def _new(folder: Path, args) -> ClassSettings:
    """A class whose inner ports are still to be chosen."""
    host = args.host or HERE
    port = args.port or free_port(host, first=8000)
    students = args.students or 30
    return ClassSettings(
        folder=str(folder),
        students=students,
        names=(),
        word=class_settings.new_word(),
        host=host,
        port=port,
        hub_port=0,
        proxy_port=0,
        model_port=0,
        token=class_settings.new_token(),
        model="smollm2-135m",
        server="",
        store=str(home()),
        memory_mib=1024,
        slots=_slots(students),
    )


def _slots(students: int) -> int:
    """A slot each, as far as llama.cpp has them."""
    return min(students, class_settings.MOST_SLOTS)


def _check(settings: ClassSettings) -> None:
    if len(settings.names) > settings.students:
        count = len(settings.names)
        seats = f"{settings.students} seats"
        raise LabError(f"{count} names, and {seats}.", f"A seat each: --students {count}")
    if len(settings.word) < 6:
        raise LabError("The word has fewer than 6 characters.", "Choose a longer --word.")
    if bool(settings.certificate) != bool(settings.certificate_key):
        raise LabError(
            "TLS needs a certificate and its key.", "Give both: --certificate, --certificate-key."
        )
    if settings.certificate:
        for file in (settings.certificate, settings.certificate_key):
            read_file(file)
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(settings.certificate, settings.certificate_key)
        except ssl.SSLError as error:
            raise LabError(
                f"{settings.certificate} and {settings.certificate_key} are no certificate and its "
                f"key: {error.reason or error}.",
                "Both are in PEM format.",
            ) from None


def _lines(file: str) -> list[str]:
    try:
        return read_file(file).decode("utf-8-sig").splitlines()  # with Excel's mark
    except UnicodeDecodeError:
        raise LabError(f"{file} is not a text file.", "Put a name on each line.") from None


def _announce(settings: ClassSettings) -> None:
    """What the leader reads out."""
    learners = number_of(settings.students, "learner")
    print(f"\nThe class runs: {learners}, {number_of(settings.slots, 'slot')}.")
    print(qr_code(settings.address))
    who = "their name of your list" if settings.names else "a name"
    print(f"Each learner opens   {settings.address}")
    print(f"         and types   {who}, and as password the word   {settings.word}")
    print(f"\nEverything of the class lies in {settings.folder}.")
    _announce_reach(settings)
    if not settings.system_users:
        print(ONE_USER)
        if getattr(os, "geteuid", lambda: None)() == 0:
            print(AS_ROOT)
    stop = class_command(settings.path, "stop")
    print(f"Ctrl-C ends it, or elsewhere: {stop}", flush=True)


def _announce_reach(settings: ClassSettings) -> None:
    if settings.host not in LOOPBACK and not settings.certificate:
        print(NO_TLS)
    if settings.host in LOOPBACK:
        print("Only this machine reaches it: --host 0.0.0.0 opens it to the network.")


def qr_code(address: str) -> str:
    """The address for phones and tablets, drawn with characters."""
    import segno

    drawn = io.StringIO()
    segno.make(address, micro=False).terminal(drawn, compact=True)
    return drawn.getvalue()


def wall(args):
    """Takes the files that laptops post for the wall, until Ctrl-C."""
    from labkit.classroom.wall.inbox import open_inbox

    host = args.host or HERE
    args.port = checked_port(host, args.port) if args.port else free_port(host, first=8400)
    settings = _settings(args)
    _make_folder(settings.path)
    if not (settings.path / "class.json").exists():
        class_settings.write_settings(settings)
    os.umask(0o077)
    folder = settings.path / "wall"
    with _only_wall(settings), open_inbox(settings, folder) as server:
        print(qr_code(settings.address))
        print(f"Each learner opens   {settings.address}")
        print(f"         and sends   files, with a name and the word   {settings.word}")
        print(f"\nThe wall, in a notebook of yours: lab.class_panel({str(folder)!r})")
        _announce_reach(settings)
        print("Ctrl-C ends it.", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
    return 0


@contextlib.contextmanager
def _only_wall(settings: ClassSettings) -> Iterator[None]:
    try:
        with filelock.FileLock(settings.path / ".wall.lock").acquire(timeout=0.1):
            yield
    except filelock.Timeout:
        raise LabError(
            f"The wall of {settings.folder} is open already.", "One takes the files of all."
        ) from None


def status(args):
    """Prints who is there."""
    from labkit.classroom.status import read_status

    settings = read_settings(class_folder(args.folder))
    try:
        print(read_status(settings))
    except OSError:
        start = class_command(settings.path, "start")
        raise LabError("The class does not run.", f"Start it: {start}") from None
    return 0


def stop(args):
    """Stops the class."""
    ran = supervisor.stop(read_settings(class_folder(args.folder)))
    print("The class is stopped." if ran else "The class did not run.")
    return 0


def release(args):
    """Frees a name."""
    from labkit.classroom.learners.taken_names import release as free_name

    settings, name = read_settings(class_folder(args.folder)), args.name.strip().lower()
    had = free_name(settings, name)
    print(f"{args.name} may log in from another browser." if had else f"{args.name} was free.")
    try:
        supervisor.log_out(settings, name)
    except OSError:
        if had:
            print("The class does not run. Release the name again when it does: until then the")
            print("browser that had it stays logged in.")
    return 0
