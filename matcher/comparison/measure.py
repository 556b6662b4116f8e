"""Matches some surveys on both sides and adds up, block by block, what becomes of members."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa

from matcher.choice import Choice, First, How
from matcher.comparison.concentration import Histograms
from matcher.comparison.counting import Counting, Found, Half, Rowset
from matcher.comparison.evaluation import Block, Side, shard_block, shard_pairs, united_block
from matcher.comparison.pairs import Pair
from matcher.comparison.panels import Union, unite
from matcher.comparison.result import Change, Concentration
from matcher.comparison.rows import Numbered
from matcher.matches import Progress
from matcher.plan import Plan
from matcher.sharding import in_order, shard_members
from profiles.bits import Row, words
from profiles.panel import Panel, Shard

_TOGETHER = 1 << 30
_ROWS_A_PAIR = 6

Compared: TypeAlias = dict[Change, tuple[Row, Row]]
"""By change, who changed so, and among whom those are that they are compared with."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How members are matched on both sides."""

    how: How
    seed: int
    uncertain: bool
    workers: int
    progress: Progress | None = None


class Concentrations:
    """Which answers those who changed have more often than others, by what has become of them.

    Those who lost something are looked up in the panel before, all others in the panel after.
    """

    def __init__(self, before: Side, after: Side) -> None:
        self._of = {
            change: Histograms((before if change is Change.LOST else after).asked)
            for change in Change
        }

    def add(self, block: Block, compared: Compared) -> None:
        """Count the members of a block."""
        for change, (changed, pool) in compared.items():
            if changed.any():
                apart = block.of_before if change is Change.LOST else block.of_after
                for shard, some, others in apart(changed, pool & ~changed):
                    self._of[change].add(shard, some, others)

    def top(self) -> dict[Change, tuple[Concentration, ...]]:
        """The most telling answers, by change."""
        return {change: found for change, of in self._of.items() if (found := of.top())}


