"""Rows of bits for one attribute: which ways go on, by what a member has answered to it.

A condition asks one attribute. Most come to one leaf that must hold, or must not, for who has
answered; their ways are found by the leaves that an answer decides. A row is made when an answer is
first seen, from parts, one for each single answer.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import reduce
from operator import and_, or_
from typing import Any, Protocol, TypeAlias

from matcher.routing.predicate_index import AnswerPredicate, PredicateIndex
from matcher.rules import (
    FALSE,
    TRUE,
    UNKNOWN,
    And,
    Answered,
    Const,
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
from profiles.schema import Answers

BitSet: TypeAlias = int
"""One bit a way of a block, the lowest for its first."""

AnswerKey: TypeAlias = str | Answers | None
"""What a member has answered to one attribute: the text as it stands, or answers; None: nothing."""


class AnswerReader(Protocol):
    """Knows what keys stand for."""

    def answers(self, place: int, key: AnswerKey) -> Answers | None:
        """The answers to the attribute at a place among a respondent's keys."""


_ROOM = 1 << 22
"""Bytes of rows that a block keeps for each attribute, but always so many rows:"""
_FEWEST = 128

_SPARSE = 32
_SMALL = 1 << 13
"""In larger blocks than this, fewer ways than one in so many are listed by number, not as bits."""


Demand: TypeAlias = tuple[int, bool]
"""How many leaves of an attribute a way wants, and whether it wants a usable answer."""

_Part: TypeAlias = tuple[BitSet, ...]
"""What one answer does to ways: those that forbid it; those that want a usable answer, which it is
not; and, by plane, those that want it, or nothing."""


