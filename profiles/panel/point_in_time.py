"""Some members of a panel, each on days of their own: a row for every member and day wanted.

A log of what became of members is small beside a panel, and asks for ages on many days. The rows of
its members are picked out of the source once, and encoded day by day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from profiles.encoding import Numbers, is_list
from profiles.panel.panel import Panel
from profiles.panel.shard import Shard, shard_on
from profiles.schema import id_columns
from profiles.sources import Batch, ShardReader, Source, id_texts


@dataclass(frozen=True, slots=True)
class _Picked:
    """Rows of one layout, and the number of each one's member."""

    batches: list[Batch]
    members: list[Numbers]

    def whole(self) -> Batch:
        """All rows as one batch, which messages name by their members."""
        data = pa.concat_batches([batch.data for batch in self.batches])
        ids = pa.concat_arrays([batch.members for batch in self.batches])
        return replace(self.batches[0], data=data, first_row=0, members=ids)


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

    def __repr__(self) -> str:
        return f"SelectedMembers({self.found.sum():,} of {len(self.found):,}, {self._panel})"

    def _pick(self, ids: pa.Array) -> None:
        mapping = self._panel.mapping
        id_names = id_columns(mapping)
        answers = (mapping.schema.attributes[name].column for name in self._attributes)
        columns = list(dict.fromkeys([*id_names, *answers]))
        for batch in self._panel.source.batches(columns, frozenset(id_names)):
            texts = id_texts(batch, mapping.schema.member_id)
            numbers = pc.index_in(texts, value_set=ids).fill_null(-1)
            known, rows = np.unique(numbers.to_numpy(zero_copy_only=False), return_index=True)
            known, rows = known[known >= 0], rows[known >= 0]
            fresh = ~self.found[known]
            if not fresh.any():
                continue
            known, rows = known[fresh], pa.array(rows[fresh])
            self.found[known] = True
            if not self._picked or self._picked[-1].batches[0].layout != batch.layout:
                self._picked.append(_Picked([], []))
            plain = [_plain(column) for column in batch.data.take(rows).columns]
            data = pa.record_batch(plain, columns)
            self._picked[-1].batches.append(replace(batch, data=data, members=texts.take(rows)))
            self._picked[-1].members.append(known)

    def on_days(self, members: Numbers, days: Numbers) -> Iterator[tuple[Shard, Numbers]]:
        """Shards of one day each, and which of the wanted rows are in them, in order.

        Row `i` is member `members[i]` as of `days[i]` (a proleptic ordinal). Rows of members
        who are not in the panel are left out. Raises InputError where an answer does not fit.
        """
        order = np.argsort(days, kind="stable")
        for picked in self._picked:
            place_of = np.full(len(self.found), -1, np.int64)
            numbers = np.concatenate(picked.members)
            place_of[numbers] = np.arange(len(numbers))
            rows = order[place_of[members[order]] >= 0]
            source = _DailyRows(
                self._panel.source, picked.whole(), place_of[members[rows]], days[rows]
            )
            done = 0
            for encoded in ShardReader(self._panel.mapping, source).read(self._attributes):
                some = rows[done : done + encoded.size]
                done += encoded.size
                as_of = date.fromordinal(int(days[some[0]]))
                yield shard_on(self._panel.mapping, encoded, as_of), some


def _plain(column: pa.Array) -> pa.Array:
    """A column without dictionaries, each value of which would be read for every day."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return column.cast(kind.value_type)
    if is_list(kind) and pa.types.is_dictionary(kind.value_type):
        make = pa.list_ if pa.types.is_list(kind) else pa.large_list
        return column.cast(make(kind.value_type.value_type))
    return column


@dataclass(frozen=True, slots=True)
class _DailyRows:
    """Rows in memory as a source: `places` of `rows`, cut where one of the ascending days ends."""

    of: Source
    rows: Batch
    places: Numbers
    days: Numbers

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
        """A batch for each day, with a layout of its own, so that each becomes a shard."""
        del distinct
        data = self.rows.data.select(columns)
        for places in np.split(self.places, np.flatnonzero(np.diff(self.days)) + 1):
            rows = pa.array(places)
            ids = None if self.rows.members is None else self.rows.members.take(rows)
            yield Batch(data.take(rows), self.rows.origin, 0, object(), ids)

    def count_rows(self) -> int:
        """How many rows there are."""
        return len(self.places)
