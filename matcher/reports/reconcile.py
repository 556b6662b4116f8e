"""What `matcher reconcile` says: a table of codes and the suspects for people, or one document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.table import Table

from matcher.concentration import Value
from matcher.reconciliation import Asking, Confusion, Reconciliation, Suspect, SuspectKind
from matcher.reports.json_document import document
from matcher.reports.markup import NONE, shown
from matcher.reports.text import plural
from matcher.surveys import Diagnostic
from profiles.schema import INFINITY

_MOST_POINTERS = 3
_KINDS = {
    SuspectKind.TURNED_AWAY: ("turned away though they fit", "taken"),
    SuspectKind.TAKEN: ("taken though they do not fit", "turned away"),
}
"""What became of the surprising rows, and of those that they are compared with."""


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
                    "marketplace": each.code.marketplace,
                    "code": each.code.code,
                    "text": each.code.text,
                    "meaning": each.code.meaning,
                    "rows": each.rows,
                    "fits": each.fits,
                    "uncertain": each.uncertain,
                    "unfit": dict(each.unfit),
                    "surprises": each.surprises,
                }
                for each in found.confusion
            ],
            "suspects": [_suspect_json(each) for each in found.suspects],
            "set_aside": [
                {"why": each.why, "rows": each.rows, "first": each.first}
                for each in found.set_aside
            ],
            "diagnostics": [each.to_json() for each in diagnostics],
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
                "survey": each.survey,
                "code": each.code.code,
                "rows": each.rows,
                "holding": each.holding,
                "pointers": each.pointers,
            }
            for each in suspect.asking
        ],
    }


def _value_json(value: Value) -> Any:
    if not isinstance(value, tuple):
        return value
    return [None if abs(end) == INFINITY else end for end in value]


def print_reconciliation(console: Console, found: Reconciliation, seconds: float) -> None:
    """Codes against what we would have said, then the suspects, then what was set aside."""
    if found.confusion:
        console.print(_table(found.confusion))
    for number, suspect in enumerate(found.suspects, start=1):
        console.print()
        _print_suspect(console, number, suspect)
    if found.surprises and not found.suspects:
        console.print("\nno answer tells the surprises from the other rows", soft_wrap=True)
    if found.set_aside:
        console.print()
    for each in found.set_aside:
        console.print(
            f"[yellow]set aside[/yellow]: {plural(each.rows, 'row')}: {shown(each.why)}; "
            f"the first is {shown(each.first)}",
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
        reasons = sorted(line.unfit.items(), key=lambda each: -each[1])
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
    became, others = _KINDS[suspect.kind]
    console.print(
        f"[bold]{number}. {shown(suspect.marketplace)}: {shown(suspect.words)}: "
        "check that mapping[/bold]",
        soft_wrap=True,
    )
    console.print(
        f"   held by {held.holding:,} of {held.members:,} {became}, "
        f"and by {held.others_holding:,} of {held.others:,} {others}",
        soft_wrap=True,
    )
    if len(suspect.attribute_ids) > 1:
        ids = " and ".join(suspect.attribute_ids)
        console.print(shown(f"   attributes {ids} are mapped to {held.attribute}"), soft_wrap=True)
    for each in suspect.asking:
        console.print(f"   {shown(_asking(each))}", soft_wrap=True)


def _asking(asking: Asking) -> str:
    places = ", ".join(asking.pointers[:_MOST_POINTERS])
    more = ", …" if len(asking.pointers) > _MOST_POINTERS else ""
    where = f"; asked at {places}{more}" if places else ""
    return (
        f"of {asking.rows:,} sent to {asking.survey} that came back {asking.code}, "
        f"{asking.holding:,} hold it{where}"
    )