class AttributeRows:
    """Which ways of a block one attribute leaves open, by what has been answered to it."""

    __slots__ = (
        *("_index", "_most", "_none", "_packed", "_parts", "_rows", "_size", "_without"),
        *("maybe", "rows", "vague"),
    )

    def __init__(self, conditions: AttributeConditions, size: int, index: PredicateIndex) -> None:
        self._packed = conditions.packed(size)
        self._index = index
        self._size = size
        self._most = max(_ROOM * 8 // max(size, 1), _FEWEST)
        self._parts: dict[str | float, _Part] = {}
        self._rows: dict[Answers | frozenset[AnswerPredicate], BitSet] = {}
        everything = (1 << size) - 1
        self._without = everything ^ bits_of(conditions.not_missing, size)
        self._none = everything ^ bits_of(conditions.not_none, size)
        self.maybe = everything ^ bits_of(conditions.never_missing, size)
        self.vague = bits_of(conditions.vague, size)
        self.rows: dict[AnswerKey, BitSet] = {None: self._without}

    def row(self, key: AnswerKey, place: int, reader: AnswerReader) -> BitSet:
        """The ways whose conditions on the attribute are true for who has answered so."""
        kept = key.__class__ is str or key.__class__ is tuple
        found = self.rows.get(key) if kept else None
        if found is None:
            found = self._find(reader.answers(place, key))
            if kept:
                if len(self.rows) >= self._most:
                    self.rows.clear()
                    self.rows[None] = self._without
                self.rows[key] = found
        return found

    def _find(self, answers: Answers | None) -> BitSet:
        if not answers:
            return self._without if answers is None else self._none
        if len(answers) > 1:
            return self._make(answers)
        leaves = self._index.decided(answers[0])
        found = self._rows.get(leaves)
        if found is None:
            if len(self._rows) >= self._most:
                self._rows.clear()
            found = self._rows[leaves] = self._make(answers)
        return found

    def _make(self, answers: Answers) -> BitSet:
        packed = self._packed
        try:
            parts = [*map(self._parts.__getitem__, answers)]
        except KeyError:
            parts = [*map(self._part, answers)]
        forbidding, not_usable, *planes = zip(*parts, strict=True)
        bits: BitSet = ~(reduce(or_, forbidding) | reduce(and_, not_usable))
        for wanting in planes:
            bits &= reduce(or_, wanting)
        if packed.others:
            decided = [*map(self._index.decided, answers)]
            for rule, ways in packed.others.items():
                if not _holds(rule, decided):
                    bits &= ~ways
        return bits

    def _part(self, answer: str | float) -> _Part:
        found = self._parts.get(answer)
        if found is None:
            if len(self._parts) >= self._most:
                self._parts.clear()
            packed, size = self._packed, self._size
            leaves = self._index.decided(answer)
            found = self._parts[answer] = (
                _union(packed.forbidding, leaves, size),
                packed.needing_usable & ~_union(packed.usable, leaves, size),
                *(
                    free | _union(plane, leaves, size)
                    for free, plane in zip(packed.free, packed.wanting, strict=True)
                ),
            )
        return found


Posting: TypeAlias = "BitSet | array[int]"
"""Ways of a block: as bits, or by number where they are few."""


def _holds(rule: Rule, decided: Sequence[frozenset[AnswerPredicate]]) -> bool:
    """Whether a rule holds for who has given answers, by the leaves that each of them decides."""
    match rule:
        case Const(truth):
            return truth is Truth.TRUE
        case And(rules):
            return all(_holds(part, decided) for part in rules)
        case Or(rules):
            return any(_holds(part, decided) for part in rules)
        case Not(inner):
            return not _holds(inner, decided)
        case Unusable():
            return all(rule not in leaves for leaves in decided)
        case _:
            return any(rule in leaves for leaves in decided)


@dataclass(frozen=True, slots=True)
class _Packed:
    """The conditions on one attribute as bits.

    `wanting`, by plane: the ways that want each leaf, and in `free` those that want none.
    `forbidding`: those that want a leaf not to hold; `usable`: those that want a usable answer,
    by what is one, all of them in `needing_usable`; `others`: those with any other condition.
    """

    wanting: tuple[dict[AnswerPredicate, Posting], ...]
    free: tuple[BitSet, ...]
    forbidding: dict[AnswerPredicate, Posting]
    usable: dict[AnswerPredicate, Posting]
    needing_usable: BitSet
    others: dict[Rule, BitSet]


class AttributeConditions:
    """Collects the conditions of a block's ways on one attribute.

    A way that wants several leaves has each in a plane of its own; one that wants an answer that is
    usable in two ways has the second among the others.
    """

    def __init__(self) -> None:
        self.wanting: list[_Lists] = []
        self.forbidding = _listed()
        self.usable = _listed()
        self.others = _listed()
        self.not_missing = array("L")
        self.never_missing = array("L")
        self.not_none = array("L")
        self.vague = array("L")

    def add(self, ways: range, condition: _Condition, before: Demand) -> Demand:
        """Note a condition of ways that want so much already; gives how much they want then."""
        if condition.missing is not Truth.TRUE:
            self.not_missing.extend(ways)
        if condition.missing is Truth.FALSE:
            self.never_missing.extend(ways)
        if condition.none is not Truth.TRUE:
            self.not_none.extend(ways)
        if condition.vague:
            self.vague.extend(ways)
        wanted, usable = before
        match condition.kind:
            case _Kind.WANTING:
                if wanted == len(self.wanting):
                    self.wanting.append(_listed())
                self.wanting[wanted][condition.answered].extend(ways)
                return wanted + 1, usable
            case _Kind.USABLE if not usable:
                self.usable[condition.answered].extend(ways)
                return wanted, True
            case _Kind.USABLE:
                self.others[Not(condition.answered)].extend(ways)
            case _Kind.FORBIDDING:
                self.forbidding[condition.answered].extend(ways)
            case _Kind.OTHER:
                self.others[condition.answered].extend(ways)
        return before

    def packed(self, size: int) -> _Packed:
        """The conditions as bits, in a block of so many ways."""
        everything = (1 << size) - 1
        return _Packed(
            tuple(_postings(plane, size) for plane in self.wanting),
            tuple(everything ^ _allbits_of(plane, size) for plane in self.wanting),
            _postings(self.forbidding, size),
            _postings(self.usable, size),
            _allbits_of(self.usable, size),
            {rule: bits_of(ways, size) for rule, ways in self.others.items()},
        )


_Lists: TypeAlias = "defaultdict[Any, array[int]]"


def predicates_asked(rules: Iterable[Rule]) -> Iterator[AnswerPredicate]:
    """The predicates of rules on one attribute that an answer may decide."""
    for predicate in predicates_of(rules):
        if isinstance(predicate, OneOf | StartsWith | InRanges | Unusable):
            yield predicate


def _listed() -> _Lists:
    return defaultdict(lambda: array("L"))


def _allbits_of(lists: _Lists, size: int) -> BitSet:
    return bits_of((way for ways in lists.values() for way in ways), size)


def _postings(lists: _Lists, size: int) -> dict[AnswerPredicate, Posting]:
    return {
        leaf: ways if max(len(ways) * _SPARSE, _SMALL) < size else bits_of(ways, size)
        for leaf, ways in lists.items()
    }


class _Kind(Enum):
    """What a condition comes to for who has answered."""

    NOTHING = auto()
    WANTING = auto()
    FORBIDDING = auto()
    USABLE = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class _Condition:
    """A rule on one attribute: what it comes to for who has answered, and for who has not.

    It is true for answers for which the leaf `answered` is (or is not, as `kind` says), or the
    rule of another kind; `vague`: it may be unknown for others. `missing`: its truth without an
    answer; `none`: with an empty list of them.
    """

    kind: _Kind
    answered: Any
    missing: Truth
    none: Truth
    vague: bool


def _kind_of(answered: Rule) -> tuple[_Kind, Rule]:
    """The kind of a condition, by what it comes to for who has answered; and its leaf."""
    match answered:
        case OneOf() | StartsWith() | InRanges() as leaf:
            return _Kind.WANTING, leaf
        case Not(OneOf() | StartsWith() | InRanges() as leaf):
            return _Kind.FORBIDDING, leaf
        case Not(Unusable() as leaf):
            return _Kind.USABLE, leaf
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
    """A simple rule as it stands to who has answered, true where it is certain.

    Negations stand on leaves, so what is unknown may be taken for false.
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


def bits_of(ways: Iterable[int], size: int) -> BitSet:
    """Some of a block's ways as bits; `size`: how many there are in all."""
    row = bytearray((size + 7) // 8)
    for way in ways:
        row[way >> 3] |= 1 << (way & 7)
    return int.from_bytes(row, "little")


def _union(
    postings: dict[AnswerPredicate, Posting], leaves: frozenset[AnswerPredicate], size: int
) -> BitSet:
    """The ways of the leaves that hold."""
    if len(leaves) <= len(postings):
        found = [postings[leaf] for leaf in leaves if leaf in postings]
    else:
        found = [posting for leaf, posting in postings.items() if leaf in leaves]
    bits = 0
    few: list[array[int]] = []
    for posting in found:
        if isinstance(posting, int):
            bits |= posting
        else:
            few.append(posting)
    if few:
        bits |= bits_of((way for ways in few for way in ways), size)
    return bits
