"""Some members in memory: their ids as they are, their answers as encoded columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from profiles.encoding.bits import BitRow, popcount
from profiles.encoding.columns import Column

SHARD_MEMBERS = 512 * 2047
"""About a million; rows of an odd number of cache lines do not push each other out of the cache."""


@dataclass(frozen=True, slots=True)
class EncodedShard:
    """Consecutive members of a source: answers by attribute, as they hold on any day.

    `ids`: by source column, the member id first, then what marketplaces know members by.
    `everyone`: which of its rows are members. `raw`: other source columns, as they are.
    """

    size: int
    ids: Mapping[str, pa.Array]
    columns: Mapping[str, Column]
    everyone: BitRow
    raw: Mapping[str, pa.ChunkedArray] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"EncodedShard({popcount(self.everyone):,} members, {len(self.columns)} columns)"
