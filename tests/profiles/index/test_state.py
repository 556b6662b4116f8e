"""An index that is built, updated and built anew, against a plain list of rows.

After every step it holds exactly the members of the list, in its order: those who were changed or
are new stand at the end. What surveys make of them is judged by the reference evaluator.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import matcher
from matcher.engine import Limits
from matcher.surveys import ChoiceStrategy, Verdict
from profiles.index import Indexed
from profiles.panel import Panel, open_panel
from profiles.schema.panel_file import parse_panel
from profiles.sources import open_source
from profiles.sources.files import FileSource
from tests.support.reference import Reference
from tests.support.strategies import (
    LAYOUTS,
    Json,
    Variation,
    payload,
    variations_without_history,
    write_collections,
)

Row: TypeAlias = dict[str, Any]
Types: TypeAlias = tuple[tuple[str, pa.DataType], ...]
Member: TypeAlias = tuple[Types, Row]
"""A row, and the Arrow types of the file that it stands in."""

SHARD_MEMBERS = 128
DAYS = [date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1), date(2027, 7, 4)]
_START = date(2026, 1, 1)
TIMES: dict[str, tuple[pa.DataType, Any]] = {
    "timestamp": (pa.timestamp("ms"), lambda n: datetime(2026, 1, 1) + timedelta(hours=n)),
    "moment": (pa.timestamp("ns", "UTC"), lambda n: datetime(2026, 1, 1) + timedelta(hours=n)),
    "date": (pa.date32(), lambda n: _START + timedelta(days=n)),
    "text": (pa.string(), lambda n: f"2026-{n:05}"),
    "names": (pa.dictionary(pa.int8(), pa.string()), lambda n: f"2026-{n:05}"),
    "number": (pa.int64(), lambda n: n),
    "fraction": (pa.float64(), lambda n: n / 4),
}
WHICH: dict[str, slice] = {
    "nobody": slice(0, 0),
    "the first": slice(0, 1),
    "the last": slice(-1, None),
    "every third": slice(1, None, 3),
    "the first hundred": slice(0, 100),
    "all but five": slice(5, None),
    "all": slice(None),
}
some = st.sampled_from(list(WHICH)).map(WHICH.__getitem__)
new = st.sampled_from([0, 0, 1, 3, 64, 70])


@st.composite
def answers(draw: st.DrawFn) -> tuple[Types, list[Row]]:
    """What some members answer, and the types that a file has it in."""
    layouts = {name: draw(st.sampled_from(each)) for name, each in LAYOUTS.items()}
    one = st.fixed_dictionaries(
        {name: st.sampled_from(pool) for name, (_, pool) in layouts.items()}
    )
    types = tuple((name, kind) for name, (kind, _) in layouts.items())
    return types, draw(st.lists(one, min_size=1, max_size=4))


def latest(members: dict[Any, Member], before: int | None) -> int | None:
    """The latest time of a change that has been seen."""
    times = [row["changed"] for _, row in members.values()]
    return max((each for each in [before, *times] if each is not None), default=None)


class Indexing(RuleBasedStateMachine):
    """One index and the panel that it was made of."""

    def __init__(self) -> None:
        super().__init__()
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self.temporary.name)
        self.index = self.folder / "index"
        write_collections(self.folder / "collections")
        self.members: dict[Any, Member] = {}
        self.written = 0
        self.watermark: int | None = None
        self.now = 0

    def teardown(self) -> None:
        self.temporary.cleanup()

    @initialize(
        variation=variations_without_history,
        surveys=payload(),
        text_ids=st.booleans(),
        times=st.sampled_from(list(TIMES)),
        first=answers(),
        count=st.sampled_from([0, 1, 64, 130, 150]),
    )
    def begin(
        self,
        variation: Variation,
        surveys: Json,
        text_ids: bool,
        times: str,
        first: tuple[Types, list[Row]],
        count: int,
    ) -> None:
        tables = variation.tables()
        tables["panel"] = {"source": "members", "updated_at": "changed"}
        self.file = parse_panel(tables, self.folder / "panel.toml")
        (self.folder / "payload.json").write_bytes(orjson.dumps(surveys))
        self.surveys = matcher.load_surveys([self.folder / "payload.json"], self.file.mapping)
        self.plan = matcher.compile(self.surveys)
        self.id_type = pa.string() if text_ids else pa.int64()
        self.time_type, self.time = TIMES[times]
        self.of_dynata = next(kind for name, kind in first[0] if name == "dynata_id")
        self.members = self.fresh(first, self.names(count), 0)
        self.build()

    # --- files

    def names(self, count: int) -> list[Any]:
        """Ids that were never used."""
        numbers = range(self.written, self.written + count)
        self.written += count
        return [f"{'mxé '[n % 4]}{n}" if self.id_type == pa.string() else n for n in numbers]

    def fresh(
        self, given_answers: tuple[Types, list[Row]], ids: Sequence[Any], changed: int | None
    ) -> dict[Any, Member]:
        """Members who now answer something else."""
        types, rows = given_answers
        pool = dict(LAYOUTS["dynata_id"])[self.of_dynata]
        return {
            name: (
                types,
                {
                    **rows[place % len(rows)],
                    "dynata_id": pool[place % len(pool)],
                    "member_id": name,
                    "changed": changed,
                },
            )
            for place, name in enumerate(ids)
        }

    def write(self, name: str, members: Sequence[Member]) -> FileSource:
        """A folder of Parquet files, another one wherever the types of columns change."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        own = {
            "dynata_id": self.of_dynata,
            "member_id": self.id_type,
            "changed": self.time_type,
        }
        runs = [(types, [row for _, row in run]) for types, run in groupby(members, lambda m: m[0])]
        for number, (types, rows) in enumerate(runs or [(tuple(own.items()), [])]):
            kinds = {**{n: k for n, (k, *_) in _FIRST.items()}, **dict(types), **own}
            table = {
                column: pa.array([self.raw(column, row[column]) for row in rows], kind)
                for column, kind in kinds.items()
            }
            pq.write_table(pa.table(table), folder / f"{number:03}.parquet")
        return open_source(folder)

    def raw(self, column: str, value: Any) -> Any:
        return self.time(value) if column == "changed" and value is not None else value

    def panel(self) -> Panel:
        """The panel's own source, as it should be by now."""
        return Panel(self.file, self.write("members", list(self.members.values())), DAYS[0])

    # --- steps

    @rule()
    def build(self) -> None:
        done = self.panel().write_index(self.index, shard_members=SHARD_MEMBERS)
        assert (done.new, done.changed, done.deleted) == (len(self.members), 0, 0)
        self.watermark = latest(self.members, None)

    @rule(given_answers=answers(), whom=some, gone=some, count=new, ids_as_csv=st.booleans())
    def take_changes(
        self,
        given_answers: tuple[Types, list[Row]],
        whom: slice,
        gone: slice,
        count: int,
        ids_as_csv: bool,
    ) -> None:
        """A source of changed rows, a source of deleted ids, or both."""
        ids = list(self.members)
        touched = ids[whom] + self.names(count if len(ids) < 200 else 0)
        deleted = [name for name in ids[gone] if name not in touched]
        unknown = self.names(1)
        self.now += 1
        changed = self.fresh(given_answers, touched, self.now)
        changes = self.write("changes", list(changed.values())) if touched else None
        done = Panel(self.file, self.write("members", []), DAYS[0]).update_index(
            self.index,
            changes,
            self.write_ids(deleted + unknown, ids_as_csv) if deleted or not touched else None,
            shard_members=SHARD_MEMBERS,
        )
        self.take(changed, deleted, done)

    def write_ids(self, ids: list[Any], as_csv: bool) -> FileSource:
        if as_csv:
            path = self.folder / "gone.csv"
            path.write_text("\n".join(["member_id", *map(str, ids)]) + "\n", encoding="utf-8")
            return open_source(path)
        path = self.folder / "gone.parquet"
        pq.write_table(pa.table({"member_id": pa.array(ids, self.id_type)}), path)
        return open_source(path)

    @rule(
        given_answers=answers(),
        whom=some,
        gone=some,
        count=new,
        moved=some,
        undated=st.booleans(),
        later=st.booleans(),
    )
    def compare(
        self,
        given_answers: tuple[Types, list[Row]],
        whom: slice,
        gone: slice,
        count: int,
        moved: slice,
        undated: bool,
        later: bool,
    ) -> None:
        """The panel's files are written anew; new rows may say that they are old."""
        ids = list(self.members)
        changed_at = max(self.watermark or 0, self.now) + later
        self.now = max(self.now, changed_at)
        changed = self.fresh(given_answers, ids[whom], None if undated else changed_at)
        changed |= self.fresh(given_answers, self.names(count if len(ids) < 200 else 0), 0)
        deleted = [name for name in ids[gone] if name not in changed]
        kept = {name: member for name, member in self.members.items() if name not in deleted}
        there = kept | changed
        order = [*(name for name in there if name not in ids[moved]), *ids[moved]]
        there = {name: there[name] for name in order if name in there}
        taken = {
            name: (types, row)
            for name, (types, row) in there.items()
            if name not in self.members or self.may_be_newer(row["changed"])
        }
        source = self.write("members", list(there.values()))
        done = Panel(self.file, source, DAYS[0]).update_index(
            self.index, shard_members=SHARD_MEMBERS
        )
        self.take(taken, deleted, done)
        times = [row["changed"] for _, row in taken.values() if row["changed"] is not None]
        self.watermark = max(
            [*times, *[self.watermark] * (self.watermark is not None)], default=None
        )

    def may_be_newer(self, changed: int | None) -> bool:
        return self.watermark is None or changed is None or changed >= self.watermark

    def take(self, changed: dict[Any, Member], deleted: list[Any], done: Indexed) -> None:
        """Changed and new members go to the end."""
        known = sum(name in self.members for name in changed)
        assert (done.new, done.changed, done.deleted) == (
            len(changed) - known,
            known,
            len(deleted),
        )
        for name in [*changed, *deleted]:
            self.members.pop(name, None)
        self.members |= changed

    # --- what must hold

    @rule(
        how=st.sampled_from(ChoiceStrategy),
        as_of=st.sampled_from(DAYS),
        workers=st.sampled_from([1, 1, 2]),
    )
    def matches_are_those_of_the_reference(
        self, how: ChoiceStrategy, as_of: date, workers: int
    ) -> None:
        rows = [row for _, row in self.members.values()]
        reference = Reference(self.surveys.surveys, self.file.mapping, rows, as_of)
        choice = reference.choice(how, 1)
        found = self.plan.match(
            open_panel(self.index, as_of),
            choose=how,
            seed=1,
            uncertain=True,
            workers=workers,
            limits=Limits(most_members=64, least_members=64),
        )
        assert list(found) == reference.rows(choice, uncertain=True)
        assert found.counts() == reference.counts(choice, uncertain=True)
        for survey in self.surveys.surveys:
            for verdict, places in (
                (Verdict.ELIGIBLE, found.eligible(survey.name)),
                (Verdict.UNCERTAIN, found.uncertain(survey.name)),
            ):
                assert list(places) == reference.places(survey, verdict)

    @invariant()
    def the_folder_holds_the_members_in_their_order(self) -> None:
        if not self.index.is_dir():  # before the first step
            return
        source = open_panel(self.index).source
        ids = [
            name for batch in source.batches(["member_id"]) for name in batch.data[0].to_pylist()
        ]
        assert ids == list(self.members)
        assert source.count_rows() == len(ids)
        files = {file.name for file in self.index.iterdir()}
        assert files == {".lock", "manifest.json", *(file.name for file in source.files)}
        assert len(source.files) <= 9 + len(ids) // 64


_FIRST = {name: each[0] for name, each in LAYOUTS.items()}

TestIndexing = Indexing.TestCase
TestIndexing.settings = settings(max_examples=settings().max_examples // 4, stateful_step_count=12)
