"""What is wrong or suspicious in surveys that load without fault, and in the panel.

Loading already says what it cannot read or does not know; `matcher.reach` looks into the rules,
`profiles.check` into the panel.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from matcher.diagnostic import Diagnostic, Level
from matcher.marketplaces.shape import Json, Marketplace
from matcher.payload import documents
from matcher.possible import leaves_of
from matcher.reach import SurveyLint
from matcher.reader import named, recognise
from matcher.rule import TookPart
from matcher.survey import Survey
from profiles.check import check_panel
from profiles.finding import PanelFinding
from profiles.idlists import Collections
from profiles.mapping import AttributeMapping, MarketplaceMapping, PanelMapping
from profiles.panel import Panel
from profiles.schema import Attribute, Kind, Schema

NEEDS_PANEL = frozenset({"collection-missing", "history-not-applied"})
"""Codes of loading that say something of the panel's folder, and nothing without a panel."""

_GATES = ("country", "language", "device")


def lint_surveys(
    surveys: Iterable[Survey], mapping: PanelMapping, several: Collection[str] = ()
) -> list[Diagnostic]:
    """What is suspicious in the rules of surveys, in survey order.

    `several`: number attributes of which members give lists (`profiles.check.number_lists`).
    Raises KeyError for surveys that were lowered with another mapping.
    """
    guessed = isinstance(mapping, OpenMapping)
    return [
        finding
        for survey in surveys
        for finding in SurveyLint(survey, mapping.schema, several, guessed=guessed).findings()
    ]


def lint_panel(panel: Panel) -> list[Diagnostic]:
    """What `profiles.check.check_panel` finds, as diagnostics."""
    return panel_diagnostics(check_panel(panel))


def history_diagnostics(panel: Panel, surveys: Iterable[Survey]) -> list[Diagnostic]:
    """Columns that the panel's history lacks though surveys ask for what would stand in them."""
    if panel.history is None:
        return []
    rules = (clause.rule for survey in surveys for clause in survey.gate)
    scopes = {leaf.scope for leaf in leaves_of(rules) if isinstance(leaf, TookPart)}
    return [
        Diagnostic(
            Level.WARNING,
            "history-not-applied",
            f"{panel.history.source.name}: no column `{column}`, so nobody is kept out by it",
        )
        for column in panel.history.lacking(scopes)
    ]


def panel_diagnostics(findings: Iterable[PanelFinding]) -> list[Diagnostic]:
    """Findings of a panel as diagnostics."""
    return [
        Diagnostic(
            Level[found.level.upper()],
            found.code,
            found.message,
            hint=found.hint,
            file=found.place,
        )
        for found in findings
    ]


@dataclass(frozen=True, slots=True)
class OpenMapping(PanelMapping):
    """A mapping made from payloads alone, in which kinds of attributes are guesses."""


def open_mapping(paths: Iterable[str | Path], marketplace: str | None = None) -> OpenMapping:
    """A mapping that takes what payloads ask as it stands, for linting without a panel.

    An attribute is a number where nothing but ranges is asked of it, text where nothing but
    prefixes is, and else may have several answers. Raises InputError where a file cannot be read.
    """
    asked: dict[str, dict[str, set[Kind | None]]] = {}
    for each, raw in _raw_surveys(paths, marketplace):
        kinds = asked.setdefault(each.name, {})
        for attribute_id, kind in each.asks(raw):
            kinds.setdefault(attribute_id, set()).add(kind)
    mapped = {
        name: {
            attribute_id: AttributeMapping(_guess(f"{name} {attribute_id}", found))
            for attribute_id, found in kinds.items()
        }
        for name, kinds in asked.items()
    }
    attributes = [Attribute(name, Kind.SINGLE, name) for name in _GATES]
    attributes += [each.attribute for table in mapped.values() for each in table.values()]
    return OpenMapping(
        Schema({each.name: each for each in attributes}, {}),
        {name: MarketplaceMapping(name, table) for name, table in mapped.items()},
        Collections(),
    )


def _guess(name: str, shown: set[Kind | None]) -> Attribute:
    """The one kind that questions show; children wherever one question is about a child."""
    kinds = [kind for kind in shown if kind is not None]
    if Kind.CHILDREN in kinds:
        return Attribute(name, Kind.CHILDREN, name)
    return Attribute(name, kinds[0] if len(kinds) == 1 else Kind.MULTI, name)


def _raw_surveys(
    paths: Iterable[str | Path], marketplace: str | None
) -> Iterator[tuple[Marketplace, dict[str, Json]]]:
    """The survey objects in payload files; what is none is for `load_surveys` to tell of."""
    given = named(marketplace)
    for path in paths:
        for document in documents(path):
            if isinstance(document, Diagnostic):
                continue
            value = document.value
            for part in value if isinstance(value, list) else [value]:
                found = recognise(part, given)
                if found is not None:
                    yield from (
                        (found, raw) for _, raw in found.surveys(part) if isinstance(raw, dict)
                    )
