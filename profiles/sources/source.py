"""Where members stand: a source gives them as a stream of record batches, always in one order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc

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

    def place(self, row: int) -> str:
        """Where a row of the batch stands, for people."""
        member = self.members[row].as_py() if self.members is not None else None
        if member is not None:
            return f"{self.origin}: member `{member}`"
        return f"{self.origin}: row {self.first_row + row + 1}"

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
        """Stream the named columns; raises InputError where one is lacking or unreadable.

        `distinct`: columns whose values hardly repeat.
        """

    def count_rows(self) -> int | None:
        """The number of rows where that is known cheaply, else None."""


def check_columns(name: str, columns: list[str], known: list[str]) -> None:
    """Raise InputError, in the name of the source, where a column lacks or stands twice."""
    for column in columns:
        if column not in known:
            hint = did_you_mean(column, known)
            raise InputError(f"{name}: no column `{column}`" + (f"; {hint}" if hint else ""))
        if known.count(column) > 1:
            raise InputError(f"{name}: the column `{column}` stands twice")
