"""Participation history by member is what the rows say, whatever they stand in."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from profiles.errors import InputError
from profiles.hashing import hash_id, mix
from profiles.history import MemberHistory
from profiles.schema import Location, Participation
from profiles.schema.participation import read_participation
from tests.profiles.history.test_history import (
    BAD,
    COLUMNS,
    FILES,
    GOOD,
    write_parquet,
)
from tests.support.stores import put_duckdb
from tests.support.strategies import Members, members_with_history


def participants(path: Path) -> MemberHistory:
    return MemberHistory(Location(path.name), path.parent)


def assert_found(found: MemberHistory, rows: Sequence[Participation]) -> None:
    """What each member took part in, in order; and nothing of others."""
    for member_id in {row.member_id for row in rows}:
        of_member = [row for row in rows if row.member_id == member_id]
        assert found.of(member_id) == of_member
        assert found.of(f" {member_id}\t") == of_member
    assert found.of("no such member") == []
    assert found.of("") == []


@pytest.mark.parametrize("kind", FILES)
@given(people=members_with_history())
def test_what_is_found_is_what_the_rows_say(
    kind: str, people: tuple[Members, Members], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = FILES[kind](people[1].table(), tmp_path_factory.getbasetemp())
    assert_found(participants(path), [read_participation(row) for row in people[1].rows])


def ids_of_one_hash(count: int) -> list[str]:
    """Ids of sixteen bytes: the last eight make up for what the first eight have changed."""

    def state(first: bytes) -> int:
        return mix(mix(16) ^ int.from_bytes(first, "little"))

    target = state(b"member-0") ^ int.from_bytes(b"-of-many", "little")
    ids = ["member-0-of-many"]
    for number in itertools.count(10**7):
        first = str(number).encode()
        last = (state(first) ^ target).to_bytes(8, "little")
        if all(33 <= byte < 127 for byte in last):
            ids.append((first + last).decode())
        if len(ids) == count:
            break
    return ids


def test_ids_of_one_hash_are_told_apart(tmp_path: Path) -> None:
    ids = ids_of_one_hash(7)
    assert len({hash_id(each) for each in ids}) == 1
    rows = [
        {**GOOD, "member_id": ids[number % 7], "survey_id": str(number)} for number in range(30)
    ]
    path = write_parquet(pa.Table.from_pylist(rows), tmp_path)
    assert_found(participants(path), [read_participation(row) for row in rows])


def test_it_is_read_once(tmp_path: Path) -> None:
    path = write_parquet(pa.Table.from_pylist([GOOD]), tmp_path)
    found = participants(path)
    path.unlink()
    assert_found(found, [read_participation(GOOD)])


def test_a_history_in_a_database_or_a_folder(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {**GOOD, "survey_id": str(number), "category_ids": ["a", None, str(number)]}
        for number in range(5)
    ]
    table = pa.Table.from_pylist(rows)
    put_duckdb({"history": table}, tmp_path / "history.duckdb")
    (tmp_path / "folder").mkdir()
    pq.write_table(table.slice(0, 2), tmp_path / "folder" / "a.parquet")
    pq.write_table(table.slice(2).drop_columns("category_ids"), tmp_path / "other.parquet")
    pq.write_table(table.slice(2), tmp_path / "folder" / "b.parquet")
    expected = [read_participation(row) for row in rows]
    assert expected[3].category_ids == ("a", "3")
    for location in (Location("duckdb:///history.duckdb", "history"), Location("folder")):
        assert_found(MemberHistory(location, tmp_path), expected)
    without = participants(tmp_path / "other.parquet")
    assert [row.category_ids for row in without.of("m1")] == [(), (), ()]


def test_a_history_without_rows(tmp_path: Path) -> None:
    path = write_parquet(pa.Table.from_pylist([GOOD]).slice(1), tmp_path)
    assert_found(participants(path), [])


@pytest.mark.parametrize(("fault", "why"), BAD.values(), ids=BAD)
def test_a_row_that_says_too_little_is_refused(
    fault: dict[str, Any], why: str, tmp_path: Path
) -> None:
    bad = {**GOOD, "survey_id": "99"} | fault
    for file_of in FILES.values():
        path = file_of(pa.Table.from_pylist([GOOD, bad, GOOD, bad]), tmp_path)
        with pytest.raises(InputError) as refused:
            participants(path)
        assert str(refused.value) == f"{path}: {why}"


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_another_kind_is_refused(name: str, tmp_path: Path) -> None:
    column, why = COLUMNS[name]
    path = write_parquet(pa.table({**{k: [v] for k, v in GOOD.items()}, name: column}), tmp_path)
    with pytest.raises(InputError) as refused:
        participants(path)
    assert str(refused.value) == f"{path}: row 1, column `{name}`: {why}"


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = write_parquet(pa.table({"member_id": ["m1"], "marketplace": ["rfg"]}), tmp_path)
    with pytest.raises(InputError) as refused:
        participants(path)
    missing = "no column `survey_id`, `outcome`, which participation history needs"
    assert str(refused.value) == f"{path}: {missing}"
