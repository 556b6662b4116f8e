"""Where rows are: files and databases as streams of record batches, always in one order."""

from profiles.sources.database import DatabaseSource, Writer, database_module, quote_table
from profiles.sources.long_layout import LongSource, open_long
from profiles.sources.open import open_location, open_source
from profiles.sources.shard_reader import ShardReader
from profiles.sources.source import BATCH_ROWS, Batch, Source, id_texts, ids_in
from profiles.sources.unique_ids import UniqueIds

__all__ = [
    "BATCH_ROWS",
    "Batch",
    "DatabaseSource",
    "LongSource",
    "ShardReader",
    "Source",
    "UniqueIds",
    "Writer",
    "database_module",
    "id_texts",
    "ids_in",
    "open_location",
    "open_long",
    "open_source",
    "quote_table",
]
