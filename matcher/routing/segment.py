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
from dataclasses import dataclass
from enum import Enum, auto
from functools import reduce
from operator import and_, or_
from typing import Any, Protocol, TypeAlias

from matcher.evaluate import Member, evaluate
from matcher.rewrite import Simplifier
from matcher.routing.leaves import AnyAnswer, LeafIndex
from matcher.routing.ways import Asked, Offer, Routable
from matcher.rule import (
    FALSE,
    TRUE,
    UNKNOWN,
    And,
    Answered,
    Const,
    InRanges,
    Not,
    OneOf,
    Or,
    Rule,
    StartsWith,
    Truth,
    Unusable,
)
from profiles.values import Answers

Bits: TypeAlias = int
"""One bit a way of a block, the lowest for its first."""

Key: TypeAlias = str | Answers | None
"""What a member has answered to one attribute: the text as it stands, or answers; None: nothing."""


class Reader(Protocol):
    """Knows what keys stand for."""

    def answers(self, place: int, key: Key) -> Answers | None:
        """The answers to the attribute at a place among a respondent's keys."""


Names: TypeAlias = Callable[[str], int]
"""The place of an attribute, by name, among a respondent's keys."""

_FIRST_BLOCK = 1 << 11
_GROWTH = 4
_LARGEST_BLOCK = 1 << 17
_PIECE = 1 << 11
_ROOM = 1 << 22
"""Bytes of rows that a block keeps for each attribute, but always so many rows:"""
_FEWEST = 128

_SPARSE = 32
_SMALL = 1 << 13
"""In larger blocks than this, fewer ways than one in so many are listed by number, not as bits."""


class Segment:
    """The ways of some surveys, in the order of these.

    By way: `offers`, `quotas`, `numbers` (of its survey), and in `ends` the first way of the next
    survey. `asking`: ways for which more must hold than conditions, or whose survey is judged
    whole. By survey: `firsts`, its first way, and one more for the end.
    """

    def __init__(self, surveys: Sequence[Routable], names: Names, sorter: Sorter) -> None:
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
        keys: Sequence[Key],
        reader: Reader,
        live: Sequence[Bits],
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

    def possible(self, keys: Sequence[Key], reader: Reader, live: Sequence[Bits]) -> Iterator[int]:
        """The ways of which no condition is known to be false."""
        for block, mask in zip(self.blocks, live, strict=True):
            for first, bits in block.possible(keys, reader, mask):
                while bits:
                    yield first + (bits & -bits).bit_length() - 1
                    bits &= bits - 1


def _indexes(makers: Iterable[_BlockMaker]) -> dict[str, LeafIndex]:
    """An index of its leaves for each attribute."""
    leaves: defaultdict[str, dict[AnyAnswer, None]] = defaultdict(dict)
    for maker in makers:
        for name, conditions in maker.asked.items():
            for lists in (*conditions.wanting, conditions.forbidding, conditions.usable):
                leaves[name].update(dict.fromkeys(lists))
            leaves[name].update(dict.fromkeys(_leaves_of(conditions.others)))
    return {name: LeafIndex(found) for name, found in leaves.items()}


def _leaves_of(rules: Iterable[Rule]) -> Iterator[AnyAnswer]:
    for rule in rules:
        match rule:
            case And(parts) | Or(parts):
                yield from _leaves_of(parts)
            case Not(inner):
                yield from _leaves_of((inner,))
            case OneOf() | StartsWith() | InRanges() | Unusable():
                yield rule


