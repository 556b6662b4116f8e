"""DuckDB files, opened for reading members and for writing results.

A file is read through a read-only connection, so that others can read it at the same time; where
this process writes to it as well, through a transaction that began before the writing.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from weakref import WeakSet

import duckdb
import pyarrow as pa

from profiles.errors import InputError, system_reason
from profiles.sources.database import (
    ReadColumn,
    one_line,
    quote,
    quote_table,
    table_parts,
)
from profiles.sources.source import BATCH_ROWS

_PLAIN = {
    "varchar", "enum", "boolean", "float", "double", "date", "timestamp", "timestamp_s",
    "timestamp_ms", "timestamp_ns", "timestamp with time zone", "tinyint", "smallint", "integer",
    "bigint", "utinyint", "usmallint", "uinteger", "ubigint", "decimal",
}  # fmt: skip
_NO_ANSWERS = {"list", "array", "struct", "map", "union", "blob"}
_SETTINGS = {
    "threads": 1,  # rows come in one order, whatever the query
    "memory_limit": "1GB",
    "temp_directory": str(Path(tempfile.gettempdir(), f"matcher-duckdb-{os.getpid()}")),
}
_WRITING: tuple[dict[str, Any], ...] = ({"config": _SETTINGS}, {})
_READING = (*({"read_only": True, **mode} for mode in _WRITING), *_WRITING)


class DuckDBFile:
    """A DuckDB file that is read from."""

    counts_quickly = True
    flattens_arrays = False

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self.files = (path,)
        self._connect()
        _READ_FILES.add(self)

    def _connect(self) -> None:
        """What is read from now on is what is in the file at this moment."""
        self._connection = connect(self.files[0], read_only=True)
        self._connection.execute("BEGIN")
        self._read_only = _opened(self._connection)[1]

    def columns(self, statement: str) -> list[ReadColumn]:
        """The columns of a statement's rows."""
        with _input_errors():
            return _columns(self._connection, statement)

    def read(self, statement: str) -> Iterator[pa.RecordBatch]:
        """Stream the rows of a statement."""
        # A file that nobody can write to stays the same without the transaction.
        connection = self._connection.cursor() if self._read_only else self._connection
        with _input_errors():
            reader = connection.sql(statement).to_arrow_reader(BATCH_ROWS)
            try:
                yield from reader
            finally:
                reader.close()

    def tables(self) -> list[str]:
        """The tables there are, without their schemas."""
        found = self._connection.sql("SELECT table_name FROM information_schema.tables").fetchall()
        return sorted(name for (name,) in found)

    def sort_key(self, column: ReadColumn) -> str:
        """DuckDB sorts texts by their bytes."""
        return quote(column.name)

    def identity(self, table: str) -> object:
        """The file and the table in it."""
        return _identity(self.files[0], table)

    def pause(self) -> None:
        """Let the file go, for as long as it takes to open it for writing."""
        self._connection.close()

    def resume(self) -> None:
        """Read on."""
        self._connect()


_READ_FILES: WeakSet[DuckDBFile] = WeakSet()


def open_for_reading(url: str, base: Path) -> DuckDBFile:
    """Open the file of a URL, which may be relative to `base`; it must be there already."""
    path = path_of(url, base)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    return DuckDBFile(path)


def open_for_writing(url: str, base: Path) -> DuckDBWriter:
    """Open the file of a URL, which may be relative to `base`, or make it."""
    path = path_of(url, base)
    if not path.parent.is_dir():
        raise InputError(f"{path}: no such folder `{path.parent}`")
    return DuckDBWriter(path)


