"""What `matcher reconcile` prints: a table of codes and the suspects, or one JSON document."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any

from rich.console import Console
from rich.table import Table

from matcher.concentration import AnswerValue
from matcher.reconciliation import Confusion, Reconciliation, Suspect, SuspectKind, SuspectSurvey
from matcher.reports.json_document import document
from matcher.reports.markup import NONE, shown
from matcher.surveys import Diagnostic
from profiles.plural import plural

_MOST_POINTERS = 3
_KINDS = {
    SuspectKind.TURNED_AWAY: ("turned away though they fit", "taken"),
    SuspectKind.TAKEN: ("taken though they do not fit", "turned away"),
}
"""How the surprising rows are described, and those that they are compared with."""


def reconciliation_json(found: Reconciliation, diagnostics: Iterable[Diagnostic]) -> bytes:
    """The document of `reconcile --json`."""
    return document(
        {
            "as_of": found.as_of.isoformat(),
            "rows": found.rows,
            "judged": found.judged,
            "surprises": found.surprises,
            "confusion": [
                {
                    "marketplace": line.code.marketplace,
                    "code": line.code.code,
                    "text": line.code.text,
                    "meaning": line.code.disposition,
                    "rows": line.rows,
                    "fits": line.fits,
                    "uncertain": line.uncertain,
                    "unfit": dict(line.unfit),
                    "surprises": line.surprises,
                }
                for line in found.confusion
            ],
            "suspects": [_suspect_json(suspect) for suspect in found.suspects],
            "set_aside": [
                {"why": rejected.why, "rows": rejected.rows, "first": rejected.first}
                for rejected in found.set_aside
            ],
            "diagnostics": [finding.to_json() for finding in diagnostics],
        }
    )


def _suspect_json(suspect: Suspect) -> dict[str, Any]:
    held = suspect.held
    return {
        "marketplace": suspect.marketplace,
        "kind": suspect.kind,
        "attribute": held.attribute,
        "attribute_ids": suspect.attribute_ids,
        "values": [_value_json(value) for value in held.values],
        "words": suspect.words,
        "surprises": held.members,
        "holding": held.holding,
        "others": held.others,
        "others_holding": held.others_holding,
        "asking": [
            {
                "survey": survey.survey,
                "code": survey.code.code,
                "rows": survey.rows,
                "holding": survey.holding,
                "pointers": survey.pointers,
            }
            for survey in suspect.surveys
        ],
    }


def _value_json(value: AnswerValue) -> Any:
    if not isinstance(value, tuple):
        return value
    return [None if abs(end) == inf else end for end in value]


def print_reconciliation(console: Console, found: Reconciliation, seconds: float) -> None:
    """Codes against our verdicts, then the suspects, then the rows that were set aside."""
    if found.confusion:
        console.print(_table(found.confusion))
    for number, suspect in enumerate(found.suspects, start=1):
        console.print()
        _print_suspect(console, number, suspect)
    if found.surprises and not found.suspects:
        console.print("\nno answer distinguishes the surprises from the other rows", soft_wrap=True)
    if found.set_aside:
        console.print()
    for rejected in found.set_aside:
        console.print(
            f"[yellow]set aside[/yellow]: {plural(rejected.rows, 'row')}: {shown(rejected.why)}; "
            f"the first is {shown(rejected.first)}",
            soft_wrap=True,
        )
    console.print(
        f"\n{plural(found.rows, 'row')} · {found.judged:,} judged · "
        f"{plural(found.surprises, 'surprise')} · {seconds:.2f} s",
        soft_wrap=True,
    )


def _table(lines: Iterable[Confusion]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("marketplace", "code", "means"):
        table.add_column(name, no_wrap=True)
    for name in ("rows", "fits", "uncertain", "does not fit", "surprises"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    table.add_column("why not", no_wrap=True)
    for line in lines:
        reasons = sorted(line.unfit.items(), key=lambda reason: -reason[1])
        counts = (line.rows, line.fits, line.uncertain, sum(line.unfit.values()))
        table.add_row(
            shown(line.code.marketplace),
            shown(line.code.code),
            shown(line.code.text),
            *(f"{count:,}" if count else NONE for count in counts),
            f"[bold red]{line.surprises:,}[/bold red]" if line.surprises else NONE,
            ", ".join(f"{reason} {rows:,}" for reason, rows in reasons),
        )
    return table


def _print_suspect(console: Console, number: int, suspect: Suspect) -> None:
    held = suspect.held
    surprises, others = _KINDS[suspect.kind]
    console.print(
        f"[bold]{number}. {shown(suspect.marketplace)}: {shown(suspect.words)}: "
        "check that mapping[/bold]",
        soft_wrap=True,
    )
    console.print(
        f"   held by {held.holding:,} of {held.members:,} {surprises}, "
        f"and by {held.others_holding:,} of {held.others:,} {others}",
        soft_wrap=True,
    )
    if len(suspect.attribute_ids) > 1:
        ids = " and ".join(suspect.attribute_ids)
        console.print(shown(f"   attributes {ids} are mapped to {held.attribute}"), soft_wrap=True)
    for survey in suspect.surveys:
        console.print(f"   {shown(_survey_line(survey))}", soft_wrap=True)


def _survey_line(survey: SuspectSurvey) -> str:
    places = ", ".join(survey.pointers[:_MOST_POINTERS])
    more = ", …" if len(survey.pointers) > _MOST_POINTERS else ""
    where = f"; asked at {places}{more}" if places else ""
    return (
        f"of {survey.rows:,} sent to {survey.survey} that came back {survey.code}, "
        f"{survey.holding:,} hold it{where}"
    )
