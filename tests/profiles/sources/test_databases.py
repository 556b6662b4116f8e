"""Databases as sources: types, one state and one order, errors in one line, nothing left behind."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from adbc_driver_postgresql import dbapi

from profiles.errors import InputError
from profiles.schema import Location
from profiles.sources import BATCH_ROWS, DatabaseSource, open_location
from tests.support.stores import put_duckdb, put_postgres

KINDS = ("duckdb", "postgresql")


class Database:
    """One database to try things on, of either kind."""

    def __init__(self, kind: str, folder: Path, postgres: str) -> None:
        self.kind = kind
        self.folder = folder
        self.path = folder / "panel.duckdb"
        self.url = postgres if kind == "postgresql" else "duckdb:///panel.duckdb"
        self.shown = "postgresql:///postgres" if kind == "postgresql" else str(self.path)

    def run(self, *statements: str) -> None:
        """Change the database, over a connection of its own."""
        if self.kind == "duckdb":
            with duckdb.connect(self.path) as connection:
                for statement in statements:
                    connection.execute(statement)
            return
        with dbapi.connect(self.url) as connection, connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '5s'")
            for statement in statements:
                cursor.execute(statement)
            connection.commit()

    def put(self, **tables: pa.Table) -> None:
        """Make tables anew."""
        if self.kind == "postgresql":
            put_postgres(tables, self.url)
        else:
            self.path.unlink(missing_ok=True)
            put_duckdb(tables, self.path)

    def open(self, table: str | None = None, query: str | None = None) -> DatabaseSource:
        """A source of members."""
        source = open_location(Location(self.url, table, query), self.folder, "member_id")
        assert isinstance(source, DatabaseSource)
        return source


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path, postgres: str) -> Database:
    if request.param == "postgresql":
        with dbapi.connect(postgres) as connection, connection.cursor() as cursor:
            cursor.execute(  # sources of earlier tests, which lock what they have read
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            cursor.fetchall()
            cursor.execute("DROP SCHEMA public CASCADE")
            cursor.execute("CREATE SCHEMA public")
            connection.commit()
    return Database(request.param, tmp_path, postgres)


def column(source: DatabaseSource, name: str) -> list[Any]:
    return [item for batch in source.batches([name]) for item in batch.data[0].to_pylist()]


def members(count: int) -> pa.Table:
    return pa.table({"member_id": range(count), "sex": ["M", "F"] * (count // 2)})


# --- types

SQL_TYPES: Mapping[str, tuple[str, Any]] = {
    "integer": ("5::INT", 5),
    "bigint": ("5000000000::BIGINT", 5_000_000_000),
    "double": ("1.5::DOUBLE PRECISION", 1.5),
    "boolean": ("true", True),
    "text": ("'x'::TEXT", "x"),
    "numeric": ("5.00::NUMERIC(6,2)", "5"),
    "date": ("DATE '2001-02-03'", date(2001, 2, 3)),
    "timestamp": ("TIMESTAMP '2001-02-03 04:05:06'", datetime(2001, 2, 3, 4, 5, 6)),
    "uuid": ("'b5c5d1a4-0000-4000-8000-000000000001'::UUID",) * 2,
    "json": ("""'{"a": 1}'::JSON""", '{"a": 1}'),
    "time": ("TIME '10:11:12'", "10:11:12"),
    "texts": ("ARRAY['a', NULL]", ["a", None]),
    "integers": ("ARRAY[1, 2]", [1, 2]),
    "numerics": ("ARRAY[1.5::NUMERIC(3,1)]", ["1.5"]),
    "uuids": ("ARRAY['b5c5d1a4-0000-4000-8000-000000000001'::UUID]",) * 2,
    "enum": ("'b'::pet", "b"),
    "enums": ("ARRAY['b'::pet]", ["b"]),
    "none": ("NULL::TEXT[]", None),
}
OWN_TYPES: Mapping[str, Mapping[str, tuple[str, Any]]] = {
    "duckdb": {
        "hugeint": ("170141183460469231731687303715884105727::HUGEINT",) * 2,
        "array": ("[1, 2]::INT[2]", [1, 2]),
        "unsigned": ("200::UTINYINT", 200),
    },
    "postgresql": {
        "money": ("'12.50'::MONEY", "$12.50"),
        "padded": ("'x'::CHAR(5)", "x"),
        "oid": ("4000000000::OID", "4000000000"),
        "network": ("'10.0.0.1'::INET", "10.0.0.1/32"),
        "range": ("INT4RANGE(1, 3)", "[1,3)"),
        "jsons": ("""ARRAY['{"a": 1}'::JSONB]""", ['{"a": 1}']),
    },
}


@pytest.mark.parametrize("whole", [True, False], ids=["table", "query"])
def test_what_arrow_has_no_plain_type_for_is_text(database: Database, whole: bool) -> None:
    types = {**SQL_TYPES, **OWN_TYPES[database.kind]}
    selected = ", ".join(f"{sql} AS {quoted(name)}" for name, (sql, _) in types.items())
    database.run(
        "CREATE TYPE pet AS ENUM ('a', 'b')",
        f"CREATE TABLE members AS SELECT 'm1' AS member_id, {selected}",
    )
    source = database.open("members") if whole else database.open(query="SELECT * FROM members;")
    (batch,) = source.batches(list(types))
    (row,) = batch.data.to_pylist()
    expected = {name: value for name, (_, value) in types.items()}
    expected["uuid"] = "b5c5d1a4-0000-4000-8000-000000000001"
    expected["uuids"] = ["b5c5d1a4-0000-4000-8000-000000000001"]
    if database.kind == "duckdb":
        expected["hugeint"] = "170141183460469231731687303715884105727"
        expected |= {"numeric": Decimal("5.00"), "numerics": [Decimal("1.5")]}
    assert row == expected
    assert source.schema().names == ["member_id", *types]
    assert batch.data.schema.types == [source.schema().field(name).type for name in types]


def quoted(name: str) -> str:
    return f'"{name}"'


def test_only_the_wanted_columns_are_read(database: Database) -> None:
    database.run("CREATE TABLE members AS SELECT 1 AS member_id, 1 AS good, 'x' AS bad")
    source = database.open(query="SELECT member_id, good, 1 / (good - 1) AS bad FROM members")
    if database.kind == "postgresql":  # a query is run as it stands
        source = database.open("members")
    (batch,) = source.batches(["good"])
    assert batch.data.schema.names == ["good"]
    assert batch.place(0).endswith("member `1`")


def test_arrays_in_arrays_are_refused(postgres: str, tmp_path: Path) -> None:
    """They would arrive as lists of all their items."""
    database = Database("postgresql", tmp_path, postgres)
    database.run(
        "DROP TABLE IF EXISTS members",
        "CREATE TABLE members AS SELECT * FROM (VALUES ('m1', ARRAY[1, 2], ARRAY['a']), "
        "('m2', ARRAY[[1], [2]], NULL)) AS given (member_id, pets, cars)",
    )
    assert column(database.open("members"), "cars") == [["a"], None]
    with pytest.raises(InputError) as caught:
        column(database.open("members"), "pets")
    assert str(caught.value) == (
        "postgresql:///postgres table `members`: member `m2`, column `pets`: "
        "an array in an array cannot hold answers"
    )


# --- rows, their order, and the state they are of


def test_rows_are_streamed(database: Database) -> None:
    count = 5 * BATCH_ROWS // 2
    database.put(members=members(count))
    for source in (database.open("members"), database.open(query="SELECT * FROM members")):
        gc.collect()
        before = pa.total_allocated_bytes()
        most, found = 0, []
        for batch in source.batches(["sex"]):
            assert batch.data.num_rows <= BATCH_ROWS
            most = max(most, pa.total_allocated_bytes() - before)
            assert batch.members is not None
            found.append(batch.members)
            assert batch.place(0) == f"{source.name}: member `{batch.members[0]}`"
        assert pa.chunked_array(found).to_pylist() == list(range(count))
        assert most < 64 << 20


def test_a_source_sees_one_state(database: Database) -> None:
    """Reads begun after others have changed the table give what the first gave."""
    database.put(members=members(10))
    source = database.open("members")
    assert column(source, "sex")[:2] == ["M", "F"]
    change = "UPDATE members SET sex = 'X'"
    if database.kind == "postgresql":
        database.run(change, "DELETE FROM members WHERE member_id = 3")
    else:  # nobody can change a file that is being read; within this process one can
        with pytest.raises(duckdb.Error):
            database.run(change)
    assert column(source, "sex")[:2] == ["M", "F"]
    assert len(column(source, "member_id")) == 10


def test_a_file_that_this_process_writes_to_is_read(tmp_path: Path) -> None:
    database = Database("duckdb", tmp_path, "")
    database.put(members=members(10))
    with duckdb.connect(database.path) as writing:
        source = database.open("members")
        writing.execute("UPDATE members SET sex = 'X'")
        assert column(source, "sex")[:2] == ["M", "F"]
        assert column(database.open("members"), "sex")[:2] == ["X", "X"]


def test_reads_may_run_side_by_side_and_be_given_up(database: Database) -> None:
    database.put(members=members(2 * BATCH_ROWS))
    source = database.open("members")
    first, second = source.batches(["member_id"]), source.batches(["sex"])
    rows = [next(first).data.num_rows, next(second).data.num_rows]
    del second
    rows += [batch.data.num_rows for batch in first]
    assert sum(rows[:1] + rows[2:]) == 2 * BATCH_ROWS
    assert len(column(source, "sex")) == 2 * BATCH_ROWS
    forgotten: list[Any] = [source.batches(["sex"])]
    next(forgotten[0])
    forgotten.append(forgotten)
    del source, first, forgotten
    gc.collect()
    database.run("DROP TABLE members")


def test_another_order_is_refused(database: Database) -> None:
    database.put(members=members(1000))
    source = database.open(query="SELECT * FROM members ORDER BY random()")
    column(source, "sex")
    with pytest.raises(InputError, match="the rows came in another order than before"):
        column(source, "sex")


def test_rows_changed_since(database: Database) -> None:
    at = [datetime(2026, 1, 1), datetime(2026, 1, 2), None, datetime(2026, 1, 3)]
    table = pa.table(
        {
            "member_id": ["a", "b", "c", "d"],
            "at": pa.array(at, pa.timestamp("us")),
            "day": pa.array([moment and moment.date() for moment in at], pa.date32()),
            "number": [1, 2, None, 3],
            "text": ["1", "2", None, "3'"],
        }
    )
    database.put(members=table)
    for source in (database.open("members"), database.open(query="SELECT * FROM members")):
        since: dict[str, date | int | str] = {
            "at": datetime(2026, 1, 2),
            "day": date(2026, 1, 2),
            "number": 2,
            "text": "2",
        }
        for name, value in since.items():
            changed = source.changed_since(name, value)
            assert column(changed, "member_id") == ["b", "c", "d"], name
            assert changed.count_rows() is None
        assert column(source.changed_since("text", "3'"), "member_id") == ["c", "d"]
        assert len(column(source, "member_id")) == 4
        with pytest.raises(InputError, match="no column `att`; did you mean `at`"):
            source.changed_since("att", 1)


def test_names_are_quoted(database: Database) -> None:
    database.run(
        'CREATE SCHEMA "My panel"',
        'CREATE TABLE "My panel"."the ""members"".all" AS SELECT 1 AS member_id, 2 AS "a ""b"""',
    )
    source = database.open('My panel."the ""members"".all"')
    assert column(source, 'a "b"') == [2]


