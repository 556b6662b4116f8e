"""Whether the member ids of a source are unique."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from profiles.encoding import hash_ids
from profiles.errors import InputError
from profiles.sources.source import Batch, Source, ids_in


class UniqueIds:
    """Sees every shard's ids as they pass, and checks at the end that none appears twice.

    Ids in ascending order are unique by that alone; only others are read once more.
    """

    def __init__(self, source: Source, column: str) -> None:
        self._source = source
        self._column = column
        self._ascending = True
        self._last: str | int | None = None

    def __repr__(self) -> str:
        return f"UniqueIds({self._source}, column {self._column})"

    def add(self, ids: pa.Array) -> None:
        """Take in the ids of the next shard."""
        if not self._ascending or not len(ids):
            return
        within = pc.all(pc.less(ids[:-1], ids[1:])).as_py() is not False
        first = ids[0].as_py()
        self._ascending = within and (self._last is None or self._last < first)
        self._last = ids[-1].as_py()

    def check(self) -> None:
        """Raise InputError naming the first id that appears twice, and both places."""
        if self._ascending:
            return
        hashes = np.sort(np.concatenate([hash_ids(ids) for _, ids in self._read()]))
        suspects = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
        if not suspects:
            return
        seen: dict[object, str] = {}
        for batch, ids in self._read():
            for row in np.flatnonzero(np.isin(hash_ids(ids), list(suspects))).tolist():
                member, place = ids[row].as_py(), batch.place(row)
                if member in seen:
                    raise InputError(
                        f"{place}: member id `{member}` appears twice, first in {seen[member]}"
                    )
                seen[member] = place

    def _read(self) -> Iterator[tuple[Batch, pa.Array]]:
        for batch in self._source.batches([self._column], frozenset({self._column})):
            yield batch, ids_in(batch, self._column)
