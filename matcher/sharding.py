"""How a panel is cut for a job, and how several threads share the pieces."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from profiles.bits import WORD
from profiles.panel import Panel
from profiles.shards import SHARD_MEMBERS

_BUDGET = 512 << 20
_SMALLEST = 1 << 14
_LINE = 8 * WORD
Item = TypeVar("Item")
Result = TypeVar("Result")


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


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[tuple[Item, Result]]:
    """Do the work on every item, by several threads, and give the results in order."""
    if workers == 1:
        for item in items:
            yield item, work(item)
        return
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for item in items:
            waiting.append((item, pool.submit(work, item)))
            if len(waiting) > workers:
                done, future = waiting.popleft()
                yield done, future.result()
        while waiting:
            done, future = waiting.popleft()
            yield done, future.result()
