"""Rows of bits for one attribute: which disjuncts a member meets, by what they have answered to it.

A condition is on one attribute. Most come to one predicate that must hold, or must not, once there
is an answer; their disjuncts are found by the predicates that an answer decides. A row is made when
an answer is first seen, from parts, one for each single answer.
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
from matcher.routing.sizes import RouterSizes
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
"""One bit for each disjunct of a block, the lowest for its first."""

AnswerKey: TypeAlias = str | Answers | None
"""What a member has answered to one attribute: the text as it is, or answers; None: nothing."""


class AnswerReader(Protocol):
    """Reads keys."""

    def answers(self, place: int, key: AnswerKey) -> Answers | None:
        """The answers to the attribute at a place among a respondent's keys."""


Demand: TypeAlias = tuple[int, bool]
"""How many predicates of an attribute a disjunct requires, and whether a usable answer."""

_Part: TypeAlias = tuple[BitSet, ...]
"""What one answer does to disjuncts: those that forbid it; those that require a usable answer,
which it is not; and, by plane, those that require it, or nothing."""


class AttributeRows:
    """Which disjuncts of a block are met as far as one attribute goes, by the answer to it."""

    __slots__ = (
        *("_index", "_most", "_none", "_packed", "_parts", "_rows", "_size", "_without"),
        *("maybe", "rows", "vague"),
    )

    def __init__(
        self,
        conditions: AttributeConditions,
        size: int,
        index: PredicateIndex,
        sizes: RouterSizes,
    ) -> None:
        self._packed = conditions.packed(size, sizes)
        self._index = index
        self._size = size
        self._most = max(sizes.row_bytes * 8 // max(size, 1), sizes.fewest_rows)
        self._parts: dict[str | float, _Part] = {}
        self._rows: dict[Answers | frozenset[AnswerPredicate], BitSet] = {}
        everything = (1 << size) - 1
        self._without = everything ^ bits_of(conditions.not_missing, size)
        self._none = everything ^ bits_of(conditions.not_none, size)
        self.maybe = everything ^ bits_of(conditions.never_missing, size)
        self.vague = bits_of(conditions.vague, size)
        self.rows: dict[AnswerKey, BitSet] = {None: self._without}

    def row(self, key: AnswerKey, place: int, reader: AnswerReader) -> BitSet:
        """The disjuncts whose conditions on the attribute are true with this answer."""
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
        predicates = self._index.decided(answers[0])
        found = self._rows.get(predicates)
        if found is None:
            if len(self._rows) >= self._most:
                self._rows.clear()
            found = self._rows[predicates] = self._make(answers)
        return found

    def _make(self, answers: Answers) -> BitSet:
        packed = self._packed
        try:
            parts = [*map(self._parts.__getitem__, answers)]
        except KeyError:
            parts = [*map(self._part, answers)]
        forbidden, not_usable, *planes = zip(*parts, strict=True)
        bits: BitSet = ~(reduce(or_, forbidden) | reduce(and_, not_usable))
        for required in planes:
            bits &= reduce(or_, required)
        if packed.others:
            decided = [*map(self._index.decided, answers)]
            for rule, disjuncts in packed.others.items():
                if not _holds(rule, decided):
                    bits &= ~disjuncts
        return bits

    def _part(self, answer: str | float) -> _Part:
        found = self._parts.get(answer)
        if found is None:
            if len(self._parts) >= self._most:
                self._parts.clear()
            packed, size = self._packed, self._size
            predicates = self._index.decided(answer)
            found = self._parts[answer] = (
                _union(packed.forbidden, predicates, size),
                packed.needing_usable & ~_union(packed.usable, predicates, size),
                *(
                    free | _union(plane, predicates, size)
                    for free, plane in zip(packed.free, packed.required, strict=True)
                ),
            )
        return found


Posting: TypeAlias = "BitSet | array[int]"
"""Ways of a block: as bits, or by number where they are few."""


def _holds(rule: Rule, decided: Sequence[frozenset[AnswerPredicate]]) -> bool:
    """Whether a rule holds with some answers, by the predicates that each of them decides."""
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
            return all(rule not in predicates for predicates in decided)
        case _:
            return any(rule in predicates for predicates in decided)


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


def predicates_asked(rules: Iterable[Rule]) -> Iterator[AnswerPredicate]:
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


def _union(
    postings: dict[AnswerPredicate, Posting], predicates: frozenset[AnswerPredicate], size: int
) -> BitSet:
    """The disjuncts of the predicates that hold."""
    if len(predicates) <= len(postings):
        found = [postings[predicate] for predicate in predicates if predicate in postings]
    else:
        found = [posting for predicate, posting in postings.items() if predicate in predicates]
    bits = 0
    few: list[array[int]] = []
    for posting in found:
        if isinstance(posting, int):
            bits |= posting
        else:
            few.append(posting)
    if few:
        bits |= bits_of((disjunct for disjuncts in few for disjunct in disjuncts), size)
    return bits
