"""How strongly an answer is associated with some members rather than others, and the best answer.

A candidate is a value, a few values or an interval of numbers. Its strength is the G statistic of
its table (some or others, holding or not), less a price for every value or end of an interval,
which grows with the members and with how many values there were to choose from: so one postal code
of thousands does not win by chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import nsmallest
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from matcher.concentration.result import AnswerValue, Concentration

ValueCounts: TypeAlias = NDArray[np.int64]
"""`[2, candidates]`: how many of some members, and of the others, hold each candidate."""

Best: TypeAlias = tuple[float, tuple[AnswerValue, ...], tuple[int, int]]
"""A strength, the values, and how many of some and of the others hold one of them."""

_VALUES = 5
_CUTS = 100


class Values:
    """The values to choose from: places in a vocabulary of codes or numbers; -1: no answer."""

    def __init__(
        self, vocabulary: Sequence[str] | NDArray[np.float64], places: Sequence[int]
    ) -> None:
        self._vocabulary = vocabulary
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, number: int) -> AnswerValue:
        place = self._places[number]
        if place < 0:
            return None
        value = self._vocabulary[place]
        return value if isinstance(value, str) else (float(value), float(value))


def g_statistic(held: Concentration) -> float:
    """How strong a concentration is, however many values there were to choose from."""
    counts = np.array([[held.holding], [held.others_holding]])
    return float(_scores(counts, np.array([held.members, held.others]), 1, picked=0)[0])


def _scores(
    counts: ValueCounts, sizes: NDArray[np.int64], values: int, picked: int | NDArray[np.int64] = 1
) -> NDArray[np.float64]:
    """The strength of candidates: their G statistic less the price of the values picked.

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


def _strongest_values(
    candidates: Values, counts: ValueCounts, sizes: NDArray[np.int64], most: int
) -> list[tuple[float, int]]:
    """The scores and places of the strongest single values.

    Ties: more holding first, then by value.
    """
    scores = _scores(counts, sizes, len(candidates))
    places = nsmallest(
        most,
        np.flatnonzero(scores > 0).tolist(),
        key=lambda place: (-scores[place], -counts[0, place], str(candidates[place])),
    )
    return [(float(scores[place]), place) for place in places]


def best_single(candidates: Values, counts: ValueCounts, sizes: NDArray[np.int64]) -> Best | None:
    """The one value that is strongest."""
    for score, place in _strongest_values(candidates, counts, sizes, 1):
        return score, (candidates[place],), _pair(counts[:, place])
    return None


def best_set(candidates: Values, counts: ValueCounts, sizes: NDArray[np.int64]) -> Best | None:
    """The best of all sets of the few strongest values, of which a member holds one at most."""
    places = [place for _, place in _strongest_values(candidates, counts, sizes, _VALUES)]
    if not places:
        return None
    chosen = (np.arange(1, 1 << len(places))[:, None] >> np.arange(len(places))) & 1
    held = counts[:, places] @ chosen.T
    scores = _scores(held, sizes, len(candidates), chosen.sum(axis=1))
    best = int(np.lexsort((chosen.sum(axis=1), -held[0], -scores))[0])
    values = tuple(
        candidates[place]
        for place in sorted(
            (place for place, part in zip(places, chosen[best], strict=True) if part),
            key=lambda place: -counts[0, place],
        )
    )
    return float(scores[best]), values, _pair(held[:, best])


def best_interval(
    values: NDArray[np.float64], counts: ValueCounts, sizes: NDArray[np.int64]
) -> Best | None:
    """The best interval of ascending numbers; an end that excludes nobody is left open."""
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
        float(values[first]) if low[best] else -math.inf,
        float(values[last]) if high[best] < len(starts) - 1 else math.inf,
    )
    return float(scores[best]), (interval,), _pair(held[:, best])


def _starts(counts: ValueCounts) -> NDArray[np.int64]:
    """Where an interval may begin: at every number, or if there are many at quantiles."""
    if counts.shape[1] <= 2 * _CUTS:
        return np.arange(counts.shape[1])
    sums = counts.cumsum(axis=1)
    shares = np.arange(_CUTS) / _CUTS
    cuts = [np.searchsorted(row, shares * row[-1], side="right") for row in sums if row[-1]]
    return np.unique(np.concatenate([[0], *cuts]))


def _pair(counts: NDArray[np.int64]) -> tuple[int, int]:
    return int(counts[0]), int(counts[1])
