"""What the benchmarks share: the case on disk, each engine encoded and checked, the summary.

    make bench
    POLARS_MAX_THREADS=1 python -m pytest benchmarks -o addopts= [--members 100000]

The first run writes the case into `.benchmarks/`, later ones reuse it.
"""

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import matcher
from benchmarks.agreement import (
    Expected,
    check,
    check_by_definition,
    columns_of,
)
from benchmarks.cases.matching import AS_OF, Case, write_case
from benchmarks.ours.matching import Ours
from benchmarks.peers.polars_duckdb import DuckDBPeer, PolarsLazyPeer, PolarsPeer
from benchmarks.summary import (
    DUCKDB,
    LAZY,
    SERIES,
    Summary,
    Timer,
)
from matcher.plan import Plan
from profiles.encoding import Engine
from profiles.panel import open_panel
from profiles.schema import PanelMapping

BY_DEFINITION = 300
"""Members whose quotas the reference evaluator works out."""

Peer = PolarsPeer | DuckDBPeer
PEERS: dict[str, type[Peer]] = {SERIES: PolarsPeer, LAZY: PolarsLazyPeer, DUCKDB: DuckDBPeer}

SUMMARY = pytest.StashKey[Summary]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--members", type=int, default=1_000_000, help="Members of the panel.")
    parser.addoption("--many", type=int, default=10_000_000, help="Members of a large panel.")
    parser.addoption("--rules", type=int, default=100_000, help="Most rules to route on.")
    parser.addoption("--toluna", type=Path, help="A GetQuotas answer to make an inventory of, too.")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SUMMARY] = Summary(config.getoption("--members"))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    terminalreporter.section("summary")
    for line in config.stash[SUMMARY].lines():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def summary(request: pytest.FixtureRequest) -> Summary:
    return request.config.stash[SUMMARY]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    assert pl.thread_pool_size() == 1, "set POLARS_MAX_THREADS=1"
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


@pytest.fixture(scope="session")
def case(request: pytest.FixtureRequest) -> Case:
    members = request.config.getoption("--members")
    return write_case(request.config.rootpath / ".benchmarks" / f"case-{members}", members)


@pytest.fixture(scope="session")
def mapping(case: Case) -> PanelMapping:
    return open_panel(case.panel, AS_OF).mapping


@pytest.fixture(scope="session")
def plan(case: Case, mapping: PanelMapping) -> Plan:
    surveys = matcher.load_surveys([case.opportunities], mapping)
    assert not surveys.rejected
    return matcher.compile(surveys)


@pytest.fixture(scope="session")
def expected(case: Case, plan: Plan, mapping: PanelMapping) -> Expected:
    """What the numpy engine finds, after the reference evaluator has agreed on some members."""
    ours = Ours(case.panel, plan, "numpy")
    ours.encode()
    counts = ours.run()
    codes = ours.codes()
    table = pq.read_table(case.members)
    some = np.linspace(0, table.num_rows - 1, BY_DEFINITION, dtype=np.int64)
    check_by_definition(plan.surveys, codes[:, some], table.take(some).to_pylist(), mapping)
    return Expected(counts, codes)


@pytest.fixture(scope="session", params=["numpy", "numba"])
def ours(request: pytest.FixtureRequest, case: Case, plan: Plan, expected: Expected) -> Ours:
    """Our executor: encoded, bound and checked.

    numpy comes first, since the encoder uses numba too once that is loaded.
    """
    engine: Engine = request.param
    assert engine == "numba" or "numba" not in sys.modules
    made = Ours(case.panel, plan, engine)
    made.encode()
    check(expected, made.run(), made.codes())
    return made


@pytest.fixture(scope="session", params=list(PEERS))
def peer(request: pytest.FixtureRequest, case: Case, expected: Expected) -> tuple[str, Peer]:
    """A peer and its name: encoded and checked."""
    made = PEERS[request.param](case.panel, case.opportunities)
    made.encode(case.members)
    places, counts = made.run()
    check(expected, counts, columns_of(places))
    return request.param, made


@pytest.fixture
def timer(benchmark: BenchmarkFixture, summary: Summary) -> Timer:
    return Timer(benchmark, summary)
