"""Rows out: Arrow batches to files and databases. Knows no survey."""

from matcher.output.batches import ROW_GROUP
from matcher.output.database import write_table
from matcher.output.parquet import write_parquet

__all__ = ["ROW_GROUP", "write_parquet", "write_table"]
