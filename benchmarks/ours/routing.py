"""Our router as the benchmarks use it: made, checked against the reference evaluator, timed."""

import gc
import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from benchmarks.cases.matching import AS_OF
from benchmarks.cases.routing import Offered, Row, best
from matcher import Router, Survey
from matcher.plan import Plan
from profiles.schema import PanelMapping

LIMIT = 10
"""Surveys a member is offered."""

WARM_UP = 20_000
"""Members who come before any is timed."""

MEASURED = 2_000
"""Members who are timed."""


def make_router(surveys: Iterable[Survey], mapping: PanelMapping) -> Router:
    """Make a router; nothing is left for the first member to wait for."""
    return Router(Plan(tuple(surveys), mapping), as_of=AS_OF)


def offers(router: Router, row: Row) -> Offered:
    """Return what a member is offered, as peers and the reference say it."""
    return [(offer.survey, offer.quota_ids) for offer in router.match(row, limit=LIMIT).eligible]


def check(
    router: Router, surveys: Sequence[Survey], rows: Iterable[Row], mapping: PanelMapping
) -> None:
    """Assert that members are offered what the reference evaluator gives them."""
    for row in rows:
        wanted = best(surveys, row, mapping, LIMIT)
        assert offers(router, row) == wanted, f"other surveys for {row['member_id']}"


def latencies(ask: Callable[[Row], object], rows: Iterable[Row]) -> list[int]:
    """Return the nanoseconds that each member waits."""
    gc.collect()
    clock = time.perf_counter_ns
    taken = []
    for row in rows:
        began = clock()
        ask(row)
        taken.append(clock() - began)
    return taken


def percentile(nanoseconds: Sequence[int], percent: float) -> float:
    """Return a percentile in microseconds."""
    return float(np.percentile(nanoseconds, percent)) / 1_000
