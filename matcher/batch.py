"""The batch executor: who is admitted and to which quota, for all members of a shard at once.

For every group `left` starts as the members to divide, and each quota takes its own out of it:
`taken = left & predicates; left ^= taken`. Where the `fast` extra is there and the choice is an
order, one compiled kernel does the same (`matcher.kernel`), equal bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from matcher.bind import Bound, Rows, possible_rows
from matcher.choice import Balanced, Choice
from matcher.draw import draw_all
from matcher.plan import Compiled, Conjunction, Program, Slot, Step
from profiles.bits import WORD, Row, bits_at, popcount, positions, row_of, words
from profiles.fast import Engine, kernels
from profiles.panel import Shard

TakenCounts: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Members given by slot; admitted by survey that is not `sole`; matched by slot, -1: not known."""
_ROWS_AT_A_TIME = 8
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


@dataclass(frozen=True, slots=True)
class Assigned:
    """Whom each quota is given, on one shard: row `s` of `taken` for slot `s`.

    `admitted` has a row for every survey that is not `sole` (of the others a member is admitted
    who is in a slot of their one group), in plan order.
    """

    taken: Rows
    admitted: Rows

    @classmethod
    def empty(cls, program: Program, members: int) -> Assigned:
        """Room for the results of a shard, to be filled again and again."""
        others = sum(not survey.sole for survey in program.surveys)
        shape = words(members)
        return cls(
            np.empty((len(program.slots), shape), np.uint64), np.empty((others, shape), np.uint64)
        )

    def room_for(self, members: int) -> Assigned:
        """The same room, for a shard of no more members than it was made for."""
        span = words(members)
        return Assigned(self.taken[:, :span], self.admitted[:, :span])

    def who(self, program: Program) -> list[Row]:
        """The row of the members admitted, for every survey of the plan."""
        others = iter(self.admitted)
        return [
            union(self.taken, survey.steps[0]) if survey.sole else next(others)
            for survey in program.surveys
        ]


def union(taken: Rows, step: Step) -> Row:
    """The members whom any of a step's slots is given."""
    row = np.zeros(taken.shape[1], np.uint64)
    for slot in step.slots:
        np.bitwise_or(row, taken[slot.number], out=row)
    return row


def meet(rows: Rows, conjunction: Conjunction, base: Row, out: Row) -> None:
    """Members of a base for whom every register of a conjunction holds."""
    if not conjunction:
        np.copyto(out, base)
        return
    np.bitwise_and(base, rows[conjunction[0]], out=out)
    for register in conjunction[1:]:
        np.bitwise_and(out, rows[register], out=out)


class Executor:
    """Runs a program on bound shards, with one way to choose.

    `engine`: `numpy`, `numba` (the `fast` extra), or `auto`: numba where it is there and pays.
    """

    def __init__(self, program: Program, choice: Choice, engine: Engine = "auto") -> None:
        self.program = program
        self.choice = choice
        self.engine = engine
        self._flattened: Any = None
        self._order = {
            id(step): self._ordered(compiled, step)
            for compiled in program.surveys
            for step in compiled.steps
        }

    def room(self, members: int, *, kept: bool) -> Assigned:
        """Room for the results of a shard; of those that need not be kept, for a tile of them."""
        kernel = self._kernel(members)
        if not kept and kernel is not None:
            members = min(members, kernel.TILE_WORDS * WORD)
        return Assigned.empty(self.program, members)

    def assign(self, bound: Bound, shard: Shard, out: Assigned) -> TakenCounts:
        """Admit members definitely, and choose among the quotas that definitely take them."""
        narrow = out.taken.shape[1] < words(shard.size)
        kernel = self._kernel(shard.size, "numba" if narrow else self.engine)
        if kernel is None:
            return self._run([bound.true], shard, out, None)
        everyone = shard.everyone
        counts: TakenCounts = kernel.assign(
            self._flat(kernel), bound.true, everyone, out.taken, out.admitted
        )
        return counts

    def _kernel(self, members: int, engine: Engine | None = None) -> ModuleType | None:
        if isinstance(self.choice, Balanced):
            return None
        work = len(self.program.slots) * words(members)
        return kernels("matcher.kernel", work, engine or self.engine)

    def assign_uncertain(
        self, bound: Bound, shard: Shard, exact: Assigned, out: Assigned
    ) -> TakenCounts:
        """Admit those who only may be, to quotas that take them definitely, or else may."""
        rounds = [bound.true, possible_rows(bound, shard)]
        return self._run(rounds, shard, out, exact.who(self.program))

    def _ordered(self, compiled: Compiled, step: Step) -> Sequence[Slot]:
        """The step's slots that have a seat for anyone, the preferred ones first."""
        slots = step.slots
        if not isinstance(self.choice, Balanced):
            place = {
                quota.pointer: number
                for number, quota in enumerate(self.choice.order(compiled.survey, step.group))
            }
            slots = tuple(sorted(slots, key=lambda slot: place[slot.quota.pointer]))
        return [slot for slot in slots if slot.takes is not None]

    def _flat(self, kernel: ModuleType) -> Any:
        if self._flattened is None:
            self._flattened = kernel.flatten(self.program, self._order)
        return self._flattened

    def _run(
        self, rounds: list[Rows], shard: Shard, out: Assigned, without: list[Row] | None
    ) -> TakenCounts:
        """Divide members among quotas, round after round, by what each round's rows say.

        Whom a survey admits is said by the last round's rows, less those in `without`.
        """
        everyone = shard.everyone
        base, left = np.empty_like(everyone), np.empty_like(everyone)
        others = iter(out.admitted)
        adds = len(rounds) > 1 or isinstance(self.choice, Balanced)
        for number, compiled in enumerate(self.program.surveys):
            kept = None if compiled.sole else next(others)
            if compiled.admits is None:
                base[:] = 0
            else:
                meet(rounds[-1], compiled.admits, everyone, base)
                if without is not None:
                    base &= ~without[number]
            if kept is not None:
                np.copyto(kept, base)
            for step in compiled.steps:
                for slot in step.slots:
                    if slot.takes is None or adds:
                        out.taken[slot.number] = 0
                np.copyto(left, base if step.source is None else out.taken[step.source])
                for rows in rounds:
                    if isinstance(self.choice, Balanced):
                        self._draw(compiled, step, rows, shard, out.taken, left)
                    else:
                        self._take(step, rows, out.taken, left, again=adds)
        matched = np.full(len(out.taken), -1, np.int64)
        return count_rows(out.taken), count_rows(out.admitted), matched

    def _take(self, step: Step, rows: Rows, taken: Rows, left: Row, *, again: bool) -> None:
        """Let each quota in turn take its members out of those left; `again`: add to its row."""
        spare = np.empty_like(left) if again else None
        for slot in self._order[id(step)]:
            row = taken[slot.number]
            mine = row if spare is None else spare
            meet(rows, slot.takes or (), left, mine)
            np.bitwise_xor(left, mine, out=left)
            if spare is not None:
                np.bitwise_or(row, mine, out=row)

    def _draw(
        self, compiled: Compiled, step: Step, rows: Rows, shard: Shard, taken: Rows, left: Row
    ) -> None:
        """Draw a quota for each of the members left whom any takes, and add them to its row."""
        assert isinstance(self.choice, Balanced)
        mine = np.zeros((len(step.slots), len(left)), np.uint64)
        for place, slot in enumerate(step.slots):
            if slot.takes is not None:
                meet(rows, slot.takes, left, mine[place])
        some = positions(np.bitwise_or.reduce(mine, axis=0))
        if not len(some):
            return
        takes = np.array([bits_at(row, some) for row in mine])
        hashes = shard.id_hashes[some]
        given = draw_all(self.choice, compiled.survey, step.group, takes, hashes)
        for place, slot in enumerate(step.slots):
            row = row_of(some[given == place], shard.size)
            np.bitwise_or(taken[slot.number], row, out=taken[slot.number])
            np.bitwise_xor(left, row, out=left)


