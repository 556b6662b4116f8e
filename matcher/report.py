"""What the command line says: one JSON document for programs, tables and findings for people."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

import orjson
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from matcher.diagnostic import Diagnostic, Level
from matcher.matches import PanelCounts, QuotaCounts, SurveyCounts
from profiles.indexing import Indexed

MOST_SURVEYS = 60
MOST_ERRORS = 10
LONGEST_LINE = 1000
_PATIENCE = 1.0
NONE = "[dim]-[/dim]"
_STYLE = {Level.ERROR: "bold red", Level.WARNING: "yellow", Level.INFO: "dim"}


def counts_json(
    as_of: date,
    counts: PanelCounts,
    rejected: Sequence[str],
    diagnostics: Iterable[Diagnostic],
) -> bytes:
    """The document of `match --json` and `count --json`."""
    surveys = [_survey_json(survey) for survey in counts.surveys]
    surveys += [
        {"survey": name, "status": "rejected"}
        | {"eligible": 0, "uncertain": 0, "given": 0, "quotas": []}
        for name in rejected
    ]
    return document(
        {
            "as_of": as_of.isoformat(),
            "members": counts.members,
            "surveys": surveys,
            "diagnostics": [finding.to_json() for finding in diagnostics],
        }
    )


def _survey_json(survey: SurveyCounts) -> dict[str, Any]:
    return {
        "survey": survey.survey,
        "status": survey.status,
        "eligible": survey.eligible,
        "uncertain": survey.uncertain,
        "given": survey.given,
        "quotas": [
            {
                "ids": list(quota.ids),
                "matched": quota.matched,
                "assigned": quota.assigned,
                "remaining": quota.remaining,
                "open": quota.open,
            }
            for quota in survey.quotas
        ],
    }


def findings_json(surveys: int, diagnostics: Iterable[Diagnostic]) -> bytes:
    """The document of `lint --json`."""
    return document(
        {"surveys": surveys, "diagnostics": [finding.to_json() for finding in diagnostics]}
    )


def index_json(done: Indexed) -> bytes:
    """The document of `index --json`."""
    return document(asdict(done))


def print_index(console: Console, done: Indexed, seconds: float) -> None:
    """One line: what has been written."""
    console.print(
        f"{plural(done.members, 'member')}: {done.new:,} new, {done.changed:,} changed, "
        f"{done.deleted:,} deleted · {plural(done.shards, 'shard')}, {done.size / 1e6:,.1f} MB · "
        f"{seconds:.2f} s",
        soft_wrap=True,
    )


def document(content: dict[str, Any]) -> bytes:
    """One JSON document, indented."""
    try:
        return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # half a surrogate pair, in the name of a file or a key
        return json.dumps(content, indent=2).encode() + b"\n"


def one_line(text: str) -> str:
    """The text so that it stays on one line and leaves a terminal alone; a long one is cut."""
    if len(text) > LONGEST_LINE:
        text = f"{text[: LONGEST_LINE * 3 // 4]} … {text[-LONGEST_LINE // 4 :]}"
    if text.isprintable():
        return text
    shown = (char if char.isprintable() else ascii(char)[1:-1] for char in text)
    return "".join(shown)


def shown(text: str) -> str:
    """A name in a table or line of rich's."""
    return escape(one_line(text))


