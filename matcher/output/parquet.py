"""Result rows in a Parquet file."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from matcher.output.batches import ROW_GROUP, row_groups
from matcher.support import written_whole


def write_parquet(
    batches: Iterator[pa.RecordBatch], schema: pa.Schema, path: Path, row_group: int = ROW_GROUP
) -> None:
    """Write batches to a file, in row groups of one size, so that bytes do not depend on shards.

    The file appears whole or not at all; raises InputError where it cannot be written.
    """
    with (
        written_whole(path) as unfinished,
        pq.ParquetWriter(unfinished, schema, compression="zstd", store_schema=False) as writer,
    ):
        for table in row_groups(batches, schema, row_group):
            writer.write_table(table, row_group_size=row_group)
        writer.add_key_value_metadata({b"ARROW:schema": _plain_lists(schema)})


def _plain_lists(schema: pa.Schema) -> bytes:
    """The Arrow types that the file declares: quota ids are lists of plain strings.

    In memory, and while the file is written, they are numbers into a dictionary.
    """
    for place, field in enumerate(schema):
        if pa.types.is_list(field.type):
            schema = schema.set(place, pa.field(field.name, pa.list_(pa.string())))
    return base64.b64encode(schema.serialize().to_pybytes())
