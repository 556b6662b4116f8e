"""Comparisons of surveys of any shape: groups of either regime in one another, repeated ids.

Marketplaces send few of these shapes; comparisons are right for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count, product

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.comparison import Difference
from matcher.rules import FALSE, TRUE, UNKNOWN, Not, Rule, one_of
from matcher.surveys import ChoiceStrategy, Clause, Group, Quota, Reason, Regime, Survey
from profiles.panel import Panel, open_panel
from tests.matcher.comparison.test_compare import Matching, check, matchings
from tests.support.commandline import put
from tests.support.reference import Reference
from tests.support.strategies import AS_OF

PANEL = """\
[panel]
source = "members.parquet"
[attributes]
a = { type = "single" }
b = { type = "single" }
c = { type = "single" }
"""
NAMES = ("a", "b", "c")
MEMBERS = [
    {"member_id": f"m{number}", **dict(zip(NAMES, answers, strict=True))}
    for number, answers in enumerate(product(("x", "y", None), repeat=3))
]
HOLDS = [one_of(name, [value]) for name in NAMES for value in ("x", "y")]

rules = st.sampled_from([TRUE, TRUE, *HOLDS, *map(Not, HOLDS), UNKNOWN, FALSE])
regimes = st.sampled_from(Regime)


def quotas(groups: st.SearchStrategy[list[Group]]) -> st.SearchStrategy[Quota]:
    return st.builds(
        Quota,
        st.sampled_from("pqr"),
        rules,
        st.booleans(),
        st.sampled_from([0, 1, 2, 50]),
        st.just(""),
        groups.map(tuple),
    )


def groups_of(nested: st.SearchStrategy[list[Group]], most: int) -> st.SearchStrategy[list[Group]]:
    some = st.lists(quotas(nested), max_size=3).map(tuple)
    return st.lists(st.builds(Group, some, st.just(""), regimes, st.booleans()), max_size=most)


def survey_of(gate: Rule, groups: list[Group]) -> Survey:
    """A survey in which every group and quota has a pointer of its own."""
    numbers = count()

    def placed(of: tuple[Group, ...]) -> tuple[Group, ...]:
        return tuple(
            replace(
                group,
                pointer=f"/groups/{next(numbers)}",
                quotas=tuple(
                    replace(quota, pointer=f"/quotas/{next(numbers)}", groups=placed(quota.groups))
                    for quota in group.quotas
                ),
            )
            for group in of
        )

    clauses = (Clause(gate, Reason.FILTER, "/filters/0"),)
    return Survey("dynata", "1", True, clauses, placed(tuple(groups)))


shapes = st.builds(survey_of, rules, groups_of(groups_of(st.just([]), 2), 3))


@st.composite
def versions(draw: st.DrawFn) -> tuple[Survey, Survey]:
    """A survey, and the same with a quota or two changed, or none, or another survey."""
    old = draw(shapes)
    changes = draw(st.lists(st.integers(0, 8), max_size=2))

    def changed(groups: tuple[Group, ...], at: Iterator[int]) -> list[Group]:
        made = []
        for group in groups:
            kept = []
            for quota in group.quotas:
                number = next(at)
                inner = tuple(changed(quota.groups, at))
                kept.append(
                    replace(draw(quotas(st.just([]))), groups=inner)
                    if number in changes
                    else replace(quota, groups=inner)
                )
            made.append(replace(group, quotas=tuple(draw(st.permutations(kept)))))
        return made

    other = draw(st.booleans())
    return old, draw(shapes) if other else survey_of(old.gate[0].rule, changed(old.groups, count()))


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    folder = tmp_path_factory.mktemp("shapes")
    pq.write_table(pa.Table.from_pylist(MEMBERS), folder / "members.parquet")
    return open_panel(put(folder, "panel.toml", PANEL), AS_OF)


def side(survey: Survey, panel: Panel) -> Reference:
    return Reference([survey], panel.mapping, MEMBERS, AS_OF)


@settings(max_examples=4 * settings().max_examples)
@given(matching=matchings, pair=versions())
def test_changes_are_found_in_surveys_of_any_shape(
    panel: Panel, matching: Matching, pair: tuple[Survey, Survey]
) -> None:
    old, new = pair
    check(matching, matching.compare([old], [new], panel), side(old, panel), side(new, panel))


def quota(id_: str, pointer: str, rule: Rule, *groups: Group, live: bool = True) -> Quota:
    return Quota(id_, rule, live, 5, pointer, groups)


def changes_of(matching: Matching, old: Survey, new: Survey, panel: Panel) -> Difference:
    return check(
        matching, matching.compare([old], [new], panel), side(old, panel), side(new, panel)
    )


FIRST = Matching(ChoiceStrategy.FIRST, 0, False, 1)


def test_one_of_two_quotas_with_one_id_is_no_longer_given(panel: Panel) -> None:
    def version(second: Rule) -> Survey:
        groups = (
            Group((quota("q", "/0/0", TRUE),), "/0"),
            Group((quota("q", "/1/0", second),), "/1", Regime.ALL_OPEN),
        )
        return replace(survey_of(TRUE, []), groups=groups)

    found = changes_of(FIRST, version(TRUE), version(FALSE), panel)
    assert found.tally.moved == len(MEMBERS)


def test_quotas_with_one_id_in_three_groups_are_counted(panel: Panel) -> None:
    def version(second: str) -> Survey:
        ids = ("q", second, "r")
        groups = [
            Group(
                tuple(
                    quota(name, f"/{place}/{number}", TRUE if name == id_ else FALSE)
                    for number, name in enumerate("qr")
                ),
                f"/{place}",
            )
            for place, id_ in enumerate(ids)
        ]
        return replace(survey_of(TRUE, []), groups=tuple(groups))

    found = changes_of(FIRST, version("q"), version("r"), panel)
    assert found.tally.moved == len(MEMBERS)


def test_members_given_the_same_in_another_order_have_not_moved(panel: Panel) -> None:
    """Ids are in both groups: those given `q r` are now given `r q` or `q r`: none has moved."""
    men = HOLDS[0]

    def version(*firsts: Rule) -> Survey:
        groups = [
            Group((quota(id_, f"/{place}/0", rule), quota(other, f"/{place}/1", TRUE)), f"/{place}")
            for place, (rule, id_, other) in enumerate(zip(firsts, "qr", "rq", strict=True))
        ]
        return replace(survey_of(TRUE, []), groups=tuple(groups))

    found = changes_of(FIRST, version(TRUE, TRUE), version(men, men), panel)
    (survey,) = found.surveys
    assert not found.tally.affected
    assert {(flow.before, flow.after): flow.members for flow in survey.flows} == {
        (("q", "r"), ("r", "q")): 18,
        (("q", "r"), ("q", "r")): 9,
    }


def test_a_closed_quota_within_one_that_must_be_open_counts(panel: Panel) -> None:
    """Members who match the closed `q` are ineligible, and match it by its closed `s`."""

    def version(rule: Rule) -> Survey:
        inner = Group((quota("s", "/0/0/0/0", rule, live=False),), "/0/0/0")
        closed = quota("q", "/0/0", TRUE, inner, live=False)
        return replace(survey_of(TRUE, []), groups=(Group((closed,), "/0", Regime.ALL_OPEN),))

    found = changes_of(FIRST, version(FALSE), version(HOLDS[0]), panel)
    assert (found.tally.lost, found.tally.newly_uncertain) == (18, 9)
