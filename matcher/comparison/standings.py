"""Where members stand with one survey, on one side: what they are given, or why nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.comparison.evaluation import Given
from matcher.comparison.result import Path, Standing
from matcher.evaluate import Verdict
from matcher.plan import Compiled
from matcher.rows import choices
from profiles.bits import WORD, Row, Rows, bits_at

Numbers = NDArray[np.int64]

_NOT_GIVEN: tuple[Standing, ...] = (Verdict.INELIGIBLE, Verdict.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Half:
    """One side of a survey: its number there, and what it was compiled to."""

    number: int
    compiled: Compiled

    def slots(self) -> dict[str, int]:
        """The number of each quota's slot, by the quota's pointer."""
        return {
            slot.quota.pointer: slot.number for step in self.compiled.steps for slot in step.slots
        }

    def repeats_ids(self) -> bool:
        """Whether a quota's path stands in several groups."""
        paths = Counter(
            ids for step in self.compiled.steps for ids in {slot.ids for slot in step.slots}
        )
        return max(paths.values(), default=0) > 1

    def split(self, taken: Rows, members: Row) -> list[tuple[Path, Row]]:
        """Some members by what they are given; parts in which nobody stands are left out."""
        parts: list[tuple[tuple[int | None, ...], Path, Row]] = [((None,), (), members)]
        for step in self.compiled.steps:
            divided = []
            for inside, path, row in parts:
                if step.source in inside:
                    for slot in step.slots:
                        mine = row & taken[slot.number]
                        if mine.any():
                            divided.append(((*inside, slot.number), (*path, slot.quota.id), mine))
                            row = row & ~mine
                if row.any():
                    divided.append((inside, path, row))
            parts = divided
        return [(path, row) for _, path, row in parts if row.any()]


def first_of(row: Row) -> int:
    """The first of the members in a row, in which somebody stands."""
    word = int(np.flatnonzero(row)[0])
    bits = int(row[word])
    return word * WORD + (bits & -bits).bit_length() - 1


def standings_of(
    half: Half | None, side: Given, given: Row, maybe: Row, members: Numbers
) -> tuple[Numbers, list[Standing]]:
    """The number of each member's standing among those that come up."""
    is_given = bits_at(given, members)
    numbers = bits_at(maybe, members).astype(np.int64)
    standings: list[Standing] = [*_NOT_GIVEN]
    if half is None:
        return numbers, standings
    mine = members[is_given]
    digits = []
    for step in half.compiled.steps:
        digit = np.zeros(len(mine), np.uint16)
        for place, slot in enumerate(step.slots, start=1):
            digit += bits_at(side.taken[slot.number], mine) * np.uint16(place)
        digits.append(digit)
    chosen, paths = choices(half.compiled.steps, digits, len(mine))
    numbers[is_given] = chosen + len(standings)
    return numbers, [*standings, *paths]
