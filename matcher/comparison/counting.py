"""What becomes of members with one survey: counted on a block, and added up over blocks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from matcher.comparison.evaluation import Given
from matcher.comparison.pairing import PairedQuota
from matcher.comparison.result import (
    Change,
    Flow,
    Path,
    QuotaDifference,
    QuotaState,
    Standing,
    Tally,
)
from matcher.comparison.standings import Half, first_of, standings_of
from matcher.evaluate import Verdict
from matcher.survey import Quota
from profiles.bits import Row, Rows, bits_at, popcount, positions, words

ROWS_CHANGE = (Change.GAINED, Change.LOST, Change.MOVED)
"""What is written of members, by number."""

Numbers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rowset:
    """Rows of bits: who is given a survey on both sides, and who changes how."""

    both: Row
    changed: Mapping[Change, Row]

    @classmethod
    def nobody(cls, members: int) -> Rowset:
        """Rows of so many members in which nobody stands."""
        width = words(members)
        empty = {change: np.zeros(width, np.uint64) for change in Change}
        return cls(np.zeros(width, np.uint64), empty)


@dataclass(frozen=True, slots=True)
class MemberRows:
    """Members of a block who gained, lost or moved, ascending, and what they are given.

    `change` numbers `ROWS_CHANGE`; `before` and `after` number `standings`.
    """

    members: Numbers
    change: Numbers
    before: Numbers
    after: Numbers
    standings: Sequence[Standing]


@dataclass(slots=True)
class Found:
    """One survey on one block; numbers of quotas go by the pair's `quotas`."""

    tally: list[int]
    quotas: Numbers
    flows: Counter[tuple[Standing, Standing, bool]]
    rows: Rowset
    members: MemberRows | None = None


