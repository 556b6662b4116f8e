"""Rows of `diff -o`: who gained, lost or moved, with the quotas before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from matcher.comparison.counting import ROWS_CHANGE, MemberRows
from matcher.comparison.result import Assignment, Change, Path
from matcher.engine import schema_for
from matcher.surveys import Verdict
from profiles.panel import Panel

_AT_A_TIME = 1 << 16
_NAMES = pa.dictionary(pa.int32(), pa.string())
_PATHS = pa.list_(pa.string())

NumberedRows: TypeAlias = tuple[int, MemberRows]
"""The number of a survey, and its rows."""


@dataclass(frozen=True, slots=True)
class MemberChange:
    """One member who gained, lost or moved in one survey; None: not given it on that side."""

    member_id: str | int
    survey: str
    change: Change
    before: Path | None
    after: Path | None

    def __repr__(self) -> str:
        return f"MemberChange({self.member_id!r}, {self.survey}, {self.change.value})"


def change_schema(before: Panel, after: Panel) -> pa.Schema:
    """The columns; member ids are of the type that the panels have, text where these are two."""
    ids = {schema_for(panel).field("member_id").type for panel in (before, after)}
    return pa.schema(
        [
            ("member_id", ids.pop() if len(ids) == 1 else pa.string()),
            ("survey", _NAMES),
            ("change", _NAMES),
            ("before", _PATHS),
            ("after", _PATHS),
        ]
    )


def change_batches(
    schema: pa.Schema, ids: pa.Array, names: Sequence[str], found: Sequence[NumberedRows]
) -> Iterator[pa.RecordBatch]:
    """The rows of a block, in member order and then survey order; `names` are the surveys'."""
    if not found:
        return
    assignments: list[Assignment] = []
    starts = []
    for _, rows in found:
        starts.append(len(assignments))
        assignments += rows.assignments
    quotas = [None if isinstance(given, Verdict) else given for given in assignments]
    paths = pa.array(quotas, _PATHS)
    sizes = [len(rows.members) for _, rows in found]
    members = np.concatenate([rows.members for _, rows in found])
    surveys = np.repeat(np.array([number for number, _ in found], np.int32), sizes)
    changes = np.concatenate([rows.change for _, rows in found]).astype(np.int32)
    before, after = (
        np.concatenate(
            [getattr(rows, side) + start for start, (_, rows) in zip(starts, found, strict=True)]
        )
        for side in ("before", "after")
    )
    order = np.lexsort((surveys, members))
    for start in range(0, len(order), _AT_A_TIME):
        part = order[start : start + _AT_A_TIME]
        yield pa.record_batch(
            [
                ids.take(pa.array(members[part])).cast(schema.field("member_id").type),
                _named(surveys[part], names),
                _named(changes[part], ROWS_CHANGE),
                paths.take(pa.array(before[part])),
                paths.take(pa.array(after[part])),
            ],
            schema=schema,
        )


def _named(numbers: np.typing.NDArray[np.int32], names: Sequence[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(numbers), pa.array(names, pa.string()))


def read_batch(batch: pa.RecordBatch) -> Iterator[MemberChange]:
    """The rows of a batch, one by one."""
    for row in batch.to_pylist():
        before, after = (
            None if ids is None else tuple(ids) for ids in (row["before"], row["after"])
        )
        yield MemberChange(row["member_id"], row["survey"], Change(row["change"]), before, after)
