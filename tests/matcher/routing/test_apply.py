"""What a router promises of a live inventory and of seats, sentence by sentence."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

import matcher
from matcher.routing import Router
from matcher.routing.inventory import Inventory
from matcher.surveys import Survey
from profiles.errors import InputError
from profiles.schema import PanelMapping
from profiles.schema.panel_file import parse_panel
from tests.support.strategies import Json

DAY = 86_400.0
NOON = "1970-01-11T12:00:00Z"
AT_NOON = 10 * DAY + DAY / 2


class Clock:
    """A clock that stops until it is moved."""

    def __init__(self) -> None:
        self.now = AT_NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mapping(tmp_path: Path) -> PanelMapping:
    codes = {"7": {"attribute": "gender"}}
    tables = {
        "panel": {"source": "members.parquet"},
        "attributes": {
            "gender": {"type": "single", "column": "sex"},
            "age": {"type": "birth_date", "column": "dob"},
        },
        "marketplaces": {
            "dynata": {"attributes": codes | {"8": {"attribute": "age"}}},
            "toluna": {"attributes": codes},
            "rfg": {"attributes": {"Gender": {"attribute": "gender"}}},
        },
    }
    return parse_panel(tables, tmp_path / "panel.toml").mapping


@pytest.fixture
def router(mapping: PanelMapping, clock: Clock) -> Router:
    plan = matcher.compile(matcher.Surveys((), (), (), mapping))
    return Router(plan, clock=clock)


def dynata(id_: int, *, quotas: Json = (("q", 2),), **more: Json) -> Json:
    groups = [[{"id": id_, "cells": [], "count": n, "status": "OPEN"}] for id_, n in quotas]
    return {"id": id_, "status": "OPEN", "cells": [], "quotas": groups} | more


def toluna(id_: int, *, left: int | None = None, layers: Json = ((("10", 3),),)) -> Json:
    subquotas = [
        {"SubQuotas": [subquota(each, seats) for each, seats in layer]} for layer in layers
    ]
    quota = {"QuotaID": 1, "EstimatedCompletesRemaining": 5, "Layers": subquotas}
    own = {} if left is None else {"EstimatedCompletesRemaining": left}
    return {"SurveyID": id_, "WaveID": 1, "Quotas": [quota]} | own


def subquota(id_: str, seats: int) -> Json:
    return {
        "SubQuotaID": id_,
        "CurrentCompletes": 0,
        "MaxTargetCompletes": seats,
        "QuestionsAndAnswers": [],
    }


def seats(survey: str, *ids: str, **fields: Json) -> Json:
    return {"survey": survey, "quota_ids": list(ids)} | fields


def offered(router: Router, **row: Any) -> list[str]:
    return [each.survey for each in router.match({"member_id": "m", **row}).eligible]


def left(router: Router, name: str) -> list[int]:
    survey = next(each for each in router.surveys if each.name == name)
    return [quota.remaining for group in survey.groups for quota in group.quotas]


def same(router: Router, before: tuple[Survey, ...], inventory: Inventory) -> bool:
    return router.surveys == before and router._inventory.layers == inventory.layers


# --- "Live inventory"


def test_one_batch_is_one_atomic_change(mapping: PanelMapping, clock: Clock) -> None:
    """One batch is one atomic change: a reader sees all of it or none.

    Also where it fails half-way, in a `worth` of the caller.
    """
    bad = [False]

    def worth(survey: Survey) -> float | None:
        if bad[0] and survey.id == "3":
            raise ZeroDivisionError
        return survey.pay

    plan = matcher.compile(matcher.Surveys((), (), (), mapping))
    router = Router(plan, worth=worth, clock=clock)
    router.apply([dynata(1), toluna(2)])
    reservation = router.reserve("m", "dynata:1", ("q",), 60)
    assert reservation
    before, saved = router.surveys, router.to_bytes()
    bad[0] = True
    batch = [
        dynata(1, quotas=[("q", 7)]),
        {"QuotaID": 1, "SurveyID": 2, "WaveID": 1, "IsLive": False},
        dynata(3),
    ]
    with pytest.raises(ZeroDivisionError):
        router.apply(batch)
    assert (router.surveys, router.to_bytes()) == (before, saved)
    bad[0] = False
    assert router.apply(batch).added == ("dynata:3",)
    assert left(router, "dynata:1") == [6]
    assert offered(router) == ["dynata:1", "dynata:3"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(dynata(1, notified=NOON), id="repeated"),
        pytest.param(
            dynata(1, quotas=[("q", 9)], notified="1970-01-11T11:59:59Z"), id="stale survey"
        ),
        pytest.param(
            seats("dynata:1", "q", remaining=9, at="1970-01-11T11:00:00Z"), id="stale seats"
        ),
        pytest.param(seats("dynata:1", "q", remaining=2, at=NOON), id="repeated seats"),
        pytest.param(
            {"QuotaID": 9, "SurveyID": 2, "WaveID": 1, "IsLive": False}, id="unknown quota"
        ),
        pytest.param({"QuotaID": 1, "IsLive": True}, id="repeated notice"),
        pytest.param({"SurveyID": 9, "WaveId": 1, "Status": "Closed"}, id="unknown survey"),
        pytest.param(
            {
                "SurveyID": 2,
                "WaveId": 1,
                "Status": "Closed",
                "DateTime": "1970-01-01 00:00:00",
            },
            id="closed before it was read",
        ),
    ],
)
def test_what_is_old_changes_nothing(router: Router, change: Json) -> None:
    """A stale or repeated notification changes nothing."""
    router.apply([dynata(1, notified=NOON), toluna(2)])
    assert router.reserve("m", "dynata:1", ("q",), 60)
    before, inventory = router.surveys, router._inventory
    for _ in range(2):
        applied = router.apply(change)
        assert (applied.added, applied.changed, applied.set_aside) == ((), (), ())
        assert applied.repeated + applied.stale + applied.unknown == 1
        assert same(router, before, inventory)


def test_the_newest_report_of_each_part_counts_in_whatever_order_it_comes(
    mapping: PanelMapping, clock: Clock
) -> None:
    """Seats reported at ten, a survey at eleven, a quota closed at noon, in any order."""
    updates = [
        (toluna(2), 11 * 3600.0),
        (seats("toluna:2/1", "1", remaining=1, at="1970-01-01T10:00:00Z"), None),
        (seats("toluna:2/1", "1", status="closed", at="1970-01-01T12:00:00Z"), None),
        (seats("toluna:2/1", "1", remaining=3, at="1970-01-01T11:30:00Z"), None),
    ]
    for order in ((0, 1, 2, 3), (1, 2, 3, 0), (3, 2, 1, 0), (2, 0, 3, 1), (2, 1, 0, 3)):
        plan = matcher.compile(matcher.Surveys((), (), (), mapping))
        router = Router(plan, clock=clock)
        router.apply(toluna(2), at=0)
        for number in order:
            change, at = updates[number]
            router.apply(change, at=at)
        (quota,) = router.surveys[0].groups[0].quotas
        assert (quota.live, quota.remaining) == (False, 3)


def test_seats_reported_before_the_whole_do_not_outlast_it(router: Router) -> None:
    """The status of a quota was reported at noon; its seats are as old as their own report."""
    router.apply(toluna(2), at=0)
    router.apply(seats("toluna:2/1", "1", remaining=1, at="1970-01-01T10:00:00Z"))
    router.apply(seats("toluna:2/1", "1", status="open", at="1970-01-01T12:00:00Z"))
    router.apply(toluna(2), at=11 * 3600.0)
    assert left(router, "toluna:2/1") == [5]


def test_what_is_malformed_is_set_aside(router: Router) -> None:
    """A malformed one is set aside with a diagnostic, the rest of the batch goes in.

    And the old version of that survey stays.
    """
    router.apply([dynata(1), dynata(2)])
    old = router.surveys[0]
    applied = router.apply([dynata(1, cells=5), 17, dynata(2, quotas=[("q", 0)]), dynata(3)])
    assert applied.set_aside == ("dynata:1",)
    assert (applied.added, applied.changed) == (("dynata:3",), ("dynata:2",))
    assert [(each.code, each.survey, each.at) for each in applied.diagnostics] == [
        ("invalid-payload", "dynata:1", "/0"),
        ("unrecognised-payload", None, "/1"),
    ]
    assert router.surveys[0] == old
    assert offered(router) == ["dynata:1", "dynata:3"]


def test_a_refresh_closes_what_it_does_not_name(router: Router) -> None:
    """But not where something in it could not be read, nor what was set aside."""
    router.apply([toluna(1), toluna(2), dynata(3)])
    router.apply([toluna(1), 17], refresh=("toluna",))
    assert len(offered(router)) == 3
    router.apply([toluna(1) | {"Quotas": 5}], refresh=("toluna",))
    assert offered(router) == ["toluna:1/1", "dynata:3"]
    router.apply([], refresh=("toluna",))
    assert offered(router) == ["dynata:3"]
    router.apply(toluna(2))
    assert offered(router) == ["toluna:2/1", "dynata:3"]


@pytest.mark.parametrize("nothing", [{"Surveys": []}, [], [{"Surveys": []}], b"[]"])
def test_an_answer_with_nothing_on_offer_closes_all_of_its_marketplace(
    nothing: Json, router: Router
) -> None:
    router.apply([toluna(2), toluna(3), dynata(1)])
    assert router.apply(nothing).changed == ()
    applied = router.apply(nothing, refresh="toluna")
    assert (applied.changed, applied.diagnostics) == (("toluna:2/1", "toluna:3/1"), ())
    assert offered(router) == ["dynata:1"]


def test_the_details_of_one_quota_close_nothing(router: Router) -> None:
    router.apply(toluna(2))
    details = {"QuotaID": 1, "EstimatedCompletesRemaining": 5, "Layers": []}
    applied = router.apply(details, refresh="toluna")
    assert [each.code for each in applied.diagnostics] == ["quota-without-survey"]
    assert offered(router) == ["toluna:2/1"]


def test_of_notices_of_a_survey_the_newest_counts(router: Router) -> None:
    """Toluna's Survey Closed, which comes twice and late; a survey read anew is open again."""
    closed = {"SurveyID": 2, "SurveyRef": "2-US", "WaveId": 1, "Status": "Closed"}
    router.apply(toluna(2), at=1_000.0)
    assert offered(router) == ["toluna:2/1"]
    late = closed | {"DateTime": "1970-01-01 00:16:39"}
    assert router.apply(late, at=2_000.0).stale == 1
    assert offered(router) == ["toluna:2/1"]
    newer = closed | {"DateTime": "1970-01-01 00:20:00"}
    assert router.apply(newer, at=2_000.0).changed == ("toluna:2/1",)
    assert offered(router) == []
    assert router.apply(newer, at=3_000.0).repeated == 1
    assert router.apply(toluna(2), at=1_100.0).repeated == 1
    assert offered(router) == []
    assert router.apply(toluna(2), at=4_000.0).changed == ("toluna:2/1",)
    assert offered(router) == ["toluna:2/1"]
    assert router.apply(closed | {"WaveId": 3}).unknown == 1