def plural(count: int, thing: str) -> str:
    """`1 survey`, `2 surveys`."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def _seats(quotas: Iterable[QuotaCounts]) -> tuple[int, int]:
    """Seats left in the open quotas that are not nested, and how many of them can be filled."""
    outer = [quota for quota in quotas if quota.open and len(quota.ids) == 1]
    return (
        sum(quota.remaining for quota in outer),
        sum(min(quota.assigned, quota.remaining) for quota in outer),
    )


def _number(count: int) -> str:
    return f"{count:,}" if count else NONE


def survey_table(counts: PanelCounts, rejected: Sequence[str], *, assigned: bool) -> Table:
    """One line a survey: whom it admits, its quotas, and how much of it this panel can fill."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("survey", no_wrap=True)
    table.add_column("status", no_wrap=True, min_width=8)
    for name in ("eligible", "uncertain", "quotas", "seats"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    if assigned:
        table.add_column("fillable", justify="right", no_wrap=True, min_width=8)
    for survey in counts.surveys[:MOST_SURVEYS]:
        seats, fillable = _seats(survey.quotas)
        outer = [quota for quota in survey.quotas if len(quota.ids) == 1]
        line = [
            shown(survey.survey),
            survey.status if survey.status == "open" else f"[dim]{survey.status}[/dim]",
            _number(survey.eligible),
            _number(survey.uncertain),
            f"{sum(quota.open for quota in outer)}/{len(outer)}",
            _number(seats),
        ]
        if assigned:
            line.append(_share(fillable, seats if survey.status == "open" else 0))
        table.add_row(*line)
    for name in rejected:
        table.add_row(shown(name), "[red]rejected[/red]", *[NONE] * (4 + assigned))
    return table


def _share(part: int, whole: int) -> str:
    if not whole:
        return NONE
    percent = 100 * part / whole
    style = "green" if percent >= 100 else "yellow" if percent >= 50 else "red"
    return f"[{style}]{percent:.0f} %[/{style}]"


def quota_table(counts: PanelCounts, rejected: Sequence[str]) -> Table:
    """One line a quota under each survey: who matches, and how many that are for each seat."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("survey / quota", no_wrap=True, max_width=48)
    table.add_column("status", no_wrap=True, min_width=8)
    for name in ("eligible", "uncertain", "matched", "seats", "per seat"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    for survey in counts.surveys[:MOST_SURVEYS]:
        table.add_row(
            f"[bold]{shown(survey.survey)}[/bold]",
            survey.status,
            _number(survey.eligible),
            _number(survey.uncertain),
        )
        for quota in survey.quotas:
            per_seat = f"{quota.matched / quota.remaining:.1f}" if quota.remaining else NONE
            table.add_row(
                "  " * len(quota.ids) + shown(shorten(quota.ids[-1])),
                "open" if quota.open else "[dim]closed[/dim]",
                "",
                "",
                _number(quota.matched),
                _number(quota.remaining),
                per_seat,
            )
    for name in rejected:
        table.add_row(shown(name), "[red]rejected[/red]")
    return table


def shorten(quota_id: str) -> str:
    """A quota id that people can still tell from others; some are long hashes."""
    return quota_id if len(quota_id) <= 24 else f"{quota_id[:12]}…{quota_id[-4:]}"


def print_counts(
    console: Console,
    table: Table,
    counts: PanelCounts,
    rejected: Sequence[str],
    seconds: float,
    *,
    limit: int | None = None,
) -> None:
    """A table of surveys, what it leaves out, and one line that sums it up.

    `limit`: the most surveys that a member is given.
    """
    console.print(table)
    if len(counts.surveys) > MOST_SURVEYS:
        more = len(counts.surveys) - MOST_SURVEYS
        console.print(f"[dim]… and {plural(more, 'survey')} more: --json has them all[/dim]")
    pairs = sum(survey.eligible for survey in counts.surveys)
    eligible = plural(pairs, "eligible pair")
    if limit is not None:
        given = sum(survey.given for survey in counts.surveys)
        eligible += f", {given:,} given at {plural(limit, 'survey')} a member"
    opened = sum(survey.status == "open" for survey in counts.surveys)
    console.print(
        f"\n{plural(counts.members, 'member')} · {plural(opened, 'survey')} open, "
        f"{len(counts.surveys) - opened:,} closed, {len(rejected):,} rejected · "
        f"{eligible} · {seconds:.2f} s",
        soft_wrap=True,
    )


def print_summary(console: Console, diagnostics: Sequence[Diagnostic]) -> None:
    """Errors one by one, the rest by code: enough to know whether to run `lint`."""
    errors = [finding for finding in diagnostics if finding.level is Level.ERROR]
    for finding in errors[:MOST_ERRORS]:
        print_finding(console, finding)
    if len(errors) > MOST_ERRORS:
        console.print(f"… and {plural(len(errors) - MOST_ERRORS, 'error')} more")
    warnings = Counter(
        each.code for each in diagnostics if each.level is Level.WARNING and each.survey
    )
    if warnings:
        named = ", ".join(f"{count:,} {code}" for code, count in warnings.most_common())
        console.print(
            f"[yellow]warnings[/yellow]: {named} [dim](matcher lint names each)[/dim]",
            soft_wrap=True,
        )
    for finding in diagnostics:
        if finding.survey is None and finding.level is Level.WARNING:
            print_finding(console, finding)
        elif finding.survey is None and finding.level is Level.INFO:
            console.print(f"[dim]note: {shown(finding.message)}[/dim]", soft_wrap=True)


def print_finding(console: Console, finding: Diagnostic) -> None:
    """One finding on one line."""
    style = _STYLE[finding.level]
    level, _, rest = str(finding).partition(": ")
    console.print(f"[{style}]{level}[/{style}]: {shown(rest)}", soft_wrap=True)


class ProgressBar:
    """A bar on a terminal, shown only once the work has taken a moment."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._shown = not quiet and console.is_terminal
        self._began = time.monotonic()
        self._bar: Progress | None = None
        self._task: Any = None

    def __call__(self, members: int, total: int | None) -> None:
        """Tell how many members are done, and how many there are where that is known."""
        if not self._shown or time.monotonic() - self._began < _PATIENCE:
            return
        if self._bar is None:
            self._bar = Progress(
                TextColumn("matching members"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=total)
        self._bar.update(self._task, completed=members)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
