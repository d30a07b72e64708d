"""What a leader does in the wrong order, or types wrong: each says what to do; nothing is run."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import filelock
import pytest
from tornado.web import HTTPError

from labkit.classroom import supervisor
from labkit.classroom.learners import hand_over, system_users
from labkit.classroom.learners.taken_names import FULL, HUB, WALL, take_name
from labkit.classroom.learners.taken_names import release as free_name
from labkit.classroom.settings import ClassSettings, class_command, class_folder, write_settings
from labkit.commands import classroom
from labkit.commands.arguments import parse
from labkit.commands.classroom import running
from labkit.errors import LabError
from labkit.models.storage.store import home


@pytest.fixture
def settings(tmp_path):
    """A class that does not run, with one learner."""
    texts = dict.fromkeys(("server", "token"), "") | {"word": "abcd-efgh", "host": "127.0.0.1"}
    numbers = dict.fromkeys(("port", "hub_port", "proxy_port", "model_port"), 1)
    numbers |= {"students": 3, "memory_mib": 1024, "slots": 1}
    made = ClassSettings(
        str(tmp_path), names=(), model="smollm2-135m", store=str(home()), **texts, **numbers
    )
    write_settings(made)
    (made.learners / "ada").mkdir(parents=True)
    return made


def ask(settings, *arguments):
    """Runs an action of the command in this process."""
    return classroom.main(parse(["class", *arguments, "--folder", settings.folder]))


def test_a_class_that_runs_is_not_started_again(settings):
    """Its own port is in use then, which is not what to say."""
    with (
        filelock.FileLock(settings.path / ".running.lock"),
        pytest.raises(LabError, match="runs already"),
    ):
        ask(settings, "start")


def test_a_port_that_the_class_had_may_be_taken(settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        write_settings(replace(settings, port=taken.getsockname()[1]))
        with pytest.raises(LabError, match=r"is in use\.\n.*--port N"):
            ask(settings, "start")


def test_an_inner_port_that_another_program_has_is_replaced(settings, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port, mine = taken.getsockname()[1], free.getsockname()[1]
        free.close()
        kept = replace(settings, hub_port=port, tokenizer_port=0, model_port=mine)
        write_settings(kept)
        found = running._settings(parse(["class", "start", "--folder", settings.folder]))
        assert port not in (found.hub_port, found.tokenizer_port) and found.tokenizer_port
        assert (found.model_port, found.word) == (mine, kept.word)

        # It answers where a part of the class has ended, which is not taken for that part.
        def ended(part):
            part.process = subprocess.Popen([sys.executable, "-c", ""])
            part.process.wait()

        monkeypatch.setattr(supervisor.ClassProcess, "_start", ended)
        part = supervisor.ClassProcess("tokenizer_server", replace(kept, tokenizer_port=port))
        with pytest.raises(LabError, match="The tokenizer server of the class did not start"):
            part.wait_until_ready()


@pytest.fixture(
    params=[b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\n\r\n<p>\xff", b"HTTP/1.1 200\r\n\r\n<p>"]
)
def stranger(request):
    """The port of a program that answers otherwise than a hub."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer_all, args=(listening, request.param), daemon=True)
        thread.start()
        yield listening.getsockname()[1]


def answer_all(listening, content):
    with contextlib.suppress(OSError):  # until it is closed
        while True:
            with listening.accept()[0] as asked:
                asked.recv(10_000)
                asked.sendall(content)


def test_another_program_at_the_hubs_port_is_no_hub(settings, stranger, capsys):
    found = replace(settings, hub_port=stranger)
    write_settings(found)
    with pytest.raises(LabError, match="The class does not run"):
        ask(settings, "status")
    ask(settings, "release", "ada")
    assert capsys.readouterr().out.startswith("ada was free.")
    stopped = []
    part = SimpleNamespace(stop=lambda: stopped.append(True))
    supervisor._stop(found, {"proxy": part, "hub": part})
    assert stopped == [True, True]