def _pieces(first: int, bits: Bits, size: int) -> Iterable[tuple[int, Bits]]:
    """Bits in pieces that are cheap to take ways from, each with the number of its first way."""
    if size <= _PIECE:
        return ((first, bits),)
    written = bits.to_bytes((size + 7) // 8, "little")
    starts = range(0, len(written), _PIECE // 8)
    pieces = ((s, int.from_bytes(written[s : s + _PIECE // 8], "little")) for s in starts)
    return ((first + start * 8, piece) for start, piece in pieces if piece)


class Block:
    """Consecutive ways of a segment: the number of the first, and how many there are."""

    def __init__(
        self, first: int, size: int, sure: Bits, asked: Sequence[tuple[int, _Asked]]
    ) -> None:
        self.first = first
        self.size = size
        self._sure = sure
        self._places = [place for place, _ in asked]
        self._asked = [each for _, each in asked]
        self._rows = [each.rows for each in self._asked]

    def certain(
        self, keys: Sequence[Key], reader: Reader, mask: Bits
    ) -> Iterable[tuple[int, Bits]]:
        """Ways of a mask of which every condition is true, in pieces."""
        mask &= self._sure
        mine = [keys[place] for place in self._places]
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
        self, mine: Sequence[Key], rows: Sequence[Bits | None], reader: Reader, bits: Bits
    ) -> Bits:
        """The same; rows that are there come first, since with luck no other is needed then."""
        bits = reduce(and_, [row for row in rows if row is not None], bits)
        for number in [number for number, row in enumerate(rows) if row is None]:
            # What is no text, and not read yet, may be no answer: that is always told.
            if bits or mine[number].__class__ not in (str, tuple):
                bits &= self._asked[number].row(mine[number], self._places[number], reader)
        return bits

    def possible(
        self, keys: Sequence[Key], reader: Reader, mask: Bits
    ) -> Iterable[tuple[int, Bits]]:
        """Ways of a mask of which no condition is known to be false, in pieces."""
        for place, asked in zip(self._places, self._asked, strict=True):
            key = keys[place]
            if reader.answers(place, key) is None:
                mask &= asked.maybe
            else:
                mask &= asked.row(key, place, reader) | asked.vague
        return _pieces(self.first, mask, self.size) if mask else ()


_Part: TypeAlias = tuple[Bits, ...]
"""What one answer does to ways: those that forbid it; those that want a usable answer, which it is
not; and, by plane, those that want it, or nothing."""


class _Asked:
    """Which ways of a block one attribute leaves open, by what has been answered to it."""

    __slots__ = (
        *("_index", "_most", "_none", "_packed", "_parts", "_rows", "_size", "_without"),
        *("maybe", "rows", "vague"),
    )

    def __init__(self, conditions: _Conditions, size: int, index: LeafIndex) -> None:
        self._packed = conditions.packed(size)
        self._index = index
        self._size = size
        self._most = max(_ROOM * 8 // max(size, 1), _FEWEST)
        self._parts: dict[str | float, _Part] = {}
        self._rows: dict[Answers | frozenset[AnyAnswer], Bits] = {}
        everything = (1 << size) - 1
        self._without = everything ^ _bits(conditions.not_missing, size)
        self._none = everything ^ _bits(conditions.not_none, size)
        self.maybe = everything ^ _bits(conditions.never_missing, size)
        self.vague = _bits(conditions.vague, size)
        self.rows: dict[Key, Bits] = {None: self._without}

    def row(self, key: Key, place: int, reader: Reader) -> Bits:
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

    def _find(self, answers: Answers | None) -> Bits:
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

    def _make(self, answers: Answers) -> Bits:
        packed = self._packed
        try:
            parts = [*map(self._parts.__getitem__, answers)]
        except KeyError:
            parts = [*map(self._part, answers)]
        forbidding, not_usable, *planes = zip(*parts, strict=True)
        bits: Bits = ~(reduce(or_, forbidding) | reduce(and_, not_usable))
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


Posting: TypeAlias = "Bits | array[int]"
"""Ways of a block: as bits, or by number where they are few."""


def _holds(rule: Rule, decided: Sequence[frozenset[AnyAnswer]]) -> bool:
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

    wanting: tuple[dict[AnyAnswer, Posting], ...]
    free: tuple[Bits, ...]
    forbidding: dict[AnyAnswer, Posting]
    usable: dict[AnyAnswer, Posting]
    needing_usable: Bits
    others: dict[Rule, Bits]


class _Conditions:
    """Collects the conditions of a block's ways on one attribute.

    A way that wants several leaves has each in a plane of its own.
    """

    def __init__(self) -> None:
        self.wanting: list[_Lists] = []
        self.forbidding = _listed()
        self.usable = _listed()
        self.others = _listed()
        self._lists = {
            _Kind.FORBIDDING: self.forbidding,
            _Kind.USABLE: self.usable,
            _Kind.OTHER: self.others,
        }
        self.not_missing = array("L")
        self.never_missing = array("L")
        self.not_none = array("L")
        self.vague = array("L")

    def add(self, ways: range, condition: _Condition, wanted: int) -> int:
        """Note a condition of ways that want so many leaves already; gives how many then."""
        if condition.missing is not Truth.TRUE:
            self.not_missing.extend(ways)
        if condition.missing is Truth.FALSE:
            self.never_missing.extend(ways)
        if condition.none is not Truth.TRUE:
            self.not_none.extend(ways)
        if condition.vague:
            self.vague.extend(ways)
        if condition.kind is _Kind.WANTING:
            if wanted == len(self.wanting):
                self.wanting.append(_listed())
            self.wanting[wanted][condition.answered].extend(ways)
            return wanted + 1
        if condition.kind is not _Kind.NOTHING:
            self._lists[condition.kind][condition.answered].extend(ways)
        return wanted

    def packed(self, size: int) -> _Packed:
        """The conditions as bits, in a block of so many ways."""
        everything = (1 << size) - 1
        return _Packed(
            tuple(_postings(plane, size) for plane in self.wanting),
            tuple(everything ^ _all_bits(plane, size) for plane in self.wanting),
            _postings(self.forbidding, size),
            _postings(self.usable, size),
            _all_bits(self.usable, size),
            {rule: _bits(ways, size) for rule, ways in self.others.items()},
        )


_Lists: TypeAlias = "defaultdict[Any, array[int]]"


def _listed() -> _Lists:
    return defaultdict(lambda: array("L"))


def _all_bits(lists: _Lists, size: int) -> Bits:
    return _bits((way for ways in lists.values() for way in ways), size)


def _postings(lists: _Lists, size: int) -> dict[AnyAnswer, Posting]:
    return {
        leaf: ways if max(len(ways) * _SPARSE, _SMALL) < size else _bits(ways, size)
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


class Sorter:
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


class _BlockMaker:
    """Collects the ways of one block."""

    def __init__(self, first: int, sorter: Sorter) -> None:
        self.first = first
        self.asked: dict[str, _Conditions] = {}
        self._sorter = sorter
        self._size = 0
        self._unsure = array("L")

    def add(self, survey: Routable) -> None:
        """Add the ways of the next survey."""
        first, self._size = self._size, self._size + len(survey.ways)
        shared: dict[str, int] = {}
        self._add(range(first, self._size), survey.conditions, shared)
        for number, way in enumerate(survey.ways, start=first):
            self._add(range(number, number + 1), way.conditions, dict(shared))
            if UNKNOWN in way.rest:
                self._unsure.append(number)

    def _add(self, ways: range, conditions: Sequence[Asked], wanted: dict[str, int]) -> None:
        """Add conditions that ways have in common; `wanted` counts the leaves that they want."""
        for name, rule in conditions:
            asked = self.asked.get(name)
            if asked is None:
                asked = self.asked[name] = _Conditions()
            condition = self._sorter.condition(name, rule)
            wanted[name] = asked.add(ways, condition, wanted.get(name, 0))

    def block(self, names: Names, indexes: dict[str, LeafIndex]) -> Block:
        """The ways as bits."""
        sure = (1 << self._size) - 1 ^ _bits(self._unsure, self._size)
        asked = tuple(
            (names(name), _Asked(conditions, self._size, indexes[name]))
            for name, conditions in self.asked.items()
        )
        return Block(self.first, self._size, sure, asked)


def _bits(ways: Iterable[int], size: int) -> Bits:
    row = bytearray((size + 7) // 8)
    for way in ways:
        row[way >> 3] |= 1 << (way & 7)
    return int.from_bytes(row, "little")


def _union(postings: dict[AnyAnswer, Posting], leaves: frozenset[AnyAnswer], size: int) -> Bits:
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
        bits |= _bits((way for ways in few for way in ways), size)
    return bits
