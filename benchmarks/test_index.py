"""What does it cost to index a panel, to keep the index fresh, and to start from it.

Building: at most 2.5 times as long as pyarrow takes merely to read the same Parquet file, one
thread each. Taking in 10,000 changed members of 1,000,000: at most a tenth of building. Opening an
index of 10,000,000 members and matching 200 surveys, on two threads: 3 s and 2.5 GB at most. And
does writing all pairs take more memory when there are more members?
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks.cases.matching import AS_OF, Case, write_case
from benchmarks.processes.matching import STREAMED, WORKERS
from benchmarks.summary import Summary
from matcher.plan import Plan
from profiles.panel import open_panel
from profiles.sources import open_source

ROUNDS = 3
CHANGED = 10_000


def seconds(job: Callable[[], object]) -> float:
    began = perf_counter()
    job()
    return perf_counter() - began


def test_build(case: Case, plan: Plan, summary: Summary, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    open_panel(case.panel, AS_OF).write_index(folder)
    expected = plan.match(open_panel(case.panel, AS_OF)).counts()
    assert plan.match(open_panel(folder, AS_OF)).counts() == expected
    ratios, rates = [], []
    for _ in range(ROUNDS):
        reading = seconds(lambda: pq.read_table(case.members, use_threads=False))
        building = seconds(lambda: open_panel(case.panel, AS_OF).write_index(folder))
        ratios.append(building / reading)
        rates.append(summary.members / building)
    summary.facts["index: building, against reading the Parquet"] = (
        f"{median(ratios):6.2f} times as long (at most 2.5), {median(rates):,.0f} members a second"
    )


def test_update(case: Case, plan: Plan, summary: Summary, tmp_path: Path) -> None:
    """The changed members answer as others did, so that the panel after it can be made directly."""
    table = pq.read_table(case.members)
    rng = np.random.default_rng(3)
    places = np.sort(rng.choice(table.num_rows, CHANGED, replace=False))
    others = rng.integers(0, table.num_rows, CHANGED)
    ids = table.column("member_id")
    changed = table.take(others).set_column(0, "member_id", ids.take(places))
    pq.write_table(changed, tmp_path / "changes.parquet")
    order = np.arange(table.num_rows)
    order[places] = others
    after = tmp_path / "after"
    after.mkdir()
    (after / case.panel.name).write_bytes(case.panel.read_bytes())
    pq.write_table(table.take(order).set_column(0, "member_id", ids), after / case.members.name)
    expected = plan.match(open_panel(after / case.panel.name, AS_OF)).counts()
    changes = open_source(tmp_path / "changes.parquet")
    ratios = []
    for number in range(ROUNDS):
        folder = tmp_path / f"index-{number}"
        panel = open_panel(case.panel, AS_OF)
        building = seconds(lambda: panel.write_index(folder))  # noqa: B023
        updating = seconds(lambda: panel.update_index(folder, changes))  # noqa: B023
        assert plan.match(open_panel(folder, AS_OF)).counts() == expected
        ratios.append(updating / building)
    summary.facts[f"index: taking in {CHANGED:,} changed members, against building"] = (
        f"{median(ratios):6.3f} times as long (at most 0.1)"
    )


def in_a_fresh_process(job: str, case: Case, root: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.processes.matching", job, str(case.panel.parent)]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True)
    return dict(json.loads(done.stdout))


def large_case(members: int, root: Path) -> Case:
    return write_case(root / ".benchmarks" / f"case-{members}", members)


def test_match_many(plan: Plan, summary: Summary, pytestconfig: pytest.Config) -> None:
    members = pytestconfig.getoption("--many")
    case = large_case(members, pytestconfig.rootpath)
    open_panel(case.panel, AS_OF).write_index(case.panel.parent / "index")
    counts = plan.match(open_panel(case.panel, AS_OF)).counts()
    expected = sum(quota.assigned for survey in counts.surveys for quota in survey.quotas)
    runs = [in_a_fresh_process("indexed", case, pytestconfig.rootpath) for _ in range(ROUNDS)]
    assert {run["assigned"] for run in runs} == {expected}
    summary.facts[f"index of {members:,} members: opening, 200 surveys, {WORKERS} threads"] = (
        f"{median(run['seconds'] for run in runs):6.2f} s (at most 3), "
        f"peak {max(run['peak'] for run in runs) / 1e6:,.0f} MB (at most 2,500)"
    )


def test_memory_is_flat(summary: Summary, pytestconfig: pytest.Config) -> None:
    many = pytestconfig.getoption("--many")
    peaks = {}
    for members in (many // 10, 3 * many // 10, many):
        case = large_case(members, pytestconfig.rootpath)
        run = in_a_fresh_process("stream", case, pytestconfig.rootpath)
        assert run["assigned"] > members
        peaks[members] = run["peak"] / 1e6
    summary.facts[f"Parquet to Parquet, all pairs of {STREAMED} surveys"] = "peak " + ", ".join(
        f"{peak:,.0f} MB for {members:,}" for members, peak in peaks.items()
    )
