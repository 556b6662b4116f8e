"""The table at the end of a run: medians, ratios between medians, and single numbers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from pytest_benchmark.fixture import BenchmarkFixture

Result = TypeVar("Result")

OURS = ("ours, numba", "ours, numpy")
SERIES = "Polars, Series"
KEPT = "Polars, Series, predicates kept"
LAZY = "Polars, lazy when/then"
DUCKDB = "DuckDB"
ENGINES = (*OURS, KEPT, SERIES, LAZY, DUCKDB)

WARM, CODES, FIRST, COLD = "warm", "as Int8", "first run", "cold"
STATES = (WARM, CODES, FIRST, COLD)

RATIOS = {
    "Polars (fastest form)": (SERIES, LAZY),
    "Polars (lazy when/then)": (LAZY,),
    "DuckDB": (DUCKDB,),
    "Polars, predicates kept": (KEPT,),
}

NOTES = (
    "warm: plan compiled, panel encoded; ours has its predicates from an earlier run.",
    "as Int8: warm, and our bits then turned into a column of Int8 a survey, as peers give.",
    "first run: ours makes its predicates too, as peers do in every run.",
    "cold: from the Parquet file.",
    "predicates kept: Polars given every predicate as a Boolean column, as ours has when warm.",
)


@dataclass(slots=True)
class Summary:
    """Medians in seconds by state and engine, and lines about everything else."""

    members: int
    medians: dict[tuple[str, str], float] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """Return the lines of the table, none where nothing has been measured."""
        if self.medians:
            yield (
                f"{self.members:,} members, 19 attributes, 200 surveys of 3 filters and 8 quotas; "
                "one thread each"
            )
            yield from self._seconds()
            yield ""
            yield from self._ratios()
            yield ""
            yield from NOTES
            yield ""
        width = max(map(len, self.facts), default=0)
        yield from (f"{name:{width}}  {value}" for name, value in self.facts.items())

    def _seconds(self) -> Iterator[str]:
        yield f"{'median, seconds':34}" + "".join(f"{state:>12}" for state in STATES)
        for engine in ENGINES:
            medians = [self._median(state, engine) for state in STATES]
            cells = ("" if median is None else f"{median:.3f}" for median in medians)
            yield f"  {engine:32}" + "".join(f"{cell:>12}" for cell in cells)

    def _ratios(self) -> Iterator[str]:
        yield f"{'times as fast as':24}" + "".join(f"{name:>25}" for name in RATIOS)
        for state in STATES:
            for engine in OURS:
                cells = (self._ratio(state, engine, peers) for peers in RATIOS.values())
                yield f"  {f'{state}, {engine}':22}" + "".join(f"{cell:>25}" for cell in cells)

    def _ratio(self, state: str, engine: str, peers: tuple[str, ...]) -> str:
        """Say how many times as long the fastest of some peers takes."""
        median = self._median(state, engine)
        medians = [self._median(state, peer) for peer in peers]
        known = [peer for peer in medians if peer is not None]
        return "" if median is None or not known else f"{min(known) / median:.1f}"

    def _median(self, state: str, engine: str) -> float | None:
        """Return a median; a peer that is not cold does the same work in every state."""
        if engine in OURS and state == CODES:
            warm, codes = (self.medians.get((part, engine)) for part in (WARM, CODES))
            return None if warm is None or codes is None else warm + codes
        if engine == KEPT and state == FIRST:
            return None
        same = state if engine in OURS or state == COLD else WARM
        return self.medians.get((same, engine))


@dataclass(frozen=True, slots=True)
class Timer:
    """Times the jobs of one test, and puts their medians into the summary."""

    benchmark: BenchmarkFixture
    summary: Summary

    def compare(
        self,
        state: str,
        engine: str,
        job: Callable[[], Result],
        rounds: int,
        setup: Callable[[], None] | None = None,
    ) -> Result:
        """Time what an engine does in one state; return its last result."""
        self.benchmark.group = state
        result, median = self._time(job, rounds, setup)
        if median is not None:
            self.summary.medians[state, engine] = median
        return result

    def note(self, name: str, job: Callable[[], object], rounds: int, remark: str = "") -> None:
        """Time what only we do."""
        _, median = self._time(job, rounds, None)
        if median is not None:
            self.summary.facts[name] = f"{median:6.2f} s {remark}"

    def _time(
        self, job: Callable[[], Result], rounds: int, setup: Callable[[], None] | None
    ) -> tuple[Result, float | None]:
        """Return the last result, and the median unless timing is switched off."""
        result: Result = self.benchmark.pedantic(job, setup=setup, rounds=rounds)  # type: ignore[no-untyped-call]
        stats = self.benchmark.stats
        return result, None if stats is None else stats.stats.median
