"""The commands' names, and what each takes.

Standard library alone, for `--help` must answer before anything is installed.
"""

import argparse

from labkit import __version__
from labkit.errors import PYTHON

EXAMPLES = f"""
examples:
  {PYTHON} -m labkit lab                        set up on the first run, then open the notebooks
  {PYTHON} -m labkit models get smollm2-360m    fetch another model
"""


def parse(argv):
    """What was typed after ``labkit``; with ``show_help`` where a command lacks its action."""
    parser = _parser()
    # argparse would take pytest's own options for ours; only a lone --help is.
    if argv[:1] == ["test"] and argv[1:] not in (["-h"], ["--help"]):
        args = parser.parse_args(["test"])
        own = ("--quick", "--gpu")
        args.pytest_arguments = [option for option in argv[1:] if option not in own]
        args.quick, args.gpu = "--quick" in argv, "--gpu" in argv
        return args
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        args.refuse(f"unrecognized arguments: {' '.join(unknown)}")
    return args


def _parser():
    parser = argparse.ArgumentParser(
        prog=f"{PYTHON} -m labkit",
        description="An interactive lab that shows what running AI models locally really means.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"labkit {__version__}")
    parser.set_defaults(show_help=parser.print_help, refuse=parser.error)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _add_lab(commands)
    _add_test(commands)
    _add_run(commands)
    _add_serve(commands)
    doctor = _add(commands, "doctor", "Check this machine: fine, warning or failing, line by line.")
    doctor.add_argument("--json", action="store_true", help="the same for programs")
    _add_models(commands)
    _add_class(commands)
    check = _add(commands, "check", "Check format, style and types of the code, in seconds.")
    check.add_argument("--fix", action="store_true", help="first fix what can be fixed")
    docs = _add(commands, "docs", "Write the public names with their docstrings as HTML pages.")
    docs.add_argument("--to", metavar="FOLDER", help="where they go (default: .pages/api)")
    return parser


def _add(commands, name, text, **more):
    command = commands.add_parser(name, help=text, description=text, **more)
    command.set_defaults(show_help=None, refuse=command.error)
    return command


def _add_lab(commands):
    lab = _add(commands, "lab", "Open the notebooks in JupyterLab, in your browser.")
    lab.add_argument(
        "notebook",
        nargs="?",
        metavar="NOTEBOOK",
        default="notebooks/00_start.ipynb",
        help="what to open first (default: %(default)s)",
    )
    lab.add_argument("--port", type=_port, metavar="N", help="use this port (default: a free one)")
    lab.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="listen on this address of your machine (default: %(default)s, which only this "
        "machine reaches). On any other address, anyone who can reach this machine and has the "
        "token can run code as you; 0.0.0.0 means every address.",
    )
    _add_light(lab)
    lab.add_argument("--no-browser", action="store_true", help="only print the address")


def _add_light(command):
    command.add_argument(
        "--light",
        action="store_true",
        help="without torch: models run in llama.cpp, and the set-up takes a tenth of the disk; "
        "notebooks 03, 05 and 09 need the whole one",
    )


def _add_test(commands):
    test = _add(
        commands,
        "test",
        "Run the test suite: all of it, or what options of pytest choose.",
        usage=f"{PYTHON} -m labkit test [--quick | --gpu] [PYTEST OPTIONS]",
    )
    test.add_argument(
        "--quick",
        action="store_true",
        help="what needs neither a browser nor whole notebooks, and is quick",
    )
    test.add_argument(
        "--gpu",
        action="store_true",
        help="in at most 8 minutes, what needs a CUDA GPU, with this Python's own packages "
        "(see tests/gpu/conftest.py)",
    )
    test.add_argument(
        "pytest_arguments", nargs="*", metavar="PYTEST OPTIONS", help="all of them go to pytest"
    )


def _add_run(commands):
    run = _add(commands, "run", "Execute notebooks without a browser.")
    run.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help="default: all of them")
    _add_light(run)
    run.add_argument("--to", choices=["html"], help="also write each as a page that works offline")
    run.add_argument("--output", metavar="FOLDER", help="where what is written goes")


def _add_serve(commands):
    text = "Serve a model to your editor with llama.cpp, and print what the editor needs to know."
    serve = _add(commands, "serve", text)
    serve.add_argument(
        "model",
        metavar="MODEL",
        help="a name of `models list`, one of your own fine-tuned ones, a .gguf file, or a folder",
    )
    serve.add_argument(
        "--port", type=_port, metavar="N", help="default: 8012, or the next free one"
    )
    serve.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="listen on this address of your machine (default: %(default)s, which only this "
        "machine reaches). On any other address a key is asked for, and texts travel unencrypted.",
    )
    serve.add_argument("--key", action="store_true", help="ask for a key on the loopback too")
    serve.add_argument(
        "--origin",
        metavar="URL",
        help="also answer pages of this address, such as http://127.0.0.1:8888 for JupyterLab",
    )
    serve.add_argument(
        "--context",
        type=_whole("the context is a number", 256, 2**31 - 1),
        default=8192,
        metavar="N",
        help="tokens (default: %(default)s)",
    )


