"""Rows come in tables of one size, whatever the batches are that they came in."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from matcher.output.batches import row_groups

SCHEMA = pa.schema([("n", pa.int64())])


@given(sizes=st.lists(st.integers(0, 9)), size=st.integers(1, 10))
def test_tables_are_of_one_size_and_the_last_holds_what_is_left(
    sizes: list[int], size: int
) -> None:
    rows = list(range(sum(sizes)))
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    batches = (
        pa.record_batch([pa.array(rows[start : start + count], pa.int64())], schema=SCHEMA)
        for start, count in zip(starts, sizes, strict=True)
    )
    tables = list(row_groups(batches, SCHEMA, size))
    assert [row for table in tables for row in table["n"].to_pylist()] == rows
    assert [table.num_rows for table in tables[:-1]] == [size] * (len(rows) // size)
    assert tables[-1].num_rows == len(rows) % size
    assert all(table.schema == SCHEMA and table["n"].num_chunks <= 1 for table in tables)