def test_a_notice_may_be_of_a_survey_of_the_same_batch(router: Router) -> None:
    router.apply([toluna(1), {"QuotaID": 1, "IsLive": False}])
    assert offered(router) == []


# --- the order of surveys

PAID = {"length_of_interview": 10, "incidence_rate": 100}


def test_surveys_of_which_pay_is_not_known_come_after_those_that_pay_nothing(
    router: Router,
) -> None:
    """Also where they came before; of equal pay the first that came is the first."""
    nothing, much = ({**PAID, "cost_per_interview": cost} for cost in (0, 5))
    router.apply([dynata(1), dynata(2, **nothing), dynata(3), dynata(4, **nothing)])
    assert offered(router) == ["dynata:2", "dynata:4", "dynata:1", "dynata:3"]
    router.apply(dynata(5, **much))
    assert offered(router) == ["dynata:5", "dynata:2", "dynata:4", "dynata:1", "dynata:3"]
    assert [survey.pay for survey in router.surveys] == [None, 0.0, None, 0.0, 0.5]


def test_a_survey_whose_pay_changes_moves(router: Router) -> None:
    """And among those of its new pay it is in the place of when it first came."""
    pays = [{**PAID, "cost_per_interview": cost} for cost in (3, 2, 1)]
    surveys = [dynata(id_, **pay) for id_, pay in enumerate(pays)]
    router.apply(surveys)
    assert offered(router) == ["dynata:0", "dynata:1", "dynata:2"]
    assert router.apply(dynata(0, **pays[2])).changed == ("dynata:0",)
    assert offered(router) == ["dynata:1", "dynata:0", "dynata:2"]
    router.apply(dynata(2, **pays[0]))
    assert offered(router) == ["dynata:2", "dynata:1", "dynata:0"]
    router.apply(dynata(2))
    assert offered(router) == ["dynata:1", "dynata:0", "dynata:2"]
    assert [survey.id for survey in router.surveys] == ["0", "1", "2"]


