"""`match -o` to a database: the same rows as in Parquet, all of them or none."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from adbc_driver_postgresql import dbapi

import matcher
from matcher.engine import Matches
from profiles.errors import InputError
from profiles.panel import open_panel
from profiles.sources.duckdb import connect
from tests.support.commandline import (
    ADULT_MEN,
    AS_OF,
    INTERRUPTED,
    MEMBERS,
    PANEL,
    Result,
    command,
    finish,
    listing,
    process,
    put,
    put_panel,
    wait_until_it_listens,
)
from tests.support.stores import put_duckdb, put_postgres

COLUMNS = "member_id TEXT, marketplace TEXT, survey_id TEXT, quota_ids TEXT[], verdict TEXT"
OLD = [("m0", "rfg", "9", ["q"], "eligible")]


class Output:
    """A database to write to, of either kind."""

    def __init__(self, kind: str, folder: Path, postgres: str) -> None:
        self.path = folder / "out.duckdb"
        self.is_file = kind == "duckdb"
        self.url = "duckdb:///out.duckdb" if self.is_file else postgres
        self.shown = "out.duckdb" if self.is_file else "postgresql:///postgres"

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements; the rows of the last."""
        if self.is_file:
            reads = statements[-1].startswith("SELECT")
            with connect(self.path, read_only=reads) as connection:
                for statement in statements:
                    connection.execute(statement)
                return list(connection.fetchall())
        with dbapi.connect(self.url) as connection, connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '5s'")
            for statement in statements:
                cursor.execute(statement)
            rows = cursor.fetchall() if statements[-1].startswith("SELECT") else []
            connection.commit()
            return list(rows)

    def put_old(self) -> None:
        """A table of results of yesterday, which others look at through a view."""
        self.run(
            f"CREATE TABLE pairs ({COLUMNS})",
            "INSERT INTO pairs VALUES ('m0', 'rfg', '9', ARRAY['q'], 'eligible')",
            "CREATE VIEW looked_at AS SELECT * FROM pairs",
        )

    def rows(self, table: str = "pairs") -> list[tuple[Any, ...]]:
        """All rows, as they stand."""
        return self.run(f"SELECT * FROM {table}")


