"""How telling it is that some members hold an answer and others do not, and the best of answers.

A candidate is a value, a few values or an interval of numbers. It is as telling as the G statistic
of its table (some or others, holding or not), less a price for every value or end of an interval,
which grows with the members and with how many values there were to choose from: so one postal code
of thousands does not win by luck.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import nsmallest
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from matcher.concentration.result import Concentration, Value
from profiles.schema import INFINITY

ValueCounts: TypeAlias = NDArray[np.int64]
"""`[2, candidates]`: how many of some members, and how many of the others, hold each."""

Best: TypeAlias = tuple[float, tuple[Value, ...], tuple[int, int]]
"""A score, the values, and how many of some and of the others hold one of them."""

_VALUES = 5
_CUTS = 100


class Values:
    """What there is to choose from: places in a vocabulary of codes or numbers; -1: no answer."""

    def __init__(
        self, vocabulary: Sequence[str] | NDArray[np.float64], places: Sequence[int]
    ) -> None:
        self._vocabulary = vocabulary
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, number: int) -> Value:
        place = self._places[number]
        if place < 0:
            return None
        value = self._vocabulary[place]
        return value if isinstance(value, str) else (float(value), float(value))


def g_statistic(held: Concentration) -> float:
    """How telling a concentration is, whatever there was to choose from."""
    counts = np.array([[held.holding], [held.others_holding]])
    return float(_scores(counts, np.array([held.members, held.others]), 1, picked=0)[0])


def _scores(
    counts: ValueCounts, sizes: NDArray[np.int64], values: int, picked: int | NDArray[np.int64] = 1
) -> NDArray[np.float64]:
    """How telling candidates are: their G statistic less the price of what was picked.

    `values`: how many there were to pick from. Minus infinity where the share among some is not
    the larger one.
    """
    total = int(sizes.sum())
    held = counts[0] + counts[1]
    cells = np.concatenate((counts, sizes[:, None] - counts, [held, total - held]))
    logs = _n_log_n(cells)
    margins = float(_n_log_n(np.append(sizes, total)) @ (1, 1, -1))
    price = picked * (math.log(total) + 2 * math.log(max(values, 1)))
    scores = np.round(2 * (logs[:4].sum(axis=0) - logs[4] - logs[5] - margins) - price, 6)
    return np.where(counts[0] * sizes[1] > counts[1] * sizes[0], scores, -np.inf)


def _n_log_n(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.multiply(counts, np.log(np.maximum(counts, 1)), dtype=np.float64)


def _strongest(
    named: Values, counts: ValueCounts, sizes: NDArray[np.int64], most: int
) -> list[tuple[float, int]]:
    """The scores and places of the most telling single values.

    Ties: more holding first, then by value.
    """
    scores = _scores(counts, sizes, len(named))
    places = nsmallest(
        most,
        np.flatnonzero(scores > 0).tolist(),
        key=lambda place: (-scores[place], -counts[0, place], str(named[place])),
    )
    return [(float(scores[place]), place) for place in places]


def best_single(named: Values, counts: ValueCounts, sizes: NDArray[np.int64]) -> Best | None:
    """The one value that is most telling."""
    for score, place in _strongest(named, counts, sizes, 1):
        return score, (named[place],), _pair(counts[:, place])
    return None


def best_set(named: Values, counts: ValueCounts, sizes: NDArray[np.int64]) -> Best | None:
    """The best of all sets of the few most telling values, of which a member holds one at most."""
    places = [place for _, place in _strongest(named, counts, sizes, _VALUES)]
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


def best_interval(
    values: NDArray[np.float64], counts: ValueCounts, sizes: NDArray[np.int64]
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
        float(values[first]) if low[best] else -INFINITY,
        float(values[last]) if high[best] < len(starts) - 1 else INFINITY,
    )
    return float(scores[best]), (interval,), _pair(held[:, best])


def _starts(counts: ValueCounts) -> NDArray[np.int64]:
    """Where an interval may begin: at every number, or of many at the quantiles of both sides."""
    if counts.shape[1] <= 2 * _CUTS:
        return np.arange(counts.shape[1])
    sums = counts.cumsum(axis=1)
    shares = np.arange(_CUTS) / _CUTS
    cuts = [np.searchsorted(each, shares * each[-1], side="right") for each in sums if each[-1]]
    return np.unique(np.concatenate([[0], *cuts]))


def _pair(counts: NDArray[np.int64]) -> tuple[int, int]:
    return int(counts[0]), int(counts[1])
