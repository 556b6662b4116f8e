"""PostgreSQL, read and written through ADBC: rows come and go as Arrow, without a detour.

Passwords, services and certificates are found as libpq finds them. What a source reads is one
snapshot of the database: one connection holds it, and those that are read from take it over. So a
read that is given up is ended by closing its connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote
from weakref import finalize

import pyarrow as pa
from adbc_driver_postgresql import dbapi

from profiles.errors import InputError
from profiles.sources.database import (
    ReadColumn,
    one_line,
    quote,
    quote_table,
    quote_text,
)
from profiles.sources.source import BATCH_ROWS

_URL = re.compile(
    r"postgres(?:ql)?://(?:(?P<user>[^@/?:]*)(?::(?P<password>[^@/?]*))?@)?"
    r"(?P<host>[^@/?]*)(?P<database>/[^@/?]*)?(?:\?(?P<options>[^@?]*))?"
)
_PLAIN = {
    "bool", "int2", "int4", "int8", "float4", "float8", "text", "varchar", "date", "timestamp",
    "timestamptz", "bytea",
}  # fmt: skip
_WHOLE = "NULLIF(trim_scale({}), 'NaN')"
_WHOLE_ITEMS = (
    "CASE WHEN {} IS NOT NULL THEN ARRAY("
    "SELECT NULLIF(trim_scale(item), 'NaN') FROM unnest({}) WITH ORDINALITY AS items (item, place) "
    "ORDER BY place) END"
)
_SETTINGS = {
    "client_encoding": "UTF8",
    # The same statement gives its rows in the same order.
    "synchronize_seqscans": "off",
    "max_parallel_workers_per_gather": "0",
    "enable_indexonlyscan": "off",
    # A snapshot is held for as long as the source is in use.
    "idle_in_transaction_session_timeout": "0",
    "datestyle": "ISO",
    # A table's rows are deleted as they are once it is locked.
    "default_transaction_isolation": "read committed",
}
_READ_ONLY = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_PREFIX = re.compile(r"\A.*?(?:(?:ERROR|FATAL): +|Failed to connect: )", re.DOTALL)
_SHAPE = "`postgresql://…`: not of the form postgresql://user:password@host:port/database"


class Postgres:
    """A PostgreSQL database that is read from."""

    counts_quickly = False
    flattens_arrays = True

    def __init__(self, url: str) -> None:
        self.name = shown(url)
        self.files: tuple[Path, ...] = ()
        self._url = url
        self._holder = Connection(url)
        self._holder.execute(_READ_ONLY)
        self._snapshot = self._holder.fetch("SELECT pg_export_snapshot()")[0][0]
        self._idle: list[Connection] = []

    def columns(self, statement: str) -> list[ReadColumn]:
        """The columns of a statement's rows."""
        with self._connected() as connection:
            return [_column(field) for field in connection.schema(statement)]

    def read(self, statement: str) -> Iterator[pa.RecordBatch]:
        """Stream the rows of a statement."""
        with self._connected() as connection:
            yield from connection.stream(statement)

    def tables(self) -> list[str]:
        """The tables there are, without their schemas."""
        with self._connected() as connection:
            found = connection.fetch("SELECT table_name FROM information_schema.tables")
        return sorted(name for (name,) in found)

    def sort_key(self, column: ReadColumn) -> str:
        """Texts are sorted by their code points, whatever the database's collation."""
        name = quote(column.name)
        return f'{name}::text COLLATE "C"' if pa.types.is_string(column.type) else name

    def identity(self, table: str) -> object:
        """The server, the database and the table in it."""
        with self._connected() as connection:
            return _identity(connection, table)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """A connection that sees the snapshot, kept for the next use where nothing goes wrong."""
        connection = self._idle.pop() if self._idle else self._connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._idle = [connection]

    def _connect(self) -> Connection:
        connection = Connection(self._url)
        connection.execute(_READ_ONLY)
        connection.execute(f"SET TRANSACTION SNAPSHOT '{self._snapshot}'")
        return connection


