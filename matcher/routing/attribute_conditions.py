"""The conditions of a block's disjuncts on one attribute: what kind each is, and all as bits.

Most come to one predicate that must hold, or must not, once there is an answer; their disjuncts are
found by the predicates that an answer decides (`matcher.routing.attribute_rows`).
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeAlias

from matcher.routing.predicate_index import AnswerPredicate
from matcher.routing.sizes import RouterSizes
from matcher.rules import (
    FALSE,
    TRUE,
    UNKNOWN,
    And,
    Answered,
    InRanges,
    Member,
    Not,
    OneOf,
    Or,
    Rule,
    Simplifier,
    StartsWith,
    Truth,
    Unusable,
    evaluate,
    predicates_of,
)

BitSet: TypeAlias = int
"""One bit for each disjunct of a block, the lowest for its first."""

Posting: TypeAlias = "BitSet | array[int]"
"""Disjuncts of a block: as bits, or by number where they are few."""

Demand: TypeAlias = tuple[int, bool]
"""How many predicates of an attribute a disjunct requires, and whether a usable answer."""


@dataclass(frozen=True, slots=True)
class _Packed:
    """The conditions on one attribute as bits.

    `required`, by plane: the disjuncts that require each predicate, and in `free` those that
    require none. `forbidden`: those that require a predicate not to hold; `usable`: those that
    require a usable answer, by what is one, all of them in `needing_usable`; `others`: those with
    any other condition.
    """

    required: tuple[dict[AnswerPredicate, Posting], ...]
    free: tuple[BitSet, ...]
    forbidden: dict[AnswerPredicate, Posting]
    usable: dict[AnswerPredicate, Posting]
    needing_usable: BitSet
    others: dict[Rule, BitSet]


class AttributeConditions:
    """Collects the conditions of a block's disjuncts on one attribute.

    A disjunct that requires several predicates has each in a plane of its own; of one that requires
    a usable answer twice over, the second is among the others.
    """

    def __init__(self) -> None:
        self.required: list[_Lists] = []
        self.forbidden = _listed()
        self.usable = _listed()
        self.others = _listed()
        self.not_missing = array("L")
        self.never_missing = array("L")
        self.not_none = array("L")
        self.vague = array("L")

    def add(self, disjuncts: range, condition: _Condition, before: Demand) -> Demand:
        """Add a condition of disjuncts that require `before` already; gives what they then do."""
        if condition.missing is not Truth.TRUE:
            self.not_missing.extend(disjuncts)
        if condition.missing is Truth.FALSE:
            self.never_missing.extend(disjuncts)
        if condition.none is not Truth.TRUE:
            self.not_none.extend(disjuncts)
        if condition.vague:
            self.vague.extend(disjuncts)
        required, usable = before
        match condition.kind:
            case _Kind.REQUIRED:
                if required == len(self.required):
                    self.required.append(_listed())
                self.required[required][condition.answered].extend(disjuncts)
                return required + 1, usable
            case _Kind.USABLE if not usable:
                self.usable[condition.answered].extend(disjuncts)
                return required, True
            case _Kind.USABLE:
                self.others[Not(condition.answered)].extend(disjuncts)
            case _Kind.FORBIDDEN:
                self.forbidden[condition.answered].extend(disjuncts)
            case _Kind.OTHER:
                self.others[condition.answered].extend(disjuncts)
        return before

    def packed(self, size: int, sizes: RouterSizes) -> _Packed:
        """The conditions as bits, in a block of so many disjuncts."""
        everything = (1 << size) - 1
        return _Packed(
            tuple(_postings(plane, size, sizes) for plane in self.required),
            tuple(everything ^ _all_bits_of(plane, size) for plane in self.required),
            _postings(self.forbidden, size, sizes),
            _postings(self.usable, size, sizes),
            _all_bits_of(self.usable, size),
            {rule: bits_of(disjuncts, size) for rule, disjuncts in self.others.items()},
        )


_Lists: TypeAlias = "defaultdict[Any, array[int]]"


def answer_predicates(rules: Iterable[Rule]) -> Iterator[AnswerPredicate]:
    """The predicates of rules on one attribute that an answer may decide."""
    for predicate in predicates_of(rules):
        if isinstance(predicate, OneOf | StartsWith | InRanges | Unusable):
            yield predicate


def _listed() -> _Lists:
    return defaultdict(lambda: array("L"))


def _all_bits_of(lists: _Lists, size: int) -> BitSet:
    return bits_of((disjunct for disjuncts in lists.values() for disjunct in disjuncts), size)


def _postings(lists: _Lists, size: int, sizes: RouterSizes) -> dict[AnswerPredicate, Posting]:
    sparse, dense = sizes.sparse, sizes.dense_block
    return {
        predicate: disjuncts
        if max(len(disjuncts) * sparse, dense) < size
        else bits_of(disjuncts, size)
        for predicate, disjuncts in lists.items()
    }


class _Kind(Enum):
    """What a condition comes to once there is an answer."""

    NOTHING = auto()
    REQUIRED = auto()
    FORBIDDEN = auto()
    USABLE = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class _Condition:
    """A rule on one attribute: what it comes to with an answer, and without.

    It is true for answers for which the predicate `answered` is (or is not, as `kind` says), or the
    rule of another kind; `vague`: it may be unknown for others. `missing`: its truth without an
    answer; `none`: with an empty list of answers.
    """

    kind: _Kind
    answered: Any
    missing: Truth
    none: Truth
    vague: bool


def _kind_of(answered: Rule) -> tuple[_Kind, Rule]:
    """The kind of a condition, by what it comes to with an answer; and its predicate."""
    match answered:
        case OneOf() | StartsWith() | InRanges() as predicate:
            return _Kind.REQUIRED, predicate
        case Not(OneOf() | StartsWith() | InRanges() as predicate):
            return _Kind.FORBIDDEN, predicate
        case Not(Unusable() as predicate):
            return _Kind.USABLE, predicate
        case _:
            return (_Kind.NOTHING if answered is TRUE else _Kind.OTHER), answered


class ConditionClassifier:
    """Says of each rule on one attribute what kind of condition it is."""

    def __init__(self) -> None:
        self._simplifier = Simplifier()
        self._known: dict[Rule, _Condition] = {}

    def condition(self, attribute: str, rule: Rule) -> _Condition:
        """What a rule on one attribute comes to."""
        found = self._known.get(rule)
        if found is None:
            found = self._known[rule] = _Condition(
                *_kind_of(self._simplifier.simplify(_when_answered(rule))),
                evaluate(rule, Member("", {})),
                evaluate(rule, Member("", {attribute: ()})),
                _mentions_unknown(rule),
            )
        return found


def _when_answered(rule: Rule) -> Rule:
    """A simple rule once there is an answer: true where it is certain.

    Only predicates are negated, so what is unknown may be taken for false.
    """
    match rule:
        case And(rules) | Or(rules):
            return type(rule)(tuple(map(_when_answered, rules)))
        case Answered():
            return TRUE
        case Not(Answered()):
            return FALSE
        case _:
            return FALSE if rule is UNKNOWN else rule


def _mentions_unknown(rule: Rule) -> bool:
    match rule:
        case And(rules) | Or(rules):
            return any(map(_mentions_unknown, rules))
        case _:
            return rule is UNKNOWN


def bits_of(disjuncts: Iterable[int], size: int) -> BitSet:
    """Some of a block's disjuncts as bits; `size`: how many there are in all."""
    row = bytearray((size + 7) // 8)
    for disjunct in disjuncts:
        row[disjunct >> 3] |= 1 << (disjunct & 7)
    return int.from_bytes(row, "little")
