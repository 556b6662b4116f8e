"""Some members of a panel, each as of a day of his own: a row for every member and day asked for.

A log of what became of members is small beside a panel, and asks for ages on many days. The rows of
its members are picked out of the source once, encoded once, and cut into a shard for each day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from profiles.bits import WORD, row_of
from profiles.codes import Numbers, is_id, trimmed
from profiles.encode import short_name
from profiles.errors import InputError
from profiles.panel import Panel, Shard, shard_on
from profiles.shards import EncodedShard, ShardReader, id_columns
from profiles.sources import Batch, Source


@dataclass(frozen=True, slots=True)
class _Picked:
    """Rows of one layout, and the number of each one's member."""

    batches: list[Batch]
    members: list[Numbers]


class SelectedMembers:
    """The rows of some members.

    `ids`: texts, trimmed, without repeats, in the order in which the members are numbered. Of
    several rows whose ids are the same so, the first counts. Raises InputError where the panel
    cannot be read.
    """

    def __init__(self, panel: Panel, ids: pa.Array, attributes: Iterable[str]) -> None:
        self._panel = panel
        self._attributes = sorted(set(attributes) & set(panel.schema.attributes))
        self.found: NDArray[np.bool_] = np.zeros(len(ids), np.bool_)
        """Which of the members are in the panel."""
        self._picked: list[_Picked] = []
        self._pick(ids)

    def _pick(self, ids: pa.Array) -> None:
        mapping = self._panel.mapping
        id_names = id_columns(mapping)
        answers = (mapping.schema.attributes[name].column for name in self._attributes)
        columns = list(dict.fromkeys([*id_names, *answers]))
        for batch in self._panel.source.batches(columns, frozenset(id_names)):
            numbers = _numbers(batch, mapping.schema.member_id, ids)
            known, rows = np.unique(numbers, return_index=True)
            fresh = (known >= 0) & ~self.found[known]
            known, rows = known[fresh], rows[fresh]
            if not len(known):
                continue
            self.found[known] = True
            if not self._picked or self._picked[-1].batches[0].layout != batch.layout:
                self._picked.append(_Picked([], []))
            mine = batch.data.take(pa.array(rows))
            origin = Batch(
                mine, batch.origin, 0, batch.layout, _ids(mine, mapping.schema.member_id)
            )
            self._picked[-1].batches.append(origin)
            self._picked[-1].members.append(known)

    def on_days(self, members: Numbers, days: Numbers) -> Iterator[tuple[Shard, Numbers]]:
        """A shard for each day, and which of the rows asked for stand in its first places.

        Row `i` asks for member `members[i]` as of `days[i]` (a proleptic ordinal). Rows of members
        who are not in the panel are left out; places after the rows are no members.
        """
        order = np.argsort(days, kind="stable")
        for picked in self._picked:
            place_of = np.full(len(self.found), -1, np.int64)
            mine = np.concatenate(picked.members)
            place_of[mine] = np.arange(len(mine))
            rows = order[place_of[members[order]] >= 0]
            if len(rows):
                yield from self._cut(picked, rows, place_of[members[rows]], days[rows])

    def _cut(
        self, picked: _Picked, rows: Numbers, places: Numbers, days: Numbers
    ) -> Iterator[tuple[Shard, Numbers]]:
        """Encode all rows, each day's filled up to whole words, and cut them apart."""
        bounds = np.flatnonzero(np.diff(days, prepend=days[0] - 1, append=days[-1] + 1))
        sizes = np.diff(bounds)
        padded = -(-sizes // WORD) * WORD
        ends = np.cumsum(padded)
        shift = np.repeat(ends - padded - bounds[:-1], sizes)
        taken = np.repeat(places[bounds[1:] - 1], padded)
        taken[np.arange(len(rows)) + shift] = places
        source = _Rows(self._panel.source, _take(picked.batches, taken))
        reader = ShardReader(self._panel.mapping, source)
        (encoded,) = reader.read(self._attributes, len(taken))
        cuts = np.column_stack((bounds[:-1], sizes, ends - padded, ends))
        for first, size, start, end in cuts.tolist():
            part = _part(encoded, start, end, size)
            as_of = date.fromordinal(int(days[first]))
            yield shard_on(self._panel.mapping, part, as_of), rows[first : first + size]


def _numbers(batch: Batch, member_id: str, ids: pa.Array) -> Numbers:
    """The number of each row's member; -1: none that is asked for."""
    column = batch.data.column(member_id)
    if not is_id(column.type):
        why = f"ids must be text or integers, not `{short_name(column.type)}`"
        raise InputError(f"{batch.place(0)}, column `{member_id}`: {why}")
    found = pc.index_in(trimmed(column), value_set=ids).fill_null(-1)
    numbers: Numbers = found.to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers


def _ids(rows: pa.RecordBatch, member_id: str) -> pa.Array:
    return trimmed(rows.column(member_id))


def _take(batches: list[Batch], rows: Numbers) -> Batch:
    """Some rows of all batches, as one."""
    table = pa.Table.from_batches([batch.data for batch in batches]).take(pa.array(rows))
    ids = pa.chunked_array([batch.members for batch in batches]).take(pa.array(rows))
    columns = [pa.concat_arrays(column.chunks) for column in table.columns]
    data = pa.record_batch(columns, schema=table.schema)
    first = batches[0]
    return Batch(data, first.origin, 0, first.layout, pa.concat_arrays(ids.chunks))


def _part(encoded: EncodedShard, start: int, end: int, size: int) -> EncodedShard:
    """Rows from one multiple of 64 to another, of which the first are members."""
    return EncodedShard(
        end - start,
        {name: each[start:end] for name, each in encoded.ids.items()},
        {name: each.part(start, end) for name, each in encoded.columns.items()},
        row_of(np.arange(size), end - start),
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows in memory, as a source with the columns of the one that they come from."""

    of: Source
    rows: Batch

    @property
    def name(self) -> str:
        """What the source that they come from is called."""
        return self.of.name

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the source that they come from."""
        return self.of.files

    @property
    def all_text(self) -> bool:
        """Whether columns are text because they cannot be anything else."""
        return self.of.all_text

    def schema(self) -> pa.Schema:
        """The columns and types of the source that they come from."""
        return self.of.schema()

    def batches(
        self, columns: list[str], distinct: frozenset[str] = frozenset()
    ) -> Iterator[Batch]:
        """All rows."""
        del distinct
        rows = self.rows
        yield Batch(rows.data.select(columns), rows.origin, 0, rows.layout, rows.members)

    def count_rows(self) -> int:
        """How many rows there are."""
        return int(self.rows.data.num_rows)
