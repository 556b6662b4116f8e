"""The batch executor: who is admitted and to which quota, for all members of a shard at once.

For every group `left` starts as the members to divide, and each quota takes its own out of it:
`taken = left & predicates; left ^= taken`. Where the `fast` extra is there and the choice is an
order, one compiled kernel does the same (`matcher.engine.kernels`), equal bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from matcher.compiler import Compiled, Program, Slot, Step
from matcher.engine.bind import Bound, meet, possible_rows
from matcher.engine.counting import TakenCounts, count_rows
from matcher.engine.draws import draw_all
from matcher.engine.shard_size import DEFAULTS, Limits
from matcher.surveys import Balanced, Choice
from profiles.encoding import (
    WORD,
    BitRow,
    BitRows,
    Engine,
    bits_at,
    load_kernels,
    positions,
    row_of,
    words,
)
from profiles.panel import Shard


@dataclass(frozen=True, slots=True)
class Assigned:
    """Whom each quota is given, on one shard: row `s` of `taken` for slot `s`.

    `admitted` has a row for every survey that is not `sole` (of the others a member is admitted
    who is in a slot of their one group), in plan order.
    """

    taken: BitRows
    admitted: BitRows

    def __repr__(self) -> str:
        slots, span = self.taken.shape
        return f"Assigned({slots:,} slots, room for {span * WORD:,} members)"

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

    def who(self, program: Program) -> list[BitRow]:
        """The row of the members admitted, for every survey of the plan."""
        others = iter(self.admitted)
        return [
            union(self.taken, survey.steps[0]) if survey.sole else next(others)
            for survey in program.surveys
        ]


def union(taken: BitRows, step: Step) -> BitRow:
    """The members whom any of a step's slots is given."""
    row = np.zeros(taken.shape[1], np.uint64)
    for slot in step.slots:
        np.bitwise_or(row, taken[slot.number], out=row)
    return row


class Executor:
    """Runs a program on bound shards, with one choice of quotas.

    `engine`: `numpy`, `numba` (the `fast` extra), or `auto`: numba where it is there and pays.
    """

    def __init__(
        self,
        program: Program,
        choice: Choice,
        engine: Engine = "auto",
        limits: Limits = DEFAULTS,
    ) -> None:
        self.program = program
        self.choice = choice
        self.engine = engine
        self._tile_words = limits.kernel_words
        self._flattened: Any = None
        self._order = {
            id(step): self._ordered(compiled, step)
            for compiled in program.surveys
            for step in compiled.steps
        }

    def __repr__(self) -> str:
        return f"Executor({self.program!r}, {self.choice!r}, {self.engine})"

    def room(self, members: int, *, kept: bool) -> Assigned:
        """Room for the results of a shard; of those that need not be kept, for a tile of them."""
        kernel = self._kernel(members)
        if not kept and kernel is not None:
            members = min(members, self._tile_words * WORD)
        return Assigned.empty(self.program, members)

    def assign(self, bound: Bound, shard: Shard, out: Assigned) -> TakenCounts:
        """Admit members definitely, and choose among the quotas that definitely take them."""
        narrow = out.taken.shape[1] < words(shard.size)
        kernel = self._kernel(shard.size, "numba" if narrow else self.engine)
        if kernel is None:
            return self._run([bound.true], shard, out, None)
        everyone = shard.everyone
        counts: TakenCounts = kernel.assign(
            self._flat(kernel),
            bound.true,
            everyone,
            out.taken,
            out.admitted,
            self._tile_words,
        )
        return counts

    def _kernel(self, members: int, engine: Engine | None = None) -> ModuleType | None:
        if isinstance(self.choice, Balanced):
            return None
        work = len(self.program.slots) * words(members)
        return load_kernels("matcher.engine.kernels", work, engine or self.engine)

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
        self, rounds: list[BitRows], shard: Shard, out: Assigned, without: list[BitRow] | None
    ) -> TakenCounts:
        """Divide members among quotas, round after round, by each round's rows.

        Whom a survey admits is in the last round's rows, less those in `without`.
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

    def _take(
        self, step: Step, rows: BitRows, taken: BitRows, left: BitRow, *, again: bool
    ) -> None:
        """Let each quota in turn take its members out of those left; `again`: add to its row."""
        spare = np.empty_like(left) if again else None
        for slot in self._order[id(step)]:
            row = taken[slot.number]
            found = row if spare is None else spare
            meet(rows, slot.takes or (), left, found)
            np.bitwise_xor(left, found, out=left)
            if spare is not None:
                np.bitwise_or(row, found, out=row)

    def _draw(
        self,
        compiled: Compiled,
        step: Step,
        rows: BitRows,
        shard: Shard,
        taken: BitRows,
        left: BitRow,
    ) -> None:
        """Draw a quota for each of the members left whom any takes, and add them to its row."""
        assert isinstance(self.choice, Balanced)
        candidates = np.zeros((len(step.slots), len(left)), np.uint64)
        for place, slot in enumerate(step.slots):
            if slot.takes is not None:
                meet(rows, slot.takes, left, candidates[place])
        some = positions(np.bitwise_or.reduce(candidates, axis=0))
        if not len(some):
            return
        takes = np.array([bits_at(row, some) for row in candidates])
        hashes = shard.id_hashes[some]
        given = draw_all(self.choice, compiled.survey, step.group, takes, hashes)
        for place, slot in enumerate(step.slots):
            row = row_of(some[given == place], shard.size)
            np.bitwise_or(taken[slot.number], row, out=taken[slot.number])
            np.bitwise_xor(left, row, out=left)
