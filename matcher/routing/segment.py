"""Surveys as bits: one bit a way, one row of them for each answer.

The ways of a segment stand in order of worth, in blocks that grow: the best few are looked at
first, and mostly they are enough. Within a block a member's answers select one row an attribute,
made when the answer is first seen, and the ways open to him are the AND of these rows. A row is a
Python integer, whose operations cost next to nothing to call.

Segments do not change. What is open, and what has been replaced since, stands in masks beside them
(`matcher.routing.inventory`).
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from operator import and_, itemgetter
from typing import TypeAlias

from matcher.routing.attribute_rows import (
    AnswerKey,
    AnswerReader,
    AttributeConditions,
    AttributeRows,
    BitSet,
    ConditionClassifier,
    Demand,
    bits_of,
    predicates_asked,
)
from matcher.routing.disjuncts import AskedRule, Offer, SurveyDisjuncts
from matcher.routing.predicate_index import AnswerPredicate, PredicateIndex
from matcher.rules import UNKNOWN, Rule

Names: TypeAlias = Callable[[str], int]
"""The place of an attribute, by name, among a respondent's keys."""

_FIRST_BLOCK = 1 << 11
_GROWTH = 4
_LARGEST_BLOCK = 1 << 17
_PIECE = 1 << 11


class Segment:
    """The ways of some surveys, in the order of these.

    By way: `offers`, `quotas`, `numbers` (of its survey), and in `ends` the first way of the next
    survey. `asking`: ways for which more must hold than conditions, or whose survey is judged
    whole. By survey: `firsts`, its first way, and one more for the end.
    """

    def __init__(
        self, surveys: Sequence[SurveyDisjuncts], names: Names, sorter: ConditionClassifier
    ) -> None:
        self.offers: list[Offer] = []
        self.quotas: list[tuple[int, ...]] = []
        self.ends = array("L")
        self.numbers = array("L")
        self.firsts = array("L", [0])
        self.asking: dict[int, tuple[Rule, ...] | None] = {}
        makers = [_BlockMaker(0, sorter)]
        largest = _FIRST_BLOCK
        for number, survey in enumerate(surveys):
            if len(self.offers) - makers[-1].first >= largest:
                largest = min(largest * _GROWTH, _LARGEST_BLOCK)
                makers.append(_BlockMaker(len(self.offers), sorter))
            makers[-1].add(survey)
            for way in survey.ways:
                if survey.whole or way.rest:
                    self.asking[len(self.offers)] = None if survey.whole else way.rest
                self.offers.append(way.offer)
                self.quotas.append(way.quotas)
                self.numbers.append(number)
            self.ends.extend([len(self.offers)] * len(survey.ways))
            self.firsts.append(len(self.offers))
        indexes = _indexes(makers)
        self.blocks = [maker.block(names, indexes) for maker in makers]

    def block_of(self, way: int) -> int:
        """The number of the block in which a way stands."""
        return next(n for n, each in enumerate(self.blocks) if way < each.first + each.size)

    def admitted(
        self,
        keys: Sequence[AnswerKey],
        reader: AnswerReader,
        live: Sequence[BitSet],
        holds: Callable[[int], bool] | None,
        limit: int | None,
    ) -> list[int]:
        """The first way into each survey that is open for certain, up to a limit of surveys.

        `holds` is asked of ways that stand in `asking`; None: there are none.
        """
        found: list[int] = []
        ends, asking = self.ends, self.asking
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
                    way = first + (bits & -bits).bit_length() - 1
                    if holds and way in asking and not holds(way):
                        bits &= bits - 1
                        continue
                    found.append(way)
                    most -= 1
                    if not most:
                        return found
                    done = ends[way]
                    bits >>= done - first
                    first = done
        return found

    def possible(
        self, keys: Sequence[AnswerKey], reader: AnswerReader, live: Sequence[BitSet]
    ) -> Iterator[int]:
        """The ways of which no condition is known to be false."""
        for block, mask in zip(self.blocks, live, strict=True):
            for first, bits in block.possible(keys, reader, mask):
                while bits:
                    yield first + (bits & -bits).bit_length() - 1
                    bits &= bits - 1


