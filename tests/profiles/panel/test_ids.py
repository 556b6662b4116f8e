"""Positions in a panel, as `Matches.eligible` gives them, back as the ids of members."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyroaring import BitMap

import matcher
from profiles.errors import InputError
from profiles.panel import Panel, open_panel
from profiles.schema.panel_file import read_panel_file
from profiles.sources import open_source
from tests.support.commandline import ADULT_MEN, MEMBERS, PANEL, put, put_panel
from tests.support.stores import STORES, store

DAY = date(2026, 11, 21)
COUNT = 300


def table_of(ids: list[Any], kind: pa.DataType) -> pa.Table:
    columns = {name: [values[at % 4] for at in range(len(ids))] for name, values in MEMBERS.items()}
    return pa.table({**columns, "member_id": pa.array(ids, kind)})


def assert_ids(panel: Panel, expected: list[Any]) -> None:
    for places in ([], [0], [len(expected) - 1], [1, 5, 6, 130], list(range(len(expected)))):
        found = panel.ids(BitMap(places))
        assert found.to_pylist() == [expected[place] for place in places]
        assert found.type == panel.source.schema().field("member_id").type
    with pytest.raises(InputError) as caught:
        panel.ids(BitMap([2, len(expected)]))
    assert str(caught.value) == (
        f"{panel.source.name}: no member at position {len(expected)}, counted from 0: "
        f"there are {len(expected)}"
    )


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.int64()], ids=str)
def test_ids_of_members_in_a_folder_of_files(kind: pa.DataType, tmp_path: Path) -> None:
    ids = [number if kind == pa.int64() else f"m{number}" for number in range(COUNT)]
    table = table_of(ids, kind)
    put(tmp_path, "panel.toml", PANEL)
    (tmp_path / "parts").mkdir()
    for number, start in enumerate(range(0, COUNT, 90)):
        part = table.slice(start, 90)
        pq.write_table(part, tmp_path / "parts" / f"{number}.parquet", row_group_size=40)
    file = read_panel_file(tmp_path / "panel.toml")
    panel = Panel(file, open_source(tmp_path / "parts"), DAY)
    assert_ids(panel, ids)
    list(panel.shards(["age"], 64))
    assert_ids(panel, ids)


@pytest.mark.parametrize("name", STORES)
def test_ids_of_members_stored_otherwise(name: str, tmp_path: Path, postgres: str) -> None:
    ids = [f"m{number:03}" for number in range(COUNT)]
    put(tmp_path, "panel.toml", PANEL)
    file = read_panel_file(tmp_path / "panel.toml")
    tables = {"members_with_ids": (file, table_of(ids, pa.string()))}
    (source,) = store(name, tables, tmp_path, postgres).values()
    assert_ids(Panel(file, source, DAY), ids)


@pytest.mark.parametrize("read", [False, True], ids=["cold", "in memory"])
def test_deleted_rows_of_an_index_have_no_position(read: bool, tmp_path: Path) -> None:
    ids = [f"m{number}" for number in range(COUNT)]
    put_panel(tmp_path, PANEL, table_of(ids, pa.string()))
    panel = open_panel(tmp_path / "panel.toml", DAY)
    panel.write_index(tmp_path / "index", shard_members=128)
    gone = [*ids[:3], *ids[100:140], ids[-1]]
    put(tmp_path, "gone.csv", "\n".join(["member_id", *gone]))
    panel.update_index(tmp_path / "index", deleted=open_source(tmp_path / "gone.csv"))
    left = open_panel(tmp_path / "index", DAY)
    if read:
        list(left.shards(["age"], 64))
    assert_ids(left, [each for each in ids if each not in gone])


def test_ids_of_those_whom_a_survey_admits(tmp_path: Path) -> None:
    put_panel(tmp_path)
    put(tmp_path, "payload.json", ADULT_MEN)
    panel = open_panel(tmp_path / "panel.toml", DAY)
    plan = matcher.compile(matcher.load_surveys([tmp_path / "payload.json"], panel.mapping))
    found = plan.match(panel)
    (survey,) = found.surveys
    admitted = panel.ids(found.eligible(survey.name)).to_pylist()
    assert admitted == [row.member_id for row in found]
    assert admitted == ["m1", "m2", "m4"]