@pytest.mark.parametrize("action", ["collect", "grade"])
def test_an_assignment_is_made_first(settings, action):
    with pytest.raises(LabError, match="First: python3 -m labkit class assignment 02_sampling"):
        ask(settings, action, "02_sampling.ipynb")


@pytest.mark.parametrize("action", ["status", "stop", "collect", "grade 02_sampling", "release a"])
def test_a_folder_without_a_class_is_told_from_one_with_it(settings, tmp_path, action):
    empty = tmp_path / "no class"
    with pytest.raises(LabError) as error:
        ask(replace(settings, folder=str(empty)), *action.split())
    assert str(error.value) == (
        f"There is no class in {empty}.\n"
        f"  → Start one: python3 -m labkit class start --folder '{empty}'"
    )


def test_what_a_sentence_says_to_type_names_the_class(settings):
    for folder, end in (
        (settings.folder, f" --folder {settings.folder}"),
        (class_folder(None), ""),
    ):
        assert class_command(folder, "stop") == f"python3 -m labkit class stop{end}"
    with (
        filelock.FileLock(settings.path / ".running.lock"),
        pytest.raises(LabError, match=f"class status --folder {settings.folder}"),
    ):
        ask(settings, "start")


def test_nothing_is_collected_where_nobody_has_been(settings):
    settings.handout.mkdir()
    (settings.handout / "02_sampling.ipynb").write_text("{}")
    (settings.learners / "ada").rmdir()
    with pytest.raises(LabError, match="nothing to collect"):
        ask(settings, "collect", "02_sampling")


def test_it_is_collected_before_it_is_graded(settings):
    pytest.importorskip("nbgrader", reason="pip install 'labkit[class]'")
    settings.handout.mkdir()
    (settings.handout / "02_sampling.ipynb").write_text("{}")
    with pytest.raises(LabError, match=r"First: python3 -m labkit class collect 02_sampling|Linux"):
        ask(settings, "grade", "02_sampling")


def test_what_is_graded_again_replaces_the_feedback_and_no_notebook(settings):
    for content in (b"old", b"new"):
        hand_over.hand_back(settings, "ada", "feedback/02.html", content)
        hand_over.hand_out(settings, "ada", "assignments/02.ipynb", content)
    own = settings.learners / "ada"
    assert (own / "feedback/02.html").read_bytes() == b"new"
    assert (own / "assignments/02.ipynb").read_bytes() == b"old"


def test_all_is_collected_of_those_who_have_little_and_of_those_who_cheat(settings, capsys):
    own = settings.learners / "ada" / "notebooks"
    own.mkdir()
    (own / "00_start.ipynb").write_text("hers")
    (settings.learners / "aaron").mkdir()
    (settings.learners / "eve" / "notebooks").mkdir(parents=True)
    (settings.learners / "eve" / "notebooks" / "x.ipynb").write_bytes(b"")
    os.truncate(settings.learners / "eve" / "notebooks" / "x.ipynb", 2**31)  # too large to read
    ask(settings, "collect")
    said = capsys.readouterr().out
    assert said.startswith("eve: ") and "are copied to" in said
    kept = sorted((settings.path / "collected").rglob("*.ipynb"))
    assert [each.read_text() for each in kept] == ["hers"]


def test_what_learners_cannot_reach_is_named(settings, monkeypatch):
    def closed(path):
        return Path("/closed") if str(path) == system_users.sys.base_prefix else None

    monkeypatch.setattr(system_users, "closed_to_others", closed)
    with pytest.raises(LabError) as raised:
        system_users.require_open(settings)
    assert f"/closed, on the way to {Path(system_users.sys.base_prefix).resolve()}" in str(
        raised.value
    )


def test_a_name_that_is_not_on_the_list_is_told_so_once_the_word_is_right(settings, monkeypatch):
    pytest.importorskip("jupyterhub", reason="pip install 'labkit[class]'")
    from labkit.classroom.name_owner import NameOwner

    listed = replace(settings, names=("ada",))
    monkeypatch.setattr(NameOwner, "settings", listed, raising=False)
    for word, reason in ((listed.word, "not on the list"), ("guessed", "not the word")):
        with pytest.raises(HTTPError, match=reason):
            asyncio.run(NameOwner().authenticate(None, {"username": "alan", "password": word}))


