"""Reads a source shard by shard: member ids as they are, answers as encoded columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa

from profiles.encoding import (
    SHARD_MEMBERS,
    BadValueError,
    Column,
    EncodedShard,
    all_members,
    encode_column,
    id_array,
    id_type,
)
from profiles.errors import InputError
from profiles.schema import PanelMapping, Schema, id_columns
from profiles.sources.source import Batch, Source


class ShardReader:
    """Reads and encodes the members of a source.

    Raises InputError, naming the place, where a value does not fit its attribute.
    """

    def __init__(self, mapping: PanelMapping, source: Source) -> None:
        self._schema: Schema = mapping.schema
        self._source = source
        self._ids = id_columns(mapping)

    def __repr__(self) -> str:
        return f"ShardReader({self._source})"

    def read(
        self,
        attributes: Iterable[str],
        members: int = SHARD_MEMBERS,
        *,
        with_ids: bool = True,
        raw: Iterable[str] = (),
    ) -> Iterator[EncodedShard]:
        """Shards of so many members or fewer, with the named attributes and raw columns."""
        wanted = sorted(attributes)
        ids = self._ids if with_ids else []
        answers = (self._schema.attributes[name].column for name in wanted)
        columns = sorted({*answers, *ids, *raw})
        for rows in _regroup(self._source.batches(columns, frozenset(ids)), members):
            column_of = {
                name: pa.chunked_array([batch.data.column(name) for batch in rows])
                for name in columns
            }
            size = sum(batch.data.num_rows for batch in rows)
            yield EncodedShard(
                size,
                {name: self._read_ids(name, column_of[name], rows) for name in ids},
                {name: self._encode(name, column_of, rows) for name in wanted},
                all_members(size),
                {name: column_of[name] for name in raw},
            )

    def _encode(
        self, name: str, column_of: Mapping[str, pa.ChunkedArray], rows: list[Batch]
    ) -> Column:
        attribute = self._schema.attributes[name]
        try:
            return encode_column(attribute, column_of[attribute.column])
        except BadValueError as error:
            raise _fault(rows, error, attribute.column) from None
        except (pa.ArrowException, OverflowError) as error:
            why = " ".join(str(error).split())
            raise InputError(
                f"{rows[0].origin}: column `{attribute.column}` cannot be read: {why}"
            ) from None

    def _read_ids(self, column: str, values: pa.ChunkedArray, rows: list[Batch]) -> pa.Array:
        """Ids of one kind; member ids are of the type that the first file has."""
        try:
            ids = id_array(values, optional=column != self._schema.member_id)
            if column != self._schema.member_id:
                return ids
            wanted = id_type(self._source.schema().field(column).type)
            if pa.types.is_integer(ids.type) != pa.types.is_integer(wanted):
                raise BadValueError(0, f"ids are {ids.type}, but {wanted} in the first file")
            return ids.cast(wanted)
        except BadValueError as error:
            raise _fault(rows, error, column) from None


def _regroup(batches: Iterable[Batch], members: int) -> Iterator[list[Batch]]:
    """Cut a stream of batches into lists of so many rows, or fewer where types change or end."""
    rows: list[Batch] = []
    free = members
    for batch in batches:
        if rows and rows[0].layout != batch.layout:
            yield rows
            rows, free = [], members
        at = 0
        while at < batch.data.num_rows:
            part = batch.slice(at, free)
            rows.append(part)
            at += part.data.num_rows
            free -= part.data.num_rows
            if not free:
                yield rows
                rows, free = [], members
    if rows:
        yield rows


def _fault(rows: list[Batch], error: BadValueError, column: str) -> InputError:
    row = error.row
    for batch in rows:
        if row < batch.data.num_rows:
            return batch.fault(row, column, error.why)
        row -= batch.data.num_rows
    raise IndexError(error.row)
