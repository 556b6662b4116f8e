"""Whom do 20 changed surveys of 5,000 affect? In 3 % of the time of evaluating all twice.

One cell of each of the 20 is exchanged for another of the same attribute. Everything begins with
loaded surveys and includes compiling; nothing is kept from one to the next. It is timed
against the same comparison where all surveys must be matched on both sides (one panel is a copy),
and against `matcher count` on both sides, which keeps no member and so cannot tell who changed.
"""

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import pytest

import matcher
from benchmarks.cases.matching import AS_OF, Case, inventory
from benchmarks.summary import Summary
from matcher.comparison import Difference, compare
from matcher.engine import PanelCounts
from matcher.surveys import Surveys
from profiles.panel import Panel, open_panel

SURVEYS, CELLS, CHANGED, SEED, ROUNDS = 5_000, 10, 20, 11, 5


@pytest.fixture(scope="module")
def panel(case: Case) -> Panel:
    """For matching; comparing has one of its own, since a panel in memory is cut for one job."""
    return open_panel(case.panel, AS_OF)


@pytest.fixture(scope="module")
def sides(panel: Panel, tmp_path_factory: pytest.TempPathFactory) -> tuple[Surveys, Surveys]:
    folder = tmp_path_factory.mktemp("sides")
    before: list[dict[str, Any]] = orjson.loads(inventory(SURVEYS, CELLS, SEED))
    return load(before, panel, folder), load(changed(before), panel, folder)


def load(surveys: list[dict[str, Any]], panel: Panel, folder: Path) -> Surveys:
    path = folder / "opportunities.json"
    path.write_bytes(orjson.dumps(surveys))
    loaded = matcher.load_surveys([path], panel.mapping)
    assert len(loaded.surveys) == SURVEYS
    return loaded


def changed(surveys: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The surveys, with a cell of some of them as another survey has one of that attribute."""
    rng = random.Random(SEED)
    after = list(surveys)
    for number in rng.sample(range(SURVEYS), CHANGED):
        cells = [dict(cell) for cell in surveys[number]["cells"]]
        place = rng.randrange(len(cells))
        others = (
            cell
            for survey in rng.sample(surveys, SURVEYS)
            for cell in survey["cells"]
            if content(cell) != content(cells[place])
            and cell["attribute_id"] == cells[place]["attribute_id"]
        )
        cells[place] = next(others) | {"tag": cells[place]["tag"]}
        after[number] = surveys[number] | {"cells": cells}
    return after


def content(cell: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in cell.items() if key != "tag"}


def match_both(sides: tuple[Surveys, Surveys], panel: Panel) -> list[PanelCounts]:
    return [matcher.compile(side).match(panel).counts() for side in sides]


def check(found: Difference, counts: list[PanelCounts]) -> None:
    """Assert that what is reported is what matching both sides gives, and nothing else changed.

    A changed cell of a closed quota changes nothing for anyone.
    """
    reported = {survey.survey: survey for survey in found.surveys}
    assert len(reported) == CHANGED
    assert CHANGED < found.work.evaluated <= 2 * CHANGED
    for before, after in zip(*(side.surveys for side in counts), strict=True):
        survey = reported.get(before.survey)
        if survey is None:
            assert before == after
        elif survey.evaluated:
            tally = survey.tally
            assert (tally.before, tally.after) == (before.eligible, after.eligible)
            assert after.eligible - before.eligible == tally.gained - tally.lost
        else:
            assert before.eligible == after.eligible


def check_members(found: Difference, sides: tuple[Surveys, Surveys], panel: Panel) -> None:
    """Assert which members some surveys gain and lose."""
    plans = [matcher.compile(side) for side in sides]
    for survey in found.surveys[:3]:
        before, after = (plan.match(panel).eligible(survey.survey) for plan in plans)
        assert survey.tally.gained == len(after - before)
        assert survey.tally.lost == len(before - after)


def seconds(job: Callable[[], object], panel: Panel) -> float:
    panel.forget_plans()
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def test_diff(
    sides: tuple[Surveys, Surveys], panel: Panel, case: Case, summary: Summary, tmp_path: Path
) -> None:
    cut = open_panel(case.panel, AS_OF)
    found = compare(*sides, cut).difference()
    check(found, match_both(sides, panel))
    check_members(found, sides, panel)
    both, comparing = [], []
    for _ in range(ROUNDS):
        both.append(seconds(lambda: match_both(sides, panel), panel))
        comparing.append(seconds(lambda: compare(*sides, cut).difference(), cut))
    count_ratio = median(once / twice for once, twice in zip(comparing, both, strict=True))
    copy = copied(case, tmp_path)
    began = time.perf_counter()
    all_found = compare(*sides, cut, copy).difference()
    everything = time.perf_counter() - began
    assert all_found.work.evaluated == 2 * SURVEYS
    assert all_found.tally.affected == found.tally.affected
    name = f"diff: {CHANGED} of {SURVEYS:,} surveys changed"
    summary.facts[name] = (
        f"{median(comparing):.2f} s, {found.tally.affected:,} pairs affected: "
        f"{100 * median(comparing) / everything:.2f} % of comparing with all matched "
        f"({everything:.0f} s; at most 3), {100 * count_ratio:.0f} % of counting both sides "
        f"({median(both):.1f} s)"
    )


def copied(case: Case, folder: Path) -> Panel:
    """The same members in other files."""
    for path in (case.panel, case.members):
        shutil.copy(path, folder / path.name)
    return open_panel(folder / case.panel.name, AS_OF)