# --- "Seats"


def test_seats_are_held_in_every_group_and_layer(router: Router) -> None:
    """Reserve holds seats in every group and layer for a session."""
    router.apply([dynata(1, quotas=[("a", 2), ("b", 3)]), toluna(2, left=4, layers=LAYERS)])
    assert router.reserve("m", "dynata:1", ("a", "b"), 60)
    assert left(router, "dynata:1") == [1, 2]
    assert router.reserve("m", "toluna:2/1", ("1", "10", "21"), 60)
    survey = router.surveys[1]
    (quota,) = survey.groups[0].quotas
    inner = [[each.remaining for each in group.quotas] for group in quota.groups]
    assert (survey.remaining, quota.remaining, inner) == (3, 4, [[2], [3, 2]])


LAYERS = ((("10", 3),), (("20", 3), ("21", 3)))


def test_complete_release_and_expiry_settle_it(router: Router, clock: Clock) -> None:
    """Complete, release and expiry settle it; each only once."""
    router.apply(dynata(1, quotas=[("q", 3)]))
    one, two, three = (router.reserve(f"m{n}", "dynata:1", ("q",), 60) for n in range(3))
    assert one
    assert two
    assert three
    assert router.complete(one.id)
    assert left(router, "dynata:1") == [0]
    assert router.release(two.id)
    assert left(router, "dynata:1") == [1]
    clock.now += 60
    assert left(router, "dynata:1") == [2]
    assert not any((router.complete(two.id), router.complete(three.id), router.release(one.id)))
    assert left(router, "dynata:1") == [2]


