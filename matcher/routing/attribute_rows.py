"""Rows of bits for one attribute: which disjuncts a member meets, by what they have answered to it.

A row is made when an answer is first seen, from parts, one for each single answer.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import reduce
from operator import and_, or_
from typing import Protocol, TypeAlias

from matcher.routing.attribute_conditions import (
    AttributeConditions,
    BitSet,
    Posting,
    bits_of,
)
from matcher.routing.predicate_index import AnswerPredicate, PredicateIndex
from matcher.routing.sizes import RouterSizes
from matcher.rules import (
    And,
    Const,
    Not,
    Or,
    Rule,
    Truth,
    Unusable,
)
from profiles.schema import Answers

AnswerKey: TypeAlias = str | Answers | None
"""What a member has answered to one attribute: the text as it is, or answers; None: nothing."""


class AnswerReader(Protocol):
    """Reads keys."""

    def answers(self, place: int, key: AnswerKey) -> Answers | None:
        """The answers to the attribute at a place among a respondent's keys."""


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
