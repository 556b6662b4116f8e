"""What a panel file says of where rows are."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SCHEME = re.compile(r"(?P<scheme>[a-z]\w*)://", re.ASCII)


@dataclass(frozen=True, slots=True)
class CsvFormat:
    """How CSV files are written; None: as the files show, a comma and UTF-8 where they do not."""

    separator: str | None = None
    encoding: str | None = None


PLAIN_CSV = CsvFormat()


@dataclass(frozen=True, slots=True)
class Location:
    """Where rows are: a file or folder of files, or a database's URL with a table or a query."""

    source: str
    table: str | None = None
    query: str | None = None
    csv: CsvFormat = PLAIN_CSV

    def __repr__(self) -> str:
        """Without the rest of a URL, which may hold a password."""
        where = f"{self.scheme}://…" if self.scheme else self.source
        if self.table:
            where += f", table {self.table}"
        return f"Location({where}{', a query' if self.query else ''})"

    @property
    def scheme(self) -> str | None:
        """`duckdb`, `postgresql`; None for files."""
        found = _SCHEME.match(self.source)
        return found["scheme"] if found else None
