"""What Python users see: names that complete, short reprs, docstrings, errors that help."""

from __future__ import annotations

import inspect
import pydoc
from datetime import date, datetime
from typing import Any

import pytest

import matcher
import profiles
from tests.support.corpus import ROOT

DEMO = ROOT / "fixtures" / "demo"
DAY = date(2026, 11, 21)
PUBLIC = [(package, name) for package in (matcher, profiles) for name in package.__all__]


@pytest.fixture(scope="module")
def panel() -> profiles.Panel:
    return profiles.open_panel(DEMO / "panel.toml", DAY)


@pytest.fixture(scope="module")
def surveys(panel: profiles.Panel) -> matcher.Surveys:
    return matcher.load_surveys(DEMO / "payloads", panel.mapping)


@pytest.mark.parametrize("package", [matcher, profiles])
def test_names_complete(package: Any) -> None:
    assert set(package.__all__) <= set(dir(package))
    assert list(package.__all__) == sorted(package.__all__)
    with pytest.raises(AttributeError, match=f"`{package.__name__}` has no attribute `rout`"):
        _ = package.rout


@pytest.mark.parametrize("package", [matcher, profiles])
def test_help_shows_them(package: Any) -> None:
    text = pydoc.plain(pydoc.render_doc(package))
    for name in package.__all__:
        assert name in text


@pytest.mark.parametrize(("package", "name"), PUBLIC, ids=str)
def test_every_public_name_says_what_it_is(package: Any, name: str) -> None:
    thing = getattr(package, name)
    if inspect.isclass(thing) or inspect.isfunction(thing):
        own = thing.__doc__ or ""
        assert own.strip()
        assert not own.startswith(f"{name}(")  # what dataclasses write where there is none
        assert thing.__module__.startswith(("matcher.", "profiles."))


def test_reprs_are_short(panel: profiles.Panel, surveys: matcher.Surveys) -> None:
    """A plan of 46 surveys once printed 323,000 characters."""
    plan = matcher.compile(surveys)
    matches = plan.match(panel)
    router = matcher.open_router(surveys, panel, as_of=DAY)
    row = panel.find("m0000003") or {}
    routed = router.match(row)
    survey = surveys.surveys[0]
    things: list[object] = [
        *(panel, panel.schema, panel.mapping, panel.file, panel.source),
        *(surveys, survey, survey.groups[0], survey.groups[0].quotas[0], surveys.diagnostics[0]),
        *(plan, plan.program, matches, matches.counts(), matches.counts().surveys[0]),
        *(next(iter(matches)), router, routed, router.explain(row, survey.name)),
        matcher.compare(plan, plan, panel),
        matcher.compare(plan, plan, panel).difference(),
    ]
    assert not {repr(thing)[:300] for thing in things if len(repr(thing)) > 200}


@pytest.mark.parametrize(
    "as_of", [DAY, datetime(2026, 11, 21, 9), "2026-11-21", "2026-11-21T09:00"]
)
def test_a_day_comes_in_any_form(as_of: date | str) -> None:
    assert profiles.open_panel(DEMO / "panel.toml", as_of).as_of == DAY


@pytest.mark.parametrize(
    ("as_of", "why"),
    [
        ("21.11.2026", "as of `21.11.2026`: not a date (YYYY-MM-DD)"),
        (20261121, "as of `20261121`: must be a date, a datetime, or either as ISO text"),
    ],
)
def test_what_is_no_day(as_of: Any, why: str) -> None:
    with pytest.raises(profiles.InputError) as caught:
        profiles.open_panel(DEMO / "panel.toml", as_of)
    assert str(caught.value) == why


def test_one_path_or_several(panel: profiles.Panel, surveys: matcher.Surveys) -> None:
    folder = DEMO / "payloads"
    files = sorted(folder.iterdir())
    forms: list[Any] = [str(folder), folder, [folder], files, tuple(map(str, files)), iter(files)]
    for form in forms:
        loaded = matcher.load_surveys(form, panel.mapping)
        assert {survey.name for survey in loaded} == {survey.name for survey in surveys}


def test_ids_of_whom_a_survey_admits(panel: profiles.Panel, surveys: matcher.Surveys) -> None:
    matches = matcher.compile(surveys).match(panel)
    name = "dynata:20101"
    expected = sorted({match.member_id for match in matches if match.survey == name})
    assert sorted(panel.ids(matches.eligible(name)).to_pylist()) == expected


def test_the_readme_shows_its_first_result_within_fifteen_lines() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()[:15]
    assert any("make demo" in line for line in lines)
    assert any("dynata:20101" in line for line in lines)
