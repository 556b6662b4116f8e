"""An index is written whole or not at all, whoever is killed and whoever reads meanwhile."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import matcher
from matcher.plan import Plan
from profiles.errors import InputError
from profiles.index.folder import locked
from profiles.panel import Panel, open_panel
from profiles.schema import read_row
from profiles.schema.panel_file import read_panel_file
from profiles.sources import open_source
from tests.support.commandline import (
    ADULT_MEN,
    MEMBERS,
    PANEL,
    put,
)
from tests.support.corpus import ROOT
from tests.support.killed import SHARD_MEMBERS, write

DAY = date(2026, 11, 21)
State: TypeAlias = list[tuple[str, dict[str, set[Any]]]]
"""Members in order, and what they have answered."""


def table(first: int, stop: int, sex: str) -> pa.Table:
    """Members of whom every fourth has not answered."""
    columns = {
        name: [values[number % 4] for number in range(first, stop)]
        for name, values in MEMBERS.items()
    }
    columns["member_id"] = [f"m{number}" for number in range(first, stop)]
    columns["sex"] = [sex if number % 4 else None for number in range(first, stop)]
    return pa.table(columns)


def members(panel: Panel) -> State:
    columns = panel.source.schema().names
    rows = [row for batch in panel.source.batches(columns) for row in batch.data.to_pylist()]
    read = [read_row(panel.schema, row, DAY) for row in rows]
    return [
        (row["member_id"], {name: set(held) for name, held in answers.items()})
        for row, answers in zip(rows, read, strict=True)
    ]


@pytest.fixture
def plan(folder: Path) -> Plan:
    put(folder, "payload.json", ADULT_MEN)
    mapping = read_panel_file(folder / "old.toml").mapping
    return matcher.compile(matcher.load_surveys([folder / "payload.json"], mapping))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two panels of three shards, an index of the first, and changes to it."""
    for name, of in {
        "old": table(0, 300, "M"),
        "new": table(50, 400, "F"),
        "changes": table(290, 340, "F"),
        "gone": table(0, 90, "M").select(["member_id"]),
    }.items():
        pq.write_table(of, tmp_path / f"{name}.parquet")
        put(tmp_path, f"{name}.toml", PANEL.replace("members.parquet", f"{name}.parquet"))
    old = open_panel(tmp_path / "old.toml")
    old.write_index(tmp_path / "index", shard_members=SHARD_MEMBERS)
    return tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")
@pytest.mark.parametrize("how", ["build", "update"])
def test_whoever_is_killed_leaves_the_old_index_or_the_new_one(
    how: str, folder: Path, plan: Plan
) -> None:
    old = members(open_panel(folder / "index"))
    line = [sys.executable, "-W", "error", "-m", "tests.support.killed", str(folder), how]
    subprocess.run(line, cwd=ROOT, check=True, timeout=60)
    *killed, finished = sorted((each for each in folder.iterdir() if each.name.isdigit()), key=by)
    new = members(open_panel(finished))
    assert new == expected(how, folder)
    found = [members(open_panel(each)) for each in killed]
    assert len(found) > 12
    first_new = found.index(new)
    assert found == [old] * first_new + [new] * (len(found) - first_new)
    assert first_new > len(found) // 2
    for each in killed:
        write(folder, each, how)
        panel = open_panel(each, DAY)
        if how == "build":
            assert members(panel) == new
        else:  # a second time the changed members stand at the end once more
            assert sorted(members(panel), key=str) == sorted(new, key=str)
        assert plan.match(panel).counts() == plan.match(open_panel(finished, DAY)).counts()
        assert files(each) == {".lock", "manifest.json", *(f.name for f in panel.source.files)}


def by(folder: Path) -> int:
    return int(folder.name)


def files(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def expected(how: str, folder: Path) -> State:
    def of(name: str) -> State:
        return members(Panel(read_panel_file(folder / "new.toml"), open_source(folder / name), DAY))

    if how == "build":
        return of("new.parquet")
    changed = of("changes.parquet")
    gone = {f"m{number}" for number in range(90)} | {name for name, _ in changed}
    return [member for member in of("old.parquet") if member[0] not in gone] + changed


def test_readers_see_one_index_or_the_other_while_they_are_replaced(
    folder: Path, plan: Plan
) -> None:
    """And whoever has opened one keeps it."""
    index = folder / "index"
    panels = [open_panel(folder / f"{name}.toml", DAY) for name in ("old", "new")]
    results = [plan.match(panel).counts() for panel in panels]
    assert results[0] != results[1]
    opened = open_panel(index, DAY)
    seen: list[Any] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                seen.append(plan.match(open_panel(index, DAY)).counts())
            except Exception as error:
                seen.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(16):
        panels[1 - number % 2].write_index(index, shard_members=SHARD_MEMBERS)
    done.set()
    for reader in readers:
        reader.join()
    assert [each for each in seen if each not in results] == []
    assert all(result in seen for result in results)
    assert plan.match(opened).counts() == results[0]
    assert members(opened) == members(panels[0])


def test_one_process_writes_at_a_time(folder: Path) -> None:
    index = folder / "index"
    before = members(open_panel(index)), files(index)
    with locked(index):
        for how in ("build", "update"):
            with pytest.raises(InputError, match="another process is writing the index"):
                write(folder, index, how)
        assert before == (members(open_panel(index)), files(index))
    open_panel(folder / "new.toml").write_index(index)
