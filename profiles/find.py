"""One member of a panel by id: his row, in the panel's columns, as Python values."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from profiles.codes import is_id, trimmed
from profiles.encode import BadValueError, as_days, short_name
from profiles.errors import InputError
from profiles.mapping import PanelMapping
from profiles.shards import id_columns
from profiles.sources import Batch, Source


def find_member(source: Source, mapping: PanelMapping, member_id: str) -> dict[str, object] | None:
    """The row of a member: his ids and the columns of attributes; None where there is none such.

    Ids compare as text after trimming; where several are the same so, the one that is written as
    `member_id` counts before the others, then the first. Raises InputError where the source cannot
    be read.
    """
    ids = id_columns(mapping)
    answers = (attribute.column for attribute in mapping.schema.attributes.values())
    columns = list(dict.fromkeys([*ids, *answers]))
    found: dict[str, object] | None = None
    for batch in source.batches(columns, frozenset(ids)):
        for row in _rows_of(batch, mapping.schema.member_id, member_id.strip()):
            values = _row(batch.slice(row, 1))
            if str(values[mapping.schema.member_id]) == member_id:
                return values
            found = found or values
    return found


def _rows_of(batch: Batch, column: str, member_id: str) -> list[int]:
    ids = batch.data.column(column)
    if not is_id(ids.type):
        why = f"ids must be text or integers, not `{short_name(ids.type)}`"
        raise InputError(f"{batch.place(0)}, column `{column}`: {why}")
    same = pc.equal(trimmed(ids), member_id).fill_null(False)
    rows: list[int] = np.flatnonzero(same.to_numpy(zero_copy_only=False)).tolist()
    return rows


def _row(batch: Batch) -> dict[str, object]:
    """The only row of a batch; of dates and times the day, as all that reads answers has it."""
    values: dict[str, object] = {}
    for name, column in zip(batch.data.schema.names, batch.data.columns, strict=True):
        try:
            (values[name],) = as_days(pa.chunked_array([column])).to_pylist()
        except BadValueError as error:
            raise InputError(f"{batch.place(0)}, column `{name}`: {error.why}") from None
    return values
