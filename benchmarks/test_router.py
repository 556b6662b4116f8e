"""How long does a member wait for their ten best surveys? And while what is on offer changes.

At most (p50 / p99): 15 / 60 µs among 10,000 rules, 40 / 150 µs among 100,000, 150 / 500 µs among
1,000,000. Where many surveys admit a member, ten are soon found, so in some inventories
few do. What does a rule take in memory? A batch of 50 notifications is applied to 100,000
rules within 5 ms, and meanwhile members wait at most twice as long (p99). And how much longer does
the same take by hand in Python, or with zen-engine?
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.cases.routing import (
    Kind,
    by_pay,
    inventory,
    members_of,
    read_mapping,
)
from benchmarks.ours.routing import (
    LIMIT,
    WARM_UP,
    check,
    latencies,
    make_router,
    offers,
    percentile,
)
from benchmarks.peers.routing import (
    PythonLoop,
    RouterPeer,
    ZenExpressions,
    ZenTable,
    read_router_job,
)
from benchmarks.summary import Summary

AT_MOST = {10_000: (15, 60), 100_000: (40, 150), 1_000_000: (150, 500)}
"""Microseconds that half of the members wait at most, and 99 in 100, by rules."""

UPDATED = 100_000
"""The rules among which updates are watched."""

PEERS: dict[type[RouterPeer], int] = {PythonLoop: 1_000, ZenExpressions: 200, ZenTable: 20}
"""Members whom each peer routes."""

KINDS = {
    "broad": "broad",
    "rare": "few eligible",
    "narrow": "few eligible, 40 countries",
    "toluna": "Toluna's layers",
    "payload": "Toluna's payload, copied",
}


@pytest.fixture(scope="session")
def folder(request: pytest.FixtureRequest) -> Path:
    return request.config.rootpath / ".benchmarks" / "router"


@pytest.mark.parametrize("rules", AT_MOST)
@pytest.mark.parametrize("kind", KINDS)
def test_wait(
    kind: str, rules: int, folder: Path, summary: Summary, pytestconfig: pytest.Config
) -> None:
    if rules > pytestconfig.getoption("--rules"):
        pytest.skip(f"--rules {rules} asks for it")
    options = ["--updates"] if rules == UPDATED and kind in ("broad", "toluna") else []
    if kind == "payload":
        payload = pytestconfig.getoption("--toluna")
        if payload is None:
            pytest.skip("--toluna names a payload")
        options += ["--payload", str(payload.resolve())]
    found = in_a_fresh_process([kind, str(rules), str(folder), *options], pytestconfig.rootpath)
    median, most = AT_MOST[rules]
    named = f"router, {rules:9,} rules, {KINDS[kind]}"
    summary.facts[named] = (
        f"p50 {found['p50']:6.1f} µs (at most {median}), p99 {found['p99']:6.1f} (at most {most}); "
        f"{found['eligible']:,.1f} eligible; {found['bytes_a_rule']:,.0f} bytes a rule, "
        f"made in {found['seconds']:.1f} s"
    )
    if "notices_p50" in found:
        summary.facts[f"router, {UPDATED:,} rules, {KINDS[kind]}: 50 quota notifications"] = (
            f"p50 {found['notices_p50']:.1f} ms (at most 5), max {found['notices_max']:.1f}"
        )
    elif "--updates" in options:
        tell_updates(summary, found, KINDS[kind])


def in_a_fresh_process(arguments: list[str], root: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.processes.routing", *arguments]
    done = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE)
    return dict(json.loads(done.stdout))


def tell_updates(summary: Summary, found: dict[str, float], kind: str) -> None:
    for name, what in {
        "mixed": "50 notifications",
        "worst": "50 opportunities of new rules",
    }.items():
        summary.facts[f"router, {UPDATED:,} rules, {kind}: {what}"] = (
            f"p50 {found[f'{name}_p50']:.1f} ms (at most 5), max {found[f'{name}_max']:.1f}"
        )
    for name, what in {"busy": "one after the other", "paced": "500 a second"}.items():
        rest, moved = found[f"{name}_rest"], found[f"{name}_moved"]
        summary.facts[f"router, {UPDATED:,} rules, {kind}: 10 batches a second, members {what}"] = (
            f"p99 {moved:.0f} µs, at rest {rest:.0f}: {moved / rest:.1f} times (at most 2)"
        )


@pytest.mark.parametrize("kind", ["broad", "narrow"])
def test_peers(kind: Kind, folder: Path, summary: Summary) -> None:
    """The same surveys for the same members; the ratio is the median of the members' own."""
    mapping = read_mapping(folder)
    surveys = inventory(kind, min(AT_MOST), mapping, folder)
    job = read_router_job(folder / "panel.toml", folder / f"{kind}.json", by_pay(surveys))
    router = make_router(surveys, mapping)
    rows = members_of(kind, WARM_UP + max(PEERS.values()), seed=4)
    rows, warm_up = rows[WARM_UP:], rows[:WARM_UP]
    check(router, surveys, rows[:100], mapping)
    wanted = [offers(router, row) for row in rows]
    latencies(lambda row: offers(router, row), warm_up)
    ours = np.array(latencies(lambda row: offers(router, row), rows))
    for make, count in PEERS.items():
        peer = make(job)
        assert [peer.best(row, LIMIT) for row in rows[:count]] == wanted[:count]
        theirs = latencies(lambda row: peer.best(row, LIMIT), rows[:count])  # noqa: B023
        summary.facts[f"router, {min(AT_MOST):,} rules, {KINDS[kind]}: {peer.name}"] = (
            f"{np.median(theirs / ours[:count]):,.0f} times as long: "
            f"p50 {percentile(theirs, 50):,.0f} µs, p99 {percentile(theirs, 99):,.0f}"
        )
