"""How members change in one survey: counted on a block, and added up over blocks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from matcher.comparison.assignments import (
    Assignments,
    SideOfSurvey,
    assignments_of,
    at_least,
    count_by_slots,
    popcounts,
)
from matcher.comparison.blocks import AssignedSide
from matcher.comparison.quota_pairs import PairedQuota
from matcher.comparison.result import (
    Assignment,
    Change,
    ChangeTally,
    Flow,
    Path,
    QuotaDifference,
    QuotaState,
)
from matcher.engine import numbered
from matcher.surveys import Quota, Verdict
from profiles.encoding import BitRow, BitRows, Numbers, bits_at, popcount, positions, words

ROWS_CHANGE = (Change.GAINED, Change.LOST, Change.MOVED)
"""The changes that are written of members, by number."""


@dataclass(frozen=True, slots=True)
class Rowset:
    """Rows of bits: who is given a survey on both sides, and who changes how."""

    both: BitRow
    changed: Mapping[Change, BitRow]

    @classmethod
    def nobody(cls, members: int) -> Rowset:
        """Empty rows of so many members."""
        width = words(members)
        empty = {change: np.zeros(width, np.uint64) for change in Change}
        return cls(np.zeros(width, np.uint64), empty)


@dataclass(frozen=True, slots=True)
class MemberRows:
    """Members of a block who gained, lost or moved, ascending, and their assignments.

    `change` numbers `ROWS_CHANGE`; `before` and `after` number `assignments`.
    """

    members: Numbers
    change: Numbers
    before: Numbers
    after: Numbers
    assignments: Sequence[Assignment]


@dataclass(slots=True)
class SurveyChanges:
    """One survey on one block; numbers of quotas go by the pair's `quotas`."""

    tally: Numbers
    quotas: Numbers
    flows: Counter[tuple[Assignment, Assignment, bool]]
    rows: Rowset
    members: MemberRows | None = None


