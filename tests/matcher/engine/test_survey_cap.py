"""At most so many surveys a member: which of them are kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

import matcher
import profiles
from matcher.rules import TRUE
from matcher.surveys import Group, Quota, Survey
from tests.support.corpus import ROOT

EVERYONE = Group((Quota("q", TRUE, True, 5, "/quotas/0"),), "/quotas")
SURVEY = Survey("dynata", "1", True, (), (EVERYONE,))


@pytest.fixture(scope="module")
def panel() -> profiles.Panel:
    return profiles.open_panel(ROOT / "fixtures" / "demo" / "panel.toml", "2026-11-21")


@pytest.mark.parametrize(
    ("pays", "kept"),
    [
        ((None, 0.0), 1),  # what pays nothing is known to, and comes before what is not known
        ((0.0, None), 0),
        ((0.0, 0.01), 1),
        ((None, None), 0),
        ((2.0, 2.0), 0),
        ((1.0, 3.0), 1),
    ],
)
def test_what_pays_best_is_kept(
    pays: tuple[float | None, ...], kept: int, panel: profiles.Panel
) -> None:
    surveys = [replace(SURVEY, id=str(number), pay=pay) for number, pay in enumerate(pays)]
    counts = matcher.compile(surveys).match(panel, max_surveys=1).counts()
    given = [survey.given for survey in counts]
    assert given == [counts.members if number == kept else 0 for number in range(len(pays))]
