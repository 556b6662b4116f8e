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

    budget: int = _BUDGET
    """Bytes that the rows of a shard take up."""

    smallest: int = _SMALLEST
    """Members of a shard at least, however many rows there are."""

    line: int = _LINE
    """Members whose bits fill one cache line."""

    members: int = SHARD_MEMBERS
    """Members of a shard at most."""


def shard_members(rows: int, panel: Panel, workers: int, limits: Limits | None = None) -> int:
    """As many members as keep so many rows of a shard within the budget, and all workers busy.

    Rows whose length is an odd number of cache lines do not push each other out of the cache.
    """
    limits = limits or Limits(_BUDGET, _SMALLEST, _LINE, SHARD_MEMBERS)
    members = min(limits.members, max(limits.budget * 8 // max(rows, 1), limits.smallest))
    total = panel.known_members
    if workers > 1 and total is not None:
        members = min(members, max(-(-total // workers), limits.smallest))
    lines = -(-members // limits.line)
    return min((lines | 1) * limits.line, limits.members)
