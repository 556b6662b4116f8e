"""Answers that some members hold more often than others do.

Answers are counted shard by shard, with work in proportion to the members compared;
`matcher.concentration.association` picks the best.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from math import inf
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
from matcher.concentration.result import AnswerValue, Concentration
from matcher.concentration.vocabularies import Vocabularies
from profiles.encoding import (
    BitRow,
    Codes,
    Column,
    ConstantColumn,
    ListsColumn,
    NumberColumn,
    Numbers,
    RowsColumn,
    SingleColumn,
    Vocabulary,
    load_kernels,
    popcount,
    positions,
)
from profiles.panel import Shard

VocabularyPart: TypeAlias = tuple[Vocabulary, Numbers]
"""Values, and how often there is no answer, then how often each value is held."""


def concentration_words(concentration: Concentration) -> str:
    """A concentration's answers, in the panel's words: `region = DE`, `age 55 and above`."""
    attribute, values = concentration.attribute, concentration.values
    match values:
        case (None,):
            return f"{attribute}: no answer"
        case ((low, high),):
            if low == high:
                return f"{attribute} = {low:.15g}"
            if low == -inf:
                return f"{attribute} up to {high:.15g}"
            end = "and above" if high == inf else f"to {high:.15g}"
            return f"{attribute} {low:.15g} {end}"
        case _:
            *first, last = ("no answer" if value is None else str(value) for value in values)
            return f"{attribute} = {' or '.join((', '.join(first), last) if first else (last,))}"


def holders(shard: Shard, attribute: str, values: Iterable[AnswerValue]) -> BitRow:
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
    """The answers of some members and of others, attribute by attribute."""

    def __init__(self, attributes: Iterable[str]) -> None:
        attributes = [*attributes]
        self._some, self._others = Histogram(attributes), Histogram(attributes)

    def add(
        self, shard: Shard, some: BitRow, others: BitRow, among: Mapping[str, BitRow] | None = None
    ) -> None:
        """Count the members of a shard; nobody is in both rows.

        `among`: for an attribute in it, only the answers of members in its row count; the others
        count as holding none. Raises KeyError where the shard was read without an attribute.
        """
        self._some.add(shard, some, among)
        self._others.add(shard, others, among)

    def __repr__(self) -> str:
        return (
            f"Histograms({len(self._some.answers):,} attributes, {self._some.members:,} members "
            f"and {self._others.members:,} others)"
        )

    def top(self, most: int = 3) -> tuple[Concentration, ...]:
        """The strongest answers, as `strongest` gives them."""
        return strongest(self._some, self._others, most)


class Histogram:
    """The answers of some members, attribute by attribute.

    Attributes that are the same for all members (constants of the panel) are left out.
    """

    def __init__(self, attributes: Iterable[str]) -> None:
        self.answers = {name: _Answers() for name in sorted(set(attributes))}
        self.members = 0

    def add(self, shard: Shard, row: BitRow, among: Mapping[str, BitRow] | None = None) -> None:
        """Count the members of a shard who are in a row; `among` as for `Histograms.add`."""
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

    def __repr__(self) -> str:
        return f"Histogram({len(self.answers):,} attributes, {self.members:,} members)"

    def without(self, others: Histogram) -> Histogram:
        """These members without others, all of whom are among them."""
        left = Histogram(self.answers)
        for histogram, factor in ((self, 1), (others, -1)):
            left.members += factor * histogram.members
            for name, answers in histogram.answers.items():
                left.answers[name].add_all(answers, factor)
        return left


def strongest(some: Histogram, others: Histogram, most: int = 3) -> tuple[Concentration, ...]:
    """The strongest answers of some members, best first, at most one an attribute.

    Only answers that a larger share of them holds than of the others, beyond what chance explains;
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
            held = Concentration(
                name, values, some.members, holding, others.members, others_holding
            )
            found.append(((-score, -holding, name), held))
    return tuple(held for _, held in sorted(found, key=lambda pair: pair[0])[:most])


class _Members:
    """Members as a row of bits, and by position where that is needed."""

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
        self._known = Vocabularies()

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

    def add_all(self, other: _Answers, factor: int) -> None:
        """Add the counts of another, times a factor."""
        self.exclusive &= other.exclusive
        for vocabulary, counts in other.parts:
            self._add(vocabulary, factor * counts)

    def _add(self, vocabulary: Vocabulary, counts: Numbers) -> None:
        """Add counts to those of the same vocabulary, or keep them apart."""
        number = self._known.number(vocabulary)
        if number == len(self.parts):
            self.parts.append((vocabulary, counts.astype(np.int64)))
        else:
            so_far = self.parts[number][1]
            so_far += counts


def _best(some: _Answers, others: _Answers, sizes: Numbers) -> Best | None:
    """The strongest of an attribute's candidates; None where none is strong enough."""
    unanswered = np.array([_unanswered(some), _unanswered(others)])
    vocabulary, counts = _together(some.parts, others.parts)
    places = np.flatnonzero(counts.any(axis=0))
    counts = counts[:, places]
    found = []
    if unanswered[0] * sizes[1] > unanswered[1] * sizes[0]:
        found.append(best_single(Values((), [-1]), unanswered[:, None], sizes))
    exclusive = some.exclusive and others.exclusive
    if not isinstance(vocabulary, tuple) and exclusive:
        found.append(best_interval(vocabulary[places], counts, sizes))
    elif exclusive:
        values = Values(vocabulary, [-1, *places.tolist()])
        found.append(best_set(values, np.column_stack((unanswered, counts)), sizes))
    else:
        found.append(best_single(Values(vocabulary, places.tolist()), counts, sizes))
    return max(filter(None, found), key=lambda best: best[0], default=None)


def _unanswered(answers: _Answers) -> int:
    """How many have no answer."""
    return sum(int(counts[0]) for _, counts in answers.parts)


def _together(*sides: Sequence[VocabularyPart]) -> tuple[Vocabulary, ValueCounts]:
    """The values of both sides, ascending, and how often each is held on either."""
    parts = [(*part, side) for side, parts in enumerate(sides) for part in parts if len(part[0])]
    if not parts:
        return (), np.zeros((2, 0), np.int64)
    known = Vocabularies()
    numbers = [known.number(vocabulary) for vocabulary, *_ in parts]
    values, places = _united(known.distinct)
    counts = np.zeros((2, len(values)), np.int64)
    for number, (_, held, side) in zip(numbers, parts, strict=True):
        counts[side, places[number]] += held[1:]
    return values, counts


def _united(vocabularies: Sequence[Vocabulary]) -> tuple[Vocabulary, Sequence[Numbers]]:
    """All values of some vocabularies, ascending, and the places of each one's among them."""
    if len(vocabularies) == 1:
        return vocabularies[0], [np.arange(len(vocabularies[0]))]
    texts = tuple(texts for texts in vocabularies if isinstance(texts, tuple))
    if texts:
        return _united_texts(texts)
    numbers = [numbers for numbers in vocabularies if not isinstance(numbers, tuple)]
    values = np.unique(np.concatenate(numbers))
    return values, [np.searchsorted(values, part) for part in numbers]


@lru_cache(maxsize=64)
def _united_texts(
    vocabularies: tuple[tuple[str, ...], ...],
) -> tuple[tuple[str, ...], Sequence[Numbers]]:
    values = tuple(sorted(set().union(*vocabularies)))
    place_of = {value: place for place, value in enumerate(values)}
    return values, [np.array([place_of[value] for value in texts]) for texts in vocabularies]


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
