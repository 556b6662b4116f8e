"""At most so many surveys a member: those that pay best.

A survey is taken back from members who have as many already. Counters of what each member may
still be given are sliced into rows of bits, so that counting all members of a shard down costs a
few row operations a survey.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.compiler import Program
from matcher.engine.executor import Assigned, union
from profiles.encoding import BitRow, all_members, popcount


class SurveyCap:
    """Gives each member at most `most` surveys of a program.

    Those that pay more come first, unknown pay last, then those earlier in the plan. All that they
    are eligible for comes before what they only may be.
    """

    def __init__(self, program: Program, most: int) -> None:
        self._program = program
        self._most = most
        pays = [compiled.survey.pay for compiled in program.surveys]
        self._order = sorted(
            (n for n, compiled in enumerate(program.surveys) if compiled.admits is not None),
            key=lambda number: (pays[number] is None, -(pays[number] or 0.0)),
        )
        others = (n for n, compiled in enumerate(program.surveys) if not compiled.sole)
        self._admitted = {number: row for row, number in enumerate(others)}

    def apply(self, assigned: list[Assigned], members: int) -> NDArray[np.int64]:
        """Take back what is too much, the first of `assigned` first; gives members by survey."""
        everyone = all_members(members)
        free = everyone.copy()
        bits = range(self._most.bit_length())
        left = [everyone * np.uint64(self._most >> bit & 1) for bit in bits]
        given = np.zeros(len(self._program.surveys), np.int64)
        for results in assigned:
            for number in self._order:
                row = self._keep(number, results, free)
                given[number] += popcount(row)
                _count_down(left, row, free)
        return given

    def _keep(self, number: int, assigned: Assigned, free: BitRow) -> BitRow:
        """Leave a survey those of its members who are free; gives their row."""
        compiled = self._program.surveys[number]
        for step in compiled.steps:
            for slot in step.slots:
                assigned.taken[slot.number] &= free
        if compiled.sole:
            return union(assigned.taken, compiled.steps[0])
        row: BitRow = assigned.admitted[self._admitted[number]]
        np.bitwise_and(row, free, out=row)
        return row


def _count_down(left: list[BitRow], row: BitRow, free: BitRow) -> None:
    """Take one from the counters of a row's members; `free` becomes those with any left."""
    borrow = row.copy()
    free[:] = 0
    for bit in left:
        np.bitwise_xor(bit, borrow, out=bit)
        np.bitwise_and(borrow, bit, out=borrow)
        np.bitwise_or(free, bit, out=free)
