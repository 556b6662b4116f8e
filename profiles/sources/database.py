"""Databases as sources: a table or a query, read as a stream of Arrow record batches.

What DuckDB and PostgreSQL have in common is here; each has a module of its own for the rest. All
reads of one source see one state of the database, and give its rows in one order.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Protocol, TypeAlias

import pyarrow as pa

from profiles.encoding import hash_ids, id_type
from profiles.errors import InputError, did_you_mean
from profiles.schema import Location
from profiles.sources.plain import plain, plain_schema
from profiles.sources.source import Batch, check_columns

_MODULES = {
    "duckdb": ("profiles.sources.duckdb", "duckdb"),
    "postgresql": ("profiles.sources.postgres", "postgres"),
    "postgres": ("profiles.sources.postgres", "postgres"),
}
_TABLE = re.compile(r'"((?:[^"]|"")+)"|([^".]+)')
_QUERIED = '"rows of the query"'
_NESTED = "rows with nested arrays"
Instant: TypeAlias = date | float | str
"""What a column that rows are dated by may hold."""


@dataclass(frozen=True, slots=True)
class ReadColumn:
    """A column as it is read; `cast` is the SQL type that it is brought to first, if any.

    `template`: the SQL in which `{}` is the column, where a cast of it alone is not what is meant.
    """

    name: str
    type: pa.DataType
    cast: str | None = None
    template: str = "{}"

    @property
    def expression(self) -> str:
        """What is selected."""
        name = quote(self.name)
        if not self.cast:
            return name
        return f"{self.template.replace('{}', name)}::{self.cast} AS {name}"

    @property
    def is_list(self) -> bool:
        """Whether members have several answers in it."""
        return bool(pa.types.is_list(self.type))


class Database(Protocol):
    """An open database: every statement that is read sees the same state of it."""

    name: str
    files: tuple[Path, ...]
    counts_quickly: bool
    flattens_arrays: bool
    """Whether lists of lists arrive as lists."""

    def columns(self, statement: str) -> list[ReadColumn]:
        """The columns of a statement's rows; raises InputError where it cannot be run."""

    def read(self, statement: str) -> Iterator[pa.RecordBatch]:
        """Stream the rows of a statement, at most `BATCH_ROWS` a batch; raises InputError."""

    def tables(self) -> list[str]:
        """The tables there are, without their schemas."""

    def sort_key(self, column: ReadColumn) -> str:
        """What to sort by so that texts come in the order of their code points."""

    def identity(self, table: str) -> object:
        """What two names of one table have in common, and names of two tables have not."""


class Writer(Protocol):
    """A database that is written to, a statement at a time; every method raises InputError."""

    name: str

    def columns(self, table: str) -> list[ReadColumn] | None:
        """The columns of a table; None where there is no such table."""

    def identity(self, table: str) -> object:
        """As `Database.identity`."""

    def execute(self, statement: str) -> None:
        """Run a statement that gives no rows."""

    def lock(self, table: str) -> None:
        """Keep others from writing to a table until the transaction ends."""

    def append(self, table: str, rows: pa.Table) -> None:
        """Add rows to a table, in its columns."""

    def close(self, *, done: bool) -> None:
        """Let go of the database; where the work is not done, nothing has happened."""