def _add_models(commands):
    models = _add(commands, "models", "List, fetch, check, remove and carry models.")
    models.set_defaults(show_help=models.print_help)
    actions = models.add_subparsers(dest="action", metavar="ACTION", title="actions")
    listing = _add(actions, "list", "Each model: size, licence, what it needs, whether it fits.")
    listing.add_argument("--json", action="store_true", help="the same for programs")
    get = _add(actions, "get", "Fetch a model.")
    get.add_argument("name", metavar="NAME", help="a name of the list, or a Hugging Face id")
    get.add_argument("--accept-terms", action="store_true", help="you have read its terms of use")
    remove = _add(actions, "remove", "Delete a model's files.")
    remove.add_argument("name", metavar="NAME", help="as `models list` names it")
    remove.add_argument("--yes", action="store_true", help="do not ask first")
    verify = _add(actions, "verify", "Check models' files against their checksums.")
    verify.add_argument("names", nargs="*", metavar="NAME", help="default: all that are here")
    pack = _add(actions, "pack", "One archive that sets up a machine which was never online.")
    pack.add_argument("file", metavar="FILE", help="the archive to write")
    pack.add_argument("names", nargs="+", metavar="NAME", help="the models that go into it")
    pack.add_argument("--without-packages", action="store_true", help="models only")
    unpack = _add(actions, "unpack", "Set up from such an archive, without a network.")
    unpack.add_argument("file", metavar="FILE", help="the archive that `models pack` wrote")


def _add_class(commands):
    group = _add(commands, "class", "Run a class on this machine: a hub, and one model for all.")
    group.set_defaults(show_help=group.print_help)
    actions = group.add_subparsers(dest="action", metavar="ACTION", title="actions")
    start = _add(actions, "start", "Start the class, and keep it running until Ctrl-C or `stop`.")
    _add_door(start)
    start.add_argument("--model", metavar="NAME", help="the one to share (default: smollm2-135m)")
    start.add_argument("--server", metavar="ADDRESS", help="share this model server, such as vLLM")
    start.add_argument(
        "--memory",
        type=_whole("the memory in MiB is a number", 256, 2**20),
        metavar="MIB",
        help="most of a process, in MiB (default: 1024)",
    )
    start.add_argument(
        "--one-user", action="store_true", help="as root: do not make a user of each learner"
    )
    wall = _add(actions, "wall", "Take what laptops post for the wall, without a hub.")
    _add_door(wall)
    wall.set_defaults(model=None, server=None, memory=None, one_user=True)
    release = _add(actions, "release", "Free a learner's name for another browser.")
    release.add_argument("name", metavar="NAME")
    assignment = _add(actions, "assignment", "Make an assignment of a notebook's exercises.")
    assignment.add_argument("notebook", metavar="NOTEBOOK", help="such as 02_sampling")
    collect = _add(actions, "collect", "Copy what the learners have done: all, or an assignment.")
    collect.add_argument("notebook", metavar="NOTEBOOK", nargs="?")
    grade = _add(actions, "grade", "Grade an assignment, offline and apart: points, feedback, CSV.")
    grade.add_argument("notebook", metavar="NOTEBOOK")
    for each in (start, wall, release, assignment, collect, grade):
        _add_folder(each)
    _add_folder(_add(actions, "status", "Who is there, memory, requests, and how many wait."))
    _add_folder(_add(actions, "stop", "Stop the class; nothing of a learner's is lost."))


def _add_door(action):
    """Who may come, and where to."""
    action.add_argument(
        "--students",
        type=_whole("the number of learners is", 1, 1000),
        metavar="N",
        help="the most learners (default: 30)",
    )
    action.add_argument("--names", metavar="FILE", help="who may come, a name a line")
    action.add_argument("--word", help="what each types beside the name (default: one is made)")
    action.add_argument("--host", metavar="ADDRESS", help="listen there (default: 127.0.0.1)")
    action.add_argument("--port", type=_port, metavar="N", help="default: a free one")
    action.add_argument("--certificate", metavar="FILE", help="for TLS, with --certificate-key")
    action.add_argument("--certificate-key", metavar="FILE", help="the certificate's key")


def _add_folder(action):
    action.add_argument("--folder", help="of the class (default: `class` in the lab's home)")


def _port(text):
    return _whole("a port is a number", 1, 65535)(text)


def _whole(what, low, high=None):
    """Reads a whole number within its bounds."""
    bounds = f"from {low} to {high}" if high else f"of {low} or more"

    def read(text):
        if not text.isdecimal() or not low <= int(text) <= (high or int(text)):
            raise argparse.ArgumentTypeError(f"{what} {bounds}, not {text!r}")
        return int(text)

    return read
