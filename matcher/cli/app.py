"""The command line: flags in, tables and JSON out, one clear line when something is wrong.

Exit status: 0 done; 1 done, with findings; 2 not done.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType

from cyclopts import App, CycloptsError

import matcher
from matcher.cli.bench import bench
from matcher.cli.diff import diff
from matcher.cli.explain import explain
from matcher.cli.reconcile import reconcile
from matcher.cli.route import route
from matcher.cli.usage import (
    shield_stdin,
    unshield_stdin,
    usage_line,
)
from matcher.reports.text import one_line
from profiles.errors import InputError

app = App(
    name="matcher",
    version=matcher.__version__,
    help="Match survey marketplace targeting rules and quotas against a panel of members.",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)


_MOMENT = 0.2


app.command(route)


app.command(explain)


app.command(diff)


app.command(bench)


app.command(reconcile)


def main() -> None:
    """Run the command line and exit with its status; being terminated is being interrupted."""
    sys.unraisablehook = _tell_unless_interrupt
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, _interrupt)
    status = run(sys.argv[1:])
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)
    sys.exit(status)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, and again after a moment, until it has been heard.

    Python drops what is raised while a callback of the garbage collector or the import system
    happens to run. Work that is already being undone is left alone, generators that are being
    closed among that.
    """
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, _MOMENT)
    if not isinstance(sys.exception(), KeyboardInterrupt | GeneratorExit):
        raise KeyboardInterrupt


def _tell_unless_interrupt(dropped: sys.UnraisableHookArgs) -> None:
    """Tell of an exception that Python drops; an interrupt is raised again anyway."""
    if not issubclass(dropped.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(dropped)


def run(arguments: list[str]) -> int:
    """Run one command; gives the exit status, and never lets a traceback out."""
    try:
        status = app(shield_stdin(arguments), exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return _fail(usage_line(error))
    except InputError as error:
        return _fail(str(error))
    except (BrokenPipeError, SystemExit):  # rich exits where the other end of its pipe is closed
        return 2
    except KeyboardInterrupt:
        return _fail("interrupted")
    except MemoryError:
        return _fail("out of memory")
    except Exception as error:
        if os.environ.get("MATCHER_TRACEBACK"):
            raise
        where = f"{type(error).__name__}: {error}"
        return _fail(f"internal error: {where} (MATCHER_TRACEBACK=1 shows where)")
    return status if isinstance(status, int) else 0


def _fail(message: str) -> int:
    with suppress(OSError):
        print(f"matcher: {one_line(unshield_stdin(message))}", file=sys.stderr)
    return 2
