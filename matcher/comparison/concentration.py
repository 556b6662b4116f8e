"""Where some members are concentrated: the answers that they hold more often than others do.

Answers are counted shard by shard, with work in proportion to the members compared;
`matcher.comparison.telling` picks the best.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from matcher.comparison.result import Concentration, Value
from matcher.comparison.telling import (
    INFINITY,
    Best,
    Counts,
    best_interval,
    best_set,
    best_single,
)
from profiles.bits import Row, popcount, positions
from profiles.columns import (
    Column,
    ConstantColumn,
    ListsColumn,
    NumberColumn,
    RowsColumn,
    SingleColumn,
    Vocabulary,
)
from profiles.panel import Shard


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


def holders(shard: Shard, attribute: str, values: Iterable[Value]) -> Row:
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
    return shard.everyone & (row | column.holding(wanted))


class Histograms:
    """What some members have answered, and what others have, attribute by attribute.

    Attributes that are the same for all members (constants of the panel) are left out.
    """

    def __init__(self, attributes: Iterable[str]) -> None:
        self._answers = {name: _Answers() for name in sorted(set(attributes))}
        self._sizes = np.zeros(2, np.int64)

    def add(
        self, shard: Shard, some: Row, others: Row, among: Mapping[str, Row] | None = None
    ) -> None:
        """Count the members of a shard; nobody stands in both rows.

        `among`: of an attribute in it, the answers of those in its row alone; the rest are taken
        to hold nothing of it. Raises KeyError where the shard was read without an attribute.
        """
        self._sizes += popcount(some), popcount(others)
        rows = (some, others)
        places = (positions(some), positions(others))
        for name, answers in self._answers.items():
            column = shard.columns[name]
            if isinstance(column, ConstantColumn):
                continue
            if among is not None and name in among:
                mine = (some & among[name], others & among[name])
                answers.add(column, mine, (positions(mine[0]), positions(mine[1])))
            else:
                answers.add(column, rows, places)

    def top(self, most: int = 3) -> tuple[Concentration, ...]:
        """The most telling answers, best first, at most one an attribute.

        Only answers of which some hold a larger share than the others do, beyond what chance
        explains; none where there are no others to compare with.
        """
        members, others = self._sizes.tolist()
        if not (members and others):
            return ()
        found = []
        for name, answers in self._answers.items():
            best = answers.best(self._sizes)
            if best is not None:
                score, values, (holding, others_holding) = best
                of = Concentration(name, values, members, holding, others, others_holding)
                found.append(((-score, -holding, name), of))
        return tuple(of for _, of in sorted(found, key=lambda each: each[0])[:most])


class _Answers:
    """How often each value of one attribute is held, and how often there is no answer."""

    def __init__(self) -> None:
        self._parts: list[tuple[Vocabulary, Counts]] = []
        self._exclusive = True

    def add(
        self, column: Column, rows: tuple[Row, Row], places: Sequence[NDArray[np.int64]]
    ) -> None:
        """Count the members of a shard; kept apart from those before if its values are others."""
        vocabulary = column.vocabulary
        match column:
            case NumberColumn(vocabulary=values):
                vocabulary, counts = _count_numbers(values, places)
            case SingleColumn(codes=codes):
                size = len(vocabulary) + 1
                counts = np.array([np.bincount(codes[each], minlength=size) for each in places])
            case RowsColumn() | ListsColumn():
                self._exclusive = False
                pairs = zip(rows, places, strict=True)
                counts = np.array([_count_listed(column, row, each) for row, each in pairs])
            case _:
                raise AssertionError("a column of a panel")
        for known, so_far in self._parts:
            if _same(known, vocabulary):
                so_far += counts
                return
        self._parts.append((vocabulary, counts.astype(np.int64)))

    def best(self, sizes: NDArray[np.int64]) -> Best | None:
        """The most telling of its candidates; None where none is telling."""
        values, counts, silent = self._together()
        kept = counts.any(axis=0)
        values, counts = values[kept], counts[:, kept]
        unanswered = best_single([None], silent[:, None], sizes)
        numeric = values.dtype == np.float64
        if numeric and self._exclusive:
            held = best_interval(values.astype(np.float64), counts, sizes)
        else:
            named = [(value, value) if numeric else value for value in values.tolist()]
            if self._exclusive:
                held = best_set([None, *named], np.column_stack((silent, counts)), sizes)
            else:
                held = best_single(named, counts, sizes)
        return max(
            (each for each in (held, unanswered) if each), key=lambda each: each[0], default=None
        )

    def _together(self) -> tuple[NDArray[Any], Counts, NDArray[np.int64]]:
        """All values of all shards, ascending; their counts; and those of no answer, `[2]`."""
        silent = np.zeros(2, np.int64)
        for _, each in self._parts:
            silent += each[:, 0]
        parts = [part for part in self._parts if len(part[0])]
        if not parts:
            return np.empty(0, object), np.zeros((2, 0), np.int64), silent
        listed = np.concatenate([counts[:, 1:] for _, counts in parts], axis=1)
        if isinstance(parts[0][0], tuple):
            texts = pa.chunked_array([pa.array(texts, pa.string()) for texts, _ in parts])
            encoded = texts.combine_chunks().dictionary_encode()
            place_of = encoded.indices.to_numpy()
            values = np.array([*encoded.dictionary.to_pylist(), None], object)[:-1]
        else:
            values, place_of = np.unique(
                np.concatenate([numbers for numbers, _ in parts]), return_inverse=True
            )
        counts = np.zeros((2, len(values)), np.int64)
        for side, each in zip(counts, listed, strict=True):
            np.add.at(side, place_of, each)
        return values, counts, silent


def _same(one: Vocabulary, other: Vocabulary) -> bool:
    if one is other:
        return True
    if isinstance(one, tuple) or isinstance(other, tuple):
        return isinstance(one, tuple) and isinstance(other, tuple) and one == other
    return np.array_equal(one, other)


def _count_numbers(
    values: NDArray[np.float64], places: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[np.float64], Counts]:
    """The distinct numbers of the members compared, and how often each is held; NaN first."""
    held = [values[each] for each in places]
    given = [each[~np.isnan(each)] for each in held]
    vocabulary = np.unique(np.concatenate(given))
    counts = [
        [
            len(each) - len(mine),
            *np.bincount(np.searchsorted(vocabulary, mine), minlength=len(vocabulary)),
        ]
        for each, mine in zip(held, given, strict=True)
    ]
    return vocabulary, np.array(counts, np.int64)


def _count_listed(
    column: RowsColumn | ListsColumn, row: Row, places: NDArray[np.int64]
) -> NDArray[np.int64]:
    """How many members of a row have no answer, and how many hold each value, once or more."""
    counts = np.zeros(len(column.vocabulary) + 1, np.int64)
    counts[0] = popcount(row & ~column.answered)
    if isinstance(column, RowsColumn):
        at = np.flatnonzero(row)
        counts[1:] = np.bitwise_count(column.rows[:, at] & row[at]).sum(axis=1, dtype=np.int64)
        return counts
    sizes = column.offsets[places + 1] - column.offsets[places]
    starts = np.cumsum(sizes) - sizes
    at = np.arange(sizes.sum()) + np.repeat(column.offsets[places] - starts, sizes)
    members = np.repeat(np.arange(len(places)), sizes)
    once = np.unique(members * len(counts) + column.codes[at]) % len(counts)
    counts[1:] = np.bincount(once, minlength=len(counts))[1:]
    return counts
