"""Where the command line puts result rows: a Parquet file, or a table of a database."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from matcher.engine import Matches, PanelCounts
from matcher.support import check_output
from profiles.errors import InputError
from profiles.panel import Panel
from profiles.schema import Location
from profiles.sources import Source


@dataclass(frozen=True, slots=True)
class ParquetFile:
    """A file, which is replaced."""

    path: Path

    def check_apart(self, panel: Panel) -> None:
        """Refuse to write over the members, or the history, that are being read."""
        for what, source in panel.sources.items():
            check_apart(self.path, source, f"the panel's {what}")

    def write(self, matches: Matches) -> PanelCounts:
        """Write all rows."""
        return matches.to_parquet(self.path)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a database, whose rows are replaced."""

    url: str
    table: str

    def check_apart(self, _panel: Panel) -> None:
        """Left to the writing, which asks the database before any work."""

    def write(self, matches: Matches) -> PanelCounts:
        """Write all rows."""
        return matches.to_database(self.url, self.table)


Destination: TypeAlias = ParquetFile | Table


def choose_destination(output: str | None, table: str | None) -> Destination | None:
    """What `--output` and `--table` name; refuses before any work what could not be written."""
    is_database = output is not None and Location(output).scheme is not None
    if table is not None and not is_database:
        raise InputError("`--table` goes with a database: -o postgresql://… or -o duckdb:///…")
    if output is None:
        return None
    if not is_database:
        return ParquetFile(check_output(Path(output), ".parquet"))
    if not table:
        raise InputError("`--output`: a database needs `--table` as well")
    return Table(output, table)


def check_apart(path: Path, source: Source, what: str) -> None:
    """Refuse to write over what is being read."""
    for file in source.files:
        with suppress(OSError):  # nothing is there yet
            if path.samefile(file):
                raise InputError(f"{path}: the output would replace {what}")
