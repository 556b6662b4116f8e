"""The face of a match: what it is asked with, how it shows itself, what it is cut into."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import matcher
from matcher.engine import Executor, Limits, Matches, PanelCounts
from matcher.plan import Plan
from matcher.rules import TRUE, Answered, Not, Rule, one_of
from matcher.surveys import ChoiceStrategy, First, Group, Quota, Survey, Surveys
from profiles.errors import InputError
from profiles.panel import Panel, open_panel
from profiles.schema.panel_file import parse_panel
from tests.support.corpus import ROOT
from tests.support.panels import open_members
from tests.support.reference import Reference

DEMO = ROOT / "fixtures" / "demo"
AS_OF = date(2026, 11, 21)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return open_panel(DEMO / "panel.toml", AS_OF)


@pytest.fixture(scope="module")
def surveys(panel: Panel) -> Surveys:
    return matcher.load_surveys([DEMO / "payloads"], panel.mapping)


@pytest.fixture(scope="module")
def plan(surveys: Surveys) -> Plan:
    return matcher.compile(surveys)


@pytest.fixture(scope="module")
def counts(plan: Plan, panel: Panel) -> PanelCounts:
    return plan.match(panel).counts()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (
            {"choose": "rarest"},
            "`choose`: `rarest` is none of first, most-open, scarcest, balanced; "
            "did you mean `scarcest`?",
        ),
        ({"engine": "fast"}, "`engine`: `fast` is none of auto, numpy, numba"),
        (
            {"engine": "Numpy"},
            "`engine`: `Numpy` is none of auto, numpy, numba; did you mean `numpy`?",
        ),
        ({"workers": 0}, "`workers` must be at least 1, not `0`"),
        ({"workers": -2}, "`workers` must be at least 1, not `-2`"),
        ({"max_surveys": 0}, "`max_surveys` must be at least 1, not `0`"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    plan: Plan, panel: Panel, arguments: dict[str, Any], why: str
) -> None:
    with pytest.raises(InputError) as refused:
        plan.match(panel, **arguments)
    assert str(refused.value) == why


def test_a_choice_and_its_text_are_the_same(plan: Plan, panel: Panel) -> None:
    one, other = (plan.match(panel, choose=choose) for choose in (ChoiceStrategy.FIRST, "first"))
    assert isinstance(one.choice(), First)
    assert isinstance(other.choice(), First)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("dynata:2010x", "; did you mean `dynata:20120`?"), ("nothing like it", "")],
)
def test_a_survey_that_there_is_not_is_refused_with_one_like_it(
    plan: Plan, panel: Panel, counts: PanelCounts, name: str, hint: str
) -> None:
    matches = plan.match(panel)
    for lookup in (matches.eligible, matches.uncertain, counts.__getitem__):
        with pytest.raises(InputError) as refused:
            lookup(name)
        assert str(refused.value) == f"the plan has no survey `{name}`{hint}"


def test_the_same_bitmaps_come_of_every_engine(plan: Plan, panel: Panel) -> None:
    pytest.importorskip("numba")
    one, other = (plan.match(panel, engine=engine) for engine in ("numpy", "numba"))
    assert one.eligible("dynata:20101") == other.eligible("dynata:20101")
    assert one.uncertain("dynata:20101") == other.uncertain("dynata:20101")


def test_counts_are_looked_up_by_the_name_of_a_survey(counts: PanelCounts) -> None:
    assert len(counts) == len(counts.surveys) == len(list(counts))
    assert counts["toluna:2510005/791005"] in counts.surveys
    assert counts["toluna:2510005/791005"].survey == "toluna:2510005/791005"
    assert "toluna:2510005/791005" in counts
    assert "toluna:2510005" not in counts
    first = counts.surveys[0]
    assert list(first) == list(first.quotas)
    assert len(first) == len(first.quotas)


def test_a_plan_is_its_surveys_and_is_not_compiled_to_be_shown(surveys: Surveys) -> None:
    plan = Plan(surveys.surveys, surveys.mapping)
    assert repr(plan) == "Plan(46 surveys)"
    assert "program" not in vars(plan)
    assert len(plan) == 46
    assert list(plan) == list(surveys.surveys)
    assert plan.program.surveys
    assert repr(plan) == "Plan(46 surveys, 261 registers)"


def test_a_plan_compiled_again_keeps_its_mapping(plan: Plan) -> None:
    assert matcher.compile(plan) == plan


def test_what_is_shown_is_short(plan: Plan, panel: Panel, counts: PanelCounts) -> None:
    program = plan.program
    matches = plan.match(panel, choose="scarcest")
    steps = [step for compiled in program.surveys for step in compiled.steps]
    shown = {
        repr(plan): "Plan(46 surveys, 261 registers)",
        repr(program): "Program(46 surveys, 261 registers, 136 slots)",
        repr(matches): f"Matches(46 surveys, {DEMO / 'panel.toml'}, choose=scarcest)",
        repr(counts): "PanelCounts(20,000 members, 46 surveys)",
        repr(counts["rfg:31202"]): (
            "SurveyCounts(rfg:31202, open, 5,000 eligible, 2,525 uncertain, 3 quotas)"
        ),
        repr(Executor(program, First())): f"Executor({program!r}, First(), auto)",
    }
    for found, expected in shown.items():
        assert found == expected
    for part in (
        *program.surveys,
        *program.slots,
        *steps,
        *counts,
        *(quota for survey in counts for quota in survey),
        next(iter(matches)),
        matches.choice(),
        *shown,
    ):
        assert len(repr(part)) < 200


# --- seats beyond a word


SEATS = (1 << 32, 1 << 33, 3, 1 << 64)


@pytest.mark.parametrize("uncertain", [False, True])
def test_draws_by_more_seats_than_a_word_holds_are_those_of_the_reference(
    uncertain: bool, tmp_path: Path
) -> None:
    tables = {
        "panel": {"source": "members.parquet"},
        "attributes": {"sex": {"type": "single", "column": "sex"}},
    }
    file = parse_panel(tables, tmp_path / "panel.toml")
    rows = [{"member_id": f"m{n}", "sex": ("M", "F", None)[n % 3]} for n in range(300)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "members.parquet")
    men = one_of("sex", ["M"])
    rules: tuple[Rule, ...] = (TRUE, men, Not(men), Answered("sex"))
    inner = Group(
        tuple(Quota(f"i{n}", TRUE, True, seats, f"/i/{n}") for n, seats in enumerate(SEATS)), "/i"
    )
    quotas = tuple(
        Quota(f"q{n}", rule, True, seats, f"/q/{n}", (inner,) if n == 1 else ())
        for n, (rule, seats) in enumerate(zip(rules, SEATS, strict=True))
    )
    lowered = (Survey("rfg", "1", True, (), (Group(quotas, "/q"),)),)
    reference = Reference(lowered, file.mapping, rows, AS_OF)
    choice = reference.choice(ChoiceStrategy.BALANCED, 5)
    found = Plan(lowered).match(
        open_members(file, tmp_path / "members.parquet", AS_OF),
        choose="balanced",
        seed=5,
        uncertain=uncertain,
        limits=Limits(most_members=128),
    )
    assert list(found) == reference.rows(choice, uncertain=uncertain)
    assert found.counts() == reference.counts(choice, uncertain=uncertain)
    given = {row.quota_ids for row in found}
    assert {("q0",), ("q1", "i0"), ("q1", "i3"), ("q3",)} <= given


# --- what it is cut into


def batch_sizes(matches: Matches) -> list[int]:
    return [batch.num_rows for batch in matches.batches()]


@pytest.mark.parametrize("most", [1 << 14, 1 << 10])
def test_shards_have_no_more_members_than_they_may(plan: Plan, panel: Panel, most: int) -> None:
    done: list[tuple[int, int | None]] = []
    limits = Limits(most_members=most)
    plan.match(panel, limits=limits, progress=lambda *now: done.append(now)).counts()
    assert done == [(min(most * n, 20_000), 20_000) for n in range(1, 1 + -(-20_000 // most))]


def test_rows_come_a_tile_at_a_time(plan: Plan, panel: Panel) -> None:
    whole, tiled = (plan.match(panel, limits=Limits(tile_members=n)) for n in (1 << 16, 64))
    assert len(batch_sizes(whole)) == 1
    assert len(batch_sizes(tiled)) == -(-20_000 // 64)
    assert sum(batch_sizes(whole)) == sum(batch_sizes(tiled))


@pytest.mark.parametrize("row_group", [1000, 1 << 18])
def test_files_hold_row_groups_of_one_size(
    plan: Plan, panel: Panel, row_group: int, tmp_path: Path
) -> None:
    matches = plan.match(panel, limits=Limits(row_group=row_group))
    matches.to_parquet(tmp_path / "out.parquet")
    file = pq.ParquetFile(tmp_path / "out.parquet")
    sizes = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert all(size == row_group for size in sizes[:-1])
    assert 0 < sizes[-1] <= row_group
    assert len(sizes) == -(-sum(sizes) // row_group)


def test_rows_that_are_too_large_are_not_left_with_the_panel(plan: Plan) -> None:
    kept, dropped = (open_panel(DEMO / "panel.toml", AS_OF) for _ in range(2))
    expected = plan.match(kept).counts()
    assert plan.match(dropped, limits=Limits(kept_bytes=0)).counts() == expected
    for panel, is_kept in ((kept, True), (dropped, False)):
        [shard] = panel.shards(plan.attributes, Limits().most_members, plan.history)
        assert (shard.memo is not None) == is_kept
