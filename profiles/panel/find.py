"""Members of a panel, one by id or some at random: rows of its columns, as Python values."""

from __future__ import annotations

from operator import itemgetter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from profiles.encoding import (
    BadValueError,
    as_days,
    hash_ids,
    mix_all,
)
from profiles.hashing import mix
from profiles.schema import PanelMapping, id_columns
from profiles.sources import Batch, Source, id_texts, ids_in

_NO_LOT = np.uint64((1 << 64) - 1)


def find_member(source: Source, mapping: PanelMapping, member_id: str) -> dict[str, object] | None:
    """The row of a member: their ids and the columns of attributes; None where there is no such.

    Ids compare as text after trimming; where several are the same so, the one that is written as
    `member_id` counts before the others, then the first. Raises InputError where the source cannot
    be read.
    """
    ids, columns = _columns(mapping)
    found: dict[str, object] | None = None
    for batch in source.batches(columns, ids):
        for row in _rows_of(batch, mapping.schema.member_id, member_id.strip()):
            values = _row(batch.slice(row, 1))
            if str(values[mapping.schema.member_id]) == member_id:
                return values
            found = found or values
    return found


def draw_members(
    source: Source, mapping: PanelMapping, most: int, seed: int
) -> list[dict[str, object]]:
    """The rows of so many members, or of all if there are fewer, in the order of the draw.

    Who is drawn depends on the seed and the ids alone, not on the order of rows. Raises InputError
    where the source cannot be read.
    """
    ids, columns = _columns(mapping)
    drawn: list[tuple[int, dict[str, object]]] = []
    for batch in source.batches(columns, ids):
        lots = _lots(batch, mapping.schema.member_id, seed)
        if len(drawn) == most:
            lots[lots >= drawn[-1][0]] = _NO_LOT
        drawn += [
            (int(lots[row]), _row(batch.slice(row, 1)))
            for row in np.argsort(lots, kind="stable")[:most].tolist()
            if lots[row] != _NO_LOT
        ]
        drawn = sorted(drawn, key=itemgetter(0))[:most]
    return [row for _, row in drawn]


def _lots(batch: Batch, column: str, seed: int) -> NDArray[np.uint64]:
    """A number for each row, the least of which are drawn."""
    hashes = hash_ids(ids_in(batch, column))
    return mix_all(hashes ^ np.uint64(mix(seed)))


def _columns(mapping: PanelMapping) -> tuple[frozenset[str], list[str]]:
    """The columns of ids, and those with the columns of attributes."""
    ids = id_columns(mapping)
    answers = (attribute.column for attribute in mapping.schema.attributes.values())
    return frozenset(ids), list(dict.fromkeys([*ids, *answers]))


def _rows_of(batch: Batch, column: str, member_id: str) -> list[int]:
    same = pc.equal(id_texts(batch, column), member_id).fill_null(False)
    rows: list[int] = np.flatnonzero(same.to_numpy(zero_copy_only=False)).tolist()
    return rows


def _row(batch: Batch) -> dict[str, object]:
    """The only row of a batch; of dates and times the day, as all that reads answers has it."""
    values: dict[str, object] = {}
    for name, column in zip(batch.data.schema.names, batch.data.columns, strict=True):
        try:
            (values[name],) = as_days(pa.chunked_array([column])).to_pylist()
        except BadValueError as error:
            raise batch.fault(0, name, error.why) from None
    return values
