"""Participation history by member: read once, then looked up for one member at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from profiles.encoding import Coded, Numbers, coded, hash_ids, items_of
from profiles.hashing import hash_id
from profiles.history.rows import (
    NEEDED,
    HistoryRows,
    check_types,
    marketplaces_of,
    member_ids_of,
    open_history,
    outcomes_of,
)
from profiles.schema import OUTCOMES, SEPARATOR, Location, Participation
from profiles.sources import Source

_OPTIONAL = ("wave_id", "project_id")
_CATEGORIES = "category_ids"
_CODED = pa.dictionary(pa.int32(), pa.string())
_SCHEMA = pa.schema(
    [
        ("member_id", _CODED),
        ("marketplace", _CODED),
        ("outcome", pa.int8()),
        ("survey_id", _CODED),
        ("wave_id", _CODED),
        ("project_id", _CODED),
        ("categories", pa.int32()),
    ]
)


class MemberHistory:
    """All participations of a history, those of one member together.

    Every row is read when it is made, from what `location` names; `base` is where paths start.
    Raises InputError where the history cannot be read, or a row says too little.
    """

    def __init__(self, location: Location, base: Path) -> None:
        columns, categories = _read(open_history(location, base))
        ids = columns.pop("member_id")
        hashes = hash_ids(ids.dictionary)
        order = np.argsort(hashes)
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        members = place[ids.indices.to_numpy()]
        by_member = pa.array(np.argsort(members, kind="stable"))
        self._hashes = hashes[order]
        self._ids = ids.dictionary.take(pa.array(order))
        self._starts = np.searchsorted(np.sort(members), np.arange(len(order) + 1))
        ends = np.concatenate(([0], np.cumsum(columns.pop("categories").to_numpy())))
        columns[_CATEGORIES] = pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), categories)
        self._columns = {name: column.take(by_member) for name, column in columns.items()}

    def __repr__(self) -> str:
        rows = int(self._starts[-1])
        return f"MemberHistory({len(self._ids):,} members, {rows:,} participations)"

    def of(self, member_id: str) -> list[Participation]:
        """What a member took part in, in the order of the rows; ids compare after trimming."""
        member_id = member_id.strip()
        wanted = np.uint64(hash_id(member_id))
        place = int(np.searchsorted(self._hashes, wanted))
        while place < len(self._hashes) and self._hashes[place] == wanted:
            if self._ids[place].as_py() == member_id:
                start, end = self._starts[place : place + 2].tolist()
                return self._participations(member_id, start, end)
            place += 1
        return []

    def _participations(self, member_id: str, start: int, end: int) -> list[Participation]:
        values = {
            name: column.slice(start, end - start).to_pylist()
            for name, column in self._columns.items()
        }
        return [
            Participation(
                member_id, marketplace, OUTCOMES[outcome], survey, wave, project, tuple(categories)
            )
            for marketplace, outcome, survey, wave, project, categories in zip(
                values["marketplace"],
                values["outcome"],
                values["survey_id"],
                values["wave_id"],
                values["project_id"],
                values[_CATEGORIES],
                strict=True,
            )
        ]


def _read(source: Source) -> tuple[dict[str, pa.Array], pa.Array]:
    """The columns of all rows, with the number of categories of each; and all categories."""
    there = set(source.schema().names)
    wanted = [*NEEDED, *(name for name in (*_OPTIONAL, _CATEGORIES) if name in there)]
    batches: list[pa.RecordBatch] = []
    categories: list[pa.Array] = []
    for batch in source.batches(wanted, frozenset({"member_id"})):
        check_types(batch)
        rows = HistoryRows(batch)
        outcomes, marketplaces = outcomes_of(rows), marketplaces_of(rows)
        size = batch.data.num_rows
        counts, items = _categories(rows, size)
        arrays = [
            member_ids_of(rows).dictionary_encode(),
            _texts(marketplaces, size),
            pa.array(outcomes, pa.int8()),
            *(_column(rows, name, size) for name in ("survey_id", *_OPTIONAL)),
            pa.array(counts, pa.int32()),
        ]
        batches.append(pa.record_batch(arrays, schema=_SCHEMA))
        categories.append(items)
    table = pa.Table.from_batches(batches, _SCHEMA).unify_dictionaries()
    columns = {name: table.column(name).combine_chunks() for name in _SCHEMA.names}
    return columns, pa.chunked_array(categories, _CODED).unify_dictionaries().combine_chunks()


def _column(rows: HistoryRows, name: str, size: int) -> pa.Array:
    if name not in rows.names:
        return pa.nulls(size, pa.string()).dictionary_encode()
    return _texts(rows.column(name), size)


def _categories(rows: HistoryRows, size: int) -> tuple[Numbers, pa.Array]:
    """How many categories each row has, and the categories of all."""
    if _CATEGORIES not in rows.names:
        return np.zeros(size, np.int64), pa.array([], pa.string()).dictionary_encode()
    parents, items = items_of(rows.batch.data.column(_CATEGORIES), SEPARATOR)
    texts = _texts(coded(items), len(items))
    present = texts.is_valid().to_numpy(zero_copy_only=False)
    return np.bincount(parents[present], minlength=size), texts.drop_null()


def _texts(column: Coded, size: int) -> pa.Array:
    return column.texts(np.arange(size)).dictionary_encode()