class Counting:
    """Counts one survey; `before` or `after` is None where it is not on that side."""

    def __init__(
        self, quotas: Sequence[PairedQuota], before: SideOfSurvey | None, after: SideOfSurvey | None
    ) -> None:
        self.quotas = quotas
        self._before = before
        self._after = after
        olds, news = ({} if survey is None else survey.slots() for survey in (before, after))
        self._slots = [
            (
                olds[quota.before.pointer] if before and quota.before else None,
                news[quota.after.pointer] if after and quota.after else None,
            )
            for quota in quotas
        ]
        self._partner = {
            old: (new, quota.after.id)
            for quota, (old, new) in zip(quotas, self._slots, strict=True)
            if old is not None and new is not None and quota.after is not None
        }
        labelled: defaultdict[Hashable, list[int]] = defaultdict(list)
        for number, quota in enumerate(quotas):
            labelled[quota.label].append(number)
        self._of_one_name = [numbers for numbers in labelled.values() if len(numbers) > 1]
        self._repeats = after is not None and after.repeats_ids()
        self._tally = np.zeros(8, np.int64)
        self._counts = np.zeros((len(quotas), 6), np.int64)
        self._flows: Counter[tuple[Assignment, Assignment, bool]] = Counter()

    def count(self, before: AssignedSide, after: AssignedSide, *, named: bool) -> SurveyChanges:
        """Count a block; `named`: give the members too."""
        width = before.given.shape[1] if len(before.given) else after.given.shape[1]
        nobody = np.zeros(width, np.uint64)
        given, maybe = zip(
            *(
                (side.given[survey.number], side.uncertain[survey.number])
                if survey
                else (nobody, nobody)
                for side, survey in ((before, self._before), (after, self._after))
            ),
            strict=True,
        )
        olds = _rows([old for old, _ in self._slots], before.taken, width)
        news = _rows([new for _, new in self._slots], after.taken, width)
        both = given[0] & given[1]
        changed = {
            Change.GAINED: given[1] & ~given[0],
            Change.LOST: given[0] & ~given[1],
            Change.MOVED: both & self._differing(olds, news),
            Change.NEWLY_UNCERTAIN: maybe[1] & ~maybe[0],
        }
        found = SurveyChanges(
            popcounts(np.array([*given, *maybe, *changed.values()])),
            _quota_counts(olds, news, changed),
            Counter(),
            Rowset(both, changed),
        )
        self._count_kept(found, (before, after))
        self._count_others(found, (before, after), given, maybe, named=named)
        return found

    def add(self, found: SurveyChanges) -> None:
        """Add what was found on a block."""
        self._tally += found.tally
        self._counts += found.quotas
        self._flows += found.flows

    @property
    def rows(self) -> int:
        """How many rows of bits it needs on both sides."""
        return sum(slot is not None for slots in self._slots for slot in slots) + 4

    @property
    def tally(self) -> ChangeTally:
        """Members counted so far."""
        return ChangeTally(*self._tally.tolist())

    def flows(self) -> tuple[Flow, ...]:
        """Members by assignment before and after, the largest first."""
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
        for pair, counts in zip(self.quotas, self._counts.tolist(), strict=True):
            states = [
                None if version is None or ids is None else _state(ids, version, assigned)
                for version, ids, assigned in (
                    (pair.before, pair.path_before, counts[0]),
                    (pair.after, pair.path_after, counts[1]),
                )
            ]
            differences.append(QuotaDifference(states[0], states[1], *counts[2:]))
        return tuple(differences)

    def _differing(self, olds: BitRows, news: BitRows) -> BitRow:
        """Members who are given different quotas on each side, names aside."""
        differing = olds ^ news
        for numbers in self._of_one_name:
            nobody = np.zeros_like(differing[0])
            counts = zip_longest(at_least(olds[numbers]), at_least(news[numbers]), fillvalue=nobody)
            differing[numbers] = np.bitwise_or.reduce([old ^ new for old, new in counts])
        row: BitRow = np.bitwise_or.reduce(differing, axis=0)
        return row

    def _count_kept(self, found: SurveyChanges, sides: tuple[AssignedSide, AssignedSide]) -> None:
        """Count those who are given the same quotas on both sides, by path.

        Where an id occurs in several groups, its name after is looked up for everyone.
        """
        kept = found.rows.both & ~found.rows.changed[Change.MOVED]
        if self._before is None or not kept.any():
            return
        if self._repeats:
            nobody = np.zeros_like(kept)
            members = positions(kept)
            surveys = zip((self._before, self._after), sides, strict=True)
            places = [assignments_of(*survey, kept, nobody, members) for survey in surveys]
            self._count_flows(found, places, same=True)
            return
        for slots, count in count_by_slots(self._before.compiled.steps, sides[0].taken, kept):
            before = tuple(slot.quota.id for slot in slots)
            after = tuple(id_ for _, id_ in sorted(self._partner[slot.number] for slot in slots))
            found.flows[before, after, True] += count

    @staticmethod
    def _count_flows(found: SurveyChanges, places: Sequence[Assignments], *, same: bool) -> None:
        """Count members by their assignments on both sides."""
        (before, olds), (after, news) = places
        flows, numbers = numbered(before * len(news) + after, len(olds) * len(news))
        counts = np.bincount(numbers, minlength=len(flows))
        for flow, count in zip(flows.tolist(), counts.tolist(), strict=True):
            found.flows[olds[flow // len(news)], news[flow % len(news)], same] += count

    def _count_others(
        self,
        found: SurveyChanges,
        sides: tuple[AssignedSide, AssignedSide],
        given: Sequence[BitRow],
        maybe: Sequence[BitRow],
        *,
        named: bool,
    ) -> None:
        """Count those whose assignments differ; `named`: note who gained, lost or moved."""
        changed = found.rows.changed
        neither = ~(given[0] | given[1])
        if uncertain := popcount(maybe[0] & maybe[1] & neither):
            found.flows[Verdict.UNCERTAIN, Verdict.UNCERTAIN, True] += uncertain
        members = positions(
            changed[Change.GAINED]
            | changed[Change.LOST]
            | changed[Change.MOVED]
            | ((maybe[0] ^ maybe[1]) & neither)
        )
        if not len(members):
            return
        surveys = zip((self._before, self._after), sides, given, maybe, strict=True)
        places = [assignments_of(*survey, members) for survey in surveys]
        self._count_flows(found, places, same=False)
        (before, olds), (after, news) = places
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


def _rows(slots: Sequence[int | None], taken: BitRows, width: int) -> BitRows:
    """A row for each slot, empty where there is none."""
    rows = np.zeros((len(slots), width), np.uint64)
    for row, slot in zip(rows, slots, strict=True):
        if slot is not None:
            row[:] = taken[slot]
    return rows


def _quota_counts(olds: BitRows, news: BitRows, changed: Mapping[Change, BitRow]) -> Numbers:
    """By quota: assigned before and after, gained, lost, came, left."""
    counts = np.zeros((len(olds), 6), np.int64)
    counts[:, 0] = popcounts(olds)
    counts[:, 1] = popcounts(news)
    counts[:, 2] = popcounts(news & changed[Change.GAINED])
    counts[:, 3] = popcounts(olds & changed[Change.LOST])
    if changed[Change.MOVED].any():
        moved = (olds ^ news) & changed[Change.MOVED]
        counts[:, 4] = popcounts(news & moved)
        counts[:, 5] = popcounts(olds & moved)
    return counts


def _state(ids: Path, quota: Quota, assigned: int) -> QuotaState:
    return QuotaState(ids, assigned, quota.remaining, quota.open)
