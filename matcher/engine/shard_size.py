"""How a panel is cut for a job, and how several threads share the pieces."""

from __future__ import annotations

from profiles.encoding import SHARD_MEMBERS, WORD
from profiles.panel import Panel

_BUDGET = 512 << 20


_SMALLEST = 1 << 14


_LINE = 8 * WORD


def shard_members(rows: int, panel: Panel, workers: int) -> int:
    """As many members as keep so many rows of a shard within the budget, and all workers busy.

    Rows whose length is an odd number of cache lines do not push each other out of the cache.
    """
    members = min(SHARD_MEMBERS, max(_BUDGET * 8 // max(rows, 1), _SMALLEST))
    total = panel.known_members
    if workers > 1 and total is not None:
        members = min(members, max(-(-total // workers), _SMALLEST))
    lines = -(-members // _LINE)
    return min((lines | 1) * _LINE, SHARD_MEMBERS)
