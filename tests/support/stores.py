"""Members in databases, and in the long layout: every other way to store a table of members."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from adbc_driver_postgresql import dbapi

from profiles.schema import Location, as_code, is_missing
from profiles.schema.panel_file import PanelFile
from profiles.sources import DatabaseSource, Source, open_location, open_long, open_source

STORES = (
    "parquet-long", "csv-long", "duckdb", "duckdb-long", "postgresql", "postgresql-long"
)  # fmt: skip
Tables: TypeAlias = Mapping[str, tuple[PanelFile, pa.Table]]


def store(name: str, tables: Tables, folder: Path, postgres: str) -> dict[str, Source]:
    """Store members, by the name of their table, and open where each now stands.

    Tables of those names are replaced on the server at the URL `postgres`.
    """
    kind, _, long = name.partition("-")
    given = {
        table: long_table(file, members) if long else members
        for table, (file, members) in tables.items()
    }
    opened = _PUT[kind](given, folder, postgres)
    if not long:
        return opened
    return {
        table: open_long(source, tables[table][0].schema.member_id, tables[table][0].mapping)
        for table, source in opened.items()
    }


def long_table(file: PanelFile, members: pa.Table) -> pa.Table:
    """A row an answer, and one without an attribute for every member.

    What has no form of its own there: a list that holds nothing but nulls is the empty list.
    """
    member_id = file.schema.member_id
    rows = [
        (row[member_id], attribute, value)
        for row in members.to_pylist()
        for attribute, value in [(None, None), *_answers(row, member_id)]
    ]
    ids, attributes, values = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            member_id: pa.array(ids, members.schema.field(member_id).type),
            "attribute": pa.array(attributes, pa.string()),
            "value": pa.array(values, pa.string()),
        }
    )


def _answers(row: Mapping[str, Any], member_id: str) -> Iterator[tuple[str, str | None]]:
    for column, value in row.items():
        if column == member_id:
            continue
        if isinstance(value, list):
            items = [item for item in value if not is_missing(item)]
            yield from ((column, _text(item)) for item in items or ["[]"])
        else:
            yield column, None if is_missing(value) else _text(value)


def _text(value: Any) -> str:
    """A value as a CSV file would hold it: not trimmed."""
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, str) else as_code(value)


def _put_parquet(tables: Mapping[str, pa.Table], folder: Path, _url: str) -> dict[str, Source]:
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet", row_group_size=100)
    return {name: open_source(folder / f"{name}.parquet") for name in tables}


def _put_csv(tables: Mapping[str, pa.Table], folder: Path, _url: str) -> dict[str, Source]:
    for name, table in tables.items():
        pyarrow.csv.write_csv(table, folder / f"{name}.csv")
    return {name: open_source(folder / f"{name}.csv") for name in tables}


def _put_duckdb(tables: Mapping[str, pa.Table], folder: Path, _url: str) -> dict[str, Source]:
    path = folder / "stored.duckdb"
    path.unlink(missing_ok=True)
    put_duckdb(tables, path)
    return _open_database(f"duckdb:///{path.name}", tables, folder)


def put_duckdb(tables: Mapping[str, pa.Table], path: Path) -> None:
    """Make tables in a DuckDB file."""
    with duckdb.connect(path) as connection:
        for name, table in tables.items():
            connection.register("given", table)
            connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM given')


def _put_postgres(tables: Mapping[str, pa.Table], folder: Path, url: str) -> dict[str, Source]:
    put_postgres(tables, url)
    return _open_database(url, tables, folder)


def put_postgres(tables: Mapping[str, pa.Table], url: str) -> None:
    """Make, or make again, tables on a PostgreSQL server."""
    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        for name, table in tables.items():
            plain = pa.schema([field.with_type(_plain(field.type)) for field in table.schema])
            cursor.adbc_ingest(name, table.cast(plain), mode="replace")
        connection.commit()


def _open_database(url: str, tables: Iterable[str], folder: Path) -> dict[str, Source]:
    """One connection for all tables."""
    first, *others = tables
    opened = open_location(Location(url, first), folder, "member_id")
    assert isinstance(opened, DatabaseSource)
    return {
        first: opened,
        **{
            name: DatabaseSource(opened.database, Location(url, name), "member_id")
            for name in others
        },
    }


_PUT: Mapping[str, Callable[[Mapping[str, pa.Table], Path, str], dict[str, Source]]] = {
    "parquet": _put_parquet,
    "csv": _put_csv,
    "duckdb": _put_duckdb,
    "postgresql": _put_postgres,
}


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type without what PostgreSQL has no type for."""
    if pa.types.is_dictionary(kind):
        return kind.value_type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(_plain(kind.value_type))
    return pa.string() if pa.types.is_null(kind) else kind
