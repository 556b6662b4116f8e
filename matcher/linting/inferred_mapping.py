"""A mapping guessed from payloads alone, for linting rules without a panel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from matcher.loading import raw_surveys
from profiles.schema import (
    Attribute,
    AttributeMapping,
    Collections,
    Kind,
    MarketplaceMapping,
    PanelMapping,
    Schema,
)

_GATES = ("country", "language", "device")
_GENDERS = {"1": ("1",), "2": ("2",)}
"""Without a panel, children's genders are as marketplaces write them."""


@dataclass(frozen=True, slots=True)
class OpenMapping(PanelMapping):
    """A mapping made from payloads alone, in which kinds of attributes are guesses."""


def open_mapping(paths: Iterable[str | Path], marketplace: str | None = None) -> OpenMapping:
    """A mapping that takes the questions of payloads as they are, for linting without a panel.

    An attribute is a number where only ranges of it are in the rules, text where only prefixes are,
    and else may have several answers. Raises InputError where a file cannot be read.
    """
    questions: dict[str, dict[str, set[Kind | None]]] = {}
    for adapter, raw in raw_surveys(paths, marketplace):
        kinds = questions.setdefault(adapter.name, {})
        for attribute_id, kind in adapter.questions(raw):
            kinds.setdefault(attribute_id, set()).add(kind)
    mapped = {
        name: {
            attribute_id: _mapped(_guess(f"{name} {attribute_id}", found))
            for attribute_id, found in kinds.items()
        }
        for name, kinds in questions.items()
    }
    attributes = [Attribute(name, Kind.SINGLE, name) for name in _GATES]
    attributes += [entry.attribute for table in mapped.values() for entry in table.values()]
    return OpenMapping(
        Schema({attribute.name: attribute for attribute in attributes}, {}),
        {name: MarketplaceMapping(name, table) for name, table in mapped.items()},
        Collections(),
    )


def _mapped(attribute: Attribute) -> AttributeMapping:
    return AttributeMapping(attribute, _GENDERS if attribute.kind is Kind.CHILDREN else None)


def _guess(name: str, shown: set[Kind | None]) -> Attribute:
    """The one kind that questions show; children wherever one question is about a child."""
    kinds = [kind for kind in shown if kind is not None]
    if Kind.CHILDREN in kinds:
        return Attribute(name, Kind.CHILDREN, name)
    return Attribute(name, kinds[0] if len(kinds) == 1 else Kind.MULTI, name)
