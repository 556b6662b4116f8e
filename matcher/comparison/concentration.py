"""Where some members are concentrated: the answers that they hold more often than others do.

Answers are counted shard by shard, with work in proportion to the members compared. A candidate is
an attribute with a few of its values, an interval of its numbers, or no answer; it is as telling as
the G statistic of its table (some or others, holding or not), less a price for every value or end
of an interval, which grows with the members and with how many values there were to choose from: so
one postal code of thousands does not win by luck.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import nsmallest
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from matcher.comparison.result import Concentration, Value
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

Counts: TypeAlias = NDArray[np.int64]
"""`[2, candidates]`: how many of some members, and how many of the others, hold each."""

_VALUES = 5
_CUTS = 100
_INFINITY = float("inf")


def in_words(concentration: Concentration) -> str:
    """What is held, in the panel's words: `region = DE`, `age 55 and above`."""
    attribute, values = concentration.attribute, concentration.values
    match values:
        case (None,):
            return f"{attribute}: no answer"
        case ((low, high),):
            if low == high:
                return f"{attribute} = {low:.15g}"
            if low == -_INFINITY:
                return f"{attribute} up to {high:.15g}"
            end = "and above" if high == _INFINITY else f"to {high:.15g}"
            return f"{attribute} {low:.15g} {end}"
        case _:
            *first, last = ("no answer" if value is None else str(value) for value in values)
            return f"{attribute} = {' or '.join((', '.join(first), last) if first else (last,))}"


class Histograms:
    """What some members have answered, and what others have, attribute by attribute.

    Attributes that are the same for all members (constants of the panel) are left out.
    """

    def __init__(self, attributes: Iterable[str]) -> None:
        self._answers = {name: _Answers() for name in sorted(set(attributes))}
        self._sizes = np.zeros(2, np.int64)

    def add(self, shard: Shard, some: Row, others: Row) -> None:
        """Count the members of a shard; nobody stands in both rows.

        Raises KeyError where the shard was read without one of the attributes.
        """
        self._sizes += popcount(some), popcount(others)
        rows = (some, others)
        places = (positions(some), positions(others))
        for name, answers in self._answers.items():
            column = shard.columns[name]
            if not isinstance(column, ConstantColumn):
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


Best: TypeAlias = tuple[float, tuple[Value, ...], tuple[int, int]]
"""A score, the values, and how many of some and of the others hold one of them."""


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
        unanswered = _best_single([None], silent[:, None], sizes)
        numeric = values.dtype == np.float64
        if numeric and self._exclusive:
            held = _best_interval(values.astype(np.float64), counts, sizes)
        else:
            named = [(value, value) if numeric else value for value in values.tolist()]
            if self._exclusive:
                held = _best_set([None, *named], np.column_stack((silent, counts)), sizes)
            else:
                held = _best_single(named, counts, sizes)
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


def _scores(
    counts: Counts, sizes: NDArray[np.int64], values: int, picked: int | NDArray[np.int64] = 1
) -> NDArray[np.float64]:
    """How telling candidates are: their G statistic less the price of what was picked.

    `values`: how many there were to pick from. Minus infinity where the share among some is not
    the larger one.
    """
    total = sizes.sum()
    held = counts.sum(axis=0)
    cells = _n_log_n(counts).sum(axis=0) + _n_log_n(sizes[:, None] - counts).sum(axis=0)
    margins = _n_log_n(sizes).sum() + _n_log_n(held) + _n_log_n(total - held)
    price = picked * (np.log(total) + 2 * np.log(max(values, 1)))
    scores = np.round(2 * (cells - margins + _n_log_n(total)) - price, 6)
    return np.where(counts[0] * sizes[1] > counts[1] * sizes[0], scores, -np.inf)


def _n_log_n(counts: NDArray[np.int64] | np.int64) -> NDArray[np.float64]:
    numbers = np.asarray(counts, np.float64)
    return numbers * np.log(np.maximum(numbers, 1))


def _strongest(
    named: Sequence[Value], counts: Counts, sizes: NDArray[np.int64], most: int
) -> list[int]:
    """The places of the most telling single values; ties: more holding first, then by value."""
    scores = _scores(counts, sizes, len(named))
    return nsmallest(
        most,
        np.flatnonzero(scores > 0).tolist(),
        key=lambda place: (-scores[place], -counts[0, place], str(named[place])),
    )


def _best_single(named: Sequence[Value], counts: Counts, sizes: NDArray[np.int64]) -> Best | None:
    """The one value that is most telling."""
    for place in _strongest(named, counts, sizes, 1):
        score = _scores(counts[:, [place]], sizes, len(named))[0]
        return float(score), (named[place],), _pair(counts[:, place])
    return None


def _best_set(named: Sequence[Value], counts: Counts, sizes: NDArray[np.int64]) -> Best | None:
    """The best of all sets of the few most telling values, of which a member holds one at most."""
    places = _strongest(named, counts, sizes, _VALUES)
    if not places:
        return None
    chosen = (np.arange(1, 1 << len(places))[:, None] >> np.arange(len(places))) & 1
    held = counts[:, places] @ chosen.T
    scores = _scores(held, sizes, len(named), chosen.sum(axis=1))
    best = int(np.lexsort((chosen.sum(axis=1), -held[0], -scores))[0])
    values = tuple(
        named[place]
        for place in sorted(
            (place for place, part in zip(places, chosen[best], strict=True) if part),
            key=lambda place: -counts[0, place],
        )
    )
    return float(scores[best]), values, _pair(held[:, best])


def _best_interval(
    values: NDArray[np.float64], counts: Counts, sizes: NDArray[np.int64]
) -> Best | None:
    """The best interval of ascending numbers; an end that cuts nobody off is left open."""
    starts = _starts(counts)
    sums = np.column_stack(
        (np.zeros(2, np.int64), np.add.reduceat(counts, starts, axis=1).cumsum(axis=1))
    )
    low, high = np.triu_indices(len(starts))
    held = sums[:, high + 1] - sums[:, low]
    ends = (low > 0).astype(np.int64) + (high < len(starts) - 1)
    scores = np.where(ends > 0, _scores(held, sizes, len(values), ends), -np.inf)
    best = int(np.lexsort((low, -held[0], -scores))[0]) if len(scores) else 0
    if not len(scores) or not scores[best] > 0:
        return None
    first, last = starts[low[best]], np.append(starts, len(values))[high[best] + 1] - 1
    interval = (
        float(values[first]) if low[best] else -_INFINITY,
        float(values[last]) if high[best] < len(starts) - 1 else _INFINITY,
    )
    return float(scores[best]), (interval,), _pair(held[:, best])


def _starts(counts: Counts) -> NDArray[np.int64]:
    """Where an interval may begin: at every number, or of many at the quantiles of both sides."""
    if counts.shape[1] <= 2 * _CUTS:
        return np.arange(counts.shape[1])
    sums = counts.cumsum(axis=1)
    shares = np.arange(_CUTS) / _CUTS
    cuts = [np.searchsorted(each, shares * each[-1], side="right") for each in sums if each[-1]]
    return np.unique(np.concatenate([[0], *cuts]))


def _pair(counts: NDArray[np.int64]) -> tuple[int, int]:
    return int(counts[0]), int(counts[1])
