"""Rows out: Arrow batches to files and databases. Knows no survey."""

from matcher.output.database import write_table
from matcher.output.parquet import write_parquet

__all__ = ["write_parquet", "write_table"]
