"""Times measured beside calibration loops, so that those of two machines can be compared.

Processor seconds of all threads together are counted, without waiting for other processes, a disk
or a database. A loop of fixed work runs between rounds of the work that is timed; a round's time is
a mean, and so is that of the loops before and after it. The round counts whose ratio of the two is
the median of all rounds.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from statistics import fmean

import numpy as np

from matcher.benchmarking.benchmark import Time
from matcher.benchmarking.settings import Timing
from matcher.support import no_garbage_collection
from profiles.encoding import BitRows, popcount


def object_work() -> int:
    """The calibration loop for work on Python objects."""
    found: dict[tuple[int, str], list[int]] = {}
    for number in range(8_000):
        found.setdefault((number % 997, str(number)), []).append(number)
    return sum(map(len, found.values()))


def bit_work() -> int:
    """The calibration loop for work on rows of bits, short ones and long ones."""
    return sum(_take(rows, times) for rows, times in ((_rows(256), 60), (_rows(1 << 14), 2)))


@cache
def _rows(words: int) -> BitRows:
    numbers = np.arange(16 * words, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (numbers ^ numbers >> np.uint64(29)).reshape(16, words)


def _take(rows: BitRows, times: int) -> int:
    """Divide the members of the first row among the others, several times."""
    total = 0
    taken = np.empty_like(rows[0])
    for _ in range(times):
        left = rows[0].copy()
        for row in rows[1:]:
            np.bitwise_and(left, row, out=taken)
            np.bitwise_xor(left, taken, out=left)
            total += popcount(taken)
    return total


def measure(
    work: Callable[[], object],
    calibration: Callable[[], object],
    timing: Timing,
    *,
    rounds: int,
    prepare: Callable[[], None] | None = None,
) -> Time:
    """Time some work in at least so many rounds; `prepare` is done before each time, untimed."""

    def one_round() -> tuple[float]:
        return (mean_seconds(work, timing.round, prepare),)

    (time_,) = measure_rounds(one_round, calibration, timing, rounds=rounds)
    return time_


def measure_rounds(
    one_round: Callable[[], Sequence[float]],
    calibration: Callable[[], object],
    timing: Timing,
    *,
    rounds: int,
) -> list[Time]:
    """The times of several figures, in seconds, all of which one round gives.

    The garbage collector runs only between rounds.
    """
    calibration()
    loops = [mean_seconds(calibration, timing.calibration)]
    figures: list[Sequence[float]] = []
    spent = 0.0
    while len(figures) < rounds or spent < timing.enough:
        gc.collect(1)  # garbage of the last round
        began = time.perf_counter()
        with no_garbage_collection():
            figures.append(one_round())
        spent += time.perf_counter() - began
        loops.append(mean_seconds(calibration, timing.calibration))
    return [median_time(seconds, loops) for seconds in zip(*figures, strict=True)]


def median_time(seconds: Sequence[float], loops: Sequence[float]) -> Time:
    """The round whose time, in calibration loops, is the median.

    `loops`: seconds of the loops before, between and after the rounds.
    """
    beside = [(before + after) / 2 for before, after in pairwise(loops)]
    ordered = sorted(zip(seconds, beside, strict=True), key=lambda pair: pair[0] / pair[1])
    return Time(*ordered[(len(ordered) - 1) // 2], len(ordered))


def mean_seconds(
    work: Callable[[], object], enough: float, prepare: Callable[[], None] | None = None
) -> float:
    """How long some work takes, in seconds: the mean over all that can be done in so many."""
    taken: list[float] = []
    end = time.perf_counter() + enough
    with no_garbage_collection():
        while not taken or time.perf_counter() < end:
            if prepare is not None:
                prepare()
            began = time.process_time()
            work()
            taken.append(time.process_time() - began)
    return fmean(taken)