def count_rows(rows: Rows) -> NDArray[np.int64]:
    """How many members stand in each row; a few rows at a time, so that they stay in the cache."""
    counts = np.empty(len(rows), np.int64)
    for start in range(0, len(rows), _ROWS_AT_A_TIME):
        part = slice(start, start + _ROWS_AT_A_TIME)
        counts[part] = np.bitwise_count(rows[part]).sum(axis=1, dtype=np.uint32)
    return counts


def count_taken(program: Program, taken_counts: TakenCounts, counts: Counts) -> None:
    """Note whom each quota is given, whom each survey admits, and who was seen to match."""
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
    slots = [
        [slot for step in each.steps for slot in step.slots if counts.matched[slot.number] < 0]
        for each in program.surveys
    ]
    wanted = [
        (compiled.gate if mine else None, tuple(slot.fits for slot in mine))
        for compiled, mine in zip(program.surveys, slots, strict=True)
    ]
    for mine, (found, _) in zip(slots, tally(bound.true, wanted, shard, engine), strict=True):
        counts.matched[[slot.number for slot in mine]] = found


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
        mine = [number for number in paths if number is not None]
        numbers.append(mine)
        wanted.append((compiled.admits, tuple(paths[number] for number in mine)))
    for mine, (found, _) in zip(numbers, tally(bound.true, wanted, shard, engine), strict=True):
        counts[mine] = found
    return counts


def count_uncertain(
    program: Program, bound: Bound, shard: Shard, counts: Counts, engine: Engine = "auto"
) -> None:
    """Count who may be admitted and is not definitely; `counts.eligible` must be there."""
    everyone: tuple[Conjunction | None, ...] = ((),)
    wanted = [
        (each.admits, tuple(slot.takes for slot in each.steps[0].slots) if each.sole else everyone)
        for each in program.surveys
    ]
    found = tally(possible_rows(bound, shard), wanted, shard, engine)
    counts.uncertain[:] = [may_be for _, may_be in found] - counts.eligible


def tally(
    rows: Rows, wanted: Sequence[Tally], shard: Shard, engine: Engine = "auto"
) -> list[tuple[list[int], int]]:
    """Count the members of each base by each of its conjunctions, and by any of them."""
    everyone = shard.everyone
    kernel = kernels("matcher.kernel", rows.size, engine)
    if kernel is not None:
        counted: list[tuple[list[int], int]] = kernel.tally(rows, everyone, wanted)
        return counted
    base, mine, union = np.empty((3, rows.shape[1]), np.uint64)
    counts: list[tuple[list[int], int]] = []
    for base_of, conjunctions in wanted:
        found = [0] * len(conjunctions)
        union[:] = 0
        if base_of is not None:
            meet(rows, base_of, everyone, base)
            for place, conjunction in enumerate(conjunctions):
                if conjunction is not None:
                    meet(rows, conjunction, base, mine)
                    np.bitwise_or(union, mine, out=union)
                    found[place] = popcount(mine)
        counts.append((found, popcount(union)))
    return counts
