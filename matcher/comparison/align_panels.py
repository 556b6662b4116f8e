"""Which member of one panel is which of another: by id, compared as text after trimming.

Most comparisons are on one panel, or on two that hold the same members in the same order: then
shards are compared pairwise. Otherwise all members of both are numbered: those of the panel before,
in its order, then those who joined.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from profiles.encoding import Numbers, flags_of
from profiles.index import Index
from profiles.panel import Panel, Shard


@dataclass(frozen=True, slots=True)
class MemberUnion:
    """The members of two panels: their ids, and which member each row of a shard is.

    `ids` are text, as in the panel before, or for those who joined, as in the panel after.
    `before` and `after` hold, shard by shard, the number of every row's member; -1: no member.
    """

    ids: pa.Array
    before: tuple[Numbers, ...]
    after: tuple[Numbers, ...]
    joined: int
    left: int

    @property
    def size(self) -> int:
        """How many members there are in all."""
        return len(self.ids)


def same_source(before: Panel, after: Panel) -> bool:
    """Whether two panels read the same members from the same place."""
    return before is after or _place(before) == _place(after)


def _place(panel: Panel) -> Hashable:
    """Where the members are read from: files, or rows of a database."""
    files = tuple(path.resolve() for path in panel.source.files)
    if isinstance(panel.source, Index):
        return files, tuple(shard.description["dead"] for shard in panel.source.shards)
    file = panel.file
    rows = (file.location.table, file.location.query, file.layout, file.schema.member_id)
    return rows, files or file.location.source


def unite(before: Panel, after: Panel, members: int) -> MemberUnion | None:
    """Match members by id, reading only ids; None: the shards of both hold the same members."""
    if same_source(before, after):
        return None
    sides: tuple[list[Shard], list[Shard]] = ([], [])
    alike = True
    for pair in zip_longest(_ids(before, members), _ids(after, members)):
        alike = alike and None not in pair and same_members(*pair)
        for side, shard in zip(sides, pair, strict=True):
            if shard is not None:
                side.append(shard)
    return None if alike else _united(*sides)


def _ids(panel: Panel, members: int) -> Iterator[Shard]:
    return panel.shards((), members)


def same_members(before: Shard, after: Shard) -> bool:
    """Whether two shards hold the same members in the same order."""
    return bool(
        before.size == after.size
        and np.array_equal(before.everyone, after.everyone)
        and _trimmed(before.member_ids).equals(_trimmed(after.member_ids))
    )


def _trimmed(ids: pa.Array) -> pa.Array:
    return pc.utf8_trim_whitespace(ids.cast(pa.string()))


def _united(before: list[Shard], after: list[Shard]) -> MemberUnion:
    old = pa.concat_arrays([pa.array([], pa.string()), *map(_members, before)])
    new = pa.concat_arrays([pa.array([], pa.string()), *map(_members, after)])
    found = pc.index_in(_trimmed(new), value_set=_trimmed(old))
    is_new = found.is_null().to_numpy(zero_copy_only=False)
    numbers = found.fill_null(-1).to_numpy().astype(np.int64)
    joined = int(is_new.sum())
    numbers[is_new] = len(old) + np.arange(joined)
    ids = pa.concat_arrays([old, new.filter(pa.array(is_new))])
    left = len(old) - (len(new) - joined)
    return MemberUnion(
        ids, _by_shard(before, np.arange(len(old))), _by_shard(after, numbers), joined, left
    )


def _members(shard: Shard) -> pa.Array:
    texts = shard.member_ids.cast(pa.string())
    return texts.filter(pa.array(flags_of(shard.everyone, shard.size)))


def _by_shard(shards: list[Shard], numbers: Numbers) -> tuple[Numbers, ...]:
    """The numbers of members, in panel order, for the rows of each shard."""
    by_shard = []
    start = 0
    for shard in shards:
        row_numbers = np.full(shard.size, -1, np.int64)
        row_numbers[flags_of(shard.everyone, shard.size)] = numbers[start : start + shard.members]
        by_shard.append(row_numbers)
        start += shard.members
    return tuple(by_shard)
