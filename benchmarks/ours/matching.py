"""The matching job done by our batch executor, in the same steps as the peers do it."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.cases.matching import AS_OF
from matcher.engine import Assigned, Executor, bind
from matcher.plan import Plan
from matcher.surveys import First
from profiles.encoding import WORD, BitRow, Engine
from profiles.panel import Shard, open_panel

Counts = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]


class Ours:
    """A compiled plan on a panel: kept between runs are shards, what is bound to them, results."""

    def __init__(self, panel: Path, plan: Plan, engine: Engine) -> None:
        self.name = f"ours, {engine}"
        self._recipe = panel, plan, engine
        self._program = plan.program
        self._executor = Executor(plan.program, First(), engine)
        self._shards: list[Shard] = []
        self._results: list[Assigned] = []

    def fresh(self) -> "Ours":
        """Return another, with no panel and no room for results yet."""
        return Ours(*self._recipe)

    def encode(self) -> None:
        """Read the members and encode their answers; nothing is bound to the new shards."""
        panel, plan, _ = self._recipe
        self._shards = list(open_panel(panel, AS_OF).shards(plan.attributes))

    def run(self) -> Counts:
        """Give every member a quota of every survey, as bits; return members by survey and quota.

        Binds the plan where that has not been done; writes over the last results.
        """
        if not self._results:
            self._results = [Assigned.empty(self._program, shard.size) for shard in self._shards]
        counts = np.zeros(len(self._program.slots), np.int64)
        for shard, result in zip(self._shards, self._results, strict=True):
            counts += self._executor.assign(bind(self._program, shard), shard, result)[0]
        return counts.reshape(len(self._program.surveys), -1)

    def room_for_codes(self) -> list[Codes]:
        """Return for every shard a column of codes for each survey, its end padded."""
        surveys = len(self._program.surveys)
        return [
            np.empty((surveys, result.taken.shape[1] * WORD), np.int8) for result in self._results
        ]

    def write_codes(self, room: list[Codes]) -> None:
        """Write results as codes: the place of each member's quota in the payload, or 0."""
        for columns, result in zip(room, self._results, strict=True):
            for column, compiled in zip(columns, self._program.surveys, strict=True):
                [step] = compiled.steps
                _number([result.taken[slot.number] for slot in step.slots], column)

    def codes(self) -> Codes:
        """Return a column of codes for each survey: `[surveys, members]`."""
        room = self.room_for_codes()
        self.write_codes(room)
        sizes = [shard.size for shard in self._shards]
        parts = [columns[:, :size] for columns, size in zip(room, sizes, strict=True)]
        return np.concatenate(parts, axis=1)


def _number(rows: list[BitRow], out: Codes) -> None:
    """Write 1 for the members of the first row, 2 for those of the second, and so on.

    No member is in two rows, so each binary digit of the code is the union of some of them.
    """
    out[:] = 0
    digit = np.empty_like(rows[0])
    for bit in reversed(range(len(rows).bit_length())):
        digit[:] = 0
        for place, row in enumerate(rows, 1):
            if place >> bit & 1:
                np.bitwise_or(digit, row, out=digit)
        np.add(out, out, out=out)
        np.add(out, np.unpackbits(digit.view(np.uint8), bitorder="little").view(np.int8), out=out)
