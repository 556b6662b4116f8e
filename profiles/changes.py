"""Which members have changed since a panel was indexed, by the column that says when a row was.

Rows at the watermark itself are taken once more: more of them may have been written since. Rows
that do not say when they were changed are always taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from profiles.encode import BadValueError
from profiles.errors import InputError
from profiles.ids import id_array
from profiles.sources import Batch, Source

Watermark: TypeAlias = datetime | date | int | float | str
"""The latest time of a change: whatever the column holds, as long as it has an order."""


def latest(times: pa.ChunkedArray, before: Watermark | None) -> Watermark | None:
    """The watermark once these times have been seen."""
    if pa.types.is_dictionary(times.type):
        times = times.cast(times.type.value_type)
    if pa.types.is_timestamp(times.type):
        times = times.cast(pa.timestamp("us", times.type.tz), safe=False)
    seen = pc.max(times).as_py()
    return before if seen is None else seen if before is None else max(seen, before)


def write_watermark(watermark: Watermark | None) -> Any:
    """A watermark as JSON."""
    if isinstance(watermark, datetime):
        return {"datetime": watermark.isoformat()}
    return {"date": watermark.isoformat()} if isinstance(watermark, date) else watermark


def read_watermark(written: Any) -> Watermark | None:
    """A watermark from JSON."""
    match written:
        case {"datetime": text}:
            return datetime.fromisoformat(text)
        case {"date": text}:
            return date.fromisoformat(text)
    return written  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class ChangedRows:
    """The rows of a source that were changed at or after the watermark, or of unknown members.

    A source itself; `ids` are those of all rows, in what has been read so far.
    """

    source: Source
    member_id: str
    updated_at: str
    watermark: Watermark | None
    known: pa.Array
    ids: list[pa.Array] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name of the whole source."""
        return self.source.name

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the whole source."""
        return self.source.files

    @property
    def all_text(self) -> bool:
        """As the whole source."""
        return self.source.all_text

    def schema(self) -> pa.Schema:
        """The columns of the whole source."""
        return self.source.schema()

    def count_rows(self) -> None:
        """Not known before the rows are read."""

    def batches(
        self, columns: list[str], distinct: frozenset[str] = frozenset()
    ) -> Iterator[Batch]:
        """Stream the named columns of the changed rows."""
        also = sorted({*columns, self.member_id, self.updated_at})
        for batch in self.source.batches(also, distinct | {self.member_id}):
            ids = _ids(batch, self.member_id)
            self.ids.append(ids)
            stale = pc.invert(pc.is_in(ids, value_set=self.known.cast(ids.type)))
            since = _since(batch.data.column(self.updated_at), self.watermark)
            rows = batch.data.select(columns).filter(pc.or_(stale, since))
            if rows.num_rows:
                yield replace(batch, data=rows)


def _ids(batch: Batch, column: str) -> pa.Array:
    try:
        return id_array(pa.chunked_array([batch.data.column(column)]))
    except BadValueError as error:
        raise InputError(f"{batch.place(error.row)}, column `{column}`: {error.why}") from None


def _since(times: pa.Array, watermark: Watermark | None) -> pa.Array:
    """Which rows were changed at the watermark or later, or nobody knows when."""
    if watermark is None:
        return pa.repeat(True, len(times))
    if pa.types.is_dictionary(times.type):
        times = times.cast(times.type.value_type)
    try:
        return pc.greater_equal(times, pa.scalar(watermark, times.type)).fill_null(True)
    except (pa.ArrowException, TypeError):
        raise InputError(
            f"the index has seen changes up to `{watermark}`, but the column is now of type "
            f"{times.type}; build the index anew"
        ) from None