def _picker(places: Sequence[int]) -> Callable[[Sequence[AnswerKey]], Sequence[AnswerKey]]:
    """Picks the keys at some places; of one place `itemgetter` would give the bare key."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda keys: [keys[place] for place in places]


def _indexes(makers: Iterable[_BlockMaker]) -> dict[str, PredicateIndex]:
    """An index of its leaves for each attribute."""
    leaves: defaultdict[str, dict[AnswerPredicate, None]] = defaultdict(dict)
    for maker in makers:
        for name, conditions in maker.asked.items():
            for lists in (*conditions.wanting, conditions.forbidding, conditions.usable):
                leaves[name].update(dict.fromkeys(lists))
            leaves[name].update(dict.fromkeys(predicates_asked(conditions.others)))
    return {name: PredicateIndex(found) for name, found in leaves.items()}


def _pieces(first: int, bits: BitSet, size: int) -> Iterable[tuple[int, BitSet]]:
    """Bits in pieces that are cheap to take ways from, each with the number of its first way."""
    if size <= _PIECE:
        return ((first, bits),)
    written = bits.to_bytes((size + 7) // 8, "little")
    starts = range(0, len(written), _PIECE // 8)
    pieces = ((s, int.from_bytes(written[s : s + _PIECE // 8], "little")) for s in starts)
    return ((first + start * 8, piece) for start, piece in pieces if piece)


class SegmentBlock:
    """Consecutive ways of a segment: the number of the first, and how many there are."""

    def __init__(
        self, first: int, size: int, sure: BitSet, asked: Sequence[tuple[int, AttributeRows]]
    ) -> None:
        self.first = first
        self.size = size
        self._sure = sure
        self._places = [place for place, _ in asked]
        self._asked = [each for _, each in asked]
        self._rows = [each.rows for each in self._asked]
        self._mine = _picker(self._places)

    def certain(
        self, keys: Sequence[AnswerKey], reader: AnswerReader, mask: BitSet
    ) -> Iterable[tuple[int, BitSet]]:
        """Ways of a mask of which every condition is true, in pieces."""
        mask &= self._sure
        mine = self._mine(keys)
        try:
            rows = [*map(dict.get, self._rows, mine)]
        except TypeError:  # of what can be no answer, which is told when it is read
            rows = [None] * len(mine)
        try:
            bits = reduce(and_, rows, mask)
        except TypeError:  # some are still to be made
            bits = self._certain_slowly(mine, rows, reader, mask)
        return _pieces(self.first, bits, self.size) if bits else ()

    def _certain_slowly(
        self,
        mine: Sequence[AnswerKey],
        rows: Sequence[BitSet | None],
        reader: AnswerReader,
        bits: BitSet,
    ) -> BitSet:
        """The same; rows that are there come first, since with luck no other is needed then."""
        bits = reduce(and_, [row for row in rows if row is not None], bits)
        for number in [number for number, row in enumerate(rows) if row is None]:
            # What is no text, and not read yet, may be no answer: that is always told.
            if bits or mine[number].__class__ not in (str, tuple):
                bits &= self._asked[number].row(mine[number], self._places[number], reader)
        return bits

    def possible(
        self, keys: Sequence[AnswerKey], reader: AnswerReader, mask: BitSet
    ) -> Iterable[tuple[int, BitSet]]:
        """Ways of a mask of which no condition is known to be false, in pieces."""
        for place, asked in zip(self._places, self._asked, strict=True):
            key = keys[place]
            if reader.answers(place, key) is None:
                mask &= asked.maybe
            else:
                mask &= asked.row(key, place, reader) | asked.vague
        return _pieces(self.first, mask, self.size) if mask else ()


class _BlockMaker:
    """Collects the ways of one block."""

    def __init__(self, first: int, sorter: ConditionClassifier) -> None:
        self.first = first
        self.asked: dict[str, AttributeConditions] = {}
        self._sorter = sorter
        self._size = 0
        self._unsure = array("L")

    def add(self, survey: SurveyDisjuncts) -> None:
        """Add the ways of the next survey."""
        first, self._size = self._size, self._size + len(survey.ways)
        shared: dict[str, Demand] = {}
        self._add(range(first, self._size), survey.conditions, shared)
        for number, way in enumerate(survey.ways, start=first):
            self._add(range(number, number + 1), way.conditions, dict(shared))
            if UNKNOWN in way.rest:
                self._unsure.append(number)

    def _add(self, ways: range, conditions: Sequence[AskedRule], wants: dict[str, Demand]) -> None:
        """Add conditions that ways have in common; `wants` says what they want already."""
        for name, rule in conditions:
            asked = self.asked.get(name)
            if asked is None:
                asked = self.asked[name] = AttributeConditions()
            condition = self._sorter.condition(name, rule)
            wants[name] = asked.add(ways, condition, wants.get(name, (0, False)))

    def block(self, names: Names, indexes: dict[str, PredicateIndex]) -> SegmentBlock:
        """The ways as bits."""
        sure = (1 << self._size) - 1 ^ bits_of(self._unsure, self._size)
        asked = tuple(
            (names(name), AttributeRows(conditions, self._size, indexes[name]))
            for name, conditions in self.asked.items()
        )
        return SegmentBlock(self.first, self._size, sure, asked)
