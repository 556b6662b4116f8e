"""How long does an inventory take from JSON to a plan? 5,000 surveys of ten cells: 3 s at most."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import matcher
from benchmarks.agreement import check_by_definition
from benchmarks.cases.matching import Case, inventory
from benchmarks.ours.matching import Ours
from benchmarks.summary import Timer
from matcher.plan import Plan
from profiles.schema import PanelMapping

SURVEYS, CELLS, SEED = 5_000, 10, 11
MEMBERS, EVERY = 200, 20
"""The reference evaluator judges so many members, for every 20th survey."""


@pytest.fixture(scope="module")
def opportunities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inventory") / "opportunities.json"
    path.write_bytes(inventory(SURVEYS, CELLS, SEED))
    return path


def read_and_compile(opportunities: Path, mapping: PanelMapping) -> Plan:
    surveys = matcher.load_surveys([opportunities], mapping)
    assert len(surveys.surveys) == SURVEYS
    return matcher.compile(surveys)


@pytest.fixture
def few_members(case: Case, tmp_path: Path) -> tuple[Path, pa.Table]:
    """A panel file, and the few members of the case that are in its panel."""
    table = pq.ParquetFile(case.members).iter_batches(MEMBERS)
    few = pa.Table.from_batches([next(table)])
    pq.write_table(few, tmp_path / case.members.name)
    panel = tmp_path / case.panel.name
    panel.write_bytes(case.panel.read_bytes())
    return panel, few


def check_some(plan: Plan, few_members: tuple[Path, pa.Table], mapping: PanelMapping) -> None:
    """Assert that the plan gives some members the quotas that the reference evaluator gives."""
    panel, few = few_members
    ours = Ours(panel, plan, "numpy")
    ours.encode()
    ours.run()
    some = slice(None, None, EVERY)
    check_by_definition(plan.surveys[some], ours.codes()[some], few.to_pylist(), mapping)


def test_compile(
    opportunities: Path, mapping: PanelMapping, few_members: tuple[Path, pa.Table], timer: Timer
) -> None:
    check_some(read_and_compile(opportunities, mapping), few_members, mapping)
    name = f"{SURVEYS:,} surveys of {CELLS} cells, JSON file to plan"
    timer.note(name, lambda: read_and_compile(opportunities, mapping), 3, "(at most 3)")