class DuckDBWriter:
    """A DuckDB file that is written to; a new one appears when the work is done.

    Members that are read from the file in this process are read on as they were: DuckDB keeps what
    a transaction has begun to read.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        self._unfinished: Path | None = None
        if not path.exists():
            self._unfinished = path.with_name(f".{path.stem[:40]}.{secrets.token_hex(4)}.part")
        readers = [file for file in _READ_FILES if _same(file.files[0], path)]
        for reader in readers:
            reader.pause()
        try:
            self._connection = connect(self._unfinished or path)
        finally:
            for reader in readers:
                reader.resume()

    def columns(self, table: str) -> list[ReadColumn] | None:
        """The columns of a table."""
        with _input_errors(self.name):
            try:
                return _columns(self._connection, f"SELECT * FROM {quote_table(table)}")
            except duckdb.CatalogException:
                return None

    def identity(self, table: str) -> object:
        """The file and the table in it."""
        return _identity(self._path, table)

    def execute(self, statement: str) -> None:
        """Run a statement."""
        with _input_errors(self.name):
            self._connection.execute(statement)

    def lock(self, table: str) -> None:
        """A change by another makes this transaction fail; nothing is to be done."""

    def append(self, table: str, rows: pa.Table) -> None:
        """Add rows to a table."""
        with _input_errors(self.name):
            self._connection.register("rows_to_append", rows)
            self.execute(f"INSERT INTO {quote_table(table)} SELECT * FROM rows_to_append")
            self._connection.unregister("rows_to_append")

    def close(self, *, done: bool) -> None:
        """Let go of the file; a new one is given its name, or removed."""
        self._connection.close()
        if self._unfinished is None:
            return
        try:
            if done:
                self._unfinished.rename(self._path)
        except OSError as error:
            raise InputError(f"{self.name}: cannot be written: {system_reason(error)}") from None
        finally:
            for suffix in ("", ".wal"):
                with suppress(OSError):
                    self._unfinished.with_name(self._unfinished.name + suffix).unlink()


def path_of(url: str, base: Path) -> Path:
    """The file that a URL names; three slashes: relative to `base`, four: from the root."""
    empty, slash, path = url.partition(":/")[2].partition("/")[2].partition("/")
    if empty or not slash or not path:
        raise InputError(
            f"`{url}`: a DuckDB file is `duckdb:///file.duckdb`, or from the root "
            "`duckdb:////folder/file.duckdb`"
        )
    return base / path


def connect(path: Path, *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Connect to a file, in the first mode in which this process can: it has one mode at a time.

    With `read_only` for reading, where this process does not write to the file at the time. Raises
    InputError where the file cannot be opened.
    """
    modes = _READING if read_only else _WRITING
    for last, mode in enumerate(modes, start=1):
        try:
            connection = duckdb.connect(str(path), **mode)
        except duckdb.Error as error:
            if "different configuration" in str(error) and last < len(modes):
                continue
            raise InputError(f"{path}: {_why(error)}") from None
        # A file of data is opened as views in memory, and what is written there is lost.
        if _opened(connection)[0] is None:
            connection.close()
            raise InputError(f"{path}: not a DuckDB file")
        return connection
    raise AssertionError


def _opened(connection: duckdb.DuckDBPyConnection) -> tuple[str | None, bool]:
    """The file that a connection is to, and whether it can only be read."""
    statement = (
        "SELECT path, readonly FROM duckdb_databases() WHERE database_name = current_database()"
    )
    ((path, read_only),) = connection.sql(statement).fetchall()
    return path, read_only


def _same(one: Path, other: Path) -> bool:
    with suppress(OSError):
        return one.samefile(other)
    return False


def _identity(path: Path, table: str) -> object:
    """DuckDB does not tell upper from lower case."""
    schema, name = ["main", *table_parts(table.lower())][-2:]
    return path.resolve(), schema, name


def _columns(connection: duckdb.DuckDBPyConnection, statement: str) -> list[ReadColumn]:
    rows = connection.sql(statement)
    columns = []
    for name, kind in zip(rows.columns, rows.types, strict=True):
        cast = _cast(kind)
        with connection.sql(f"SELECT NULL::{cast or kind}").to_arrow_reader(1) as sample:
            columns.append(ReadColumn(name, sample.schema.field(0).type, cast))
    return columns


def _cast(kind: Any) -> str | None:
    """The type that a column is brought to: text, if Arrow has no plain type for it."""
    if kind.id not in ("list", "array"):
        return None if kind.id in _PLAIN or kind.id in _NO_ANSWERS else "TEXT"
    item = kind.children[0][1]
    if item.id in _NO_ANSWERS:
        return None
    if item.id in _PLAIN:
        return f"{item}[]" if kind.id == "array" else None
    return "TEXT[]"


@contextmanager
def _input_errors(name: str = "") -> Iterator[None]:
    """Raise as InputError what DuckDB reports, and as KeyboardInterrupt that it was interrupted."""
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise InputError(f"{name}: {_why(error)}" if name else _why(error)) from None
    except RuntimeError as error:
        if "interrupted" in str(error):  # what the handler of a signal has raised is lost
            raise KeyboardInterrupt from None
        raise


def _why(error: Exception) -> str:
    """What DuckDB reports, in one line, without the kind of error."""
    text = str(error).partition("\n\nLINE")[0]
    return one_line(text.partition("Error: ")[2] or text)
