"""Times measured beside calibration loops, so that those of two machines can be compared.

A loop of fixed work runs in between the repeats of what is timed. Of both the least time counts:
whatever else a machine does only ever adds to it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from functools import cache
from math import inf

import numpy as np

from matcher.benching.benchmark import Time
from matcher.garbage import no_garbage_collection
from profiles.bits import Rows, popcount

ENOUGH = 0.5
"""Seconds of work after which a figure is stable enough."""
_ROUND = 0.05
"""Seconds of work between two calibrations, at least."""
_CALIBRATIONS = 3


def object_work() -> int:
    """The calibration loop of what works with Python objects."""
    found: dict[tuple[int, str], list[int]] = {}
    for number in range(8_000):
        found.setdefault((number % 997, str(number)), []).append(number)
    return sum(len(each) for each in found.values())


def bit_work() -> int:
    """The calibration loop of what works with rows of bits, short ones and long ones."""
    return sum(_take(rows, times) for rows, times in ((_rows(256), 60), (_rows(1 << 14), 2)))


@cache
def _rows(words: int) -> Rows:
    numbers = np.arange(16 * words, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return (numbers ^ numbers >> np.uint64(29)).reshape(16, words)


def _take(rows: Rows, times: int) -> int:
    """Divide the members of the first row among the others, some times over."""
    total = 0
    mine = np.empty_like(rows[0])
    for _ in range(times):
        left = rows[0].copy()
        for row in rows[1:]:
            np.bitwise_and(left, row, out=mine)
            np.bitwise_xor(left, mine, out=left)
            total += popcount(mine)
    return total


def measure(
    work: Callable[[], object],
    calibration: Callable[[], object],
    *,
    repeat: int,
    prepare: Callable[[], None] | None = None,
) -> Time:
    """Time some work, at least `repeat` times and until enough is measured.

    `prepare` is done before each time, and is not in it.
    """
    rounds = Rounds(calibration, repeat)
    while rounds.next():
        spent = 0.0
        while spent < _ROUND:
            if prepare is not None:
                prepare()
            taken = seconds_of(work)
            spent += taken
            rounds.add(taken)
    return rounds.time(rounds.least)


class Rounds:
    """Rounds of work, each with a calibration before it.

    `least` is the least time that was added. The garbage collector runs between rounds alone.
    """

    def __init__(self, calibration: Callable[[], object], repeat: int) -> None:
        self.least = inf
        self._calibration = calibration
        self._calibrated = inf
        self._repeat = repeat
        self._repeats = 0
        self._spent = 0.0
        calibration()

    def next(self) -> bool:
        """Whether there is another round; if so, calibrates."""
        if self._repeats >= self._repeat and self._spent >= ENOUGH:
            return False
        gc.collect(1)  # what has come since the last round
        taken = (seconds_of(self._calibration) for _ in range(_CALIBRATIONS))
        self._calibrated = min(self._calibrated, *taken)
        return True

    def add(self, taken: float) -> None:
        """Note what one repeat took, in seconds."""
        self.least = min(self.least, taken)
        self._spent += taken
        self._repeats += 1

    def time(self, seconds: float) -> Time:
        """A figure of these rounds."""
        return Time(seconds, self._calibrated, self._repeats)


def seconds_of(work: Callable[[], object]) -> float:
    """How long some work takes once, in seconds."""
    with no_garbage_collection():
        began = time.perf_counter()
        work()
        return time.perf_counter() - began
