"""Measures what an inventory costs on a panel, stage by stage.

    load          payload files are read and lowered
    compile       the surveys become a plan
    match cold    the panel is opened, read, encoded and matched
    match first   the plan comes to a panel that is in memory
    match warm    the plan comes to it again
    router build  the surveys become a router
    router        members drawn at random are routed, each after a first time

Matching counts members by survey and quota. Files are in the system's cache throughout.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, inf
from pathlib import Path
from typing import TypeAlias

import numpy as np

import matcher
from matcher.benchmarking.benchmark import (
    Benchmark,
    Circumstances,
    Inputs,
    Time,
    Times,
)
from matcher.benchmarking.counters import (
    Matched,
    inventory_work,
    match_work,
    plan_work,
    router_work,
)
from matcher.benchmarking.digests import (
    collections_digest,
    history_digest,
    mapping_digest,
    members_digest,
    payloads_digest,
)
from matcher.benchmarking.memory import measure_memory
from matcher.benchmarking.settings import BenchmarkSettings, Timing, arrow_threads
from matcher.benchmarking.timing import (
    bit_work,
    measure,
    measure_rounds,
    object_work,
)
from matcher.loading import load_surveys
from matcher.plan import Plan
from matcher.plan import compile as compile_plan
from matcher.routing import MemberRow, Router
from profiles.errors import InputError
from profiles.panel import Panel, draw_members

_SEED = 20
"""Draws the members who are routed, whatever `--seed` is."""

MemoryMeter: TypeAlias = Callable[[Plan, Path, BenchmarkSettings], int]
"""Measures the peak of memory, in bytes, while a plan matches the panel of a file."""


def run_benchmark(
    payloads: Sequence[str],
    panel: Path,
    settings: BenchmarkSettings,
    memory: MemoryMeter = measure_memory,
) -> Benchmark:
    """Measure payloads on the panel that a panel file describes.

    Raises InputError where any of them cannot be used.
    """
    with arrow_threads(settings.workers):
        return _run(payloads, panel, settings, memory)


def _run(
    payloads: Sequence[str], panel: Path, settings: BenchmarkSettings, memory: MemoryMeter
) -> Benchmark:
    opened = settings.open_panel(panel, keep=True)
    mapping = opened.mapping
    load = measure(
        lambda: load_surveys(payloads, mapping, settings.marketplace),
        object_work,
        settings.timing,
        rounds=settings.rounds,
    )
    surveys = load_surveys(payloads, mapping, settings.marketplace)
    compiling = measure(
        lambda: compile_plan(surveys), object_work, settings.timing, rounds=settings.rounds
    )
    plan = compile_plan(surveys)
    peak = memory(plan, panel, settings)
    matched = _count(plan, opened, settings)
    match = _match(plan, opened, panel, settings)
    routed = _route(plan, opened, settings)
    return Benchmark(
        _inputs(payloads, opened, settings),
        Circumstances(
            matcher.__version__,
            platform.python_version(),
            np.__version__,
            "numba" if "numba" in sys.modules and settings.engine != "numpy" else "numpy",
            settings.workers,
        ),
        {
            **inventory_work(surveys),
            **plan_work(plan),
            **match_work(plan, matched),
            **router_work(plan.surveys),
            "routed_members": routed.members,
            "routed_surveys": routed.offers,
        },
        Times(load, compiling, *match, routed.build, routed.p50, routed.p99),
        peak,
    )


def _inputs(payloads: Sequence[str], panel: Panel, settings: BenchmarkSettings) -> Inputs:
    return Inputs(
        payloads_digest(payloads),
        mapping_digest(panel.mapping),
        members_digest(panel),
        history_digest(panel),
        collections_digest(panel.mapping),
        settings.as_of.isoformat(),
        settings.choose,
        settings.seed,
        settings.uncertain,
        settings.marketplace,
    )


def _count(plan: Plan, panel: Panel, settings: BenchmarkSettings) -> Matched:
    """Match with one thread, as the number of threads changes how a panel is cut into shards."""
    progress: list[int] = []
    matches = settings.match(
        plan, panel, workers=1, progress=lambda members, _total: progress.append(members)
    )
    return Matched(matches.counts(), len(progress))


def _match(
    plan: Plan, panel: Panel, path: Path, settings: BenchmarkSettings
) -> tuple[Time, Time, Time]:
    """Times of matching: cold, the first time in memory, and again."""
    cold = measure(
        lambda: settings.match(plan, settings.open_panel(path)).counts(),
        object_work,
        settings.timing,
        rounds=settings.rounds,
    )

    def again() -> None:
        settings.match(plan, panel).counts()

    again()  # several threads cut the panel into shards of their own
    timing, rounds = settings.timing, settings.rounds
    first = measure(again, bit_work, timing, rounds=rounds, prepare=panel.forget_plans)
    again()
    return cold, first, measure(again, bit_work, timing, rounds=rounds)


@dataclass(frozen=True, slots=True)
class _Routed:
    """The results of routing: members, surveys they were eligible for, times."""

    members: int
    offers: int
    build: Time
    p50: Time
    p99: Time


def _route(plan: Plan, panel: Panel, settings: BenchmarkSettings) -> _Routed:
    """Route some members of the panel through a router of its own."""
    choice = settings.match(plan, panel).choice()
    history = panel.member_history()
    history_of = history.of if history else None
    timing, rounds = settings.timing, settings.rounds

    def make() -> Router:
        return Router(plan, choose=choice, as_of=panel.as_of, history=history_of)

    build = measure(make, object_work, timing, rounds=rounds)
    router = make()
    rows = draw_members(panel.source, panel.mapping, timing.sample, _SEED)
    if not rows:
        raise InputError(f"{panel.source.name}: no members, so there is nothing to measure")
    try:
        offers = sum(len(router.match(row).eligible) for row in rows)
    except InputError as error:
        raise InputError(f"{panel.source.name}: {error}") from None
    p50, p99 = measure_rounds(
        lambda: _waits(router, rows, timing), object_work, timing, rounds=rounds
    )
    return _Routed(len(rows), offers, build, p50, p99)


def _waits(router: Router, rows: Sequence[MemberRow], timing: Timing) -> tuple[float, float]:
    """How long half of the members wait at most, and 99 in 100, in seconds.

    All are routed several times; the shortest time of each member counts.
    """
    waits = [inf] * len(rows)
    passes = 0
    end = time.perf_counter() + timing.round
    while passes < timing.passes or time.perf_counter() < end:
        for place, row in enumerate(rows):
            began = time.process_time()
            router.match(row)
            waits[place] = min(waits[place], time.process_time() - began)
        passes += 1
    waits.sort()
    p50, p99 = (waits[ceil(share * len(waits)) - 1] for share in (0.5, 0.99))
    return p50, p99