@dataclass(slots=True)
class DatabaseSource:
    """The rows of a table or a query.

    `member_id` is the column that rows are called by where one of them is at fault. `condition`
    restricts the rows; `grouped` has the rows of one member together.
    """

    database: Database
    location: Location
    member_id: str | None = None
    condition: str | None = None
    grouped: bool = False
    _columns: list[ReadColumn] = field(default_factory=list)
    _rows: int | None = None
    _order: bytes | None = None

    def __repr__(self) -> str:
        return f"DatabaseSource({self.name})"

    @property
    def name(self) -> str:
        """The database without its password, and the table."""
        of = f"table `{self.location.table}`" if self.location.table else "query"
        return f"{self.database.name} {of}"

    @property
    def files(self) -> tuple[Path, ...]:
        """The database's file, where it is one."""
        return self.database.files

    @property
    def all_text(self) -> bool:
        """Never: databases have types."""
        return False

    def schema(self) -> pa.Schema:
        """The columns as they are read: what Arrow has no plain type for is text."""
        return plain_schema(pa.schema([(column.name, column.type) for column in self._described()]))

    def batches(
        self, columns: list[str], distinct: frozenset[str] = frozenset()
    ) -> Iterator[Batch]:
        """Stream the named columns; raises InputError where their order has changed."""
        del distinct
        described = {column.name: column for column in self._described()}
        names = [column.name for column in self._described()]
        check_columns(self.name, columns, names)
        with_id = [self.member_id] if self.member_id in described else []
        selected = [described[name] for name in dict.fromkeys([*columns, *with_id])]
        order = hashlib.blake2b()
        row = 0
        for data in self._read(self._select(selected)):
            data = self._without_nested(data, selected, row)
            arrays = [plain(array) for array in data.columns]
            data = pa.RecordBatch.from_arrays(arrays, data.schema.names)
            members = data.column(self.member_id) if with_id else None
            if members is not None and _can_be_id(members.type):
                order.update(hash_ids(members.cast(pa.string())).tobytes())
            yield Batch(data.select(columns), self.name, row, None, members)
            row += data.num_rows
        if self._order is None:
            self._order = order.digest()
        elif self._order != order.digest():
            raise InputError(
                f"{self.name}: the rows came in another order than before; "
                "sort them in the query, by the member id"
            )

    def count_rows(self) -> int | None:
        """The number of rows where the database keeps it."""
        if not self.database.counts_quickly or self.location.table is None or self.condition:
            return None
        if self._rows is None:
            (counted,) = self._read(f"SELECT count(*) AS n FROM {self._relation()}")
            self._rows = counted.column(0)[0].as_py()
        return self._rows

    def changed_since(self, column: str, value: Instant) -> DatabaseSource:
        """A source of only the rows that have no less than `value` in a column, or nothing.

        It sees the same state of the database. Raises InputError where there is no such column.
        """
        check_columns(self.name, [column], self.schema().names)
        name = quote(column)
        condition = f"({name} >= {_literal(value)} OR {name} IS NULL)"
        return replace(self, condition=condition, _rows=None, _order=None)

    def in_groups(self) -> DatabaseSource:
        """A source of the same rows, those of one member together, members sorted by their id."""
        return replace(self, grouped=True, _order=None)

    def _described(self) -> list[ReadColumn]:
        if not self._columns:
            try:
                statement = f"SELECT * FROM {self._relation()}"
                self._columns = self.database.columns(self._with_query(statement))
            except InputError as error:
                raise self._missing_table() or InputError(f"{self.name}: {error}") from None
        return self._columns

    def _missing_table(self) -> InputError | None:
        """What to say where there is no such table; None where that is not the reason."""
        if self.location.table is None:
            return None
        wanted, known = table_parts(self.location.table)[-1], self.database.tables()
        if wanted in known:
            return None
        hint = did_you_mean(wanted, known)
        message = f"{self.database.name}: no table `{self.location.table}`"
        return InputError(message + (f"; {hint}" if hint else ""))

    def _relation(self) -> str:
        return quote_table(self.location.table) if self.location.table else _QUERIED

    def _with_query(self, statement: str) -> str:
        """The statement, with the query before it: run as it is, whatever is selected of it."""
        if self.location.query is None:
            return statement
        query = self.location.query.strip().removesuffix(";")
        return f"WITH {_QUERIED} AS MATERIALIZED (\n{query}\n) {statement}"

    def _select(self, columns: list[ReadColumn]) -> str:
        selected = [column.expression for column in columns]
        lists = [column for column in columns if column.is_list]
        if lists and self.database.flattens_arrays:
            places = " ".join(
                f"WHEN array_ndims({quote(column.name)}) > 1 THEN {columns.index(column)}"
                for column in lists
            )
            selected.append(f"CASE {places} END AS {quote(_NESTED)}")
        statement = f"SELECT {', '.join(selected)} FROM {self._relation()}"
        if self.condition:
            statement += f" WHERE {self.condition}"
        if self.grouped:
            (member,) = (column for column in columns if column.name == self.member_id)
            statement += f" ORDER BY {self.database.sort_key(member)}"
        return statement

    def _read(self, statement: str) -> Iterator[pa.RecordBatch]:
        try:
            yield from self.database.read(self._with_query(statement))
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from None

    def _without_nested(
        self, data: pa.RecordBatch, columns: list[ReadColumn], first: int
    ) -> pa.RecordBatch:
        """The batch without the marks of arrays in arrays; raises InputError where one is."""
        if data.schema.names[-1] != _NESTED:
            return data
        marks = data.column(len(columns))
        if marks.null_count < len(marks):
            row = marks.is_valid().index(True).as_py()
            members = data.column(self.member_id) if self.member_id in data.schema.names else None
            place = Batch(data, self.name, first, None, members).place(row)
            name = columns[marks[row].as_py()].name
            raise InputError(f"{place}, column `{name}`: an array in an array cannot hold answers")
        return data.select(range(len(columns)))


def open_database(location: Location, base: Path, member_id: str | None) -> DatabaseSource:
    """Open a database for reading; raises InputError where that cannot be.

    Relative paths of files start from `base`.
    """
    module = database_module(location.source)
    return DatabaseSource(module.open_for_reading(location.source, base), location, member_id)


def database_module(url: str) -> ModuleType:
    """The module for the databases that a URL is of: `open_for_reading`, `open_for_writing`."""
    scheme = str(Location(url).scheme)
    if scheme not in _MODULES:
        hint = did_you_mean(scheme, list(_MODULES))
        more = f"; {hint}" if hint else " (duckdb, postgresql)"
        raise InputError(f"`{scheme}` databases are not supported{more}")
    module, extra = _MODULES[scheme]
    try:
        return import_module(module)
    except ImportError:
        raise InputError(f"`{scheme}` databases need the extra `{extra}`") from None


def quote(name: str) -> str:
    """A name as SQL has it."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def quote_text(text: str) -> str:
    """A text as SQL has it."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def table_parts(table: str) -> list[str]:
    """`schema.table` in its parts; a part in quotation marks may hold dots."""
    parts = [quoted.replace('""', '"') or plain for quoted, plain in _TABLE.findall(table)]
    return parts or [table]


def quote_table(table: str) -> str:
    """A table's name as SQL has it."""
    return ".".join(map(quote, table_parts(table)))


def _literal(value: Instant) -> str:
    if isinstance(value, float | int):
        return repr(value)
    return quote_text(value.isoformat() if isinstance(value, date) else value)


def _can_be_id(kind: pa.DataType) -> bool:
    kind = id_type(kind)
    return bool(pa.types.is_integer(kind) or pa.types.is_string(kind))


def one_line(text: str) -> str:
    """What a database says, in one line, names in backticks."""
    text = re.sub(r'"([^"`]*)"', r"`\1`", " ".join(text.split())).rstrip("!. ")
    return text[:1].lower() + text[1:]
