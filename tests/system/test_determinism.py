"""The same input gives the same bytes, whatever the shards, the threads, or the files it is in."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

import matcher
from matcher.engine import Limits, Match, PanelCounts
from matcher.plan import Plan
from matcher.surveys import ChoiceStrategy
from profiles.panel import Panel
from profiles.schema.panel_file import PanelFile, parse_panel, read_panel_file
from profiles.sources import open_source
from profiles.synthetic import AS_OF
from tests.support.corpus import ROOT
from tests.support.panels import open_members
from tests.support.stores import STORES, store

DEMO = ROOT / "fixtures" / "demo"
MEMBERS = 1000


class Run(NamedTuple):
    """How a panel is cut: members in a shard at most, and threads."""

    shard: int
    workers: int


RUNS = [Run(64, 1), Run(64, 3), Run(448, 1), Run(448, 2), Run(1 << 20, 3)]

SMALL = Limits(least_members=64, line_members=64, tile_members=192, row_group=1000)
"""Row groups and tiles end within shards, and shards within them."""


@pytest.fixture(scope="module")
def file() -> PanelFile:
    return read_panel_file(DEMO / "panel.toml")


@pytest.fixture(scope="module")
def plan(file: PanelFile) -> Plan:
    return matcher.compile(matcher.load_surveys([DEMO / "payloads"], file.mapping))


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return pq.read_table(DEMO / "members.parquet").slice(0, MEMBERS)


@pytest.fixture(scope="module")
def members(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("panel") / "members.parquet"
    pq.write_table(table, path)
    return path


def result_of(
    plan: Plan, panel: Panel, folder: Path, limits: Limits = SMALL, **how: Any
) -> tuple[bytes, PanelCounts]:
    """The bytes of the Parquet output, and the counts."""
    path = folder / "out.parquet"
    counts = plan.match(panel, uncertain=True, limits=limits, **how).to_parquet(path)
    return path.read_bytes(), counts


@pytest.mark.parametrize("how", ChoiceStrategy)
def test_shards_and_workers_change_nothing(
    plan: Plan, file: PanelFile, members: Path, how: ChoiceStrategy, tmp_path: Path
) -> None:
    expected = result_of(plan, open_members(file, members, AS_OF), tmp_path, choose=how)
    assert sum(survey.eligible for survey in expected[1].surveys) > MEMBERS
    for run in RUNS:
        panel = open_members(file, members, AS_OF)
        limits = replace(SMALL, most_members=run.shard)
        found = result_of(plan, panel, tmp_path, limits, choose=how, workers=run.workers)
        assert found == expected, run


def test_with_a_history_and_a_limit_shards_and_workers_change_nothing(
    file: PanelFile, members: Path, tmp_path: Path
) -> None:
    ids = pq.read_table(members, columns=["member_id"])["member_id"].to_pylist()
    names = ("member_id", "marketplace", "survey_id", "wave_id", "outcome")
    rows = [(member, "dynata", str(20101 + n % 40), "", "dropout") for n, member in enumerate(ids)]
    rows += [(member, "toluna", "2510005", "791005", "started") for member in ids[::3]]
    history = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows])
    pq.write_table(history, tmp_path / "history.parquet")
    tables = {**file.tables, "history": {"source": str(tmp_path / "history.parquet")}}
    with_history = parse_panel(tables, file.path)
    plan = matcher.compile(matcher.load_surveys([DEMO / "payloads"], with_history.mapping))
    expected = result_of(plan, open_members(with_history, members, AS_OF), tmp_path, max_surveys=3)
    given = sum(survey.given for survey in expected[1].surveys)
    assert MEMBERS < given <= 3 * MEMBERS
    unlimited = plan.match(open_members(with_history, members, AS_OF), uncertain=True).counts()
    assert sum(survey.given for survey in unlimited.surveys) > given
    for engine in ("numpy", "numba"):
        for run in RUNS:
            panel = open_members(with_history, members, AS_OF)
            limits = replace(SMALL, most_members=run.shard)
            how = {"max_surveys": 3, "workers": run.workers, "engine": engine}
            assert result_of(plan, panel, tmp_path, limits, **how) == expected, (run, engine)


def test_a_small_budget_makes_small_shards_and_changes_nothing(
    plan: Plan, file: PanelFile, members: Path, tmp_path: Path
) -> None:
    expected = result_of(plan, open_members(file, members, AS_OF), tmp_path)
    progress: list[tuple[int, int | None]] = []
    panel = open_members(file, members, AS_OF)
    limits = replace(SMALL, shard_bytes=1 << 13)
    found = result_of(plan, panel, tmp_path, limits, progress=lambda *done: progress.append(done))
    assert found == expected
    assert len(progress) > 3
    assert progress[-1] == (MEMBERS, MEMBERS)


def test_a_panel_that_is_in_memory_gives_the_same_again(
    plan: Plan, file: PanelFile, members: Path, tmp_path: Path
) -> None:
    """Neither what an earlier plan left with the panel, nor the order of two, changes anything."""
    panel = open_members(file, members, AS_OF)
    expected = result_of(plan, panel, tmp_path)
    half = Plan(plan.surveys[::2])
    expected_of_half = result_of(half, open_members(file, members, AS_OF), tmp_path)
    assert result_of(half, panel, tmp_path) == expected_of_half
    assert result_of(plan, panel, tmp_path) == expected


def test_a_panel_too_large_to_keep_is_read_again_and_gives_the_same(
    plan: Plan, file: PanelFile, members: Path, tmp_path: Path
) -> None:
    expected = result_of(plan, open_members(file, members, AS_OF), tmp_path, choose="scarcest")
    panel = Panel(file, open_source(members), AS_OF, resident_members=300)
    limits = replace(SMALL, most_members=256)
    assert result_of(plan, panel, tmp_path, limits, choose="scarcest") == expected
    assert result_of(plan, panel, tmp_path, limits, choose="scarcest") == expected


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_engines_give_the_same_bytes(
    plan: Plan, file: PanelFile, members: Path, engine: str, tmp_path: Path
) -> None:
    if engine == "numba":
        pytest.importorskip("numba")
    expected = result_of(plan, open_members(file, members, AS_OF), tmp_path)
    panel = open_members(file, members, AS_OF)
    assert result_of(plan, panel, tmp_path, engine=engine) == expected


def write_csv(table: pa.Table, folder: Path) -> Path:
    path = folder / "members.csv"
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(table.column_names)
        for row in table.to_pylist():
            writer.writerow([_cell(value) for value in row.values()])
    return path


def _cell(value: object) -> str:
    if isinstance(value, list):
        return "|".join(value) if value else "[]"
    return "" if value is None else str(value)


def write_arrow_file(table: pa.Table, folder: Path) -> Path:
    path = folder / "members.arrow"
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=333)
    return path


def write_arrow_stream(table: pa.Table, folder: Path) -> Path:
    path = folder / "members.ipc"
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=333)
    return path


def write_small_row_groups(table: pa.Table, folder: Path) -> Path:
    path = folder / "small.parquet"
    pq.write_table(table, path, row_group_size=100)
    return path


def write_folder(table: pa.Table, folder: Path) -> Path:
    parts = folder / "parts"
    parts.mkdir()
    for number, start in enumerate(range(0, MEMBERS, 401)):
        pq.write_table(table.slice(start, 401), parts / f"{number:02}.parquet")
    return parts


def write_mixed_folder(table: pa.Table, folder: Path) -> Path:
    """Files of several formats, read in the order of their names; one of them holds nobody."""
    parts = folder / "parts"
    parts.mkdir()
    makers = (
        write_small_row_groups,
        write_csv,
        write_arrow_file,
        write_csv,
        write_small_row_groups,
    )
    for number, make in enumerate(makers):
        size = 0 if number == 3 else 300
        start = 300 * (number - (number > 3))
        written = make(table.slice(start, size), folder)
        written.rename(parts / f"{number}{written.suffix}")
    return parts


@pytest.mark.parametrize(
    "write",
    [
        write_csv,
        write_arrow_file,
        write_arrow_stream,
        write_small_row_groups,
        write_folder,
        write_mixed_folder,
    ],
)
def test_sources_change_nothing(
    plan: Plan,
    file: PanelFile,
    table: pa.Table,
    members: Path,
    write: Callable[[pa.Table, Path], Path],
    tmp_path: Path,
) -> None:
    expected = result_of(plan, open_members(file, members, AS_OF), tmp_path, choose="balanced")
    panel = open_members(file, write(table, tmp_path), AS_OF)
    assert result_of(plan, panel, tmp_path, choose="balanced") == expected


@pytest.mark.parametrize("name", STORES)
def test_databases_and_the_long_layout_change_nothing(
    plan: Plan,
    file: PanelFile,
    table: pa.Table,
    members: Path,
    name: str,
    tmp_path: Path,
    postgres: str,
) -> None:
    expected = result_of(plan, open_members(file, members, AS_OF), tmp_path, choose="balanced")
    source = store(name, {"demo": (file, table)}, tmp_path, postgres)["demo"]
    found = result_of(plan, Panel(file, source, AS_OF), tmp_path, choose="balanced")
    assert found == expected


def test_another_seed_draws_other_quotas_and_admits_the_same(
    plan: Plan, file: PanelFile, members: Path
) -> None:
    panel = open_members(file, members, AS_OF)

    def rows(**how: Any) -> list[Match]:
        return list(plan.match(panel, uncertain=True, **how))

    def pairs(of: list[Match]) -> Iterator[tuple[object, ...]]:
        return ((row.member_id, row.survey, row.verdict) for row in of)

    first, second = rows(choose="balanced", seed=1), rows(choose="balanced", seed=2)
    assert first == rows(choose="balanced", seed=1)
    assert first != second
    assert list(pairs(first)) == list(pairs(second)) == list(pairs(rows()))


@pytest.mark.parametrize("how", ["first", "most-open", "scarcest"])
def test_a_seed_changes_nothing_but_a_draw(
    plan: Plan, file: PanelFile, members: Path, how: str, tmp_path: Path
) -> None:
    panel = open_members(file, members, AS_OF)
    one = result_of(plan, panel, tmp_path, choose=how, seed=1)
    assert one == result_of(plan, panel, tmp_path, choose=how, seed=2)


def test_the_file_holds_the_rows_in_the_columns_of_the_interface(
    plan: Plan, file: PanelFile, members: Path, tmp_path: Path
) -> None:
    found = plan.match(open_members(file, members, AS_OF), uncertain=True)
    found.to_parquet(tmp_path / "out.parquet")
    written = pq.read_table(tmp_path / "out.parquet")
    text = pa.dictionary(pa.int32(), pa.string())
    assert dict(zip(written.schema.names, written.schema.types, strict=True)) == {
        "member_id": pa.string(),
        "marketplace": text,
        "survey_id": text,
        "quota_ids": pa.list_(pa.string()),
        "verdict": text,
    }
    rows = [
        Match(
            row["member_id"],
            f"{row['marketplace']}:{row['survey_id']}",
            tuple(row["quota_ids"]),
            row["verdict"],
        )
        for row in written.to_pylist()
    ]
    assert rows == list(found)
