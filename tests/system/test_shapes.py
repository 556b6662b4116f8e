"""Surveys of any shape, groups of either regime in one another: every engine says the same.

Marketplaces send few of these shapes; the rules of groups hold for all of them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import matcher
from matcher.plan import Plan
from matcher.rules import TRUE, Member, Not, Rule, Truth, one_of
from matcher.surveys import (
    ChoiceStrategy,
    Group,
    Quota,
    Reason,
    Regime,
    Survey,
    Verdict,
    admits,
    admits_rule,
    all_quotas,
    judge,
    matches,
    matches_rule,
    takes,
    takes_rule,
    unanswered,
)
from profiles.errors import InputError
from profiles.panel import Panel, open_panel
from tests.matcher.comparison.test_shapes import (
    MEMBERS,
    NAMES,
    PANEL,
    groups_of,
    rules,
    shapes,
    side,
    survey_of,
)
from tests.support.commandline import put
from tests.support.strategies import AS_OF

deep_shapes = st.builds(survey_of, rules, groups_of(groups_of(groups_of(st.just([]), 1), 2), 2))
any_shapes = st.one_of(shapes, deep_shapes)


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    folder: Path = tmp_path_factory.mktemp("shapes")
    pq.write_table(pa.Table.from_pylist(MEMBERS), folder / "members.parquet")
    return open_panel(put(folder, "panel.toml", PANEL), AS_OF)


def quota(rule: Rule, *groups: Group, seats: int = 5) -> Quota:
    return Quota("q", rule, True, seats, "", groups)


def all_open(*quotas: Quota, required: bool = False) -> Group:
    return Group(quotas, "", Regime.ALL_OPEN, required)


A, B = one_of("a", ["x"]), one_of("b", ["x"])
FULL, FREE = quota(B, seats=0), quota(B)
PARENTS = [
    quota(A, Group((FULL,), "")),
    quota(A, all_open(FULL)),
    quota(A, all_open(FULL, required=True)),
]
"""A parent for those who hold `a`, with a full child for those who hold `b`."""


@settings(max_examples=4 * settings().max_examples)
@given(any_shapes)
@example(survey_of(TRUE, [all_open(*PARENTS)]))
@example(survey_of(TRUE, [all_open(quota(TRUE, all_open(quota(A, Group((FULL, FREE), "")))))]))
def test_as_rules_groups_and_quotas_have_the_same_truth(panel: Panel, survey: Survey) -> None:
    for member in side(survey, panel).members:
        for group in survey.groups:
            assert member.truth(admits_rule(group)) is admits(group, member)
        for each in all_quotas(survey.groups):
            assert member.truth(takes_rule(each)) is takes(each, member)
            assert member.truth(matches_rule(each)) is matches(each, member)
            assert takes(each, member) <= matches(each, member)


@settings(max_examples=4 * settings().max_examples)
@given(survey=any_shapes, how=st.sampled_from(ChoiceStrategy), uncertain=st.booleans())
@example(survey=survey_of(TRUE, [all_open(*PARENTS)]), how=ChoiceStrategy.FIRST, uncertain=True)
def test_panel_and_router_are_those_of_the_reference(
    panel: Panel, survey: Survey, how: ChoiceStrategy, uncertain: bool
) -> None:
    reference = side(survey, panel)
    choice = reference.choice(how, 1)
    plan = Plan((survey,), panel.mapping)
    found = plan.match(panel, choose=how, seed=1, uncertain=uncertain)
    assert list(found) == reference.rows(choice, uncertain=uncertain)
    assert found.counts() == reference.counts(choice, uncertain=uncertain)
    router = matcher.Router(plan, choose=choice, as_of=AS_OF)
    for row, member in zip(MEMBERS, reference.members, strict=True):
        judged = judge(survey, member, choice, uncertain=True)
        routed = router.match(row)
        assert [each.quota_ids for each in routed] == (
            [judged.quota_ids] if judged.verdict is Verdict.ELIGIBLE else []
        )
        assert [(each.quota_ids, each.ask) for each in routed.uncertain] == (
            [(judged.quota_ids, unanswered(survey, member))]
            if judged.verdict is Verdict.UNCERTAIN
            else []
        )


def test_a_session_takes_a_seat_in_every_quota_that_must_be_open(panel: Panel) -> None:
    """Of `one` and `two` the first is given; in `two` a seat of `b` is what would be given."""
    inner = Group((replace(FREE, id="b"), replace(FREE, id="c")), "")
    group = all_open(
        *(replace(quota(A, seats=2), id="one"), replace(quota(A, inner), id="two")),
        *(replace(quota(Not(A)), id="three"), replace(quota(TRUE, seats=1), id="four")),
    )
    router = matcher.Router(Plan((survey_of(TRUE, [group]),), panel.mapping), as_of=AS_OF)
    row = {"member_id": "m", "a": "x", "b": "x"}
    (offer,) = router.match(row)
    assert (offer.quota_ids, offer.seats) == (("one",), (("two",), ("two", "b"), ("four",)))
    held = router.reserve("m", offer.survey, offer.quota_ids, 60, offer.seats)
    assert held is not None
    assert not router.match(row)  # `four` is full
    again = matcher.Router.from_bytes(router.to_bytes(), as_of=AS_OF)
    assert again.complete(held.id)
    left = {quota.id: quota.remaining for quota in all_quotas(again.surveys[0].groups)}
    assert left == {"one": 1, "two": 4, "b": 4, "c": 5, "three": 5, "four": 0}
    assert router.reserve("n", offer.survey, offer.quota_ids, 60, offer.seats) is None
    assert router.release(held.id)
    assert router.reserve("n", offer.survey, offer.quota_ids, 60) is not None
    with pytest.raises(InputError, match="has no quota `two`, `d`"):
        router.reserve("o", offer.survey, offer.quota_ids, 60, [("two", "d")])


def member_of(**answers: str) -> Member:
    return Member("m", {name: (value,) for name, value in answers.items() if name in NAMES})


@pytest.mark.parametrize("parent", PARENTS)
def test_a_full_child_closes_its_parent_for_whoever_falls_into_it(parent: Quota) -> None:
    survey = survey_of(TRUE, [all_open(parent, quota(TRUE))])

    def verdict(**answers: str) -> tuple[Verdict, Reason]:
        judged = judge(survey, member_of(**answers))
        return judged.verdict, judged.reason

    assert verdict(a="x", b="x") == (Verdict.INELIGIBLE, Reason.QUOTA_FULL)
    for others in ({"a": "y"}, {"a": "x", "b": "y"}, {"b": "y"}, {"a": "y", "b": "x"}):
        assert verdict(**others) == (Verdict.ELIGIBLE, Reason.ADMITTED)
    for some in ({"a": "x"}, {"b": "x"}, {}):
        assert verdict(**some) == (Verdict.UNCERTAIN, Reason.QUOTA)
        asked = {"a", "b"} - {*some}
        assert set(unanswered(survey, member_of(**some))) == asked


def test_a_matched_quota_needs_no_match_in_what_only_excludes() -> None:
    """Of a full quota with a nested group that requires none, everyone of its rule is refused."""
    inner = all_open(quota(B))
    survey = survey_of(TRUE, [all_open(quota(A, inner, seats=0))])
    judged = judge(survey, member_of(a="x", b="y"))
    assert (judged.verdict, judged.reason) == (Verdict.INELIGIBLE, Reason.QUOTA_FULL)
    assert matches(survey.groups[0].quotas[0], member_of(a="x", b="y")) is Truth.TRUE