def test_a_learner_whose_home_is_broken_keeps_nothing_from_the_others(settings, capsys):
    (settings.learners / "aaron").mkdir()
    (settings.learners / "aaron" / "assignments").write_text("a file")
    ask(settings, "assignment", "02_sampling")
    (problem, *_) = capsys.readouterr().out.splitlines()
    assert problem.startswith("aaron: assignments/02_sampling.ipynb cannot be reached: ")
    assert (settings.learners / "ada" / "assignments" / "02_sampling.ipynb").is_file()
    with pytest.raises(LabError, match="The home cannot be entered: No such file"):
        hand_over.hand_in(settings, "gone", "x")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--word", "short"], "fewer than 6"),
        (["--server", "notaurl"], "No model server answers at notaurl"),
        (["--server", "http://127.0.0.1:9"], "No model server answers"),
        (["--server", "http://127.0.0.1:PORT"], "No model server answers"),
        (["--server", "http://[::1"], "No model server answers"),
        (["--names", "empty"], "There is no name in"),
        (["--names", "three", "--students", "2"], "3 names, and 2 seats"),
        (["--certificate", "three", "--certificate-key", "three"], "no certificate and its key"),
        (["--model", "nothing"], "nothing"),
    ],
)
def test_a_class_that_cannot_start_leaves_no_trace(tmp_path, options, why):
    (tmp_path / "empty").write_text(" \n\n")
    (tmp_path / "three").write_text("ada\ngrace\nalan\n")
    options = [str(tmp_path / each) if (tmp_path / each).exists() else each for each in options]
    folder = tmp_path / "class"
    with pytest.raises(LabError, match=why):
        classroom.main(parse(["class", "start", "--folder", str(folder), *options]))
    assert not folder.exists()


def test_a_list_as_excel_writes_it_has_a_seat_for_each(settings, tmp_path):
    names = tmp_path / "names.csv"
    names.write_text("".join(f"learner-{n}\n" for n in range(40)), encoding="utf-8-sig")
    found = running._settings(parse(["class", "start", "--names", str(names)]))
    assert (found.names[0], found.students, found.slots) == ("learner-0", 40, 40)
    names.write_text("ada\ngrace\n")
    assert running._settings(parse(["class", "start", "--names", str(names)])).students == 2


def test_one_wall_at_a_time(settings):
    with (
        filelock.FileLock(settings.path / ".wall.lock"),
        pytest.raises(LabError, match=r"The wall of .* is open already"),
    ):
        ask(settings, "wall")


def test_no_network_is_opened_unless_it_is_asked_for_now(settings):
    write_settings(replace(settings, host="0.0.0.0"))
    again = ["class", "start", "--folder", settings.folder]
    assert running._settings(parse(again)).host == "127.0.0.1"
    assert running._settings(parse([*again, "--host", "0.0.0.0"])).host == "0.0.0.0"


def test_the_wall_has_owners_of_its_own(settings):
    for of, cookie in ((HUB, "of the hub"), (WALL, "other")):
        assert take_name(settings, "ada", cookie, of) == ""
    assert take_name(settings, "ada", "other").startswith("Another browser has this name.")
    assert take_name(replace(settings, students=1), "bob", "b") == FULL.format(1)
    assert free_name(settings, "ada") and not free_name(settings, "ada")


def test_a_class_is_graded_once_at_a_time(settings):
    pytest.importorskip("nbgrader", reason="pip install 'labkit[class]'")
    from labkit.classroom.marks import grading

    (settings.course / "submitted" / "ada" / "02").mkdir(parents=True)
    with (
        filelock.FileLock(settings.course / ".grading.lock"),
        pytest.raises(LabError, match=r"is being graded already|Linux"),
    ):
        grading.grade(settings.course, "02")
