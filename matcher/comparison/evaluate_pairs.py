"""Matches some surveys on both sides and adds up, block by block, how members change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from matcher.comparison.align_panels import MemberUnion, unite
from matcher.comparison.assignments import SideOfSurvey
from matcher.comparison.blocks import (
    MemberBlock,
    Side,
    shard_block,
    shard_pairs,
    united_block,
)
from matcher.comparison.concentrations import Concentrations, concentrate
from matcher.comparison.counting import Counting, Rowset, SurveyChanges
from matcher.comparison.limits import ComparisonLimits
from matcher.comparison.rows import NumberedRows
from matcher.comparison.survey_pairs import SurveyPair
from matcher.engine import Progress, shard_members
from matcher.plan import Plan
from matcher.rules import attributes_of
from matcher.support import in_order
from matcher.surveys import Choice, ChoiceStrategy, First, all_rules
from profiles.encoding import words
from profiles.panel import Panel, Shard

_ROWS_A_PAIR = 6


@dataclass(frozen=True, slots=True)
class MatchSettings:
    """How members are matched on both sides."""

    strategy: ChoiceStrategy
    seed: int
    uncertain: bool
    workers: int
    progress: Progress | None
    limits: ComparisonLimits


class PairEvaluation:
    """How members change in some surveys.

    `examined`: find concentrations survey by survey too. What is public is complete once all
    blocks have been read.
    """

    def __init__(
        self,
        pairs: Sequence[SurveyPair],
        before: Panel,
        after: Panel,
        settings: MatchSettings,
        *,
        examined: bool,
    ) -> None:
        self._pairs = pairs
        self._settings = settings
        plans = [
            Plan(tuple(survey for survey in surveys if survey is not None))
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
        attributes = [_attributes(pair) for pair in pairs]
        together = frozenset().union(*attributes)
        self.overall = Concentrations(self._before, self._after, together)
        self.by_survey = [
            Concentrations(self._before, self._after, names) if examined else None
            for names in attributes
        ]
        self.members_before = 0
        self.members_after = 0
        self.joined = 0
        self.left = 0

    @property
    def evaluated(self) -> int:
        """How many surveys are matched, on both sides together."""
        return len(self._before.compiled) + len(self._after.compiled)

    @property
    def predicates(self) -> int:
        """How many distinct predicates are evaluated, on both sides together."""
        sides = (self._before, self._after)
        return sum(len(side.plan.program.registers) for side in sides)

    def blocks(self, *, named: bool) -> Iterator[tuple[pa.Array, list[NumberedRows]]]:
        """Evaluate all: the ids of each block, and if `named` the rows of each survey in it."""
        rows = self._before.rows + self._after.rows + _ROWS_A_PAIR * len(self._pairs)
        sides = self._before.panel, self._after.panel
        members = shard_members(
            rows, sides[0], self._settings.workers, self._settings.limits.shards
        )
        union = unite(*sides, members)
        if union is None:
            yield from self._by_shard(members, named=named)
        else:
            self.members_before = union.size - union.joined
            self.members_after = union.size - union.left
            self.joined, self.left = union.joined, union.left
            yield union.ids, [*self._united(union, members, named=named)]

    def _by_shard(
        self, members: int, *, named: bool
    ) -> Iterator[tuple[pa.Array, list[NumberedRows]]]:
        def work(shards: tuple[Shard, Shard]) -> tuple[MemberBlock, list[SurveyChanges], Rowset]:
            block = shard_block(self._before, self._after, shards)
            found = [one.count(block.before, block.after, named=named) for one in self.countings]
            return block, found, _overall(block, self._open_in_both(self._pairs, found))

        shards = shard_pairs(self._before, self._after, members)
        total = self._before.panel.known_members
        for _, (block, found, overall) in in_order(work, shards, self._settings.workers):
            self.members_before += block.members
            self.members_after += block.members
            concentrate(block, [(self.overall, overall), *self._examined(range(len(found)), found)])
            yield block.ids, [*self._add(range(len(found)), found)]
            if self._settings.progress is not None:
                self._settings.progress(self.members_before, total)

    def _united(self, union: MemberUnion, members: int, *, named: bool) -> Iterator[NumberedRows]:
        """As many surveys at a time as rows of all members fit into memory."""
        so_far: Rowset | None = None
        for numbers in self._at_a_time(union):
            pairs = [self._pairs[number] for number in numbers]
            before = self._before.part([pair.before for pair in pairs if pair.before])
            after = self._after.part([pair.after for pair in pairs if pair.after])
            block = united_block(before, after, union, members)
            countings = _countings(pairs, before, after)
            found = [one.count(block.before, block.after, named=named) for one in countings]
            so_far = _overall(block, self._open_in_both(pairs, found), so_far)
            last = [(self.overall, so_far)] if numbers.stop == len(self._pairs) else []
            concentrate(block, [*last, *self._examined(numbers, found)])
            yield from self._add(numbers, found)
            if self._settings.progress is not None:
                done = union.size * numbers.stop // max(len(self._pairs), 1)
                self._settings.progress(done, union.size)

    def _at_a_time(self, union: MemberUnion) -> Iterator[range]:
        """Numbers of surveys that are matched together."""
        row_bytes = 8 * max(words(union.size), 1)
        most = max(self._settings.limits.united_bytes // row_bytes, 1)
        first = rows = 0
        for number, counting in enumerate(self.countings):
            needed = _ROWS_A_PAIR + counting.rows
            if rows and rows + needed > most:
                yield range(first, number)
                first, rows = number, 0
            rows += needed
        yield range(first, len(self.countings))

    def _examined(
        self, numbers: range, found: Sequence[SurveyChanges]
    ) -> Iterator[tuple[Concentrations, Rowset]]:
        for number, changes in zip(numbers, found, strict=True):
            examined = self.by_survey[number]
            if examined is not None:
                yield examined, changes.rows

    def _add(self, numbers: range, found: Sequence[SurveyChanges]) -> Iterator[NumberedRows]:
        """Add what was found of some surveys; yields the members who changed, by survey."""
        for number, changes in zip(numbers, found, strict=True):
            self.countings[number].add(changes)
            if changes.members is not None and len(changes.members.members):
                yield number, changes.members

    @staticmethod
    def _open_in_both(pairs: Sequence[SurveyPair], found: Sequence[SurveyChanges]) -> list[Rowset]:
        """The rows of surveys that are open on both sides; why others change is plain."""
        return [
            changes.rows for pair, changes in zip(pairs, found, strict=True) if pair.open_in_both
        ]

    def _choice(self, plan: Plan, panel: Panel) -> Choice:
        """How quotas are chosen; refuses a panel that does not have what the plan needs."""
        settings = self._settings
        matches = plan.match(
            panel,
            choose=settings.strategy,
            seed=settings.seed,
            workers=settings.workers,
            limits=settings.limits.shards,
        )
        return matches.choice() if plan.surveys else First()


def _countings(pairs: Sequence[SurveyPair], before: Side, after: Side) -> list[Counting]:
    """One for each pair; the sides hold their surveys in the same order."""
    numbered = [iter(enumerate(side.compiled)) for side in (before, after)]
    countings = []
    for pair in pairs:
        both = [
            SideOfSurvey(*next(numbers)) if survey is not None else None
            for survey, numbers in zip((pair.before, pair.after), numbered, strict=True)
        ]
        countings.append(Counting(pair.quotas, *both))
    return countings


def _overall(block: MemberBlock, rows: Sequence[Rowset], so_far: Rowset | None = None) -> Rowset:
    """Who changed in any survey, by change, and who is given any on both sides."""
    whole = so_far or Rowset.nobody(block.size)
    for rowset in rows:
        np.bitwise_or(whole.both, rowset.both, out=whole.both)
        for change, row in rowset.changed.items():
            np.bitwise_or(whole.changed[change], row, out=whole.changed[change])
    return whole


def _attributes(pair: SurveyPair) -> frozenset[str]:
    """The attributes in rules that only one version has; where there are none, in all rules."""
    olds, news = (
        set(all_rules(survey)) if survey else set() for survey in (pair.before, pair.after)
    )
    return frozenset(attributes_of(olds ^ news) or attributes_of(olds | news))
