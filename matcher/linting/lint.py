"""What is wrong or suspicious in surveys that load without fault, and in the panel.

Loading already says what it cannot read or does not know; `matcher.linting.reachability` looks into
the rules, `profiles.check.check` into the panel.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from matcher.linting.inferred_mapping import OpenMapping
from matcher.linting.reachability import ReachabilityCheck
from matcher.rules import TookPart, predicates_of
from matcher.surveys import Diagnostic, Level, Survey
from profiles.check import check_panel
from profiles.finding import PanelFinding
from profiles.panel import Panel
from profiles.schema import PanelMapping

NEEDS_PANEL = frozenset({"collection-missing", "history-not-applied"})
"""Codes of loading that say something of the panel's folder, and nothing without a panel."""


def lint_surveys(
    surveys: Iterable[Survey], mapping: PanelMapping, several: Collection[str] = ()
) -> list[Diagnostic]:
    """What is suspicious in the rules of surveys, in survey order.

    `several`: number attributes of which members give lists (`profiles.check.check.number_lists`).
    Raises KeyError for surveys that were lowered with another mapping.
    """
    guessed = isinstance(mapping, OpenMapping)
    return [
        finding
        for survey in surveys
        for finding in ReachabilityCheck(
            survey, mapping.schema, several, guessed=guessed
        ).findings()
    ]


def lint_panel(panel: Panel) -> list[Diagnostic]:
    """What `profiles.check.check.check_panel` finds, as diagnostics."""
    return panel_diagnostics(check_panel(panel))


def history_diagnostics(panel: Panel, surveys: Iterable[Survey]) -> list[Diagnostic]:
    """Columns that the panel's history lacks though surveys ask for what would stand in them."""
    if panel.history is None:
        return []
    rules = (clause.rule for survey in surveys for clause in survey.gate)
    scopes = {leaf.scope for leaf in predicates_of(rules) if isinstance(leaf, TookPart)}
    return [
        Diagnostic(
            Level.WARNING,
            "history-not-applied",
            f"{panel.history.source.name}: no column `{column}`, so nobody is kept out by it",
        )
        for column in panel.history.missing_columns(scopes)
    ]


def panel_diagnostics(findings: Iterable[PanelFinding]) -> list[Diagnostic]:
    """Findings of a panel as diagnostics."""
    return [
        Diagnostic(
            found.level,
            found.code,
            found.message,
            hint=found.hint,
            file=found.place,
        )
        for found in findings
    ]