class Counting:
    """Counts one survey; `before` or `after` is None where it is not there."""

    def __init__(
        self, quotas: Sequence[PairedQuota], before: Half | None, after: Half | None
    ) -> None:
        self.quotas = quotas
        self._before = before
        self._after = after
        old, new = ({} if half is None else half.slots() for half in (before, after))
        self._slots = [
            (
                old[quota.before.pointer] if before and quota.before else None,
                new[quota.after.pointer] if after and quota.after else None,
            )
            for quota in quotas
        ]
        self._labels: dict[Hashable, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for quota, (mine, theirs) in zip(quotas, self._slots, strict=True):
            for place, slot in enumerate((mine, theirs)):
                if slot is not None:
                    self._labels[quota.label][place].append(slot)
        self._repeats = after is not None and after.repeats_ids()
        self._tally = np.zeros(8, np.int64)
        self._counts = np.zeros((len(quotas), 6), np.int64)
        self._flows: Counter[tuple[Standing, Standing, bool]] = Counter()

    def count(self, before: Given, after: Given, *, named: bool) -> Found:
        """Count a block; `named`: give the members, too."""
        width = before.given.shape[1] if len(before.given) else after.given.shape[1]
        nobody = np.zeros(width, np.uint64)
        given, maybe = zip(
            *(
                (side.given[half.number], side.uncertain[half.number]) if half else (nobody, nobody)
                for side, half in ((before, self._before), (after, self._after))
            ),
            strict=True,
        )
        both = given[0] & given[1]
        moved = both & self._differing(before.taken, after.taken, nobody)
        changed = {
            Change.GAINED: given[1] & ~given[0],
            Change.LOST: given[0] & ~given[1],
            Change.MOVED: moved,
            Change.NEWLY_UNCERTAIN: maybe[1] & ~maybe[0],
        }
        tally = [popcount(row) for row in (*given, *maybe, *changed.values())]
        found = Found(
            tally,
            self._quota_counts(before.taken, after.taken, changed, nobody),
            Counter(),
            Rowset(both, changed),
        )
        self._standings(found, (before, after), given, maybe, named=named)
        return found

    def add(self, found: Found) -> None:
        """Add what was found on a block."""
        self._tally += found.tally
        self._counts += found.quotas
        self._flows += found.flows

    @property
    def rows(self) -> int:
        """How many rows of bits it takes on both sides."""
        return sum(slot is not None for slots in self._slots for slot in slots) + 4

    @property
    def tally(self) -> Tally:
        """Members counted so far."""
        return Tally(*self._tally.tolist())

    def flows(self) -> tuple[Flow, ...]:
        """From where to where, the largest first."""
        flows = [
            Flow(before, after, members, same)
            for (before, after, same), members in self._flows.items()
        ]
        return tuple(
            sorted(flows, key=lambda flow: (-flow.members, str(flow.before), str(flow.after)))
        )

    def quota_differences(self) -> tuple[QuotaDifference, ...]:
        """Quota by quota."""
        differences = []
        for quota, counts in zip(self.quotas, self._counts.tolist(), strict=True):
            states = [
                None if each is None or ids is None else _state(ids, each, assigned)
                for each, ids, assigned in (
                    (quota.before, quota.path_before, counts[0]),
                    (quota.after, quota.path_after, counts[1]),
                )
            ]
            differences.append(QuotaDifference(states[0], states[1], *counts[2:]))
        return tuple(differences)

    def _differing(self, before: Rows, after: Rows, nobody: Row) -> Row:
        """Members who are not given the same on both sides, whatever quotas are called there."""
        differing = nobody.copy()
        for mine, theirs in self._labels.values():
            often = zip_longest(_at_least(before, mine), _at_least(after, theirs), fillvalue=nobody)
            for old, new in often:
                differing |= old ^ new
        return differing

    def _quota_counts(
        self, before: Rows, after: Rows, changed: Mapping[Change, Row], nobody: Row
    ) -> Numbers:
        """By quota: assigned before and after, gained, lost, came, left."""
        counts = np.zeros((len(self.quotas), 6), np.int64)
        for number, (mine, theirs) in enumerate(self._slots):
            old = nobody if mine is None else before[mine]
            new = nobody if theirs is None else after[theirs]
            moved = changed[Change.MOVED] & (old ^ new)
            counts[number] = [
                popcount(row)
                for row in (
                    old,
                    new,
                    new & changed[Change.GAINED],
                    old & changed[Change.LOST],
                    new & moved,
                    old & moved,
                )
            ]
        return counts

    def _standings(
        self,
        found: Found,
        sides: tuple[Given, Given],
        given: Sequence[Row],
        maybe: Sequence[Row],
        *,
        named: bool,
    ) -> None:
        """Note who stands where: how many of each, and where asked who has moved."""
        changed = found.rows.changed
        either = given[0] | given[1]
        self._count_kept(found, sides, found.rows.both & ~changed[Change.MOVED])
        if uncertain := popcount(maybe[0] & maybe[1] & ~either):
            found.flows[Verdict.UNCERTAIN, Verdict.UNCERTAIN, True] += uncertain
        others = (maybe[0] ^ maybe[1]) & ~either
        members = positions(
            changed[Change.GAINED] | changed[Change.LOST] | changed[Change.MOVED] | others
        )
        halves = zip((self._before, self._after), sides, given, maybe, strict=True)
        (before, olds), (after, news) = (standings_of(*half, members) for half in halves)
        flows, counts = np.unique(before * len(news) + after, return_counts=True)
        for flow, count in zip(flows.tolist(), counts.tolist(), strict=True):
            found.flows[olds[flow // len(news)], news[flow % len(news)], False] += count
        if named:
            marks = [bits_at(changed[change], members) for change in ROWS_CHANGE]
            some = np.flatnonzero(np.logical_or.reduce(marks))
            found.members = MemberRows(
                members[some],
                np.array(marks)[:, some].argmax(axis=0),
                before[some],
                after[some] + len(olds),
                [*olds, *news],
            )

    def _count_kept(self, found: Found, sides: tuple[Given, Given], kept: Row) -> None:
        """Count those who are given the same on both sides, by what that is.

        What it is called on the other side is looked up for one of each; but for everyone where
        an id stands in several groups, whose order is not the same for all.
        """
        if self._before is None or self._after is None:
            return
        parts = self._before.split(sides[0].taken, kept)
        if self._repeats:
            for path, row in parts:
                for now, members in self._after.split(sides[1].taken, row):
                    found.flows[path, now, True] += popcount(members)
            return
        first = np.array([first_of(row) for _, row in parts], np.int64)
        number, standings = standings_of(self._after, sides[1], kept, np.zeros_like(kept), first)
        for (path, row), after in zip(parts, number.tolist(), strict=True):
            found.flows[path, standings[after], True] += popcount(row)


def _at_least(rows: Rows, numbers: Iterable[int]) -> list[Row]:
    """The members in at least one of some rows, in at least two of them, and so on."""
    found: list[Row] = []
    for number in numbers:
        row = rows[number]
        for place, so_far in enumerate(found):
            found[place], row = so_far | row, so_far & row
        if not found or row.any():
            found.append(row)
    return found


def _state(ids: Path, quota: Quota, assigned: int) -> QuotaState:
    return QuotaState(ids, assigned, quota.remaining, quota.open)