class Connection:
    """A connection that runs one statement at a time, and closes itself where it is forgotten.

    Every method raises InputError, with what the server reports, where something is wrong.
    """

    def __init__(self, url: str) -> None:
        self._secrets = _secrets(url)
        try:
            connection = dbapi.connect(url, autocommit=True)
        except dbapi.Error as error:
            raise InputError(f"{shown(url)}: cannot connect: {self._why(error)}") from None
        self._cursor = connection.cursor()
        self.close = finalize(self, _close, self._cursor, connection)
        settings = (f"set_config('{key}', '{value}', false)" for key, value in _SETTINGS.items())
        self.fetch(f"SELECT {', '.join(settings)}")

    def execute(self, statement: str) -> None:
        """Run a statement that gives no rows."""
        with self._input_errors():
            self._cursor.execute(statement)

    def fetch(self, statement: str) -> list[tuple[Any, ...]]:
        """All rows of a statement that gives few."""
        with self._input_errors():
            self._cursor.execute(statement)
            return list(self._cursor.fetchall())

    def schema(self, statement: str) -> pa.Schema:
        """The columns of a statement that is not run."""
        with self._input_errors():
            return self._cursor.adbc_execute_schema(statement)

    def stream(self, statement: str) -> Iterator[pa.RecordBatch]:
        """The rows of a statement, at most `BATCH_ROWS` a batch."""
        with self._input_errors():
            self._cursor.execute(statement)
            for batch in self._cursor.fetch_record_batch():
                for first in range(0, batch.num_rows, BATCH_ROWS):
                    yield batch.slice(first, BATCH_ROWS)

    def append(self, schema: str, name: str, rows: pa.Table) -> None:
        """Add rows to a table of a schema."""
        with self._input_errors():
            self._cursor.adbc_ingest(name, rows, mode="append", db_schema_name=schema)

    @contextmanager
    def _input_errors(self) -> Iterator[None]:
        """Raise as InputError what the driver or the server reports."""
        try:
            yield
        except (dbapi.Error, pa.ArrowException, OSError) as error:
            if "canceling statement due to user request" in str(error):
                raise KeyboardInterrupt from None
            raise InputError(self._why(error)) from None

    def _why(self, error: Exception) -> str:
        details = dict(getattr(error, "details", ()))
        message = details.get(b"PG_DIAG_MESSAGE_PRIMARY", b"").decode("utf-8", "replace")
        text = message or _PREFIX.sub("", str(error).partition("\n\nQuery was:")[0])
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return one_line(text)


def _close(cursor: dbapi.Cursor, connection: dbapi.Connection) -> None:
    for resource in (cursor, connection):
        with suppress(dbapi.Error):
            resource.close()


def open_for_reading(url: str, _base: Path) -> Postgres:
    """Open the database of a URL."""
    return Postgres(url)


def open_for_writing(url: str, _base: Path) -> PostgresWriter:
    """Open the database of a URL."""
    return PostgresWriter(url)


class PostgresWriter:
    """A PostgreSQL database that is written to; what has not been committed is undone."""

    def __init__(self, url: str) -> None:
        self.name = shown(url)
        self._connection = Connection(url)

    def columns(self, table: str) -> list[ReadColumn] | None:
        """The columns of a table."""
        if not self._connection.fetch(_named(table)):
            return None
        statement = f"SELECT * FROM {quote_table(table)}"
        return [_column(field) for field in self._connection.schema(statement)]

    def identity(self, table: str) -> object:
        """The server, the database and the table in it."""
        return _identity(self._connection, table)

    def execute(self, statement: str) -> None:
        """Run a statement."""
        try:
            self._connection.execute(statement)
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from None

    def lock(self, table: str) -> None:
        """Others may read the table, and write to it when this is done."""
        self.execute(f"LOCK TABLE {quote_table(table)} IN SHARE ROW EXCLUSIVE MODE")

    def append(self, table: str, rows: pa.Table) -> None:
        """Add rows to a table."""
        ((schema, name),) = self._connection.fetch(_named(table))
        try:
            self._connection.append(schema, name, rows)
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from None

    def close(self, *, done: bool) -> None:
        """Let go of the database, which undoes what has not been committed."""
        del done
        self._connection.close()


def _named(table: str) -> str:
    """The statement that gives the schema and the name of a table, or no row."""
    return (
        "SELECT nspname, relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
        f"WHERE pg_class.oid = to_regclass({quote_text(quote_table(table))})"
    )


def _identity(connection: Connection, table: str) -> object:
    found = f"to_regclass({quote_text(quote_table(table))})::oid::text"
    statement = f"SELECT pg_postmaster_start_time()::text, current_database(), {found}"
    return connection.fetch(statement)


def shown(url: str) -> str:
    """A URL as messages show it: without the user, the password and the options.

    Raises InputError where it is not clear which part is which.
    """
    found = _URL.fullmatch(url)
    if found is None:
        raise InputError(_SHAPE)
    return f"postgresql://{found['host']}{found['database'] or ''}"


def _secrets(url: str) -> list[str]:
    """What must not be shown of a URL, as it is written and as it is meant."""
    found = _URL.fullmatch(url)
    if found is None:
        raise InputError(_SHAPE)
    options = dict(parse_qsl(found["options"] or ""))
    written = [found["password"], *(options.get(key) for key in ("password", "sslpassword"))]
    return [form for text in written if text for form in (url, text, unquote(text))]


def _column(field: pa.Field) -> ReadColumn:
    """A column as it is read; what is not of a plain type is text, and so in arrays."""
    written = field.metadata[b"POSTGRESQL:type"].decode()
    if written.removeprefix("_") in _PLAIN:
        return ReadColumn(field.name, field.type)
    numeric = written.removeprefix("_") == "numeric"
    if written.startswith("_"):
        template = f"({_WHOLE_ITEMS})" if numeric else "{}"
        return ReadColumn(field.name, pa.list_(pa.string()), "TEXT[]", template)
    return ReadColumn(field.name, pa.string(), "TEXT", _WHOLE if numeric else "{}")
