"""Explanations: the verdict of the reference, its conditions in the payload, the nearest miss."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import replace
from itertools import combinations
from math import comb
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import matcher
from matcher.explanation import AnswerChange, Condition, Explanation, Opening, explain
from matcher.explanation.explanation import conditions, quotas
from matcher.marketplaces import marketplaces, read_id_list
from matcher.rules import (
    TRUE,
    UNKNOWN,
    And,
    Answered,
    Member,
    Not,
    Or,
    Predicate,
    Rule,
    Truth,
    Unusable,
    evaluate,
    one_of,
)
from matcher.rules.evaluate import read_member
from matcher.surveys import (
    Balanced,
    Choice,
    Clause,
    First,
    Group,
    Quota,
    Reason,
    Regime,
    Survey,
    Verdict,
    judge,
)
from matcher.surveys.choice import MostOpen
from profiles.schema import PanelMapping
from profiles.schema.panel_file import parse_panel
from profiles.schema.participation import read_participation
from tests.support.corpus import Case, prepare
from tests.support.rules import members, predicates
from tests.support.strategies import (
    AS_OF,
    Json,
    Members,
    Variation,
    members_with_history,
    payload,
    variations,
)
from tests.system.test_conformance import each_judged, survey_of

MOST = 200
"""So many smaller sets of changes are tried, at most."""


# --- changing a survey by hand


class Changed:
    """A survey in which some conditions are true and some quotas open, whatever they were."""

    def __init__(self, survey: Survey, changes: Collection[Hashable]) -> None:
        self._survey = survey
        self._changes = changes
        self._named = {rule for rule, _ in survey.origins}

    def survey(self) -> Survey:
        survey = self._survey
        if "open" in self._changes:
            survey = replace(survey, live=True, remaining=None)
        return replace(
            survey,
            gate=tuple(replace(each, rule=self._of(each)) for each in survey.gate),
            groups=tuple(map(self._group, survey.groups)),
        )

    def _group(self, group: Group) -> Group:
        return replace(group, quotas=tuple(map(self._quota, group.quotas)))

    def _quota(self, quota: Quota) -> Quota:
        groups = tuple(map(self._group, quota.groups))
        changed = replace(quota, rule=self._of(quota), groups=groups)
        if ("open", quota.pointer) in self._changes:
            return replace(changed, live=True, remaining=1)
        return changed

    def _of(self, part: Clause | Quota) -> Rule:
        inside = [
            pointer
            for rule, pointer in self._survey.origins
            if rule is UNKNOWN and pointer.startswith(f"{part.pointer}/")
        ]
        if isinstance(part, Clause) and part.reason is not Reason.FILTER:
            return (
                TRUE
                if key_of(self._survey, part.rule, part.pointer) in self._changes
                else part.rule
            )
        return self._changed(part.rule, part.pointer, inside)

    def _changed(self, rule: Rule, at: str, inside: list[str]) -> Rule:
        if isinstance(rule, And | Or) and rule not in self._named and self._made_up(rule):
            return type(rule)(tuple(self._changed(each, at, inside) for each in rule.rules))
        place = at
        if rule is UNKNOWN and UNKNOWN in self._named:
            place = inside.pop(0) if inside else places_of(self._survey, UNKNOWN)[0]
        return TRUE if key_of(self._survey, rule, place) in self._changes else rule

    def _made_up(self, rule: Rule) -> bool:
        if rule in self._named:
            return True
        return isinstance(rule, And | Or) and any(map(self._made_up, rule.rules))


def places_of(survey: Survey, rule: Rule) -> list[str]:
    return [pointer for each, pointer in survey.origins if each is rule]


def key_of(survey: Survey, rule: Rule, at: str) -> Hashable:
    """What a condition is known by: all rules of one cell, and all cells of one rule, are one."""
    if rule is UNKNOWN:
        return at
    known = set(places_of(survey, rule))
    if not known:
        return rule
    size = 0
    while size < len(known):
        size = len(known)
        rules = {each for each, place in survey.origins if place in known} - {UNKNOWN}
        known |= {place for each, place in survey.origins if each in rules}
    return frozenset(known)


def key_of_change(survey: Survey, change: AnswerChange) -> Hashable:
    if isinstance(change, Opening):
        return "open" if change.quota_id is None else ("open", change.pointer)
    return key_of(survey, change.rule, change.pointers[0])


def all_changes(survey: Survey, found: Explanation) -> set[Hashable]:
    """Everything that might change."""
    parts = [clause.part for clause in found.gate] + [each.part for each in quotas(found.groups)]
    changes: list[AnswerChange] = [each for part in parts for each in conditions(part)]
    changes = [each for each in changes if isinstance(each, Condition) and each.truth < Truth.TRUE]
    changes += [Opening(each.pointer, each.id) for each in quotas(found.groups) if not each.open]
    changes += [] if survey.open else [Opening("")]
    return {key_of_change(survey, each) for each in changes}


def is_eligible(survey: Survey, member: Member, changes: Collection[Hashable]) -> bool:
    return judge(Changed(survey, changes).survey(), member).verdict is Verdict.ELIGIBLE


def check_nearest_miss(survey: Survey, member: Member, found: Explanation) -> None:
    """The changes suffice, and no fewer do."""
    every = sorted(all_changes(survey, found), key=repr)
    if found.nearest_miss is None:
        assert not is_eligible(survey, member, every)
        return
    changes = {key_of_change(survey, each) for each in found.nearest_miss}
    assert len(changes) == len(found.nearest_miss)
    assert is_eligible(survey, member, changes)
    assert (found.verdict is Verdict.ELIGIBLE) == (not changes)
    for size in range(len(changes)):
        if comb(len(every), size) > MOST:
            return
        for fewer in combinations(every, size):
            assert not is_eligible(survey, member, fewer), fewer


def test_a_change_that_makes_a_closed_quota_match_is_not_the_nearest() -> None:
    """RFG: every quota that a member matches must be open."""
    women, cats = one_of("gender", ["F"]), one_of("pets", ["cat"])
    gate = (Clause(Or((women, cats)), Reason.FILTER, "/filters/0"),)
    closed = Quota("1", women, True, 0, "/quotas/0")
    group = Group((closed,), "/quotas", Regime.ALL_OPEN)
    origins = ((women, "/cells/0"), (cats, "/cells/1"))
    survey = Survey("any", "1", True, gate, (group,), origins=origins)
    member = Member("m", {"gender": ("M",), "pets": ()})
    (change,) = explain(survey, member).nearest_miss or ()
    assert isinstance(change, Condition)
    assert change.pointers == ("/cells/1",)
    assert dict(change.answers) == {"pets": ()}


def test_a_condition_that_appears_twice_counts_once() -> None:
    women, cats, dogs = (one_of("any", [value]) for value in ("F", "cat", "dog"))
    gate = (
        Clause(Or((cats, women)), Reason.FILTER, "/filters/0"),
        Clause(Or((women, dogs)), Reason.FILTER, "/filters/1"),
    )
    origins = ((women, "/cells/0"), (cats, "/cells/1"), (dogs, "/cells/2"))
    survey = Survey("any", "1", True, gate, (), origins=origins)
    (change,) = explain(survey, Member("m", {})).nearest_miss or ()
    assert isinstance(change, Condition)
    assert change.pointers == ("/cells/0",)


def test_a_group_without_quotas_admits_nobody_whatever_changes() -> None:
    survey = Survey("any", "1", True, (), (Group((), "/quotas"),))
    assert explain(survey, Member("m", {})).nearest_miss is None


def test_what_would_fall_into_a_full_child_is_avoided_or_the_child_opens() -> None:
    """`men` is closed for men who are young: they can do nothing; others must not become both."""
    men, young = one_of("gender", ["M"]), one_of("age", ["young"])
    child = Quota("y", young, True, 0, "/quotas/0/0/0")
    parent = Quota("m", men, True, 5, "/quotas/0", (Group((child,), "/quotas/0/0"),))
    free = Quota("f", Not(men), True, 5, "/quotas/1")
    group = Group((parent, free), "/quotas", Regime.ALL_OPEN)
    survey = Survey("any", "1", True, (Clause(young, Reason.FILTER, "/filters/0"),), (group,))
    found = explain(survey, Member("m", {"gender": ("M",), "age": ("young",)}))
    assert found.reason is Reason.QUOTA_FULL
    assert found.nearest_miss == (Opening("/quotas/0/0/0", "y"),)
    old = explain(survey, Member("m", {"gender": ("M",), "age": ("old",)})).nearest_miss or ()
    assert [type(change) for change in old] == [Condition, Opening]
    woman = explain(survey, Member("m", {"gender": ("F",), "age": ("old",)})).nearest_miss or ()
    assert [type(change) for change in woman] == [Condition]


def test_a_full_quota_that_a_member_matches_is_nearer_than_another_answer() -> None:
    men, women = one_of("gender", ["M"]), one_of("gender", ["F"])
    group = Group(
        (Quota("f", women, True, 5, "/quotas/0/0"), Quota("m", men, True, 0, "/quotas/0/1")),
        "/quotas/0",
    )
    survey = Survey("any", "1", True, (), (group,))
    found = explain(survey, Member("m", {"gender": ("M",)}))
    assert found.reason is Reason.QUOTA_FULL
    assert found.nearest_miss == (Opening("/quotas/0/1", "m"),)


# --- surveys straight in the algebra: every nesting and regime, conditions that appear twice


def _rule(pool: list[Rule]) -> SearchStrategy[Rule]:
    some = st.lists(st.sampled_from(pool), max_size=3).map(tuple)
    deep = st.lists(st.one_of(some.map(And), some.map(Or), st.sampled_from(pool)), max_size=3)
    return st.one_of(st.sampled_from(pool), some.map(And), deep.map(lambda each: Or(tuple(each))))


@st.composite
def _groups(draw: st.DrawFn, pool: list[Rule], at: str, depth: int) -> tuple[Group, ...]:
    groups = []
    for number in range(draw(st.integers(0, 2))):
        pointer = f"{at}/groups/{number}"
        made = []
        for place in range(draw(st.integers(0 if depth else 1, 3))):
            inner = f"{pointer}/{place}"
            nested = draw(_groups(pool, inner, depth - 1)) if depth else ()
            live, seats = draw(st.sampled_from([(True, 1), (True, 2), (False, 1), (True, 0)]))
            made.append(Quota(f"q{place}", draw(_rule(pool)), live, seats, inner, nested))
        regime = draw(st.sampled_from(Regime))
        required = regime is Regime.ALL_OPEN and draw(st.booleans())
        groups.append(Group(tuple(made), pointer, regime, required))
    return tuple(groups)


@st.composite
def surveys(draw: st.DrawFn, of: SearchStrategy[Predicate] = predicates) -> Survey:
    pool: list[Rule] = draw(st.lists(of, min_size=1, max_size=5, unique=True))
    pool += draw(st.sampled_from([[], [UNKNOWN]]))
    named = draw(st.sampled_from([pool, pool, pool[1:]]))
    reasons = st.sampled_from([Reason.FILTER, Reason.FILTER, Reason.DEVICE])
    gate = tuple(
        Clause(draw(_rule(pool)), draw(reasons), f"/gate/{number}")
        for number in range(draw(st.integers(0, 3)))
    )
    origins = tuple((rule, f"/cells/{number}") for number, rule in enumerate(named))
    groups = draw(_groups(pool, "", draw(st.integers(0, 1))))
    remaining = draw(st.sampled_from([None, 5, 5, 0]))
    return Survey("any", "1", True, gate, groups, remaining=remaining, origins=origins)


@settings(max_examples=4 * settings().max_examples)
@given(survey=surveys(), member=members())
def test_nothing_smaller_than_the_nearest_miss_makes_a_member_eligible(
    survey: Survey, member: Member
) -> None:
    check_nearest_miss(survey, member, explain(survey, member))


_monotone = predicates.filter(lambda predicate: not isinstance(predicate, Answered | Unusable))


@settings(max_examples=6 * settings().max_examples)
@given(survey=surveys(_monotone), member=members(), other=members())
def test_what_is_asked_is_all_that_an_uncertain_member_could_answer(
    survey: Survey, member: Member, other: Member
) -> None:
    """Whatever else they answer, they stay uncertain."""
    found = explain(survey, member)
    assert not set(found.ask) & set(member.answers)
    if found.verdict is not Verdict.UNCERTAIN:
        assert not found.ask
        return
    more = {name: each for name, each in other.answers.items() if name not in found.ask}
    answered = replace(member, answers={**more, **member.answers})
    assert judge(survey, answered).verdict is Verdict.UNCERTAIN


def test_only_what_the_verdict_hangs_on_is_asked() -> None:
    """An Or that is true already, and an And that is false, ask nothing."""
    asked, women = one_of("pets", ["cat"]), one_of("gender", ["F"])
    other, men = one_of("hobbies", ["x"]), one_of("gender", ["M"])
    gate = (
        Clause(Or((men, other)), Reason.FILTER, "/filters/0"),
        Clause(Or((And((women, other)), Not(asked))), Reason.FILTER, "/filters/1"),
    )
    survey = Survey("any", "1", True, gate, ())
    assert explain(survey, Member("m", {"gender": ("M",)})).ask == ("pets",)


# --- payloads as marketplaces send them


def load(
    folder: Path, variation: Variation, sent: Json, people: tuple[Members, Members]
) -> tuple[PanelMapping, tuple[Survey, ...], list[Member]]:
    of, took_part = people
    mapping = parse_panel(variation.tables(), folder / "panel.toml").mapping
    (folder / "payload.json").write_bytes(orjson.dumps(sent))
    loaded = matcher.load_surveys([folder / "payload.json"], mapping)
    known = [read_participation(row) for row in took_part.rows] if variation.history else None
    some = [read_member(mapping, row, AS_OF, known, read_id_list) for row in of.rows[:3]]
    return mapping, loaded.surveys, some


choices: SearchStrategy[Choice] = st.sampled_from([First(), MostOpen(), Balanced(1)])


@given(
    variation=variations,
    sent=payload(),
    people=members_with_history(),
    choice=choices,
    uncertain=st.booleans(),
)
def test_verdict_reason_and_quotas_are_those_of_the_reference(
    folder: Path,
    variation: Variation,
    sent: Json,
    people: tuple[Members, Members],
    choice: Choice,
    uncertain: bool,
) -> None:
    mapping, lowered, some = load(folder, variation, sent, people)
    for survey in lowered:
        for member in some:
            found = explain(survey, member, mapping, choice, uncertain=uncertain)
            judged = judge(survey, member, choice, uncertain=uncertain)
            assert found.survey == survey.name
            assert (found.member_id, found.verdict) == (member.id, judged.verdict)
            assert (found.reason, found.quota_ids) == (judged.reason, judged.quota_ids)
            for part in [c.part for c in found.gate] + [q.part for q in quotas(found.groups)]:
                for each in conditions(part):
                    assert each.truth is evaluate(each.rule, member)
                    assert each.asks
                    assert (
                        dict(each.answers).items()
                        >= {name: member.answers.get(name) for name, _ in each.answers}.items()
                    )
            check_nearest_miss(survey, member, found)


# --- outcome codes

OUTCOMES: dict[str, dict[Reason, str]] = {
    "dynata": {
        Reason.STATUS: "3/10",
        Reason.COUNTRY: "2/3",
        Reason.LANGUAGE: "2/4",
        Reason.DEVICE: "2/5",
        Reason.FILTER: "2/6",
        Reason.QUOTA_FULL: "3/20",
        Reason.EXCLUDED_CATEGORY: "4/2",
        Reason.EXCLUDED_PROJECT: "4/3",
        Reason.TAKEN: "4/4",
    },
    "toluna": {
        Reason.STATUS: "9",
        Reason.FILTER: "16",
        Reason.QUOTA: "16",
        Reason.QUOTA_FULL: "28",
        Reason.EXCLUDED_SURVEY: "30",
        Reason.DEVICE: "31",
        Reason.TAKEN: "38",
    },
    "rfg": {},
}


@pytest.mark.parametrize("marketplace", OUTCOMES)
def test_outcome_codes_are_the_marketplaces(marketplace: str) -> None:
    """Semantics: Dynata 2/7 and 2/8 are deprecated and never predicted."""
    table = marketplaces()[marketplace].rejection_codes
    assert {reason: each.code for reason, each in table.items()} == OUTCOMES[marketplace]
    assert all(each.text for each in table.values())


# --- the corpus


@each_judged
def test_the_corpus_is_explained(case: Case, tmp_path: Path) -> None:
    prepared = prepare(case, tmp_path)
    survey, mapping = survey_of(prepared), prepared.file.mapping
    history = None
    if case.history is not None:
        history = [read_participation(row) for row in case.history]
    for row in case.members:
        member = read_member(mapping, row, case.as_of, history, read_id_list)
        found, expected = explain(survey, member, mapping), case.expect[member.id]
        assert found.verdict == expected.verdict
        assert (found.reason, found.quota_ids) == (expected.reason, expected.quota_ids)
        check_nearest_miss(survey, member, found)
        code = found.outcome and found.outcome.code
        out = found.verdict is Verdict.INELIGIBLE
        assert code == (OUTCOMES[survey.marketplace].get(found.reason) if out else None)