def test_a_quota_without_seats_is_closed_to_the_next_reader(router: Router) -> None:
    """A quota whose seats are all taken or held is closed to the next reader at once."""
    router.apply(dynata(1, quotas=[("q", 2)]))
    first, second = (router.reserve(f"m{n}", "dynata:1", ("q",), 60) for n in range(2))
    assert first
    assert second
    assert offered(router) == []
    router.complete(first.id)
    assert offered(router) == []
    assert router.reserve("m3", "dynata:1", ("q",), 60) is None


def test_a_reversed_complete_gives_the_seat_back(router: Router) -> None:
    """A reversed complete gives the seat back, and the member may have one again."""
    router.apply(dynata(1, quotas=[("q", 1)]))
    first = router.reserve("m", "dynata:1", ("q",), 60)
    assert first
    assert router.complete(first.id)
    assert router.reserve("m", "dynata:1", ("q",), 60) is None
    assert router.reverse(first.id)
    assert not router.reverse(first.id)
    assert offered(router) == ["dynata:1"]
    assert router.reserve("m", "dynata:1", ("q",), 60)


def test_a_new_report_counts_what_was_completed(router: Router) -> None:
    router.apply(dynata(1, quotas=[("q", 5)]))
    one, two = (router.reserve(f"m{n}", "dynata:1", ("q",), 60) for n in range(2))
    assert one
    assert two
    assert router.complete(one.id)
    router.apply(dynata(1, quotas=[("q", 4)]))
    assert left(router, "dynata:1") == [3]
    router.apply(dynata(1, quotas=[("q", 1)]))
    assert left(router, "dynata:1") == [0]


