"""What members are assigned in one survey, on one side: quotas, or why none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from matcher.comparison.blocks import AssignedSide
from matcher.comparison.result import Assignment
from matcher.compiler import Compiled, Slot, Step
from matcher.engine import choices
from matcher.surveys import Verdict
from profiles.encoding import BitRow, BitRows, Numbers, bits_at, popcount

Assignments: TypeAlias = tuple[Numbers, list[Assignment]]
"""The place of each member's assignment in a list of them."""

_WITHOUT_QUOTA: tuple[Assignment, ...] = (Verdict.INELIGIBLE, Verdict.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class SideOfSurvey:
    """One side of a survey: its number there, and what it was compiled to."""

    number: int
    compiled: Compiled

    def slots(self) -> dict[str, int]:
        """The number of each quota's slot, by the quota's pointer."""
        return {
            slot.quota.pointer: slot.number for step in self.compiled.steps for slot in step.slots
        }

    def repeats_ids(self) -> bool:
        """Whether a quota's path occurs in several groups."""
        paths = Counter(
            ids for step in self.compiled.steps for ids in {slot.ids for slot in step.slots}
        )
        return max(paths.values(), default=0) > 1


def assignments_of(
    survey: SideOfSurvey | None, side: AssignedSide, given: BitRow, maybe: BitRow, members: Numbers
) -> Assignments:
    """Each member's assignment, by its number among those that occur."""
    is_given = bits_at(given, members)
    numbers = bits_at(maybe, members).astype(np.int64)
    assignments: list[Assignment] = [*_WITHOUT_QUOTA]
    if survey is None:
        return numbers, assignments
    given_members = members[is_given]
    digits = []
    for step in survey.compiled.steps:
        digit = np.zeros(len(given_members), np.uint16)
        for place, slot in enumerate(step.slots, start=1):
            digit += bits_at(side.taken[slot.number], given_members) * np.uint16(place)
        digits.append(digit)
    chosen, paths = choices(survey.compiled.steps, digits, len(given_members))
    numbers[is_given] = chosen + len(assignments)
    return numbers, [*assignments, *paths]


def count_by_slots(
    steps: Sequence[Step], taken: BitRows, members: BitRow
) -> Iterator[tuple[tuple[Slot, ...], int]]:
    """How many members are given which slots: one of each step that concerns them, or none."""
    parts: list[tuple[tuple[Slot, ...], BitRow]] = [((), members)]
    for step in steps[:-1]:
        parts = [part for slots, row in parts for part in _parts(step, taken, slots, row)]
    for slots, row in parts:
        left = popcount(row)
        if steps and _concerns(steps[-1], slots):
            for slot, count in _counts(steps[-1], taken, row):
                left -= count
                yield (*slots, slot), count
        if left:
            yield slots, left


def _parts(
    step: Step, taken: BitRows, slots: tuple[Slot, ...], row: BitRow
) -> Iterator[tuple[tuple[Slot, ...], BitRow]]:
    """Members who are in some slots, divided by the slots of one more step."""
    if _concerns(step, slots):
        for slot in step.slots:
            in_slot = row & taken[slot.number]
            if in_slot.any():
                yield (*slots, slot), in_slot
                row = row & ~in_slot
    if row.any():
        yield slots, row


def _counts(step: Step, taken: BitRows, row: BitRow) -> Iterator[tuple[Slot, int]]:
    """How many members are in each slot of a step that has any."""
    if step.slots:
        first = step.slots[0].number
        counts = popcounts(taken[first : first + len(step.slots)] & row).tolist()
        yield from ((slot, n) for slot, n in zip(step.slots, counts, strict=True) if n)


def _concerns(step: Step, slots: tuple[Slot, ...]) -> bool:
    """Whether a step divides those who are in some slots."""
    return step.source is None or any(slot.number == step.source for slot in slots)


def popcounts(rows: BitRows) -> Numbers:
    """How many members are in each row."""
    counts: Numbers = np.bitwise_count(rows).sum(axis=-1, dtype=np.int64)
    return counts


def at_least(rows: BitRows) -> list[BitRow]:
    """The members in at least one of some rows, in at least two of them, and so on."""
    found: list[BitRow] = []
    for row in rows:
        for place, so_far in enumerate(found):
            found[place], row = so_far | row, so_far & row
        if not found or row.any():
            found.append(row)
    return found
