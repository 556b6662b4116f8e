"""Where some members are concentrated: the answers that they hold more often than others do.

Answers are counted shard by shard, with work in proportion to the members compared;
`matcher.concentration.association` picks the best.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from matcher.concentration.association import (
    Best,
    ValueCounts,
    Values,
    best_interval,
    best_set,
    best_single,
)
from matcher.concentration.result import Concentration, Value
from profiles.encoding import (
    BitRow,
    Codes,
    Column,
    ConstantColumn,
    ListsColumn,
    NumberColumn,
    RowsColumn,
    SingleColumn,
    Vocabulary,
    load_kernels,
    popcount,
    positions,
)
from profiles.panel import Shard
from profiles.schema import INFINITY

Numbers: TypeAlias = NDArray[np.int64]
VocabularyPart: TypeAlias = tuple[Vocabulary, Numbers]
"""Values, and how often each is held; before those, how often there is no answer."""


def in_words(concentration: Concentration) -> str:
    """What is held, in the panel's words: `region = DE`, `age 55 and above`."""
    attribute, values = concentration.attribute, concentration.values
    match values:
        case (None,):
            return f"{attribute}: no answer"
        case ((low, high),):
            if low == high:
                return f"{attribute} = {low:.15g}"
            if low == -INFINITY:
                return f"{attribute} up to {high:.15g}"
            end = "and above" if high == INFINITY else f"to {high:.15g}"
            return f"{attribute} {low:.15g} {end}"
        case _:
            *first, last = ("no answer" if value is None else str(value) for value in values)
            return f"{attribute} = {' or '.join((', '.join(first), last) if first else (last,))}"


def holders(shard: Shard, attribute: str, values: Iterable[Value]) -> BitRow:
    """The members of a shard who hold any of the values."""
    column = shard.columns[attribute]
    vocabulary = column.vocabulary
    wanted = np.zeros(len(vocabulary), np.bool_)
    row = np.zeros_like(shard.everyone)
    for value in values:
        if value is None:
            row |= ~column.answered
        elif isinstance(value, str):
            if value in column.places:
                wanted[column.places[value]] = True
        elif not isinstance(vocabulary, tuple):
            wanted |= (vocabulary >= value[0]) & (vocabulary <= value[1])
    return shard.everyone & (row | column.row_for(wanted))


class Histograms:
    """What some members have answered, and what others have, attribute by attribute."""

    def __init__(self, attributes: Iterable[str]) -> None:
        attributes = [*attributes]
        self._some, self._others = Histogram(attributes), Histogram(attributes)

    def add(
        self, shard: Shard, some: BitRow, others: BitRow, among: Mapping[str, BitRow] | None = None
    ) -> None:
        """Count the members of a shard; nobody stands in both rows.

        `among`: of an attribute in it, the answers of those in its row alone; the rest are taken
        to hold nothing of it. Raises KeyError where the shard was read without an attribute.
        """
        self._some.add(shard, some, among)
        self._others.add(shard, others, among)

    def top(self, most: int = 3) -> tuple[Concentration, ...]:
        """The most telling answers, as `strongest` gives them."""
        return strongest(self._some, self._others, most)


class Histogram:
    """What some members have answered, attribute by attribute.

    Attributes that are the same for all members (constants of the panel) are left out.
    """

    def __init__(self, attributes: Iterable[str]) -> None:
        self.answers = {name: _Answers() for name in sorted(set(attributes))}
        self.members = 0

    def add(self, shard: Shard, row: BitRow, among: Mapping[str, BitRow] | None = None) -> None:
        """Count the members of a shard who stand in a row; `among` as for `Histograms.add`."""
        self.members += popcount(row)
        everyone = _Members(row)
        for name, answers in self.answers.items():
            column = shard.columns[name]
            if isinstance(column, ConstantColumn):
                continue
            if among is not None and name in among:
                answers.add(column, _Members(row & among[name]))
            else:
                answers.add(column, everyone)

    def without(self, others: Histogram) -> Histogram:
        """These members less others, all of whom are among them."""
        left = Histogram(self.answers)
        for each, factor in ((self, 1), (others, -1)):
            left.members += factor * each.members
            for name, answers in each.answers.items():
                left.answers[name].take_over(answers, factor)
        return left


