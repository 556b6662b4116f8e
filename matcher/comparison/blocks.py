"""Evaluates what has changed, on both sides, for the same members in the same order.

A block is some of the members, and which surveys either side gives them. Where both sides have
the same members in the same order, blocks are shards, of which one is held at a time; otherwise
one block holds the members of both panels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from matcher.comparison.align_panels import MemberUnion, same_members
from matcher.compiler import Compiled
from matcher.engine import Assigned, Executor, bind
from matcher.plan import Plan
from matcher.surveys import Choice, Survey
from profiles.encoding import BitRow, BitRows, Numbers, bits_at, pack, positions, row_of, words
from profiles.errors import InputError
from profiles.panel import Panel, Shard

ShardSplitter: TypeAlias = Callable[[Sequence[BitRow]], Iterator[tuple[Shard, Sequence[BitRow]]]]
"""Splits rows of a block into the shards of one side."""


@dataclass(frozen=True, slots=True)
class AssignedSide:
    """Who is given which survey: rows of bits, two a survey, one a slot (quota) of the program.

    `uncertain` are the members whose verdict is uncertain, given the survey or not.
    """

    given: BitRows
    uncertain: BitRows
    taken: BitRows

    @classmethod
    def nobody(cls, surveys: int, slots: int, members: int) -> AssignedSide:
        """Empty rows."""
        width = words(members)
        return cls(*(np.zeros((rows, width), np.uint64) for rows in (surveys, surveys, slots)))


class Side:
    """The surveys of one side that are to be matched, on its panel.

    `plans` are all that use the shards of that panel.
    """

    def __init__(
        self, plan: Plan, panel: Panel, choice: Choice, plans: Sequence[Plan], *, uncertain: bool
    ) -> None:
        self.plan = plan
        self.panel = panel
        self._choice = choice
        self._plans = plans
        self._uncertain = uncertain
        self._executor = Executor(plan.program, choice)

    def part(self, surveys: Iterable[Survey]) -> Side:
        """Just some of its surveys."""
        plan = Plan(tuple(surveys))
        return Side(plan, self.panel, self._choice, self._plans, uncertain=self._uncertain)

    @cached_property
    def attributes(self) -> frozenset[str]:
        """The attributes that its shards hold: those that any plan using them asks for."""
        return frozenset().union(*(plan.attributes for plan in self._plans))

    def shards(self, members: int) -> Iterator[Shard]:
        """Its panel's shards of so many members."""
        history = frozenset().union(*(plan.history for plan in self._plans))
        return self.panel.shards(self.attributes, members, history)

    @property
    def compiled(self) -> tuple[Compiled, ...]:
        """Its surveys, compiled."""
        return self.plan.program.surveys

    @property
    def rows(self) -> int:
        """How many rows of bits are held at once."""
        program = self.plan.program
        return 2 * (len(program.registers) + len(program.slots)) + 4 * len(program.surveys)

    def assign(self, shard: Shard) -> AssignedSide:
        """Who is given its surveys, on one shard."""
        program = self.plan.program
        if not program.surveys:
            return AssignedSide.nobody(0, 0, shard.size)
        bound = bind(program, shard)
        exact, maybe = (Assigned.empty(program, shard.size) for _ in range(2))
        self._executor.assign(bound, shard, exact)
        self._executor.assign_uncertain(bound, shard, exact, maybe)
        given, uncertain = np.array(exact.who(program)), np.array(maybe.who(program))
        if self._uncertain:
            given |= uncertain
            np.bitwise_or(exact.taken, maybe.taken, out=exact.taken)
        return AssignedSide(given, uncertain, exact.taken)


@dataclass(frozen=True, slots=True)
class MemberBlock:
    """Some members, and which surveys either side gives them.

    `ids`: their ids, as the panel has them. `split_before` and `split_after` split rows into the
    shards of a side.
    """

    size: int
    members: int
    ids: pa.Array
    before: AssignedSide
    after: AssignedSide
    split_before: ShardSplitter
    split_after: ShardSplitter


def shard_pairs(before: Side, after: Side, members: int) -> Iterator[tuple[Shard, Shard]]:
    """Shards of the same members on both sides; raises InputError where they are not the same."""
    if before.panel is after.panel:
        for shard in before.shards(members):
            yield shard, shard
        return
    for old, new in zip_longest(before.shards(members), after.shards(members)):
        if old is None or new is None or not same_members(old, new):
            raise InputError(f"{after.panel.source.name}: changed while it was read")
        yield old, new


def shard_block(before: Side, after: Side, shards: tuple[Shard, Shard]) -> MemberBlock:
    """Evaluate both sides on shards of the same members."""
    old, new = shards
    memo = old.memo
    block = MemberBlock(
        old.size,
        old.members,
        old.member_ids,
        before.assign(old),
        after.assign(new),
        lambda rows: iter([(old, rows)]),
        lambda rows: iter([(new, rows)]),
    )
    old.memo = memo
    return block


def united_block(before: Side, after: Side, union: MemberUnion, members: int) -> MemberBlock:
    """Evaluate both sides shard by shard, and put their members in one order."""
    return MemberBlock(
        union.size,
        union.size,
        union.ids,
        _gather(before, union.before, union.size, members),
        _gather(after, union.after, union.size, members),
        lambda rows: _split(before, union.before, members, rows),
        lambda rows: _split(after, union.after, members, rows),
    )


def _gather(side: Side, numbers: tuple[Numbers, ...], size: int, members: int) -> AssignedSide:
    program = side.plan.program
    gathered = AssignedSide.nobody(len(program.surveys), len(program.slots), size)
    for shard, number in zip(side.shards(members), numbers, strict=True):
        found = side.assign(shard)
        for whole, part in (
            (gathered.given, found.given),
            (gathered.uncertain, found.uncertain),
            (gathered.taken, found.taken),
        ):
            for out, row in zip(whole, part, strict=True):
                out |= row_of(number[positions(row)], size)
    return gathered


def _split(
    side: Side, numbers: tuple[Numbers, ...], members: int, rows: Sequence[BitRow]
) -> Iterator[tuple[Shard, Sequence[BitRow]]]:
    for shard, number in zip(side.shards(members), numbers, strict=True):
        is_member = number >= 0
        yield shard, [pack(bits_at(row, number) & is_member) for row in rows]
