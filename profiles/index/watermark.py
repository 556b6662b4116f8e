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

from profiles.encoding import short_name
from profiles.errors import InputError
from profiles.sources import Batch, DatabaseSource, Source, ids_in

Watermark: TypeAlias = datetime | date | int | float | str
"""The latest time of a change: whatever the column holds, as long as it has an order."""


def latest(times: pa.ChunkedArray, before: Watermark | None, place: str) -> Watermark | None:
    """The watermark once these times have been seen; raises InputError where they have no order.

    `place`: the source and column, for people.
    """
    kind = times.type
    if pa.types.is_timestamp(kind):
        times = times.cast(pa.timestamp("us", kind.tz), safe=False)
    try:
        seen = pc.max(_plain(times)).as_py()
        if seen is None or before is None:
            found = before if seen is None else seen
        else:
            found = max(seen, before)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        raise InputError(f"{place}: the times of changes cannot be compared") from None
    if isinstance(found, bool) or not isinstance(found, Watermark | None):
        raise InputError(f"{place}: `{short_name(kind)}` does not say when a row was changed")
    return found


def _plain(times: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    kind = times.type
    return times.cast(kind.value_type) if pa.types.is_dictionary(kind) else times


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
        if isinstance(self.source, DatabaseSource) and self.watermark is not None:
            yield from self._queried(columns, self.source, self.watermark)
            return
        also = sorted({*columns, self.member_id, self.updated_at})
        for batch in self.source.batches(also, distinct | {self.member_id}):
            ids = self._read_ids(batch)
            self.ids.append(ids)
            new = pc.invert(pc.is_in(ids, value_set=self.known))
            place = f"{batch.origin}: column `{self.updated_at}`"
            since = _since(batch.data.column(self.updated_at), self.watermark, place)
            yield _some(batch, columns, ids, pc.or_(new, since))

    def _queried(
        self, columns: list[str], source: DatabaseSource, watermark: Watermark
    ) -> Iterator[Batch]:
        """A database looks for the changed rows itself; of the others only the ids are read."""
        for batch in source.batches([self.member_id]):
            self.ids.append(self._read_ids(batch))
        there = pa.concat_arrays(self.ids) if self.ids else pa.array([], self.known.type)
        new = there.filter(pc.invert(pc.is_in(there, value_set=self.known)))
        also = sorted({*columns, self.member_id})
        for batch in source.changed_since(self.updated_at, watermark).batches(also):
            ids = self._read_ids(batch)
            new = new.filter(pc.invert(pc.is_in(new, value_set=ids)))
            yield replace(batch, data=batch.data.select(columns))
        if len(new):  # written with an old time
            for batch in source.batches(also):
                ids = self._read_ids(batch)
                yield _some(batch, columns, ids, pc.is_in(ids, value_set=new))

    def _read_ids(self, batch: Batch) -> pa.Array:
        return read_ids(self.source, batch, self.member_id, self.known.type)


def _some(batch: Batch, columns: list[str], ids: pa.Array, wanted: pa.Array) -> Batch:
    """The wanted rows of a batch, named by their members where one is at fault."""
    rows = batch.data.select(columns).filter(wanted)
    return replace(batch, data=rows, members=ids.filter(wanted))


def read_ids(source: Source, batch: Batch, column: str, kind: pa.DataType) -> pa.Array:
    """The ids in a batch, in the type of those in the index."""
    return ids_as(kind, ids_in(batch, column), source, column)


def ids_as(kind: pa.DataType, ids: pa.Array, source: Source, column: str) -> pa.Array:
    """Ids in the type of those in the index; CSV has only text, in which numbers may be written."""
    if pa.types.is_integer(kind) == pa.types.is_integer(ids.type):
        return ids.cast(kind)
    if source.all_text:
        try:
            numbers = ids.cast(kind)
            if numbers.cast(ids.type).equals(ids):
                return numbers
        except pa.ArrowInvalid:
            pass
    raise InputError(
        f"{source.name}: column `{column}`: ids are {ids.type}, but {kind} in the index"
    )


def _since(times: pa.Array, watermark: Watermark | None, place: str) -> pa.Array:
    """Which rows were changed at the watermark or later, or nobody knows when."""
    if watermark is None:
        return pa.repeat(True, len(times))
    times = _plain(times)
    try:
        since = pa.scalar(watermark, times.type)
        if since.as_py() > watermark:  # a type error where they are of two kinds
            raise TypeError
        unknown = pc.is_null(times, nan_is_null=True)
        if pa.types.is_string(times.type) or pa.types.is_large_string(times.type):
            unknown = pc.or_(unknown, pc.equal(pc.utf8_trim_whitespace(times), "").fill_null(True))
        return pc.or_(unknown, pc.greater_equal(times, since).fill_null(True))
    except (pa.ArrowException, TypeError):
        raise InputError(
            f"{place}: now of type `{short_name(times.type)}`, but the index has seen changes up "
            f"to `{watermark}`; build it anew, without --update"
        ) from None
