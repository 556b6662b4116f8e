"""How a panel is cut for a job, and how several threads share the pieces."""

from __future__ import annotations

from dataclasses import dataclass

from matcher.output import ROW_GROUP
from profiles.encoding import SHARD_MEMBERS, WORD
from profiles.errors import InputError
from profiles.panel import Panel


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes of the pieces that work is cut into; for tests and unusual machines.

    None changes a result. Numbers of members are multiples of 64; raises InputError for others.
    """

    most_members: int = SHARD_MEMBERS
    """Members of a shard at most."""
    least_members: int = 1 << 14
    """Members to which a shard is cut, however many rows it needs and threads there are."""
    line_members: int = 8 * WORD
    """Members whose bits fill a cache line."""
    shard_bytes: int = 512 << 20
    """Bytes of the rows of one shard."""
    kept_bytes: int = 1 << 30
    """Bytes of rows that are left with a panel in memory for the next plan."""
    kernel_words: int = 512
    """Words of a row that a compiled kernel works on at a time."""
    tile_members: int = 1 << 16
    """Members whose result rows are made at a time; at most 65,536."""
    row_group: int = ROW_GROUP
    """Result rows that are written at a time."""

    def __post_init__(self) -> None:
        for name in ("most_members", "line_members", "tile_members"):
            members = getattr(self, name)
            if members < WORD or members % WORD:
                raise InputError(f"`{name}` must be a multiple of {WORD}, not `{members}`")
        if self.tile_members > 1 << 16:
            raise InputError(f"`tile_members` must be at most 65536, not `{self.tile_members}`")


DEFAULTS = Limits()


def shard_members(rows: int, panel: Panel, workers: int, limits: Limits = DEFAULTS) -> int:
    """As many members as keep so many rows of a shard within the budget, and all workers busy.

    Rows whose length is an odd number of cache lines do not push each other out of the cache.
    """
    most, least, line = limits.most_members, limits.least_members, limits.line_members
    members = min(most, max(limits.shard_bytes * 8 // max(rows, 1), least))
    total = panel.known_members
    if workers > 1 and total is not None:
        members = min(members, max(-(-total // workers), least))
    lines = -(-members // line)
    return min((lines | 1) * line, most)