def test_a_member_moves_to_another_quota_with_their_own_last_seat(router: Router) -> None:
    """Or keeps it, if the other is not open."""
    router.apply(toluna(2, left=1, layers=LAYERS))
    first = router.reserve("m", "toluna:2/1", ("1", "10", "20"), 60)
    assert first
    router.apply(seats("toluna:2/1", "1", "21", status="closed"))
    assert router.reserve("m", "toluna:2/1", ("1", "10", "21"), 60) is None
    router.apply(seats("toluna:2/1", "1", "21", status="open"))
    assert router.reserve("m", "toluna:2/1", ("1", "10", "20"), 1) == first
    second = router.reserve("m", "toluna:2/1", ("1", "10", "21"), 60)
    assert second
    assert not router.release(first.id)
    assert router.release(second.id)
    assert offered(router) == ["toluna:2/1"]


def test_a_survey_may_no_longer_report_seats_of_its_own(router: Router) -> None:
    router.apply(toluna(2, left=4))
    assert router.reserve("m", "toluna:2/1", ("1", "10"), 60)
    router.apply(toluna(2))
    assert router.surveys[0].remaining is None
    assert offered(router) == ["toluna:2/1"]


def test_of_quotas_of_one_id_the_one_that_leads_on_is_taken(router: Router) -> None:
    two = toluna(2, layers=((("10", 3),),))
    two["Quotas"] += toluna(2, layers=((("11", 3),),))["Quotas"]
    router.apply(two)
    assert router.reserve("m", "toluna:2/1", ("1", "11"), 60)
    assert left(router, "toluna:2/1") == [5, 4]


def test_a_restart_loses_nothing(router: Router, clock: Clock) -> None:
    """A snapshot of the inventory and its seats can be saved and loaded."""
    router.apply([dynata(1), dynata(2, quotas=[]), toluna(3)])
    router.apply({"QuotaID": 1, "SurveyID": 3, "WaveID": 1, "IsLive": False})
    done = router.reserve("m", "dynata:1", ("q",), 60)
    held = router.reserve("m", "dynata:2", (), 30)
    assert done
    assert held
    assert router.complete(done.id)
    loaded = Router.from_bytes(router.to_bytes(), clock=clock)
    assert loaded.surveys == router.surveys
    assert loaded.apply(toluna(3), at=AT_NOON - 1).stale == 1
    assert loaded.reserve("m", "dynata:1", ("q",), 60) is None
    assert loaded.release(held.id)
    assert loaded.reverse(done.id)
    assert left(loaded, "dynata:1") == [2]
    clock.now += 60
    assert not router.release(held.id)


UNKNOWN = [
    (("2", "q"), "no survey `2`; did you mean `dynata:2`?"),
    (("dynatta:2", "q"), "no survey `dynatta:2`; did you mean `dynata:2`?"),
    (("rfg:77", "q"), "no survey `rfg:77`; there are `dynata:1`, `dynata:2`"),
    (("dynata:2", "woman"), "`dynata:2` has no quota `woman`; did you mean `women`?"),
    (("dynata:2", "x"), "`dynata:2` has no quota `x`; there are `women`, `men`"),
    (("dynata:1", "x"), "`dynata:1` has no quota `x`; there are 4 quotas, such as `a`, `b`, `c`"),
    (
        ("dynata:2", "men", "women"),
        "`dynata:2`: members are given one quota of each group, not `men`, `women`; "
        "there are `women`, `men`",
    ),
]


