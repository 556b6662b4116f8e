"""`matcher diff`: who gains, loses or moves when rules, mapping or panel change."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from matcher.cli.destination import ParquetFile
from matcher.cli.inputs import load_for
from matcher.cli.options import (
    DEFAULTS,
    Options,
    PanelPath,
    Payloads,
    make_console,
    reportable,
    result_console,
    write_document,
)
from matcher.comparison import Change, Comparison, Difference, Threshold, compare, read_threshold
from matcher.loading import STDIN
from matcher.plan import Plan
from matcher.reports.diagnostics import print_summary
from matcher.reports.diff.document import difference_json
from matcher.reports.diff.page import difference_html, html_environment
from matcher.reports.diff.table import print_difference
from matcher.reports.progress import ProgressBar
from matcher.support import check_output, written_whole
from matcher.surveys import Diagnostic, Surveys, is_plan
from profiles.errors import InputError
from profiles.panel import Panel, open_panel
from profiles.plural import plural

_START = 100
_Most = Annotated[
    str | None, Parameter(help="Status 1 where more do: a count of pairs, or a percentage.")
]


def diff(
    sides: Payloads,
    /,
    *,
    panel: PanelPath,
    panel_new: Annotated[
        Path | None, Parameter(help="The panel file (or index) for NEW: another mapping or state.")
    ] = None,
    output: Annotated[
        Path | None,
        Parameter(
            name=["--output", "-o"], help="Parquet file of members who gained, lost or moved."
        ),
    ] = None,
    html: Annotated[Path | None, Parameter(help="A report for people, in one file.")] = None,
    max_lost: _Most = None,
    max_gained: _Most = None,
    max_moved: _Most = None,
    options: Options = DEFAULTS,
) -> int:
    """OLD NEW: who gained, lost or moved; payload files, folders of them, or saved plans."""
    written = {Change.LOST: max_lost, Change.GAINED: max_gained, Change.MOVED: max_moved}
    thresholds = [
        read_threshold(change, most) for change, most in written.items() if most is not None
    ]
    old, new = _two_sides(sides, panel_new)
    if html is not None:
        check_output(html, ".html")
        html_environment()
    destination = None if output is None else ParquetFile(check_output(output, ".parquet"))
    console = make_console()
    began = time.perf_counter()
    opened = open_panel(panel, options.day)
    opened_new = opened if panel_new is None else open_panel(panel_new, options.day)
    if destination is not None:
        for each in (opened, opened_new):
            destination.check_apart(each)
    progress = ProgressBar(console, quiet=options.quiet or options.json)
    comparison = compare(
        _load(opened, old, options),
        _load(opened_new, new, options),
        opened,
        opened_new,
        choose=options.choose,
        seed=options.seed,
        uncertain=options.uncertain,
        workers=options.threads,
        progress=progress,
    )
    try:
        found = _find(comparison, output)
    finally:
        progress.close()
    if html is not None:
        page = difference_html(
            found, before=_label(old, panel), after=_label(new, panel_new or panel)
        )
        with written_whole(html) as unfinished:
            unfinished.write_text(page, "utf-8")
    if options.json:
        write_document(difference_json(found))
    else:
        if not options.quiet:
            with result_console() as result:
                print_difference(result, found, time.perf_counter() - began)
        print_summary(console, reportable(_diagnostics(found), options))
    return 1 if _stops(console, found, thresholds, options) else 0


def _two_sides(sides: tuple[str, ...], panel_new: Path | None) -> tuple[str, str]:
    """What is compared with what; with two panels the same payloads may stand on both sides."""
    if len(sides) == 1 and panel_new is not None:
        sides = sides * 2
    if len(sides) != 2:
        raise InputError(
            "diff: compares two payload files, folders or plans, OLD and NEW "
            "(or one, with `--panel-new`)"
        )
    if sides == (STDIN, STDIN):
        raise InputError("diff: standard input can be only one of OLD and NEW")
    return sides[0], sides[1]


def _load(panel: Panel, side: str, options: Options) -> Surveys | Plan:
    """The surveys of one side: a saved plan, or payloads."""
    data = _plan_in(side)
    if data is None:
        return load_for(panel, (side,), options)
    try:
        return Plan.from_bytes(data)
    except InputError as error:
        raise InputError(f"{side}: {error}") from None


def _plan_in(side: str) -> bytes | None:
    """The bytes of a plan file; None for anything else, which the payload reader judges."""
    try:
        with Path(side).open("rb") as file:
            start = file.read(_START)
            return start + file.read() if is_plan(start) else None
    except (OSError, ValueError):
        return None


def _find(comparison: Comparison, output: Path | None) -> Difference:
    return comparison.difference() if output is None else comparison.to_parquet(output)


def _label(side: str, panel: Path) -> str:
    """What was compared, by its name and that of its folder alone: reports travel."""
    named = "standard input" if side == STDIN else _short(Path(side))
    return f"{named} on {_short(panel)}"


def _short(path: Path) -> str:
    return str(Path(*path.parts[-2:]))


def _diagnostics(found: Difference) -> list[Diagnostic]:
    """The diagnostics of the new side, and those of the old that the new has not."""
    after = {_content(finding) for finding in found.diagnostics_after}
    only_before = [
        finding for finding in found.diagnostics_before if _content(finding) not in after
    ]
    return [*only_before, *found.diagnostics_after]


def _content(finding: Diagnostic) -> Diagnostic:
    """A finding, wherever its survey stands."""
    return replace(finding, file="", at="")


def _stops(
    console: Console, found: Difference, thresholds: list[Threshold], options: Options
) -> bool:
    """Whether something ends with status 1; that is printed."""
    exceeded = [each for each in thresholds if each.exceeded(found.tally)]
    for each in exceeded:
        count: int = getattr(found.tally, each.change)
        of = f" of {found.tally.before:,} before" if each.percent else ""
        console.print(f"[red]{each.change}[/red]: {plural(count, 'pair')}{of}, more than {each}")
    return bool(exceeded) or options.refuses(_diagnostics(found))
