"""The commands, each loaded when it is used, and the one line that says what is wrong.

Exit status: 0 done; 1 done, with findings; 2 not done; 130 interrupted; 143 terminated.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from cyclopts import App, CycloptsError

from matcher.cli.interrupts import heard
from matcher.cli.usage import shield_stdin, unshield_stdin, usage_line
from matcher.reports.text import one_line
from matcher.version import __version__
from profiles.errors import InputError

COMMANDS = {
    "match": "For each survey, which members may be sent, each to which quota.",
    "count": "Feasibility only: members per survey and quota, no member list.",
    "route": "One member at a time: JSON lines of members on standard input, of surveys out.",
    "explain": "Why a member may or may not take a survey, with the place in the payload.",
    "diff": "OLD NEW: who gained, lost or moved; payload files, folders of them, or saved plans.",
    "lint": "What is wrong or suspicious in the rules, the mapping and the panel.",
    "index": "Prepare a panel for repeated use; every --panel takes the folder, too.",
    "reconcile": "What marketplaces answered, against what we would have said: wrong mappings.",
    "bench": "What this inventory costs on this panel, as a regression test.",
}
"""Every command, and its first line of help; `matcher.cli.NAME` has it."""

app = App(
    name="matcher",
    version=__version__,
    help="Match survey marketplace targeting rules and quotas against a panel of members.",
    help_format="plaintext",
    version_format="plaintext",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
for _name, _help in COMMANDS.items():
    _module = "match" if _name == "count" else _name
    app.command(f"matcher.cli.{_module}:{_name}", name=_name, help=_help)


def run(arguments: list[str]) -> int:
    """Run one command; gives the exit status, and never lets a traceback out."""
    status, why = 2, ""
    try:
        result = app(shield_stdin(arguments), exit_on_error=False, print_error=False)
        status = result if isinstance(result, int) else 0
    except CycloptsError as error:
        why = usage_line(error)
    except InputError as error:
        why = str(error)
    except (BrokenPipeError, SystemExit):  # rich exits where the other end of its pipe is closed
        pass
    except KeyboardInterrupt:
        status, why = 130, "interrupted"
    except MemoryError:
        why = "out of memory"
    except Exception as error:
        if os.environ.get("MATCHER_TRACEBACK"):
            raise
        where = f"{type(error).__name__}: {error}"
        why = f"internal error: {where} (MATCHER_TRACEBACK=1 shows where)"
    status, why = heard() or (status, why)
    if why:
        with suppress(OSError):
            print(f"matcher: {one_line(unshield_stdin(why))}", file=sys.stderr)
    return status
