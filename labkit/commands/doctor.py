"""``python3 -m labkit doctor``: is this machine ready? Line by line, each with its mend.

All checks start at once, and each line is printed as soon as it and those before it are known.
Nothing is installed, and on a bare interpreter what cannot be known says so.
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
from functools import partial

from labkit.errors import LabError
from labkit.install.pip import StatusLine
from labkit.models.machine import inspect_machine

from .checks import FAILING, FINE, WARNING, Check, environment, hardware, software, storage

SIGNS = {FINE: ("✓", "32"), WARNING: ("!", "33"), FAILING: ("✗", "31")}  # symbol, ANSI colour
ASKS = "At most two questions leave this machine: to pip's package index, and to the model hub."
COMMAND = re.compile(r"python3 -m labkit (models \w+ [\w./-]+|\w+)")
NAME_WIDTH, DETAIL_AT = 21, 34


def main(args) -> int:
    """Prints a line a check; exit status 1 if one fails, and 0 if none does."""
    machine, problem = _machine()
    checks = _all_checks(machine, problem)
    if args.json:
        checks = list(checks)
        told = {
            "checks": [dataclasses.asdict(check) for check in checks],
            "machine": dataclasses.asdict(machine) if machine else None,
        }
        print(json.dumps(told, indent=1))
    else:
        checks = _show(checks)
    return int(any(check.status == FAILING for check in checks))


def _machine():
    """The machine, and None; or None, and why nothing is known of it."""
    try:
        return inspect_machine(), None
    except (ImportError, LabError) as error:
        return None, error


# The checks, in the order of the page


def _all_checks(machine, problem):
    """Every check, in order, as soon as it is known."""
    line = StatusLine()
    started = [(name, limit_s, _start(look)) for name, look, limit_s in _looks(machine, problem)]
    for name, limit_s, future in started:
        if line.tty and futures.wait([future], 0.2).not_done:
            line.show("Checking", name)
        found = _result(name, future, limit_s)
        line.end()
        yield from found


def _looks(machine, problem):
    """Name, function and, where a look may hang, how long we wait for it."""
    yield "Python", software.python, None
    yield "Set-up", software.set_up, None
    yield "Packages", software.packages, None
    if machine:
        yield "Memory", partial(hardware.memory, machine), None
        yield "CPU", partial(hardware.processor, machine), None
        yield "GPU", partial(hardware.gpu, machine), None
    else:
        yield "Memory, CPU, GPU", partial(_raise, problem), None
    yield "Disk and models", storage.look, None
    yield "Model servers", environment.servers, None
    yield "Package index", environment.package_index, None
    yield "Model hub", environment.hub, environment.PATIENCE_S
    yield "Port", environment.port, None
    yield "Browser", environment.browser, None


def _raise(error):
    raise error


def _start(look):
    """A look begun in a thread that does not keep the program alive: a name server may hang."""
    future = futures.Future()

    def work():
        try:
            future.set_result(list(look()))
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future


def _result(name, future, limit_s):
    """What a look found. One that fails says so in its line, and the others go on."""
    try:
        return future.result(limit_s)
    except futures.TimeoutError:
        return [Check(name, WARNING, "no answer in time", environment.OFFLINE)]
    except ImportError as error:
        return [Check(name, WARNING, _unknown(error), software.mend())]
    except LabError as error:
        return [Check(name, FAILING, error.problem, error.mend)]
    except Exception as error:
        detail = f"could not be looked at: {type(error).__name__}: {error}"
        return [Check(name, WARNING, detail, "Please report this as a fault of the lab.")]


def _unknown(error):
    return f"not known without the package {error.name}" if error.name else f"not known: {error}"


# The page


def _show(checks):
    """Prints each line as it comes, then the sum."""
    if hasattr(sys.stdout, "reconfigure"):  # a console without ✓ shows a question mark
        sys.stdout.reconfigure(errors="replace")
    print(ASKS, end="\n\n", flush=True)
    shown, said = [], set()
    for check in checks:
        mend = "" if check.mend in said else check.mend  # each mend once
        print(_line(dataclasses.replace(check, mend=mend)), flush=True)
        said.add(check.mend)
        shown.append(check)
    print("\n" + _sum([check.status for check in shown]))
    return shown


def _line(check):
    symbol, _ = SIGNS[check.status]
    head = f"  {_coloured(f'{symbol} {check.status:<8}', check.status)}{check.name:<{NAME_WIDTH}} "
    lines = [head + _wrapped(check.detail)]
    if check.mend:
        lines.append(" " * (DETAIL_AT - 2) + _wrapped("→ " + check.mend))
    return "\n".join(lines)


def _wrapped(text):
    """In a terminal, broken to its width below the details; elsewhere one line, to be searched."""
    width = shutil.get_terminal_size().columns - DETAIL_AT
    if not sys.stdout.isatty() or width < 30:
        return text
    whole = COMMAND.sub(lambda found: found[0].replace(" ", "\xa0"), text)  # to be copied
    lines = textwrap.wrap(whole, width, break_long_words=False, break_on_hyphens=False)
    return ("\n" + " " * DETAIL_AT).join(lines).replace("\xa0", " ")


def _coloured(text, status):
    plain = not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.name == "nt"
    return text if plain else f"\033[{SIGNS[status][1]}m{text}\033[0m"


def _sum(statuses):
    counts = {status: statuses.count(status) for status in SIGNS}
    verdict = "Something has to be mended" if counts[FAILING] else "Nothing stands in the way"
    warnings = f"{counts[WARNING]} warning" + ("" if counts[WARNING] == 1 else "s")
    return f"{verdict}: {counts[FINE]} fine, {warnings}, {counts[FAILING]} failing."
