"""Routers of the demo's panel, members explained by id, and how all of this is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import pytest

import matcher
from matcher.explanation import Explanation
from matcher.routing import explain_member, open_router
from matcher.surveys import Reason, Verdict
from profiles.errors import InputError
from profiles.panel import Panel, open_panel
from tests.support.corpus import ROOT

DEMO = ROOT / "fixtures" / "demo"


@pytest.fixture(scope="module")
def panel() -> Panel:
    return open_panel(DEMO / "panel.toml", "2026-11-21")


@pytest.fixture(scope="module")
def surveys(panel: Panel) -> matcher.Surveys:
    return matcher.load_surveys([DEMO / "payloads"], panel.mapping)


def row_of(panel: Panel, member_id: str) -> dict[str, object]:
    row = panel.find(member_id)
    assert row
    return row


@pytest.mark.parametrize("choose", ["first", "most-open", "scarcest", "balanced"])
def test_a_router_of_a_panel_agrees_with_the_match(
    panel: Panel, surveys: matcher.Surveys, choose: str
) -> None:
    """Whatever the choice: for the scarcest the panel is counted."""
    router = open_router(surveys, panel, choose=choose, seed=3, as_of="2026-11-21")
    matches = matcher.compile(surveys).match(panel, choose=choose, seed=3)
    members = ["m0000003", "m0000005", "m0000011"]
    expected = {
        (match.member_id, match.survey, match.quota_ids)
        for match in matches
        if match.member_id in members
    }
    found = {
        (member, offer.survey, offer.quota_ids)
        for member in members
        for offer in router.match(row_of(panel, member))
    }
    assert found == expected
    assert found


def test_a_member_is_explained_by_id_or_by_row(panel: Panel, surveys: matcher.Surveys) -> None:
    found = explain_member(surveys, panel, member="m0000003", survey="dynata:20101")
    assert (found.verdict, found.reason) == (Verdict.INELIGIBLE, Reason.DEVICE)
    row = row_of(panel, "m0000003")
    assert explain_member(surveys, panel, member=row, survey="dynata:20101") == found
    other = row | {"device": "desktop"}
    changed = explain_member(surveys, panel, member=other, survey="dynata:20101")
    assert changed.reason is not Reason.DEVICE


@pytest.mark.parametrize(
    ("member", "survey", "message"),
    [
        ("m0000003", "20101", "no survey `20101` in the payloads; did you mean `dynata:20101`?"),
        ("m3", "dynata:20101", "members.parquet: no member `m3`"),
    ],
)
def test_what_there_is_not_is_named(
    panel: Panel, surveys: matcher.Surveys, member: str, survey: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        explain_member(surveys, panel, member=member, survey=survey)
    assert str(caught.value).endswith(message)


def parts_of(found: object) -> Iterator[object]:
    """An explanation and all its own parts."""
    if isinstance(found, tuple):
        for part in found:
            yield from parts_of(part)
    elif is_dataclass(found) and type(found).__module__.startswith("matcher.explanation"):
        yield found
        for field in fields(found):
            yield from parts_of(getattr(found, field.name))


def test_what_is_shown_is_short(panel: Panel, surveys: matcher.Surveys) -> None:
    router = open_router(surveys, panel, as_of=panel.as_of)
    assert repr(router) == "Router(46 surveys, 109 disjuncts)"
    row = row_of(panel, "m0000001")
    routed = router.match(row)
    shown: list[object] = [router, routed, *routed, *routed.uncertain, router.next_question(row)]
    for survey in router.surveys:
        explanation = router.explain(row, survey.name)
        assert isinstance(explanation, Explanation)
        shown += parts_of(explanation)
    assert len(shown) > 300
    for each in shown:
        assert len(repr(each)) < 200
        assert repr(each).startswith(f"{type(each).__name__}(")
