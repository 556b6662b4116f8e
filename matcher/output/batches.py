"""Result rows in tables of one size, so that what is written does not depend on shards."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

ROW_GROUP = 1 << 18


def row_groups(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows in tables of one size; the last, which may be empty, holds what is left."""
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        while rows >= ROW_GROUP:
            table = pa.Table.from_batches(waiting, schema)
            yield table.slice(0, ROW_GROUP).combine_chunks()
            waiting = table.slice(ROW_GROUP).to_batches()
            rows -= ROW_GROUP
    yield pa.Table.from_batches(waiting, schema).combine_chunks()
