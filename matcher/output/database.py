"""Result rows in a table of a database: all of them, or the table stays as it was.

A table that exists already keeps its indexes, rights and views: its rows are replaced in one
transaction, and others see the old ones until it ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from matcher.output.batches import ROW_GROUP, row_groups
from profiles.errors import InputError
from profiles.sources import (
    DatabaseSource,
    LongSource,
    Source,
    Writer,
    database_module,
    quote_table,
)

_SQL = {pa.int64(): "BIGINT", pa.string(): "TEXT", pa.list_(pa.string()): "TEXT[]"}


def write_table(
    batches: Iterator[pa.RecordBatch],
    schema: pa.Schema,
    url: str,
    table: str,
    sources: Mapping[str, Source],
    row_group: int = ROW_GROUP,
) -> None:
    """Replace the rows of a table, which is created where it does not exist.

    `sources`, by what they hold, are read meanwhile, and must be other tables. Raises InputError
    before the first batch where the table cannot take the rows. After an error nothing has changed.
    """
    plain = pa.schema([(field.name, _plain(field.type)) for field in schema])
    writer: Writer = database_module(url).open_for_writing(url, Path())
    done = False
    try:
        for what, source in sources.items():
            if _is_read(source, writer, table):
                raise InputError(f"{writer.name}: the output would replace the panel's {what}")
        writer.execute("BEGIN")
        _make_room(writer, table, plain)
        for rows in row_groups(batches, schema, row_group):
            if rows.num_rows:
                writer.append(table, rows.cast(plain))
        writer.execute("COMMIT")
        done = True
    finally:
        writer.close(done=done)


def _make_room(writer: Writer, table: str, plain: pa.Schema) -> None:
    """Create the table, or delete its rows."""
    columns = writer.columns(table)
    if columns is None:
        required = ", ".join(f"{field.name} {_SQL[field.type]}" for field in plain)
        writer.execute(f"CREATE TABLE {quote_table(table)} ({required})")
        return
    found = [(column.name, None if column.cast else _plain(column.type)) for column in columns]
    if found != [(field.name, field.type) for field in plain]:
        required = ", ".join(f"{field.name} {_SQL[field.type].lower()}" for field in plain)
        raise InputError(f"{writer.name}: the table `{table}` has other columns than ({required})")
    writer.lock(table)
    writer.execute(f"DELETE FROM {quote_table(table)}")


def _is_read(source: Source, writer: Writer, table: str) -> bool:
    """Whether rows are read from the table; a query that reads it sees its old rows."""
    if isinstance(source, LongSource):
        source = source.rows
    if not isinstance(source, DatabaseSource) or source.location.table is None:
        return False
    return source.database.identity(source.location.table) == writer.identity(table)


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type without dictionaries, in the one form that Arrow has of it here."""
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_list(kind):
        return pa.list_(_plain(kind.value_type))
    return pa.string() if pa.types.is_large_string(kind) else kind