def strongest(some: Histogram, others: Histogram, most: int = 3) -> tuple[Concentration, ...]:
    """The most telling answers of some members, best first, at most one an attribute.

    Only answers of which some hold a larger share than the others do, beyond what chance explains;
    none where there are no others to compare with.
    """
    if not (some.members and others.members):
        return ()
    sizes = np.array([some.members, others.members])
    found = []
    for name, answers in some.answers.items():
        best = _best(answers, others.answers[name], sizes)
        if best is not None:
            score, values, (holding, others_holding) = best
            of = Concentration(name, values, some.members, holding, others.members, others_holding)
            found.append(((-score, -holding, name), of))
    return tuple(of for _, of in sorted(found, key=lambda each: each[0])[:most])


class _Members:
    """Members as a row, and by position where that is asked for."""

    def __init__(self, row: BitRow) -> None:
        self.row = row

    @cached_property
    def places(self) -> Numbers:
        """Their positions in the shard."""
        return positions(self.row)


class _Answers:
    """How often each value of one attribute is held, and how often there is no answer."""

    def __init__(self) -> None:
        self.parts: list[VocabularyPart] = []
        self.exclusive = True
        self._known = _Vocabularies()

    def add(self, column: Column, members: _Members) -> None:
        """Count the members of a shard."""
        vocabulary = column.vocabulary
        match column:
            case NumberColumn(vocabulary=values):
                vocabulary, counts = _count_numbers(values, members.places)
            case SingleColumn(codes=codes):
                counts = _count_codes(codes, members, len(vocabulary) + 1)
            case RowsColumn() | ListsColumn():
                self.exclusive = False
                counts = _count_listed(column, members)
            case _:
                raise AssertionError("a column of a panel")
        self._add(vocabulary, counts)

    def take_over(self, other: _Answers, factor: int) -> None:
        """Add what another has counted, so many times."""
        self.exclusive &= other.exclusive
        for vocabulary, counts in other.parts:
            self._add(vocabulary, factor * counts)

    def _add(self, vocabulary: Vocabulary, counts: Numbers) -> None:
        """Counts are kept apart from those before if the values are others."""
        number = self._known.number(vocabulary)
        if number == len(self.parts):
            self.parts.append((vocabulary, counts.astype(np.int64)))
        else:
            so_far = self.parts[number][1]
            so_far += counts


class _Vocabularies:
    """Distinct vocabularies, numbered as they come; there may be as many as there are shards."""

    def __init__(self) -> None:
        self.distinct: list[Vocabulary] = []
        self._alike: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)

    def number(self, vocabulary: Vocabulary) -> int:
        """The number of a vocabulary, which is the next one if it is new."""
        alike = self._alike[len(vocabulary), *vocabulary[:1], *vocabulary[-1:]]
        for number in alike:
            if _same(self.distinct[number], vocabulary):
                return number
        alike.append(len(self.distinct))
        self.distinct.append(vocabulary)
        return alike[-1]


def _best(some: _Answers, others: _Answers, sizes: Numbers) -> Best | None:
    """The most telling of an attribute's candidates; None where none is telling."""
    silent = np.array([_silent(some), _silent(others)])
    vocabulary, counts = _together(some.parts, others.parts)
    places = np.flatnonzero(counts.any(axis=0))
    counts = counts[:, places]
    found = []
    if silent[0] * sizes[1] > silent[1] * sizes[0]:
        found.append(best_single(Values((), [-1]), silent[:, None], sizes))
    exclusive = some.exclusive and others.exclusive
    if not isinstance(vocabulary, tuple) and exclusive:
        found.append(best_interval(vocabulary[places], counts, sizes))
    elif exclusive:
        values = Values(vocabulary, [-1, *places.tolist()])
        found.append(best_set(values, np.column_stack((silent, counts)), sizes))
    else:
        found.append(best_single(Values(vocabulary, places.tolist()), counts, sizes))
    return max((each for each in found if each), key=lambda each: each[0], default=None)


