"""What `match` and `count` print: one JSON document for programs, tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from rich.console import Console
from rich.table import Table

from matcher.engine import PanelCounts, QuotaCounts, SurveyCounts
from matcher.reports.json_document import document
from matcher.reports.markup import NONE, shown
from matcher.reports.text import shorten
from matcher.surveys import Diagnostic
from profiles.plural import plural

COUNTED_SURVEYS = 60


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
    """One line a survey: members, quotas, and the share of seats that this panel can fill."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("survey", no_wrap=True)
    table.add_column("status", no_wrap=True, min_width=8)
    for name in ("eligible", "uncertain", "quotas", "seats"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    if assigned:
        table.add_column("fillable", justify="right", no_wrap=True, min_width=8)
    for survey in counts.surveys[:COUNTED_SURVEYS]:
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
    """One line a quota under each survey: members who match, and how many for each seat."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("survey / quota", no_wrap=True, max_width=48)
    table.add_column("status", no_wrap=True, min_width=8)
    for name in ("eligible", "uncertain", "matched", "seats", "per seat"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    for survey in counts.surveys[:COUNTED_SURVEYS]:
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


def print_counts(
    console: Console,
    table: Table,
    counts: PanelCounts,
    rejected: Sequence[str],
    seconds: float,
    *,
    limit: int | None = None,
) -> None:
    """A table of surveys, how many it leaves out, and a line of totals.

    `limit`: the most surveys that a member is given.
    """
    console.print(table)
    if len(counts.surveys) > COUNTED_SURVEYS:
        more = len(counts.surveys) - COUNTED_SURVEYS
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
