"""How each marketplace names what the panel knows: its attribute ids and answers, ours beside."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

from profiles.as_of import start_of
from profiles.plural import plural
from profiles.schema.id_collections import Collections, IdListReader
from profiles.schema.schema import Attribute, Schema
from profiles.schema.values import (
    UnreadableError,
    as_code,
    as_number,
    as_text,
    is_missing,
    is_negative_code,
)

Range: TypeAlias = tuple[float, float]


Target: TypeAlias = tuple[str, ...] | tuple[Range, ...]
"""What one marketplace answer stands for: panel codes, or closed ranges of a numeric attribute."""


_RANGE = re.compile(
    r"\s*(?P<low>\d{1,300}(?:\.\d+)?)?\s*(?P<dash>[-\u2013+])?"
    r"\s*(?P<high>\d{1,300}(?:\.\d+)?)?\s*\Z",
    re.ASCII,
)


INFINITY = float("inf")


def parse_range(text: str) -> Range:
    """Read `18-24`, ` 18 - 24 `, `65-`, `65+`, `-17` or `25`; both ends are included.

    Raises UnreadableError for anything else. An inverted range is for the caller to judge.
    """
    found = _RANGE.match(text)
    if not found or not (found["low"] or found["high"]):
        raise UnreadableError(f"`{text}` is not a range (`18-24`, `65-`, `-17`)")
    low, dash, high = found["low"], found["dash"], found["high"]
    if (low and high and not dash) or (dash == "+" and (high or not low)):
        raise UnreadableError(f"`{text}` is not a range (`18-24`, `65-`, `-17`)")
    if low and not dash:
        return float(low), float(low)
    return float(low) if low else -INFINITY, float(high) if high else INFINITY


@dataclass(frozen=True, slots=True)
class AttributeMapping:
    """One marketplace attribute: the panel's attribute, and what each answer stands for.

    `answers` is None where the marketplace's values are the panel's own.

    >>> from profiles.schema.schema import Kind
    >>> mapped = AttributeMapping(Attribute("gender", Kind.SINGLE, "sex"), {"1": ("M",)})
    >>> mapped.target(1), mapped.target("2")
    (('M',), None)
    """

    attribute: Attribute
    answers: Mapping[str, Target] | None = None

    def __repr__(self) -> str:
        answers = (
            "answers as they are" if self.answers is None else plural(len(self.answers), "answer")
        )
        return f"AttributeMapping({self.attribute.name}, {answers})"

    def target(self, raw: object) -> Target | None:
        """What a marketplace answer stands for in the panel; None where the mapping is silent.

        Raises UnreadableError where the answer is the panel's own but no value of the attribute.
        """
        if self.answers is not None:
            return self.answers.get(as_code(raw))
        return read_target(self.attribute, raw)

    def negative_codes(self) -> tuple[str, ...]:
        """Panel codes that stand for the marketplace's negative answers, and for no other."""
        if self.answers is None or self.attribute.numeric:
            return ()
        negative: set[str] = set()
        usable: set[str] = set()
        for code, target in self.answers.items():
            (negative if is_negative_code(code) else usable).update(map(str, target))
        return tuple(sorted(negative - usable))


def read_target(attribute: Attribute, raw: object) -> Target:
    """Read one panel value of a mapping's right-hand side (or one that is the panel's own)."""
    if not attribute.numeric:
        read = as_text if attribute.kind == "text" else as_code
        return (attribute.fold(read(raw)),)
    if isinstance(raw, str):
        return (parse_range(raw),)
    number = as_number(raw)
    return ((number, number),)


@dataclass(frozen=True, slots=True)
class MarketplaceMapping:
    """All that the panel file says of one marketplace.

    `respondent_id` is the panel column that the marketplace knows members by (None: the member
    id); `options` are all other keys, as they are written: what they mean, the marketplace knows.
    """

    name: str
    attributes: Mapping[str, AttributeMapping] = field(default_factory=dict)
    respondent_id: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"MarketplaceMapping({self.name}, {plural(len(self.attributes), 'attribute')})"


@dataclass(frozen=True, slots=True)
class PanelMapping:
    """What lowering needs of a panel: its schema, the marketplaces' names for it, collections.

    `history`: whether it is known who took part in what. `file` is the panel file that says all
    this, for messages; None: not known.

    >>> PanelMapping(Schema({}, {"country": "US"}), {}, Collections())
    PanelMapping(1 attribute, no marketplace)
    """

    schema: Schema
    marketplaces: Mapping[str, MarketplaceMapping]
    collections: Collections
    history: bool = False
    file: Path | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        marketplaces = ", ".join(self.marketplaces) or "no marketplace"
        attributes = len(self.schema.attributes) + len(self.schema.constants)
        return f"PanelMapping({plural(attributes, 'attribute')}, {marketplaces})"

    def marketplace(self, name: str) -> MarketplaceMapping:
        """The mapping of one marketplace; an empty one where the panel file is silent."""
        return self.marketplaces.get(name) or MarketplaceMapping(name)

    def is_listed(
        self,
        row: Mapping[str, object],
        member_id: str,
        marketplace: str,
        name: str,
        as_of: date,
        read: IdListReader,
    ) -> bool | None:
        """Whether a member, given by panel columns, is on a marketplace's list of ids.

        None: the list has not been downloaded, ends before the member was found, or the
        marketplace's id of the member is not known.
        """
        listed = self.collections.ids(name, read)
        column = self.marketplace(marketplace).respondent_id
        known = row.get(column) if column else member_id
        if listed is None or is_missing(known):
            return None
        found = listed.holds(as_code(known), start_of(as_of))
        return found if found or listed.complete else None


def id_columns(mapping: PanelMapping) -> list[str]:
    """The source columns of ids: the member's own, then those of marketplaces."""
    respondent = (marketplace.respondent_id for marketplace in mapping.marketplaces.values())
    return list(
        dict.fromkeys([mapping.schema.member_id, *(column for column in respondent if column)])
    )