def _silent(answers: _Answers) -> int:
    """How many have no answer."""
    return sum(int(counts[0]) for _, counts in answers.parts)


def _together(*sides: Sequence[VocabularyPart]) -> tuple[Vocabulary, ValueCounts]:
    """The values of both sides, ascending, and how often each is held on either."""
    parts = [(*part, side) for side, parts in enumerate(sides) for part in parts if len(part[0])]
    if not parts:
        return (), np.zeros((2, 0), np.int64)
    known = _Vocabularies()
    numbers = [known.number(vocabulary) for vocabulary, *_ in parts]
    values, places = _united(known.distinct)
    counts = np.zeros((2, len(values)), np.int64)
    for number, (_, each, side) in zip(numbers, parts, strict=True):
        counts[side, places[number]] += each[1:]
    return values, counts


def _united(vocabularies: Sequence[Vocabulary]) -> tuple[Vocabulary, Sequence[Numbers]]:
    """All values of some vocabularies, ascending, and the places of each one's among them."""
    if len(vocabularies) == 1:
        return vocabularies[0], [np.arange(len(vocabularies[0]))]
    texts = tuple(each for each in vocabularies if isinstance(each, tuple))
    if texts:
        return _united_texts(texts)
    numbers = [each for each in vocabularies if not isinstance(each, tuple)]
    values = np.unique(np.concatenate(numbers))
    return values, [np.searchsorted(values, each) for each in numbers]


@lru_cache(maxsize=64)
def _united_texts(
    vocabularies: tuple[tuple[str, ...], ...],
) -> tuple[tuple[str, ...], Sequence[Numbers]]:
    values = tuple(sorted(set().union(*vocabularies)))
    place_of = {value: place for place, value in enumerate(values)}
    return values, [np.array([place_of[value] for value in each]) for each in vocabularies]


def _same(one: Vocabulary, other: Vocabulary) -> bool:
    if one is other:
        return True
    if isinstance(one, tuple) or isinstance(other, tuple):
        return isinstance(one, tuple) and isinstance(other, tuple) and one == other
    return np.array_equal(one, other)


def _count_numbers(
    values: NDArray[np.float64], places: Numbers
) -> tuple[NDArray[np.float64], Numbers]:
    """The distinct numbers of some members, and how often each is held; NaN, no answer, first."""
    held = values[places]
    given = held[~np.isnan(held)]
    vocabulary, counts = np.unique(given, return_counts=True)
    return vocabulary, np.array([len(held) - len(given), *counts], np.int64)


def _count_codes(codes: Codes, members: _Members, size: int) -> Numbers:
    """How many members have each code."""
    compiled = load_kernels("profiles.encoding.kernels", len(codes))
    if compiled is None:
        return np.bincount(codes[members.places], minlength=size)
    counts = np.zeros(size, np.int64)
    compiled.count_codes(codes, members.row, counts)
    return counts


def _count_listed(column: RowsColumn | ListsColumn, members: _Members) -> Numbers:
    """How many members have no answer, and how many hold each value, once or more."""
    row = members.row
    counts = np.zeros(len(column.vocabulary) + 1, np.int64)
    counts[0] = popcount(row & ~column.answered)
    if isinstance(column, RowsColumn):
        at = np.flatnonzero(row)
        held = column.rows & row if 2 * len(at) > len(row) else column.rows[:, at] & row[at]
        counts[1:] = np.bitwise_count(held).sum(axis=1, dtype=np.int64)
        return counts
    places = members.places
    sizes = column.offsets[places + 1] - column.offsets[places]
    starts = np.cumsum(sizes) - sizes
    at = np.arange(sizes.sum()) + np.repeat(column.offsets[places] - starts, sizes)
    owners = np.repeat(np.arange(len(places)), sizes)
    once = np.unique(owners * len(counts) + column.codes[at]) % len(counts)
    counts[1:] = np.bincount(once, minlength=len(counts))[1:]
    return counts