class Measure:
    """What becomes of members with some surveys.

    `examined`: where they are concentrated, survey by survey, too. All that is public is complete
    when the blocks have been gone through.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        before: Panel,
        after: Panel,
        settings: Settings,
        *,
        examined: bool,
    ) -> None:
        self._pairs = pairs
        self._settings = settings
        plans = [
            Plan(tuple(each for each in surveys if each is not None))
            for surveys in ([pair.before for pair in pairs], [pair.after for pair in pairs])
        ]
        self._before, self._after = (
            Side(
                plan,
                panel,
                self._choice(plan, panel),
                plans if before is after else [plan],
                uncertain=settings.uncertain,
            )
            for plan, panel in zip(plans, (before, after), strict=True)
        )
        self.countings = _countings(pairs, self._before, self._after)
        self.overall = Concentrations(self._before, self._after)
        self.by_survey = [
            Concentrations(self._before, self._after) if examined else None for _ in pairs
        ]
        self.members_before = 0
        self.members_after = 0
        self.joined = 0
        self.left = 0

    @property
    def evaluated(self) -> int:
        """How many surveys are matched, those of both sides."""
        return len(self._before.compiled) + len(self._after.compiled)

    @property
    def predicates(self) -> int:
        """How many distinct predicates are evaluated, those of both sides."""
        sides = (self._before, self._after)
        return sum(len(side.plan.program.registers) for side in sides)

    def blocks(self, *, named: bool) -> Iterator[tuple[pa.Array, list[Numbered]]]:
        """Evaluate all: the ids of each block, and where `named` the rows of each survey in it."""
        rows = self._before.rows + self._after.rows + _ROWS_A_PAIR * len(self._pairs)
        sides = self._before.panel, self._after.panel
        members = shard_members(rows, sides[0], self._settings.workers)
        union = unite(*sides, members)
        if union is None:
            yield from self._by_shard(members, named=named)
        else:
            self.members_before = union.size - union.joined
            self.members_after = union.size - union.left
            self.joined, self.left = union.joined, union.left
            yield union.ids, [*self._united(union, members, named=named)]

    def _by_shard(self, members: int, *, named: bool) -> Iterator[tuple[pa.Array, list[Numbered]]]:
        def work(shards: tuple[Shard, Shard]) -> tuple[Block, list[Found], Compared]:
            block = shard_block(self._before, self._after, shards)
            found = [each.count(block.before, block.after, named=named) for each in self.countings]
            return block, found, _overall(self._going_on(self._pairs, found))

        shards = shard_pairs(self._before, self._after, members)
        total = self._before.panel.known_members
        for _, (block, found, compared) in in_order(work, shards, self._settings.workers):
            self.members_before += block.members
            self.members_after += block.members
            self.overall.add(block, compared)
            yield block.ids, [*self._add(block, range(len(found)), found)]
            if self._settings.progress is not None:
                self._settings.progress(self.members_before, total)

    def _united(self, union: Union, members: int, *, named: bool) -> Iterator[Numbered]:
        """As many surveys at a time as rows of all members take up so much memory."""
        compared: Compared = {}
        for numbers in self._at_a_time(union):
            pairs = [self._pairs[number] for number in numbers]
            before = self._before.part([pair.before for pair in pairs if pair.before])
            after = self._after.part([pair.after for pair in pairs if pair.after])
            block = united_block(before, after, union, members)
            counted = _countings(pairs, before, after)
            found = [each.count(block.before, block.after, named=named) for each in counted]
            _overall(self._going_on(pairs, found), compared)
            if numbers.stop == len(self._pairs):
                self.overall.add(block, compared)
            yield from self._add(block, numbers, found)
            if self._settings.progress is not None:
                self._settings.progress(union.size * numbers.stop // len(self._pairs), union.size)

    def _at_a_time(self, union: Union) -> Iterator[range]:
        """Numbers of surveys that are matched together."""
        most = max(_TOGETHER // 8 // max(words(union.size), 1), 1)
        first = rows = 0
        for number, each in enumerate(self.countings):
            mine = _ROWS_A_PAIR + each.rows
            if rows and rows + mine > most:
                yield range(first, number)
                first, rows = number, 0
            rows += mine
        yield range(first, len(self.countings))

    def _add(self, block: Block, numbers: range, found: Sequence[Found]) -> Iterator[Numbered]:
        """Add what was found of some surveys; gives who is concerned, by survey."""
        for number, each in zip(numbers, found, strict=True):
            self.countings[number].add(each)
            examined = self.by_survey[number]
            if examined is not None:
                examined.add(block, _overall([each.rows]))
            if each.members is not None and len(each.members.members):
                yield number, each.members

    @staticmethod
    def _going_on(pairs: Sequence[Pair], found: Sequence[Found]) -> list[Rowset]:
        """The rows of surveys that are open on both sides: what else changes is no question."""
        return [each.rows for pair, each in zip(pairs, found, strict=True) if pair.goes_on]

    def _choice(self, plan: Plan, panel: Panel) -> Choice:
        """How quotas are chosen; refuses a panel that lacks what the plan asks for."""
        settings = self._settings
        matches = plan.match(
            panel, choose=settings.how, seed=settings.seed, workers=settings.workers
        )
        return matches.choice() if plan.surveys else First()


def _countings(pairs: Sequence[Pair], before: Side, after: Side) -> list[Counting]:
    """One for each survey; the sides hold those that are there, in the same order."""
    numbered = [iter(enumerate(side.compiled)) for side in (before, after)]
    countings = []
    for pair in pairs:
        halves = [
            Half(*next(numbers)) if survey is not None else None
            for survey, numbers in zip((pair.before, pair.after), numbered, strict=True)
        ]
        countings.append(Counting(pair.quotas, *halves))
    return countings


def _overall(rows: Sequence[Rowset], compared: Compared | None = None) -> Compared:
    """Who changed so in any survey, and who is in any among those to compare with."""
    compared = {} if compared is None else compared
    for each in rows:
        for change, changed in each.changed.items():
            pool = each.pool(change)
            if change not in compared:
                compared[change] = changed.copy(), pool.copy()
                continue
            for whole, part in zip(compared[change], (changed, pool), strict=True):
                whole |= part
    return compared
