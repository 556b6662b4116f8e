"""The result of matching a panel: a recipe that is run when someone asks, not a heap of bits.

Shards are evaluated one after the other (or by several threads, a few at a time) and let go;
counts add up, rows stream out in member order and then survey order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyroaring import BitMap

from matcher.compiler import Program, compile_surveys
from matcher.engine.arguments import check_asked, check_settings, no_survey
from matcher.engine.bind import (
    Bound,
    bind,
    empty_rows,
    possible_rows,
)
from matcher.engine.counting import (
    Counts,
    count_eligible,
    count_matched,
    count_rows,
    count_taken,
    count_uncertain,
)
from matcher.engine.executor import Assigned, Executor
from matcher.engine.results import (
    Match,
    PanelCounts,
    Progress,
    QuotaCounts,
    SurveyCounts,
)
from matcher.engine.rows import RowMaker, schema_for
from matcher.engine.shard_size import DEFAULTS, Limits, shard_members
from matcher.engine.survey_cap import SurveyCap
from matcher.output import write_parquet, write_table
from matcher.support import in_order
from matcher.surveys import Choice, ChoiceStrategy, First, QuotaKey, Survey, Verdict, make_choice
from profiles.encoding import WORD, BitRow, BitRows, Engine, load_kernels, positions
from profiles.panel import Panel, Shard


class Matches:
    """Which members each survey admits, each to which quota; made by `Plan.match`.

    Iterate over it for `Match` rows, in member order and then survey order.

    >>> from datetime import date
    >>> import matcher, profiles
    >>> panel = profiles.open_panel("fixtures/demo/panel.toml", date(2026, 11, 21))
    >>> surveys = matcher.load_surveys(["fixtures/demo/payloads/toluna.json"], panel.mapping)
    >>> matches = matcher.compile(surveys).match(panel)
    >>> next(iter(matches))
    Match('m0000001', toluna:2510014/791014, ('1200141', '10514100'), eligible)
    >>> matches.counts()
    PanelCounts(20,000 members, 17 surveys)
    >>> matches.counts()["toluna:2510014/791014"]
    SurveyCounts(toluna:2510014/791014, open, 4,175 eligible, 15,353 uncertain, 4 quotas)
    >>> len(matches.eligible("toluna:2510014/791014"))
    4175
    """

    def __init__(
        self,
        program: Program,
        panel: Panel,
        choose: ChoiceStrategy | str,
        seed: int,
        *,
        uncertain: bool = False,
        max_surveys: int | None = None,
        workers: int = 1,
        engine: Engine = "auto",
        progress: Progress | None = None,
        limits: Limits = DEFAULTS,
    ) -> None:
        check_settings(engine, workers, max_surveys)
        check_asked(program.attributes, bool(program.history), panel)
        self.program = program
        self.panel = panel
        self._choose = ChoiceStrategy.parse(choose)
        self._seed = seed
        self._uncertain = uncertain
        self._cap: SurveyCap | None = None
        if max_surveys is not None and max_surveys < len(program.surveys):
            self._cap = SurveyCap(program, max_surveys)
        self._workers = workers
        self._engine: Engine = engine
        self._progress = progress
        self._limits = limits
        self._counts: PanelCounts | None = None
        self._executor: Executor | None = None
        self._spare_rows: deque[tuple[BitRows, BitRows]] = deque()

    def __repr__(self) -> str:
        surveys, panel = len(self.program.surveys), self.panel.file.path
        return f"Matches({surveys:,} surveys, {panel}, choose={self._choose})"

    @property
    def surveys(self) -> tuple[Survey, ...]:
        """The surveys that are matched, in the plan's order."""
        return tuple(compiled.survey for compiled in self.program.surveys)

    def counts(self) -> PanelCounts:
        """Members counted by survey and quota, without a list of them."""
        if self._counts is None:
            for _ in self._run(rows=self._uncertain or self._cap is not None):
                pass
        assert self._counts is not None
        return self._counts

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Rows as Arrow record batches, in the columns of the Parquet output."""
        maker = RowMaker(self.program, schema_for(self.panel), self._limits)
        for shard, exact, maybe in self._run():
            make = partial(maker.batch, shard, exact, maybe)
            for _, batch in in_order(make, maker.tiles(shard), self._workers):
                if batch is not None:
                    yield batch

    def __iter__(self) -> Iterator[Match]:
        for batch in self.batches():
            for row in batch.to_pylist():
                yield Match(
                    row["member_id"],
                    f"{row['marketplace']}:{row['survey_id']}",
                    tuple(row["quota_ids"]),
                    Verdict(row["verdict"]),
                )

    def to_parquet(self, path: str | Path) -> PanelCounts:
        """Write all rows to a Parquet file, whole or not at all; gives the counts."""
        schema = schema_for(self.panel)
        write_parquet(self.batches(), schema, Path(path), self._limits.row_group)
        return self.counts()

    def to_database(self, url: str, table: str) -> PanelCounts:
        """Replace all rows of a database table, or leave it as it was; gives the counts.

        `url`: `postgresql://…` or `duckdb:///…`, relative to the current folder. A table is created
        where there is none; one with other columns is refused before any work.
        """
        schema, sources = schema_for(self.panel), self.panel.sources
        write_table(self.batches(), schema, url, table, sources, self._limits.row_group)
        return self.counts()

    def choice(self) -> Choice:
        """How a quota is chosen; for `scarcest` the panel is counted first."""
        eligible = self._eligible_by_quota() if self._choose is ChoiceStrategy.SCARCEST else None
        return make_choice(self._choose, self._seed, eligible)

    def eligible(self, survey: str) -> BitMap:
        """Positions in the panel of the members whom one survey definitely admits.

        `panel.ids` gives their ids. Raises InputError where the plan has no such survey.
        """
        return self._positions(survey, uncertain=False)

    def uncertain(self, survey: str) -> BitMap:
        """Positions in the panel of the members whom one survey may admit.

        `panel.ids` gives their ids. Raises InputError where the plan has no such survey.
        """
        return self._positions(survey, uncertain=True)

    def _positions(self, name: str, *, uncertain: bool) -> BitMap:
        survey = next((survey for survey in self.surveys if survey.name == name), None)
        if survey is None:
            raise no_survey(name, (survey.name for survey in self.surveys))
        program = compile_surveys((survey,))
        executor = Executor(program, First(), self._engine, self._limits)
        members = BitMap()
        for shard in self.panel.shards(program.attributes, self._shard_members(), program.history):
            bound = bind(program, shard, empty_rows(program, shard.size))
            exact = Assigned.empty(program, shard.size)
            executor.assign(bound, shard, exact)
            if uncertain:
                maybe = Assigned.empty(program, shard.size)
                executor.assign_uncertain(bound, shard, exact, maybe)
                exact = maybe
            members |= BitMap(_places(exact.who(program)[0], shard))
        return members

    def _shard_members(self) -> int:
        program = self.program
        rows = len(program.registers) + len(program.slots) + len(program.surveys)
        return shard_members(rows, self.panel, self._workers, self._limits)

    def _work(self) -> int:
        """How many words all results take, where the number of members is known."""
        members = self.panel.known_members or 0
        return members // WORD * len(self.program.slots)

    def _run(self, *, rows: bool = True) -> Iterator[tuple[Shard, Assigned, Assigned | None]]:
        """Evaluate every shard, in order; counts are there when all are done.

        The results of a shard are overwritten once the next is asked for; without `rows` they may
        have been already.
        """
        executor = self._make_executor()
        program = self.program
        totals = Counts.zero(program)
        size = self._shard_members()
        rooms: deque[list[Assigned]] = deque()
        members = 0

        def work(shard: Shard) -> tuple[Counts, list[Assigned]]:
            try:
                room = rooms.pop()
            except IndexError:
                room = [executor.room(size, kept=rows) for _ in range(1 + self._uncertain)]
            return self._evaluate(executor, shard, room), room

        shards = self.panel.shards(self.program.attributes, size, self.program.history)
        total = self.panel.known_members
        for shard, (counts, room) in in_order(work, shards, self._workers):
            exact, *maybe = (results.room_for(shard.size) for results in room)
            yield shard, exact, maybe[0] if maybe else None
            rooms.append(room)
            totals.add(counts)
            members += shard.members
            if self._progress is not None:
                self._progress(members, total)
        self._counts = self._summary(totals, members)

    def _evaluate(self, executor: Executor, shard: Shard, room: list[Assigned]) -> Counts:
        program = self.program
        exact, *maybe = (results.room_for(shard.size) for results in room)
        counts = Counts.zero(program)
        with self._bound(shard) as bound:
            count_taken(program, executor.assign(bound, shard, exact), counts)
            count_uncertain(program, bound, shard, counts, self._engine)
            count_matched(program, bound, shard, counts, self._engine)
            counts.given[:] = counts.eligible
            if maybe:
                assigned, *_ = executor.assign_uncertain(bound, shard, exact, maybe[0])
                counts.assigned[:] += assigned
                counts.given[:] += counts.uncertain
        if self._cap is not None:
            counts.given[:] = self._cap.apply([exact, *maybe], shard.size)
            counts.assigned[:] = sum(count_rows(results.taken) for results in (exact, *maybe))
        return counts

    @contextmanager
    def _bound(self, shard: Shard) -> Iterator[Bound]:
        """The plan's rows on a shard: left with it for the next plan while all of them stay few,
        else written over those of an earlier shard.
        """
        program = self.program
        rows_so_far = (shard.first + shard.size) // 8 * len(program.registers) * 2
        if self.panel.resident and rows_so_far <= self._limits.kept_bytes:
            yield bind(program, shard)
            return
        try:
            true, possible = self._spare_rows.pop()
        except IndexError:
            members = max(shard.size, self._shard_members())
            true, possible = (empty_rows(program, members) for _ in range(2))
        bound = bind(program, shard, true)
        possible_rows(bound, shard, possible)
        yield bound
        self._spare_rows.append((true, possible))

    def _make_executor(self) -> Executor:
        """The executor; for `scarcest` the panel is counted first."""
        if self._executor is None:
            self._executor = Executor(self.program, self.choice(), self._engine, self._limits)
            load_kernels("matcher.engine.kernels", self._work(), self._engine)
        return self._executor

    def _eligible_by_quota(self) -> dict[QuotaKey, int]:
        program = self.program
        totals = np.zeros(len(program.slots), np.int64)

        def work(shard: Shard) -> NDArray[np.int64]:
            with self._bound(shard) as bound:
                return count_eligible(program, bound, shard, self._engine)

        shards = self.panel.shards(
            self.program.attributes, self._shard_members(), self.program.history
        )
        for _, counted in in_order(work, shards, self._workers):
            totals += counted
        return {
            (compiled.survey.name, slot.quota.pointer): int(totals[slot.number])
            for compiled in program.surveys
            for step in compiled.steps
            for slot in step.slots
        }

    def _summary(self, totals: Counts, members: int) -> PanelCounts:
        surveys = []
        for number, compiled in enumerate(self.program.surveys):
            quotas = tuple(
                QuotaCounts(
                    slot.ids,
                    int(totals.matched[slot.number]),
                    int(totals.assigned[slot.number]),
                    slot.quota.remaining,
                    slot.quota.open,
                )
                for step in compiled.steps
                for slot in step.slots
            )
            survey = compiled.survey
            surveys.append(
                SurveyCounts(
                    survey.name,
                    "open" if survey.open else "closed",
                    int(totals.eligible[number]),
                    int(totals.uncertain[number]),
                    int(totals.given[number]),
                    quotas,
                )
            )
        return PanelCounts(members, tuple(surveys))


def _places(row: BitRow, shard: Shard) -> NDArray[np.int64]:
    """Positions in the panel, in which rows that are no members do not count."""
    places = positions(row)
    if shard.members < shard.size:
        places = np.searchsorted(positions(shard.everyone), places)
    return places + shard.first
