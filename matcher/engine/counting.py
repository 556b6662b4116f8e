"""Members counted by survey and quota, from the bits of one shard after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from matcher.compiler import Conjunction, Program
from matcher.engine.bind import Bound, meet, possible_rows
from profiles.encoding import BitRows, Engine, load_kernels, popcount
from profiles.panel import Shard

TakenCounts: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Members given by slot; admitted by survey that is not `sole`; matched by slot, -1: not known."""

Tally: TypeAlias = tuple[Conjunction | None, tuple[Conjunction | None, ...]]
"""Members of a base to count: by each conjunction, and by any of them."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Members counted over some shards, as int64 arrays.

    By survey of the plan: `eligible`, `uncertain`, `given` (out to it). By slot: `matched` (the
    survey's gate and the quota's own rule admit them) and `assigned` (given that quota).
    """

    eligible: NDArray[np.int64]
    uncertain: NDArray[np.int64]
    given: NDArray[np.int64]
    matched: NDArray[np.int64]
    assigned: NDArray[np.int64]

    @classmethod
    def zero(cls, program: Program) -> Counts:
        """Nobody counted yet."""
        surveys, slots = len(program.surveys), len(program.slots)
        sizes = (surveys, surveys, surveys, slots, slots)
        return cls(*(np.zeros(size, np.int64) for size in sizes))

    def add(self, other: Counts) -> None:
        """Add the members of another shard."""
        self.eligible[:] += other.eligible
        self.uncertain[:] += other.uncertain
        self.given[:] += other.given
        self.matched[:] += other.matched
        self.assigned[:] += other.assigned


def count_rows(rows: BitRows, at_a_time: int = 8) -> NDArray[np.int64]:
    """How many members are in each row; a few rows at a time, so that they stay in the cache."""
    counts = np.empty(len(rows), np.int64)
    for start in range(0, len(rows), at_a_time):
        part = slice(start, start + at_a_time)
        counts[part] = np.bitwise_count(rows[part]).sum(axis=1, dtype=np.uint32)
    return counts


def count_taken(program: Program, taken_counts: TakenCounts, counts: Counts) -> None:
    """Note how many each quota is given, each survey admits, and were seen to match."""
    counts.assigned[:], admitted, counts.matched[:] = taken_counts
    others = iter(admitted)
    counts.eligible[:] = [
        sum(counts.assigned[slot.number] for slot in survey.steps[0].slots)
        if survey.sole
        else next(others)
        for survey in program.surveys
    ]


def count_matched(
    program: Program, bound: Bound, shard: Shard, counts: Counts, engine: Engine = "auto"
) -> None:
    """Count whom each quota's own rule and the survey's gate admit, where that is not known yet."""
    uncounted = [
        [slot for step in compiled.steps for slot in step.slots if counts.matched[slot.number] < 0]
        for compiled in program.surveys
    ]
    wanted = [
        (compiled.gate if slots else None, tuple(slot.matches for slot in slots))
        for compiled, slots in zip(program.surveys, uncounted, strict=True)
    ]
    for slots, (found, _) in zip(uncounted, tally(bound.true, wanted, shard, engine), strict=True):
        counts.matched[[slot.number for slot in slots]] = found


def count_eligible(
    program: Program, bound: Bound, shard: Shard, engine: Engine = "auto"
) -> NDArray[np.int64]:
    """By slot: members whom the survey admits and every quota of the slot's path would take."""
    counts = np.zeros(len(program.slots), np.int64)
    wanted: list[Tally] = []
    numbers: list[list[int]] = []
    for compiled in program.surveys:
        paths: dict[int | None, Conjunction | None] = {None: ()}
        for step in compiled.steps:
            outer = paths[step.source]
            for slot in step.slots:
                never = outer is None or slot.takes is None
                paths[slot.number] = None if never else (*(outer or ()), *(slot.takes or ()))
        slots = [number for number in paths if number is not None]
        numbers.append(slots)
        wanted.append((compiled.admits, tuple(paths[number] for number in slots)))
    for slots, (found, _) in zip(numbers, tally(bound.true, wanted, shard, engine), strict=True):
        counts[slots] = found
    return counts


def count_uncertain(
    program: Program, bound: Bound, shard: Shard, counts: Counts, engine: Engine = "auto"
) -> None:
    """Count who may be admitted and is not definitely; `counts.eligible` must be filled."""
    everyone: tuple[Conjunction | None, ...] = ((),)
    wanted = [
        (
            compiled.admits,
            tuple(slot.takes for slot in compiled.steps[0].slots) if compiled.sole else everyone,
        )
        for compiled in program.surveys
    ]
    found = tally(possible_rows(bound, shard), wanted, shard, engine)
    counts.uncertain[:] = [may_be for _, may_be in found] - counts.eligible


def tally(
    rows: BitRows, wanted: Sequence[Tally], shard: Shard, engine: Engine = "auto"
) -> list[tuple[list[int], int]]:
    """Count the members of each base by each of its conjunctions, and by any of them."""
    everyone = shard.everyone
    kernel = load_kernels("matcher.engine.kernels", rows.size, engine)
    if kernel is not None:
        counted: list[tuple[list[int], int]] = kernel.tally(rows, everyone, wanted)
        return counted
    base, members, union = np.empty((3, rows.shape[1]), np.uint64)
    counts: list[tuple[list[int], int]] = []
    for base_of, conjunctions in wanted:
        found = [0] * len(conjunctions)
        union[:] = 0
        if base_of is not None:
            meet(rows, base_of, everyone, base)
            for place, conjunction in enumerate(conjunctions):
                if conjunction is not None:
                    meet(rows, conjunction, base, members)
                    np.bitwise_or(union, members, out=union)
                    found[place] = popcount(members)
        counts.append((found, popcount(union)))
    return counts