@pytest.mark.parametrize(("named", "message"), UNKNOWN)
def test_what_there_is_not_is_named_with_what_there_is(
    router: Router, named: tuple[str, ...], message: str
) -> None:
    """An unknown survey or quota raises an `InputError` that says what there is."""
    router.apply(
        [
            dynata(1, quotas=[(name, 1) for name in "abcd"]),
            dynata(2, quotas=[("women", 1), ("men", 0)]),
        ]
    )
    survey, *ids = named
    with pytest.raises(InputError) as caught:
        router.reserve("m", survey, ids, 60)
    assert str(caught.value) == message
    if message.startswith("no survey"):
        with pytest.raises(InputError) as caught:
            router.explain({"member_id": "m"}, survey)
        assert str(caught.value) == message


def test_one_quota_may_be_given_by_itself(router: Router) -> None:
    router.apply([dynata(1, quotas=[("10", 1)]), dynata(2, quotas=[(11, 1)])])
    assert router.reserve("m", "dynata:1", "10", 60)
    assert router.reserve("m", "dynata:2", [11], 60)


def test_reprs_are_short_and_collections_count(router: Router) -> None:
    assert repr(router) == "Router(0 surveys, 0 disjuncts)"
    long = "0123456789abcdef" * 4
    quotas = [(f"{long}{number}", 1) for number in range(9)]
    applied = router.apply([dynata(1, quotas=quotas), dynata(2), dynata(3, cells=5)])
    assert repr(applied) == "Applied(2 added, 1 set aside)"
    assert repr(router) == "Router(2 surveys, 2 disjuncts)"
    router.apply(dynata(2, cost_per_interview=3, length_of_interview=5, incidence_rate=50))
    assert repr(router) == "Router(2 surveys, 2 disjuncts)"
    assert len(router) == 2
    routed = router.match({"member_id": "m"})
    assert repr(routed) == "Routed(m, 2 eligible)"
    assert list(routed) == routed.eligible
    assert len(routed) == 2
    held = router.reserve("m", "dynata:1", [id_ for id_, _ in quotas], 60)
    for found in (*routed, held):
        assert long[:20] in repr(found) or "q" in repr(found)
        assert len(repr(found)) < 200


def test_a_choice_or_a_day_that_there_is_not_is_refused(mapping: PanelMapping) -> None:
    plan = matcher.Plan((), mapping)
    with pytest.raises(InputError, match="`rarest` is none of first, most-open, scarcest"):
        Router(plan, choose="rarest")
    with pytest.raises(InputError, match="as of `soon`"):
        Router(plan, as_of="soon")
    with pytest.raises(InputError, match="does not count the panel"):
        Router(plan, choose="scarcest")


@pytest.mark.parametrize("day", [date(1970, 1, 12), datetime(1970, 1, 12, 9), "1970-01-12"])
def test_ages_count_on_the_day_given(mapping: PanelMapping, day: date | str) -> None:
    """As a date, a datetime or ISO text."""
    cell = {"tag": "c", "attribute_id": "8", "kind": "RANGE", "range": {"from": 20}}
    router = Router(matcher.Plan((), mapping), as_of=day)
    router.apply(dynata(1, cells=[cell], filters=[[{"cells": ["c"]}]]))
    assert offered(router, dob="1950-01-12") == ["dynata:1"]
    assert offered(router, dob="1950-01-13") == []


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), float("inf")])
def test_seats_are_held_for_a_time(router: Router, ttl: float) -> None:
    router.apply(dynata(1))
    with pytest.raises(InputError, match="seats are held"):
        router.reserve("m", "dynata:1", ("q",), ttl)
    with pytest.raises(InputError, match="is no time"):
        router.apply(dynata(1), at=float("nan"))


def test_ages_count_on_the_day_of_the_clock(router: Router, clock: Clock) -> None:
    """One that is born on 12 January 1950 is 20 on the next day."""
    cell = {"tag": "c", "attribute_id": "8", "kind": "RANGE", "range": {"from": 20}}
    router.apply(dynata(1, cells=[cell], filters=[[{"cells": ["c"]}]]))
    assert offered(router, dob="1950-01-12") == []
    clock.now += DAY
    assert offered(router, dob="1950-01-12") == ["dynata:1"]