def test_rows_are_counted_where_that_is_cheap(database: Database) -> None:
    database.put(members=members(10))
    counted = database.open("members").count_rows()
    assert counted == (10 if database.kind == "duckdb" else None)
    assert database.open(query="SELECT * FROM members").count_rows() is None


# --- errors


@pytest.mark.parametrize(
    ("table", "query", "why"),
    [
        ("membres", None, ": no table `membres`; did you mean `members`?"),
        ("public.x.y.z", None, ": no table `public.x.y.z`"),
        (None, "SELECT FROM FROM", " query: syntax error at or near `FROM`"),
        (None, "SELECT 1 AS a FROM nothing", " query: "),
        (None, "SELECT pets FROM members", " query: "),
    ],
)
def test_what_is_not_there(
    database: Database, table: str | None, query: str | None, why: str
) -> None:
    database.put(members=members(2))
    with pytest.raises(InputError) as caught:
        database.open(table, query).schema()
    assert str(caught.value).startswith(database.shown + why)
    assert "\n" not in str(caught.value)


def test_errors_in_the_midst_of_reading(database: Database) -> None:
    database.put(members=members(2 * BATCH_ROWS))
    last = 2 * BATCH_ROWS - 1
    cast = f"(CASE WHEN member_id = {last} THEN 'x' ELSE '1' END)::INT"
    source = database.open(query=f"SELECT member_id, {cast} AS a FROM members")
    with pytest.raises(InputError) as caught:
        column(source, "a")
    assert str(caught.value).startswith(f"{database.shown} query: ")
    assert "\n" not in str(caught.value)
    assert column(database.open("members"), "member_id")[-1] == last


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://host/panel", "`mysql` databases are not supported (duckdb, postgresql)"),
        ("postgre://host/panel", "`postgre` databases are not supported; did you mean `postgres`?"),
        ("duckdb:///none.duckdb", "none.duckdb: no such file"),
        ("duckdb:///text.duckdb", "it is not a valid DuckDB database file"),
        ("duckdb://text.duckdb", "`duckdb://text.duckdb`: a DuckDB file is `duckdb:///file.duckdb`"),
        ("duckdb:///", "a DuckDB file is"),
        ("postgresql://u:sec/ret@host/panel", "not of the form postgresql://user:password@host"),
        ("postgresql://u:s%zzecret@localhost:1/panel", "postgresql://localhost:1/panel: cannot"),
        ("postgresql://u:secret@localhost:1/panel?password=secret", "cannot connect: connection"),
    ],
)  # fmt: skip
def test_places_that_cannot_be_opened(url: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "text.duckdb").write_text("not a database")
    with pytest.raises(InputError) as caught:
        open_location(Location(url, "members"), tmp_path)
    message = str(caught.value)
    assert why in message
    assert "\n" not in message
    assert "sec" not in message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["text.duckdb"]


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for extra in ("duckdb", "postgres"):
        monkeypatch.setitem(sys.modules, f"profiles.sources.{extra}", None)
        with pytest.raises(InputError, match=f"databases need the extra `{extra}`"):
            open_location(Location(f"{extra}:///x", "members"), tmp_path)
