"""How a panel is cut for a job, and how several threads share the pieces."""

from __future__ import annotations

from dataclasses import dataclass

from profiles.encoding import SHARD_MEMBERS, WORD
from profiles.panel import Panel

_BUDGET = 512 << 20
_SMALLEST = 1 << 14
_LINE = 8 * WORD


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes of the shards that a panel is cut into."""

    most_members: int = SHARD_MEMBERS
    """Members of a shard at most."""
    least_members: int = _SMALLEST
    """Members to which a shard is cut, however many rows it needs and threads there are."""
    line_members: int = _LINE
    """Members whose bits fill a cache line."""
    shard_bytes: int = _BUDGET
    """Bytes of the rows of one shard."""


def shard_members(rows: int, panel: Panel, workers: int, limits: Limits | None = None) -> int:
    """As many members as keep so many rows of a shard within the budget, and all workers busy.

    Rows whose length is an odd number of cache lines do not push each other out of the cache.
    """
    limits = limits or Limits(SHARD_MEMBERS, _SMALLEST, _LINE, _BUDGET)
    members = min(
        limits.most_members, max(limits.shard_bytes * 8 // max(rows, 1), limits.least_members)
    )
    total = panel.known_members
    if workers > 1 and total is not None:
        members = min(members, max(-(-total // workers), limits.least_members))
    lines = -(-members // limits.line_members)
    return min((lines | 1) * limits.line_members, limits.most_members)
