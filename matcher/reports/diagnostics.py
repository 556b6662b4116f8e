"""Diagnostics: one by one, summed up, or as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Console

from matcher.reports.json_document import document
from matcher.reports.markup import shown
from matcher.surveys import Diagnostic, Level
from profiles.plural import plural

MOST_ERRORS = 10


_STYLE = {Level.ERROR: "bold red", Level.WARNING: "yellow", Level.INFO: "dim"}


def findings_json(surveys: int, diagnostics: Iterable[Diagnostic]) -> bytes:
    """The document of `lint --json`."""
    return document(
        {"surveys": surveys, "diagnostics": [finding.to_json() for finding in diagnostics]}
    )


def print_summary(console: Console, diagnostics: Sequence[Diagnostic]) -> None:
    """Errors one by one, warnings by code: enough to know whether to run `lint`."""
    errors = [finding for finding in diagnostics if finding.level is Level.ERROR]
    for finding in errors[:MOST_ERRORS]:
        print_finding(console, finding)
    if len(errors) > MOST_ERRORS:
        console.print(f"… and {plural(len(errors) - MOST_ERRORS, 'error')} more")
    warnings = Counter(
        finding.code for finding in diagnostics if finding.level is Level.WARNING and finding.survey
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
