"""The rule algebra: what a targeting rule can say, for every marketplace alike.

A rule is a closed union of frozen nodes over the panel's own attributes and values. Nodes have no
behaviour: `matcher.rules.evaluate` defines what each means for a member, `matcher.rules.simplify`
simplifies them, `matcher.engine.bind` turns them into rows of bits. Nodes are hash-consed: equal
nodes are the same object, so comparing and hashing them costs nothing however deep they are. Where
in a payload a rule came from stands beside it (`matcher.surveys.survey`), never in it.

Truth has three values (Kleene's strong logic): a rule is true, false or unknown for a member.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from threading import RLock
from typing import Any, TypeAlias
from weakref import ref

from profiles.schema import INFINITY


class Truth(IntEnum):
    """A truth value; And is the minimum, Or the maximum."""

    FALSE = 0
    UNKNOWN = 1
    TRUE = 2


class _Reference(ref["_Node"]):
    __slots__ = ("key",)
    key: tuple[Any, ...]


_nodes: dict[tuple[Any, ...], _Reference] = {}
_lock = RLock()  # not a Lock: a node may die, and be forgotten, while another is being made


def _forget(dead: _Reference, nodes: Any = _nodes, lock: Any = _lock) -> None:
    """Its own names for both, because nodes die when the interpreter has cleared the module's."""
    with lock:
        if nodes.get(dead.key) is dead:
            del nodes[dead.key]


class _HashConsed(type):
    """Gives back the node that already stands for the same class and fields, if one is alive.

    What `WeakValueDictionary` would do, in half of the time.
    """

    def __call__(cls, *fields: Any) -> Any:
        key = (cls, *fields)
        with _lock:
            found = _nodes.get(key)
            node = None if found is None else found()
            if node is None:
                node = super().__call__(*fields)
                reference = _Reference(node, _forget)
                reference.key = key
                _nodes[key] = reference
            return node


class _Node(metaclass=_HashConsed):
    __slots__ = ("__weakref__",)

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), tuple(getattr(self, name) for name in self.__slots__)


@dataclass(frozen=True, slots=True, eq=False)
class Const(_Node):
    """The same truth for every member."""

    truth: Truth


@dataclass(frozen=True, slots=True, eq=False)
class Answered(_Node):
    """Has any answer to the attribute, the empty list included. Never unknown."""

    attribute: str


@dataclass(frozen=True, slots=True, eq=False)
class OneOf(_Node):
    """Holds at least one of the values (panel codes, sorted, without repeats)."""

    attribute: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class StartsWith(_Node):
    """Holds a text that begins with one of the prefixes (sorted, upper case, no spaces)."""

    attribute: str
    prefixes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class InRanges(_Node):
    """Holds a number inside one of the closed ranges (sorted, disjoint, ends may be infinite).

    On an attribute of codes, those that read as plain decimal numbers are compared.
    """

    attribute: str
    ranges: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Unusable(_Node):
    """Has answered, but nothing usable: every answer is a negative code. Never unknown.

    A negative code is a negative number or one of `codes`, the panel values that the
    marketplace's negative answers are mapped to. An empty list of answers is usable.
    """

    attribute: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class InIds(_Node):
    """The respondent id is on a list of ids; unknown where the list has not been downloaded.

    `marketplace` says which of the member's ids is meant, `name` which list:
    `dynata/invite/621079`.
    """

    marketplace: str
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class TookPart(_Node):
    """Has taken part, with one of the outcomes, in one of the ids; unknown where no history is.

    `scope` says what the ids are: "survey", "wave" (`SurveyID/WaveID`), "project" or "category".
    Ids and outcomes (`profiles.schema.participation`) are sorted, without repeats.
    """

    marketplace: str
    scope: str
    ids: tuple[str, ...]
    outcomes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Not(_Node):
    """The opposite; the opposite of unknown is unknown."""

    rule: Rule


@dataclass(frozen=True, slots=True, eq=False)
class And(_Node):
    """The least true of the rules; true where there is none."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Or(_Node):
    """The most true of the rules; false where there is none."""

    rules: tuple[Rule, ...]


Predicate: TypeAlias = Answered | OneOf | StartsWith | InRanges | Unusable | InIds | TookPart
Rule: TypeAlias = Predicate | Const | Not | And | Or

TRUE = Const(Truth.TRUE)
FALSE = Const(Truth.FALSE)
UNKNOWN = Const(Truth.UNKNOWN)


def merge_ranges(ranges: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Sort closed ranges, join those that overlap, leave out those without a finite number.

    >>> merge_ranges([(25, 31), (18, 25), (9, 3)])
    ((18, 31),)
    """
    merged: list[tuple[float, float]] = []
    for low, high in sorted(ranges):
        if not (low <= high and low < INFINITY and high > -INFINITY):
            continue
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def one_of(attribute: str, values: list[str] | set[str] | tuple[str, ...]) -> OneOf:
    """Build a `OneOf` in its canonical form."""
    return OneOf(attribute, tuple(sorted(set(values))))


def took_part(
    marketplace: str, scope: str, ids: Iterable[str], outcomes: Iterable[str]
) -> TookPart:
    """Build a `TookPart` in its canonical form."""
    return TookPart(marketplace, scope, tuple(sorted(set(ids))), _in_order(tuple(outcomes)))


@lru_cache(maxsize=64)
def _in_order(outcomes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(outcomes)))


def in_ranges(attribute: str, ranges: list[tuple[float, float]]) -> InRanges:
    """Build an `InRanges` in its canonical form; ends are compared as floats."""
    return InRanges(attribute, merge_ranges([(float(low), float(high)) for low, high in ranges]))
