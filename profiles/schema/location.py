"""What a panel file says of where rows are."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SCHEME = re.compile(r"(?P<scheme>[a-z]\w*)://", re.ASCII)


@dataclass(frozen=True, slots=True)
class Location:
    """Where rows are: a file or folder of files, or a database's URL with a table or a query."""

    source: str
    table: str | None = None
    query: str | None = None

    @property
    def scheme(self) -> str | None:
        """`duckdb`, `postgresql`; None for files."""
        found = _SCHEME.match(self.source)
        return found["scheme"] if found else None
