"""What a panel knows of its members: attributes, their types, and the columns they are in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The type of an attribute, as the panel file spells it."""

    SINGLE = "single"
    MULTI = "multi"
    NUMBER = "number"
    BIRTH_DATE = "birth_date"
    TEXT = "text"
    CHILDREN = "children"


NUMERIC = frozenset({Kind.NUMBER, Kind.BIRTH_DATE})
LISTED = frozenset({Kind.MULTI, Kind.CHILDREN, Kind.NUMBER})

_FOLDED = {"country": str.upper, "language": str.lower, "device": str.lower}


@dataclass(frozen=True, slots=True)
class Attribute:
    """One thing that the panel asks its members.

    `separator` separates the answers of a `multi` or `children` attribute where its column is plain
    text, as in CSV. `null_values` are the codes that are no answer.
    `decimal`: what stands before the fraction of a number in text.
    """

    name: str
    kind: Kind
    column: str
    separator: str = "|"
    null_values: frozenset[str] = frozenset()
    decimal: str = "."

    def __repr__(self) -> str:
        return f"Attribute({self.name}, {self.kind}, column {self.column})"

    @property
    def numeric(self) -> bool:
        """Whether answers are numbers rather than codes or texts."""
        return self.kind in NUMERIC

    @property
    def listed(self) -> bool:
        """Whether a member may give a list of answers."""
        return self.kind in LISTED

    def fold(self, code: str) -> str:
        """Bring a code of the locale and device gates to the one case in which they compare."""
        folded = _FOLDED.get(self.name)
        return folded(code) if folded else code


@dataclass(frozen=True, slots=True)
class Schema:
    """The attributes of a panel; `constants` are those that all members share, by name."""

    attributes: Mapping[str, Attribute]
    constants: Mapping[str, str]
    member_id: str = "member_id"

    def __repr__(self) -> str:
        return f"Schema({len(self.attributes)} attributes, {len(self.constants)} constants)"

    def __contains__(self, name: str) -> bool:
        return name in self.attributes or name in self.constants

    def attribute(self, name: str) -> Attribute:
        """The attribute of that name; a constant counts as a single-answer attribute.

        Raises KeyError where the panel declares neither.
        """
        if name in self.attributes:
            return self.attributes[name]
        if name in self.constants:
            return Attribute(name, Kind.SINGLE, name)
        raise KeyError(name)