@pytest.fixture(params=["duckdb", "postgresql"])
def output(
    request: pytest.FixtureRequest, tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> Output:
    monkeypatch.chdir(tmp_path)
    put_panel(tmp_path)
    put(tmp_path, "payload.json", ADULT_MEN)
    output = Output(request.param, tmp_path, postgres)
    if not output.is_file:
        output.run("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    return output


ARGUMENTS = ("match", "payload.json", "--panel", "panel.toml", "--as-of", AS_OF, "--quiet")


def match(output: Output, table: str = "pairs") -> Result:
    return command(*ARGUMENTS, "-o", output.url, "--table", table)


def expected(folder: Path) -> list[tuple[Any, ...]]:
    """The rows of the Parquet output."""
    assert command(*ARGUMENTS, "-o", folder / "pairs.parquet").status == 0
    return [tuple(row.values()) for row in pq.read_table(folder / "pairs.parquet").to_pylist()]


def test_the_table_is_made(output: Output, tmp_path: Path) -> None:
    assert match(output) == Result(0, "", "")
    assert output.rows() == expected(tmp_path)
    assert len(output.rows()) > 1
    if output.is_file:
        assert not [name for name in listing(tmp_path) if name.startswith(".") or "wal" in name]


def test_the_rows_of_a_table_are_replaced(output: Output, tmp_path: Path) -> None:
    output.put_old()
    assert match(output).status == 0
    assert match(output).status == 0
    assert output.rows() == output.rows("looked_at") == expected(tmp_path)


def test_ids_that_are_numbers_stay_numbers(output: Output, tmp_path: Path) -> None:
    put_panel(tmp_path, members=MEMBERS | {"member_id": [1, 2, 3, 4]})
    assert match(output).status == 0
    assert {type(row[0]) for row in output.rows()} == {int}
    assert output.rows() == expected(tmp_path)


@pytest.mark.parametrize(
    "columns",
    [
        "member_id TEXT",
        COLUMNS.replace("member_id TEXT", "member_id BIGINT"),
        COLUMNS.replace("TEXT[]", "TEXT"),
        f"{COLUMNS}, note TEXT",
        COLUMNS.replace("survey_id TEXT", "survey_id UUID"),
    ],
)
def test_a_table_of_something_else_is_refused(output: Output, columns: str) -> None:
    output.run(f"CREATE TABLE pairs ({columns})")
    assert match(output) == Result(
        2,
        "",
        f"matcher: {output.shown}: the table `pairs` has other columns than "
        f"({COLUMNS.replace('TEXT', 'text')})\n",
    )
    assert output.rows() == []


@pytest.mark.parametrize("made", [True, False])
def test_a_failing_run_changes_nothing(output: Output, made: bool, tmp_path: Path) -> None:
    if made:
        output.put_old()
    before = listing(tmp_path)
    put_panel(tmp_path, members=MEMBERS | {"dob": ["1990-02-03", "2004-05-06", "x", None]})
    result = match(output)
    assert (result.status, result.err.count("\n")) == (2, 1)
    assert "`x` is not a date" in result.err
    assert listing(tmp_path) == before
    if made:
        assert output.rows() == OLD


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_work_changes_nothing(
    output: Output, number: signal.Signals, tmp_path: Path
) -> None:
    many = {name: values * 200_000 for name, values in MEMBERS.items()}
    many["member_id"] = list(range(800_000))
    output.run(
        f"CREATE TABLE pairs ({COLUMNS.replace('member_id TEXT', 'member_id BIGINT')})",
        "INSERT INTO pairs VALUES (7, 'rfg', '9', ARRAY['q'], 'eligible')",
    )
    put_panel(tmp_path, members=many)
    put(tmp_path, "payload.json", [{**ADULT_MEN, "id": str(number)} for number in range(40)])
    before = listing(tmp_path)
    running = process(*ARGUMENTS, "-o", output.url, "--table", "pairs")
    wait_until_it_listens(running)
    time.sleep(1.5)
    assert running.poll() is None
    running.send_signal(number)
    result = finish(running)
    if number is not signal.SIGKILL:
        assert (result.status, result.err) == INTERRUPTED[number]
        assert listing(tmp_path) == before
    assert [row[0] for row in output.rows()] == [7]


def test_readers_see_the_old_rows_until_the_end(
    output: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where members are read from the very file that is written to."""
    if output.is_file:
        put_duckdb({"members": pa.table(MEMBERS)}, output.path)
        text = PANEL.replace('"members.parquet"', '"duckdb:///out.duckdb"\ntable = "members"')
    else:
        put_postgres({"members": pa.table(MEMBERS)}, output.url)
        text = PANEL.replace('"members.parquet"', f'"{output.url}"\ntable = "members"')
    output.put_old()
    put(tmp_path, "panel.toml", text)
    panel = open_panel("panel.toml")
    plan = matcher.compile(matcher.load_surveys(["payload.json"], panel.mapping))
    seen: list[list[tuple[Any, ...]]] = []
    batches = Matches.batches

    def looked_at(self: Matches) -> Iterator[pa.RecordBatch]:
        for batch in batches(self):
            yield batch
            seen.append(output.rows())

    monkeypatch.setattr(Matches, "batches", looked_at)
    counts = plan.match(panel).to_database(output.url, "pairs")
    assert counts.members == 4
    assert seen == [OLD]
    assert output.rows() == [
        (row.member_id, "dynata", "1", list(row.quota_ids), row.verdict)
        for row in plan.match(panel)
    ]
    assert panel.source.schema().names == list(MEMBERS)


def test_the_panels_table_is_not_written_over(output: Output, tmp_path: Path) -> None:
    table = pa.table(MEMBERS)
    if output.is_file:
        put_duckdb({"members": table}, output.path)
        text = PANEL.replace('"members.parquet"', '"duckdb:///out.duckdb"\ntable = "MEMBERS"')
        other = "main.members"
    else:
        put_postgres({"members": table}, output.url)
        text = PANEL.replace('"members.parquet"', f'"{output.url}"\ntable = "members"')
        other = "public.members"
    put(tmp_path, "panel.toml", text)
    for name in ("members", other):
        assert match(output, name) == Result(
            2, "", f"matcher: {output.shown}: the output would replace the panel's members\n"
        )
    assert len(output.rows("members")) == 4


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--table", "pairs"], "`--table` goes with a database"),
        (["-o", "pairs.parquet", "--table", "pairs"], "`--table` goes with a database"),
        (["-o", "duckdb:///out.duckdb"], "`--output`: a database needs `--table` as well"),
        (["-o", "mysql://h/d", "--table", "t"], "`mysql` databases are not supported"),
        (["-o", "duckdb:///no/out.duckdb", "--table", "t"], "no such folder `no`"),
        (["-o", "duckdb:///payload.json", "--table", "t"], "payload.json: not a DuckDB file"),
        (["-o", "postgresql://u:secret@localhost:1/d", "--table", "t"], "cannot connect"),
    ],
)
def test_places_that_cannot_be_written(
    flags: list[str], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put_panel(tmp_path)
    put(tmp_path, "payload.json", ADULT_MEN)
    before = listing(tmp_path)
    result = command(*ARGUMENTS, *flags)
    assert result.status == 2
    assert why in result.err
    assert "secret" not in result.err
    assert result.err.count("\n") == 1
    assert listing(tmp_path) == before


def test_errors_come_as_input_errors(output: Output) -> None:
    panel = open_panel("panel.toml")
    plan = matcher.compile(matcher.load_surveys(["payload.json"], panel.mapping))
    with pytest.raises(InputError, match=r"out.duckdb|postgres: schema `nowhere` does not exist"):
        plan.match(panel).to_database(output.url, "nowhere.pairs")
