"""Surveys as bits: one bit for each disjunct, one row of bits for each answer.

The disjuncts of a segment are in order of worth, in blocks that grow: the best few are looked at
first, and mostly they are enough. Within a block a member's answers select one row for each
attribute, made when the answer is first seen; the disjuncts that they meet are the AND of these
rows. A row is a Python integer, whose operations cost next to nothing to call.

Segments do not change. What is open, and what has been replaced since, is in masks beside them
(`matcher.routing.inventory`).
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from operator import and_, itemgetter
from typing import TypeAlias

from matcher.routing.attribute_conditions import (
    AttributeConditions,
    BitSet,
    ConditionClassifier,
    Demand,
    answer_predicates,
    bits_of,
)
from matcher.routing.attribute_rows import AnswerKey, AnswerReader, AttributeRows
from matcher.routing.disjuncts import AttributeRule, Offer, SurveyDisjuncts
from matcher.routing.predicate_index import AnswerPredicate, PredicateIndex
from matcher.routing.sizes import RouterSizes
from matcher.rules import UNKNOWN, Rule

Names: TypeAlias = Callable[[str], int]
"""The place of an attribute, by name, among a respondent's keys."""


class Segment:
    """The disjuncts of some surveys, in the order of these.

    By disjunct: `offers`, `quotas`, `numbers` (of its survey), and in `ends` the first disjunct of
    the next survey. `rest`: the other rules of disjuncts that have more than conditions; None
    where the survey is judged whole. By survey: `firsts`, its first disjunct, and one more for the
    end.
    """

    def __init__(
        self,
        surveys: Sequence[SurveyDisjuncts],
        names: Names,
        classifier: ConditionClassifier,
        sizes: RouterSizes,
    ) -> None:
        self.offers: list[Offer] = []
        self.quotas: list[tuple[int, ...]] = []
        self.ends = array("L")
        self.numbers = array("L")
        self.firsts = array("L", [0])
        self.rest: dict[int, tuple[Rule, ...] | None] = {}
        makers = [_BlockMaker(0, classifier)]
        largest = sizes.first_block
        for number, survey in enumerate(surveys):
            if len(self.offers) - makers[-1].first >= largest:
                largest = min(largest * sizes.block_growth, sizes.largest_block)
                makers.append(_BlockMaker(len(self.offers), classifier))
            makers[-1].add(survey)
            for disjunct in survey.disjuncts:
                if survey.whole or disjunct.rest:
                    self.rest[len(self.offers)] = None if survey.whole else disjunct.rest
                self.offers.append(disjunct.offer)
                self.quotas.append(disjunct.quotas)
                self.numbers.append(number)
            self.ends.extend([len(self.offers)] * len(survey.disjuncts))
            self.firsts.append(len(self.offers))
        indexes = _indexes(makers, sizes.known_values)
        self.blocks = [maker.block(names, indexes, sizes) for maker in makers]

    def block_of(self, disjunct: int) -> int:
        """The number of the block that a disjunct is in."""
        blocks = enumerate(self.blocks)
        return next(number for number, block in blocks if disjunct < block.first + block.size)

    def admitted(
        self,
        keys: Sequence[AnswerKey],
        reader: AnswerReader,
        live: Sequence[BitSet],
        holds: Callable[[int], bool] | None,
        limit: int | None,
    ) -> list[int]:
        """The first disjunct of each survey that is met for certain, up to a limit of surveys.

        `holds` decides the disjuncts in `rest`; None: there are none.
        """
        found: list[int] = []
        ends, rest = self.ends, self.rest
        most = len(ends) if limit is None else limit
        done = 0
        for place, block in enumerate(self.blocks):
            if most <= 0:
                break
            for first, bits in block.certain(keys, reader, live[place]):
                if first < done:
                    bits >>= done - first
                    first = done
                while bits:
                    disjunct = first + (bits & -bits).bit_length() - 1
                    if holds and disjunct in rest and not holds(disjunct):
                        bits &= bits - 1
                        continue
                    found.append(disjunct)
                    most -= 1
                    if not most:
                        return found
                    done = ends[disjunct]
                    bits >>= done - first
                    first = done
        return found

    def possible(
        self, keys: Sequence[AnswerKey], reader: AnswerReader, live: Sequence[BitSet]
    ) -> Iterator[int]:
        """The disjuncts of which no condition is known to be false."""
        for block, mask in zip(self.blocks, live, strict=True):
            for first, bits in block.possible(keys, reader, mask):
                while bits:
                    yield first + (bits & -bits).bit_length() - 1
                    bits &= bits - 1


