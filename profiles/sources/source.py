"""Where members are: a source gives them as a stream of record batches, always in one order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from profiles.encoding import BadValueError, id_array, is_id, short_name, trimmed
from profiles.errors import InputError, did_you_mean

BATCH_ROWS = 1 << 17


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of a source, and what they are called where one of them is at fault.

    Columns of batches whose `layout` is the same have the same types. `origin` is the file;
    `first_row` counts from 0 within it. `members` are the ids of the rows, where rows are called by
    them and not by their number: in a database, that is.
    """

    data: pa.RecordBatch
    origin: str
    first_row: int
    layout: object
    members: pa.Array | None = None

    def __repr__(self) -> str:
        return f"Batch({self.data.num_rows:,} rows, {self.data.num_columns} columns, {self.origin})"

    def place(self, row: int) -> str:
        """The origin and the row, or its member, for people."""
        member = self.members[row].as_py() if self.members is not None else None
        if member is not None:
            return f"{self.origin}: member `{member}`"
        return f"{self.origin}: row {self.first_row + row + 1}"

    def fault(self, row: int, column: str, why: str) -> InputError:
        """The error that a value of the batch is refused with."""
        return InputError(f"{self.place(row)}, column `{column}`: {why}")

    def slice(self, row: int, rows: int) -> Batch:
        """Some of the rows, or as many of them as there are."""
        return replace(
            self,
            data=self.data.slice(row, rows),
            first_row=self.first_row + row,
            members=None if self.members is None else self.members.slice(row, rows),
        )


class Source(Protocol):
    """Members in rows, all with the columns of the first; read as often as is needed."""

    @property
    def name(self) -> str:
        """What the source is called where something is wrong with it."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that must not be written to while it is read."""

    @property
    def all_text(self) -> bool:
        """Whether every column is text because it cannot be anything else."""

    def schema(self) -> pa.Schema:
        """The columns and their types."""

    def batches(
        self, columns: list[str], distinct: frozenset[str] = frozenset()
    ) -> Iterator[Batch]:
        """Stream the named columns; raises InputError where one is missing or unreadable.

        `distinct`: columns whose values hardly repeat.
        """

    def count_rows(self) -> int | None:
        """The number of rows where that is known cheaply, else None."""


def ids_in(batch: Batch, column: str, *, optional: bool = False) -> pa.Array:
    """`id_array` of a column; raises InputError where one is missing or unreadable."""
    try:
        return id_array(pa.chunked_array([batch.data.column(column)]), optional=optional)
    except BadValueError as error:
        raise batch.fault(error.row, column, error.why) from None


def id_texts(batch: Batch, column: str) -> pa.Array:
    """A column of ids as text, trimmed; raises InputError where it cannot hold ids."""
    ids = batch.data.column(column)
    if not is_id(ids.type):
        raise batch.fault(0, column, f"ids must be text or integers, not `{short_name(ids.type)}`")
    return trimmed(ids)


def check_columns(name: str, columns: list[str], known: list[str]) -> None:
    """Raise InputError, in the name of the source, where a column is missing or appears twice."""
    for column in columns:
        if column not in known:
            hint = did_you_mean(column, known)
            raise InputError(f"{name}: no column `{column}`" + (f"; {hint}" if hint else ""))
        if known.count(column) > 1:
            raise InputError(f"{name}: the column `{column}` appears twice")
