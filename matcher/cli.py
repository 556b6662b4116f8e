"""The command line: flags in, tables and JSON out, one clear line when something is wrong.

Exit status: 0 done; 1 done, with findings; 2 not done.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

import matcher
from matcher.cli_bench import bench
from matcher.cli_diff import diff
from matcher.cli_explain import explain
from matcher.cli_reconcile import reconcile
from matcher.cli_route import route
from matcher.destination import Destination, choose_destination
from matcher.diagnostic import Diagnostic, Level
from matcher.lint import (
    NEEDS_PANEL,
    lint_panel,
    lint_surveys,
    open_mapping,
)
from matcher.options import (
    DEFAULTS,
    Options,
    PanelPath,
    Payloads,
    load_inputs,
    make_console,
    worth_saying,
    write_document,
)
from matcher.payload import load_surveys
from matcher.report import (
    ProgressBar,
    counts_json,
    findings_json,
    index_json,
    one_line,
    plural,
    print_counts,
    print_finding,
    print_index,
    print_summary,
    quota_table,
    survey_table,
)
from matcher.survey import Surveys
from matcher.usage import (
    at_least_one,
    read_whole,
    shield_stdin,
    unshield_stdin,
    usage_line,
)
from profiles.check import number_lists
from profiles.errors import InputError
from profiles.location import Location
from profiles.panel import open_members, open_panel
from profiles.sources import open_source

app = App(
    name="matcher",
    version=matcher.__version__,
    help="Match survey marketplace targeting rules and quotas against a panel of members.",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)

_MOMENT = 0.2


@app.command
def match(
    payloads: Payloads,
    /,
    *,
    panel: PanelPath,
    output: Annotated[
        str | None,
        Parameter(name=["--output", "-o"], help="Parquet file, or database, of all pairs."),
    ] = None,
    table: Annotated[
        str | None, Parameter(help="The database's table, made or filled anew.")
    ] = None,
    max_surveys_per_member: Annotated[
        int | None,
        Parameter(
            help="Give each member at most so many surveys, those that pay best.",
            converter=read_whole,
            validator=at_least_one,
        ),
    ] = None,
    options: Options = DEFAULTS,
) -> int:
    """For each survey, which members may be sent, each to which quota."""
    return _count(
        payloads,
        panel,
        options,
        destination=choose_destination(output, table),
        by_quota=False,
        max_surveys=max_surveys_per_member,
    )


@app.command
def count(payloads: Payloads, /, *, panel: PanelPath, options: Options = DEFAULTS) -> int:
    """Feasibility only: members per survey and quota, no member list."""
    return _count(payloads, panel, options, destination=None, by_quota=True)


def _count(
    payloads: tuple[str, ...],
    panel_path: Path,
    options: Options,
    *,
    destination: Destination | None,
    by_quota: bool,
    max_surveys: int | None = None,
) -> int:
    console = make_console()
    began = time.perf_counter()
    panel, surveys = load_inputs(payloads, panel_path, options)
    if destination is not None:
        destination.check_apart(panel)
    progress = ProgressBar(console, quiet=options.quiet or options.json)
    matches = matcher.compile(surveys).match(
        panel,
        choose=options.choose,
        seed=options.seed,
        uncertain=options.uncertain,
        max_surveys=max_surveys,
        workers=options.threads,
        progress=progress,
    )
    try:
        counts = matches.counts() if destination is None else destination.write(matches)
    finally:
        progress.close()
    if options.json:
        write_document(counts_json(panel.as_of, counts, surveys.rejected, surveys.diagnostics))
    elif not options.quiet:
        table = (
            quota_table(counts, surveys.rejected)
            if by_quota
            else survey_table(counts, surveys.rejected, assigned=True)
        )
        seconds = time.perf_counter() - began
        print_counts(console, table, counts, surveys.rejected, seconds, limit=max_surveys)
    if not options.json:
        print_summary(console, worth_saying(surveys.diagnostics, options))
    return 1 if options.refuses(surveys.diagnostics) else 0


@app.command
def index(
    *,
    panel: Annotated[Path, Parameter(name="--panel", help="The panel file (panel.toml).")],
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="Folder of the index.")],
    update: Annotated[
        bool, Parameter(help="Take in what has changed since it was written.", negative=())
    ] = False,
    changes: Annotated[
        str | None,
        Parameter(help="With --update: files, or a database, of changed and new members."),
    ] = None,
    table: Annotated[str | None, Parameter(help="The table of a database of changes.")] = None,
    deleted: Annotated[
        Path | None, Parameter(help="With --update: the ids of members who are gone.")
    ] = None,
    options: Options = DEFAULTS,
) -> int:
    """Prepare a panel for repeated use; every --panel takes the folder, too."""
    if not update and (changes or deleted):
        raise InputError("`--changes` and `--deleted` go with `--update`")
    changed_rows = Location(changes, table) if changes is not None else None
    if (table is not None) != (changed_rows is not None and changed_rows.scheme is not None):
        raise InputError("`--changes` of a database and `--table` go together")
    opened = open_panel(panel, options.day)
    if opened.is_index:
        raise InputError(f"{panel}: `matcher index` needs the panel file, not an index of it")
    began = time.perf_counter()
    if update:
        changed = open_members(opened.file, changed_rows) if changed_rows else None
        done = opened.update_index(output, changed, open_source(deleted) if deleted else None)
    else:
        done = opened.write_index(output)
    if options.json:
        write_document(index_json(done))
    elif not options.quiet:
        print_index(make_console(), done, time.perf_counter() - began)
    return 0


@app.command
def lint(
    payloads: Payloads,
    /,
    *,
    panel: Annotated[
        Path | None, Parameter(name="--panel", help="The panel file; without it, rules alone.")
    ] = None,
    options: Options = DEFAULTS,
) -> int:
    """What is wrong or suspicious in the rules, the mapping and the panel."""
    if panel is None:
        surveys, findings = _lint_rules(payloads, options)
    else:
        opened, surveys = load_inputs(payloads, panel, options)
        several = number_lists(opened)
        findings = [
            *lint_panel(opened),
            *surveys.diagnostics,
            *lint_surveys(surveys.surveys, opened.mapping, several),
        ]
    total = len(surveys.surveys) + len(surveys.rejected)
    if options.json:
        write_document(findings_json(total, findings))
    else:
        console = make_console()
        for finding in worth_saying(findings, options):
            print_finding(console, finding)
        if not options.quiet:
            levels = [sum(each.level is level for each in findings) for level in reversed(Level)]
            console.print(
                f"{plural(total, 'survey')}: "
                + ", ".join(map(plural, levels, ("error", "warning", "note")))
            )
    return 1 if any(finding.level is Level.ERROR for finding in findings) else 0


app.command(route)
app.command(explain)
app.command(diff)
app.command(bench)
app.command(reconcile)


def _lint_rules(payloads: tuple[str, ...], options: Options) -> tuple[Surveys, list[Diagnostic]]:
    """Surveys linted without a panel, of which nothing is said that depends on one."""
    mapping = open_mapping(payloads, options.marketplace)
    surveys = load_surveys(payloads, mapping, options.marketplace)
    findings = [each for each in surveys.diagnostics if each.code not in NEEDS_PANEL]
    return surveys, [*findings, *lint_surveys(surveys.surveys, mapping)]


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
