"""``python3 -m labkit doctor``: is this machine ready? One line per check, with a hint if needed.

All checks start together, and each line is printed as soon as it and those before it are known.
Nothing is installed; on a bare interpreter, a check that is not possible says so.
"""

import dataclasses
import json
import os
import re
import shutil
import sys
import textwrap
import threading
from concurrent import futures
from contextlib import suppress
from functools import partial

from labkit.errors import LabError, typed_here
from labkit.install.pip import StatusLine
from labkit.models.machine import inspect_machine

from .checks import FAILING, FINE, WARNING, Check, environment, hardware, software, storage

SIGNS = {FINE: ("✓", "32"), WARNING: ("!", "33"), FAILING: ("✗", "31")}  # symbol, ANSI colour
REQUESTS = "At most two requests leave this machine: to pip's package index, and to the model hub."
COMMAND = re.compile(r"python3? -m labkit (models \w+ [\w./-]+|\w+)")
DETAIL_AT = 34


def main(args) -> int:
    """Prints a line per check; exit status 1 if one fails, else 0."""
    machine = None
    with suppress(ImportError, LabError):  # a line of its own says why
        machine = inspect_machine()
    checks = _all_checks(machine)
    if args.json:
        checks = list(checks)
        report = {
            "checks": [dataclasses.asdict(check) for check in checks],
            "machine": dataclasses.asdict(machine) if machine else None,
        }
        print(json.dumps(report, indent=1))
    else:
        checks = _show(checks)
    return int(any(check.status == FAILING for check in checks))


# The checks, in the order of the page


def _all_checks(machine):
    """Every check in order, as soon as it is known."""
    line = StatusLine()
    started = [(name, limit_s, _start(look)) for name, look, limit_s in _looks(machine)]
    for name, limit_s, future in started:
        if line.tty and futures.wait([future], 0.2).not_done:
            line.show("Checking", name)
        found = _result(name, future, limit_s)
        line.end()
        for check in found:
            detail, hint = typed_here(check.detail), typed_here(check.hint)
            yield dataclasses.replace(check, detail=detail, hint=hint)


def _looks(machine):
    """Name, function and, for a check that may hang, the seconds to wait for it."""
    yield "Python", software.python, None
    yield "Set-up", software.set_up, None
    yield "Packages", software.packages, None
    if machine:
        yield "Memory", partial(hardware.memory, machine), None
        yield "Ten notebooks", partial(hardware.ten_notebooks, machine), None
        yield "CPU", partial(hardware.processor, machine), None
        yield "CPU speed", partial(hardware.speed, machine), None
        yield "GPU", partial(hardware.gpu, machine), None
    else:
        yield "Memory, CPU, GPU", inspect_machine, None  # fails once more, with the reason
    yield "Disk and models", storage.look, None
    yield "Model servers", environment.servers, None
    yield "Package index", environment.package_index, None
    yield "Model hub", environment.hub, environment.PATIENCE_S
    yield "Port", environment.port, None
    yield "Browser", environment.browser, None


def _start(look):
    """Starts a check in a daemon thread, because a name server may hang."""
    future = futures.Future()

    def work():
        try:
            future.set_result(list(look()))
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future


def _result(name, future, limit_s):
    """The result of a check; one that fails says so in its line, and the others continue."""
    try:
        return future.result(limit_s)
    except futures.TimeoutError:
        return [Check(name, WARNING, "no answer in time", environment.OFFLINE)]
    except ImportError as error:
        cause = f" without the package {error.name}" if error.name else f": {error}"
        return [Check(name, WARNING, f"not known{cause}", software.reinstall_hint())]
    except LabError as error:
        return [Check(name, FAILING, error.problem, error.hint)]
    except Exception as error:
        detail = f"could not be checked: {type(error).__name__}: {error}"
        return [Check(name, WARNING, detail, "Please report this as a fault of the lab.")]


# The page


def _show(checks):
    """Prints each line as it comes, then the summary."""
    print(REQUESTS, end="\n\n", flush=True)
    printed, given = [], set()
    for check in checks:
        hint = "" if check.hint in given else check.hint  # each hint once
        print(_line(dataclasses.replace(check, hint=hint)), flush=True)
        given.add(check.hint)
        printed.append(check)
    print("\n" + _summary([check.status for check in printed]))
    return printed


def _line(check):
    symbol, colour = SIGNS[check.status]
    sign = f"{symbol} {check.status:<8}"
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.name != "nt":
        sign = f"\033[{colour}m{sign}\033[0m"
    line = f"  {sign}{check.name:<21} {_wrapped(check.detail)}"
    hint = " " * (DETAIL_AT - 2) + _wrapped("→ " + check.hint)
    return f"{line}\n{hint}" if check.hint else line


def _wrapped(text):
    """Wrapped to the width of a terminal, below the details; elsewhere one line."""
    width = shutil.get_terminal_size().columns - DETAIL_AT
    if not sys.stdout.isatty() or width < 30:
        return text
    # Commands stay whole, to be copied.
    whole = COMMAND.sub(lambda found: found[0].replace(" ", "\xa0"), text)
    lines = textwrap.wrap(whole, width, break_long_words=False, break_on_hyphens=False)
    return ("\n" + " " * DETAIL_AT).join(lines).replace("\xa0", " ")


def _summary(statuses):
    counts = {status: statuses.count(status) for status in SIGNS}
    if counts[FAILING]:
        verdict = "Something has to be fixed"
    else:
        verdict = "Nothing has to be fixed" if counts[WARNING] else "Everything needed is here"
    warnings = f"{counts[WARNING]} warning" + ("" if counts[WARNING] == 1 else "s")
    return f"{verdict}: {counts[FINE]} fine, {warnings}, {counts[FAILING]} failing."