def _picker(places: Sequence[int]) -> Callable[[Sequence[AnswerKey]], Sequence[AnswerKey]]:
    """Picks the keys at some places; for one place `itemgetter` would give the bare key."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda keys: [keys[place] for place in places]


def _indexes(makers: Iterable[_BlockMaker], known_values: int) -> dict[str, PredicateIndex]:
    """An index of its predicates for each attribute."""
    predicates: defaultdict[str, dict[AnswerPredicate, None]] = defaultdict(dict)
    for maker in makers:
        for name, conditions in maker.conditions.items():
            for lists in (*conditions.required, conditions.forbidden, conditions.usable):
                predicates[name].update(dict.fromkeys(lists))
            predicates[name].update(dict.fromkeys(answer_predicates(conditions.others)))
    return {name: PredicateIndex(found, known_values) for name, found in predicates.items()}


def _pieces(first: int, bits: BitSet, size: int, piece: int) -> Iterable[tuple[int, BitSet]]:
    """Bits in pieces that are cheap to take disjuncts from, each with its first disjunct."""
    if size <= piece:
        return ((first, bits),)
    written = bits.to_bytes((size + 7) // 8, "little")
    step = piece // 8
    starts = range(0, len(written), step)
    pieces = ((start, int.from_bytes(written[start : start + step], "little")) for start in starts)
    return ((first + start * 8, piece) for start, piece in pieces if piece)


class SegmentBlock:
    """Consecutive disjuncts of a segment: the number of the first, and how many there are."""

    def __init__(
        self,
        first: int,
        size: int,
        decidable: BitSet,
        attributes: Sequence[tuple[int, AttributeRows]],
        piece: int,
    ) -> None:
        self.first = first
        self.size = size
        self._decidable = decidable
        self._piece = piece
        self._places = [place for place, _ in attributes]
        self._attributes = [rows for _, rows in attributes]
        self._rows = [attribute.rows for attribute in self._attributes]
        self._own_keys = _picker(self._places)

    def certain(
        self, keys: Sequence[AnswerKey], reader: AnswerReader, mask: BitSet
    ) -> Iterable[tuple[int, BitSet]]:
        """Disjuncts of a mask of which every condition is true, in pieces."""
        mask &= self._decidable
        own_keys = self._own_keys(keys)
        try:
            rows = [*map(dict.get, self._rows, own_keys)]
        except TypeError:  # a value that can be no answer: reading it raises the error
            rows = [None] * len(own_keys)
        try:
            bits = reduce(and_, rows, mask)
        except TypeError:  # some rows are still to be made
            bits = self._certain_slowly(own_keys, rows, reader, mask)
        return _pieces(self.first, bits, self.size, self._piece) if bits else ()

    def _certain_slowly(
        self,
        own_keys: Sequence[AnswerKey],
        rows: Sequence[BitSet | None],
        reader: AnswerReader,
        bits: BitSet,
    ) -> BitSet:
        """The same; rows that are there come first, since then mostly no other is needed."""
        bits = reduce(and_, [row for row in rows if row is not None], bits)
        for number in [number for number, row in enumerate(rows) if row is None]:
            # Neither text nor read yet, it may be no answer: that is always an error.
            if bits or own_keys[number].__class__ not in (str, tuple):
                bits &= self._attributes[number].row(own_keys[number], self._places[number], reader)
        return bits

    def possible(
        self, keys: Sequence[AnswerKey], reader: AnswerReader, mask: BitSet
    ) -> Iterable[tuple[int, BitSet]]:
        """Disjuncts of a mask of which no condition is known to be false, in pieces."""
        for place, attribute in zip(self._places, self._attributes, strict=True):
            key = keys[place]
            if reader.answers(place, key) is None:
                mask &= attribute.maybe
            else:
                mask &= attribute.row(key, place, reader) | attribute.vague
        return _pieces(self.first, mask, self.size, self._piece) if mask else ()


class _BlockMaker:
    """Collects the disjuncts of one block."""

    def __init__(self, first: int, classifier: ConditionClassifier) -> None:
        self.first = first
        self.conditions: dict[str, AttributeConditions] = {}
        self._classifier = classifier
        self._size = 0
        self._undecidable = array("L")

    def add(self, survey: SurveyDisjuncts) -> None:
        """Add the disjuncts of the next survey."""
        first, self._size = self._size, self._size + len(survey.disjuncts)
        shared: dict[str, Demand] = {}
        self._add(range(first, self._size), survey.conditions, shared)
        for number, disjunct in enumerate(survey.disjuncts, start=first):
            self._add(range(number, number + 1), disjunct.conditions, dict(shared))
            if UNKNOWN in disjunct.rest:
                self._undecidable.append(number)

    def _add(
        self, disjuncts: range, rules: Sequence[AttributeRule], demands: dict[str, Demand]
    ) -> None:
        """Add conditions that disjuncts have in common; `demands` are what they require already."""
        for name, rule in rules:
            conditions = self.conditions.get(name)
            if conditions is None:
                conditions = self.conditions[name] = AttributeConditions()
            condition = self._classifier.condition(name, rule)
            demands[name] = conditions.add(disjuncts, condition, demands.get(name, (0, False)))

    def block(
        self, names: Names, indexes: dict[str, PredicateIndex], sizes: RouterSizes
    ) -> SegmentBlock:
        """The disjuncts as bits."""
        decidable = (1 << self._size) - 1 ^ bits_of(self._undecidable, self._size)
        attributes = tuple(
            (names(name), AttributeRows(conditions, self._size, indexes[name], sizes))
            for name, conditions in self.conditions.items()
        )
        return SegmentBlock(self.first, self._size, decidable, attributes, sizes.piece)
