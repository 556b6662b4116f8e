"""What is wrong or suspicious in surveys, in the mapping and in the panel.

Loading already reports what it cannot read or does not know; `matcher.linting.reachability` looks
into the rules, `profiles.check` into the panel.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from matcher.linting.effort import DEFAULT_EFFORT, LintEffort
from matcher.linting.inferred_mapping import OpenMapping, open_mapping
from matcher.linting.reachability import ReachabilityCheck
from matcher.loading import load_surveys
from matcher.rules import TookPart, predicates_of
from matcher.surveys import Diagnostic, Level, Survey, Surveys
from profiles.check import check_panel, number_lists
from profiles.errors import InputError
from profiles.finding import PanelFinding
from profiles.panel import Panel
from profiles.schema import PanelMapping

_NEEDS_PANEL = frozenset({"collection-missing", "collection-unreadable", "history-not-applied"})
"""Codes of loading that are about the panel's folder, and mean nothing without a panel."""


def lint(
    payloads: Surveys | str | Path | Iterable[str | Path],
    panel: Panel | None = None,
    *,
    marketplace: str | None = None,
    effort: LintEffort = DEFAULT_EFFORT,
) -> list[Diagnostic]:
    """What is wrong or suspicious in the rules of surveys, and in the panel where one is given.

    >>> lint("fixtures/demo/payloads/rfg.jsonl")
    []
    >>> import profiles
    >>> panel = profiles.open_panel("fixtures/demo/panel.toml", "2026-11-21")
    >>> {finding.code for finding in lint("fixtures/demo/payloads/rfg.jsonl", panel)}
    {'value-not-mapped'}

    `payloads`: one payload file or folder, several, or surveys that are loaded; with a panel, with
    its mapping. `marketplace` overrides recognition by shape. Raises InputError where a file cannot
    be read, no survey is found, or the surveys were loaded with another mapping.
    """
    if isinstance(payloads, Surveys):
        surveys = payloads
    else:
        paths = [payloads] if isinstance(payloads, str | Path) else list(payloads)
        mapping = panel.mapping if panel else open_mapping(paths, marketplace)
        surveys = load_surveys(paths, mapping, marketplace)
    if panel is None:
        loaded = surveys.diagnostics
        if isinstance(surveys.mapping, OpenMapping):
            loaded = tuple(finding for finding in loaded if finding.code not in _NEEDS_PANEL)
        return [*loaded, *lint_surveys(surveys.surveys, surveys.mapping, (), effort)]
    if surveys.mapping != panel.mapping:
        raise InputError(f"{panel.file.path}: the surveys were loaded with another panel's mapping")
    several = number_lists(panel)
    return [
        *lint_panel(panel),
        *panel_diagnostics(panel.findings()),
        *history_diagnostics(panel, surveys.surveys),
        *surveys.diagnostics,
        *lint_surveys(surveys.surveys, panel.mapping, several, effort),
    ]


def lint_surveys(
    surveys: Iterable[Survey],
    mapping: PanelMapping,
    several: Collection[str] = (),
    effort: LintEffort = DEFAULT_EFFORT,
) -> list[Diagnostic]:
    """What is suspicious in the rules of surveys, in survey order.

    `several`: number attributes with several answers (`profiles.check.number_lists`). Raises
    KeyError for surveys that were loaded with another mapping.
    """
    guessed = isinstance(mapping, OpenMapping)
    return [
        finding
        for survey in surveys
        for finding in ReachabilityCheck(
            survey, mapping.schema, several, effort, guessed=guessed
        ).findings()
    ]


def lint_panel(panel: Panel) -> list[Diagnostic]:
    """What `profiles.check.check_panel` finds, as diagnostics."""
    return panel_diagnostics(check_panel(panel))


def history_diagnostics(panel: Panel, surveys: Iterable[Survey]) -> list[Diagnostic]:
    """Columns that the surveys need, and that are missing in the panel's history."""
    if panel.history is None:
        return []
    rules = (clause.rule for survey in surveys for clause in survey.gate)
    predicates = predicates_of(rules)
    scopes = {predicate.scope for predicate in predicates if isinstance(predicate, TookPart)}
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
