"""Result rows in tables of one size, so that what is written does not depend on shards."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

ROW_GROUP = 1 << 18
"""Rows that are written at a time."""


def row_groups(
    batches: Iterator[pa.RecordBatch], schema: pa.Schema, size: int
) -> Iterator[pa.Table]:
    """The rows in tables of one size; the last, which may be empty, holds what is left."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        while rows >= size:
            table = pa.Table.from_batches(waiting, schema)
            yield table.slice(0, size).combine_chunks()
            waiting = table.slice(size).to_batches()
            rows -= size
    yield pa.Table.from_batches(waiting, schema).combine_chunks()
