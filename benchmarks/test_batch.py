"""How much faster than Polars and DuckDB are all quotas of all surveys given out? Measured here.

One million members, 200 surveys of 3 filters and 8 quotas, one thread each. Every engine leaves
its result in the form it works in: ours a row of bits for each quota, Polars and DuckDB a column
of Int8 for each survey; all of them count the members of each quota too. The fixtures assert that
all engines give every member the same quotas before anything is timed.
"""

from typing import Any

import numpy as np

from benchmarks.agreement import Expected, check, columns_of
from benchmarks.cases.matching import AS_OF, Case
from benchmarks.conftest import Peer
from benchmarks.ours.matching import Counts, Ours
from benchmarks.peers.polars_duckdb import PolarsPeer
from benchmarks.summary import (
    CODES,
    COLD,
    DUCKDB,
    FIRST,
    KEPT,
    LAZY,
    SERIES,
    WARM,
    Timer,
)
from matcher.plan import Plan
from profiles.panel import open_panel

ROUNDS = {SERIES: 3, KEPT: 3, LAZY: 3, DUCKDB: 2}


def test_warm(ours: Ours, timer: Timer) -> None:
    timer.compare(WARM, ours.name, ours.run, rounds=7)


def test_first_run(ours: Ours, expected: Expected, timer: Timer) -> None:
    counts = timer.compare(FIRST, ours.name, ours.run, rounds=5, setup=ours.encode)
    np.testing.assert_array_equal(counts, expected.counts)


def test_cold(ours: Ours, expected: Expected, timer: Timer) -> None:
    def cold() -> Counts:
        fresh = ours.fresh()
        fresh.encode()
        return fresh.run()

    counts = timer.compare(COLD, ours.name, cold, rounds=5)
    np.testing.assert_array_equal(counts, expected.counts)


def test_dense_codes(ours: Ours, expected: Expected, timer: Timer) -> None:
    check(expected, ours.run(), ours.codes())
    room = ours.room_for_codes()
    timer.compare(CODES, ours.name, lambda: ours.write_codes(room), rounds=7)


def test_counts(case: Case, plan: Plan, expected: Expected, timer: Timer) -> None:
    """What a user calls, who asks a panel in memory for the second time."""
    panel = open_panel(case.panel, AS_OF)
    counts = plan.match(panel).counts()
    assigned = [[quota.assigned for quota in survey.quotas] for survey in counts.surveys]
    np.testing.assert_array_equal(assigned, expected.counts)
    timer.note("Matches.counts(), again on one panel", lambda: plan.match(panel).counts(), 3)


def test_peer_warm(peer: tuple[str, Peer], timer: Timer) -> None:
    name, made = peer
    timer.compare(WARM, name, made.run, ROUNDS[name])


def test_peer_cold(peer: tuple[str, Peer], case: Case, expected: Expected, timer: Timer) -> None:
    name, made = peer

    def cold() -> Any:
        made.encode(case.members)
        return made.run()

    places, counts = timer.compare(COLD, name, cold, ROUNDS[name])
    check(expected, counts, columns_of(places))


def test_peer_with_predicates_kept(case: Case, expected: Expected, timer: Timer) -> None:
    polars = PolarsPeer(case.panel, case.opportunities)
    polars.encode(case.members)
    kept = list(polars.predicates())
    places, counts = timer.compare(WARM, KEPT, lambda: polars.divide(kept), ROUNDS[KEPT])
    check(expected, counts, columns_of(places))
