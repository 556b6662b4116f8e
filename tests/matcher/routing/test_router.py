"""The router gives what the reference evaluator gives, for every member and the whole inventory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import matcher
from matcher.marketplaces import read_id_list
from matcher.routing import Question, Router, RouterSizes
from matcher.rules import (
    TRUE,
    UNKNOWN,
    And,
    Answered,
    Member,
    Not,
    Or,
    Rule,
    Unusable,
    in_ranges,
    one_of,
    predicates_of,
)
from matcher.rules.evaluate import read_member
from matcher.surveys import (
    Choice,
    ChoiceStrategy,
    Clause,
    Group,
    Quota,
    Reason,
    Survey,
    Verdict,
    all_quotas,
    judge,
    make_choice,
    unanswered,
)
from profiles.errors import InputError
from profiles.schema import Attribute, Collections, Kind, PanelMapping, Participation, Schema
from profiles.schema.panel_file import parse_panel
from profiles.schema.participation import read_participation
from tests.support.reference import of_member
from tests.support.strategies import (
    AS_OF,
    Json,
    Members,
    Variation,
    members_with_history,
    payload,
    variations,
)

WHETHER = (Answered, Unusable)
SIZES = {
    "as they are": RouterSizes(),
    "small blocks": RouterSizes(first_block=1, largest_block=2, sparse=1, dense_block=0),
    "small blocks, few disjuncts": RouterSizes(
        max_disjuncts=3,
        first_block=2,
        largest_block=4,
        piece=8,
        row_bytes=0,
        fewest_rows=1,
        known_values=1,
        known_answers=1,
    ),
}


@pytest.fixture(scope="module", params=SIZES)
def sizes(request: pytest.FixtureRequest) -> RouterSizes:
    """Blocks of a disjunct or two, surveys judged whole beyond three, no room for rows."""
    return SIZES[request.param]


@dataclass
class Loaded:
    """What the program makes of a panel file and payloads, and members as the reference reads."""

    mapping: PanelMapping
    plan: matcher.Plan
    members: list[tuple[Mapping[str, object], Member]]
    history: list[Participation] | None

    def router(self, strategy: ChoiceStrategy, seed: int, sizes: RouterSizes) -> Router:
        history = None if self.history is None else partial(of_member, self.history)
        return Router(
            self.plan, choose=strategy, seed=seed, as_of=AS_OF, history=history, sizes=sizes
        )


def load(
    folder: Path, variation: Variation, surveys: Json, people: tuple[Members, Members]
) -> Loaded:
    of, took_part = people
    file = parse_panel(variation.tables(), folder / "panel.toml")
    (folder / "payload.json").write_bytes(orjson.dumps(surveys))
    plan = matcher.compile(matcher.load_surveys([folder / "payload.json"], file.mapping))
    history = [read_participation(row) for row in took_part.rows] if variation.history else None
    rows = of.table().to_pylist()
    members = [(row, read_member(file.mapping, row, AS_OF, history, read_id_list)) for row in rows]
    return Loaded(file.mapping, plan, members, history)


def best_first(surveys: Sequence[Survey]) -> list[Survey]:
    """Surveys in the order of `Router.match`."""
    return sorted(surveys, key=lambda each: (each.pay is None, -(each.pay or 0.0)))


def eligible(surveys: Sequence[Survey], member: Member, choice: Choice) -> list[object]:
    """What the reference says that a member may be sent to."""
    judged = [(survey.name, judge(survey, member, choice)) for survey in best_first(surveys)]
    return [(name, j.quota_ids) for name, j in judged if j.verdict is Verdict.ELIGIBLE]


def uncertain(surveys: Sequence[Survey], member: Member, choice: Choice) -> list[object]:
    """The surveys that the reference is uncertain of, with the quotas given all the same."""
    judged = [
        (survey.name, judge(survey, member, choice, uncertain=True))
        for survey in best_first(surveys)
    ]
    return [(name, j.quota_ids) for name, j in judged if j.verdict is Verdict.UNCERTAIN]


@given(
    strategy=st.sampled_from(
        [
            ChoiceStrategy.FIRST,
            ChoiceStrategy.FIRST,
            ChoiceStrategy.MOST_OPEN,
            ChoiceStrategy.BALANCED,
        ]
    ),
    variation=variations,
    surveys=payload(),
    people=members_with_history(),
    seed=st.integers(0, 3),
    limit=st.sampled_from([None, 1, 2]),
)
def test_every_member_is_routed_as_the_reference_has_it(
    folder: Path,
    sizes: RouterSizes,
    strategy: ChoiceStrategy,
    variation: Variation,
    surveys: Json,
    people: tuple[Members, Members],
    seed: int,
    limit: int | None,
) -> None:
    loaded = load(folder, variation, surveys, people)
    router = loaded.router(strategy, seed, sizes)
    choice = make_choice(strategy, seed)
    known = loaded.plan.surveys
    for _ in range(2):  # once with nothing remembered, once with all
        for row, member in loaded.members:
            routed = router.match(row, limit=limit)
            offers = [(each.survey, each.quota_ids) for each in routed.eligible]
            assert offers == eligible(known, member, choice)[:limit]
            unsure = [(each.survey, each.quota_ids) for each in routed.uncertain]
            assert unsure == uncertain(known, member, choice)[:limit]


@given(variation=variations, surveys=payload(), people=members_with_history())
def test_what_is_asked_is_what_the_verdict_depends_on(
    folder: Path, variation: Variation, surveys: Json, people: tuple[Members, Members]
) -> None:
    """Answers of another member to all else leave the verdict.

    But for attributes of which only whether there is an answer counts.
    """
    loaded = load(folder, variation, surveys, people)
    for survey in loaded.plan.surveys:
        rules = [clause.rule for clause in survey.gate]
        rules += [quota.rule for quota in all_quotas(survey.groups)]
        counts = {each.attribute for each in predicates_of(rules) if isinstance(each, WHETHER)}
        for _, member in loaded.members[:4]:
            if judge(survey, member).verdict is not Verdict.UNCERTAIN:
                continue
            missing = unanswered(survey, member)
            assert not set(missing) & set(member.answers)
            for _, other in loaded.members[:8]:
                more = {n: a for n, a in other.answers.items() if n not in {*missing, *counts}}
                answered = Member(
                    member.id, more | dict(member.answers), member.on_list, member.took_part
                )
                assert judge(survey, answered).verdict is Verdict.UNCERTAIN


def asking(id_: str, pay: float, seats: int, *attributes: str) -> Survey:
    """A survey for who answers "a" to each of some attributes."""
    rules = [one_of(name, ["a"]) for name in attributes]
    clauses = tuple(Clause(rule, Reason.FILTER, "/filters/0") for rule in rules)
    group = Group((Quota("q", TRUE, True, seats, "/quotas/0/0"),), "/quotas/0")
    return Survey("dynata", id_, True, clauses, (group,), pay)


@pytest.mark.parametrize(
    ("surveys", "question"),
    [
        ([asking("1", 2.0, 10, "x"), asking("2", 1.0, 19, "y")], ("x", 20.0, ["1"])),
        ([asking("1", 2.0, 10, "x"), asking("2", 1.0, 21, "y")], ("y", 21.0, ["2"])),
        (
            [asking("1", 2.0, 10, "x"), asking("2", 1.0, 11, "y"), asking("3", 1.0, 11, "y")],
            ("y", 22.0, ["2", "3"]),
        ),
        # One that settles a survey by itself goes before one that does not, and counts its part.
        ([asking("1", 9.0, 99, "x", "y"), asking("2", 1.0, 1, "z")], ("z", 1.0, ["2"])),
        ([asking("1", 9.0, 2, "x", "y"), asking("2", 1.0, 1, "y")], ("y", 10.0, ["1", "2"])),
        ([asking("1", 2.0, 10, "known")], None),
        ([asking("1", 2.0, 0, "x")], None),
    ],
)
def test_the_question_is_asked_that_may_open_most_value(
    surveys: list[Survey], question: tuple[str, float, list[str]] | None, sizes: RouterSizes
) -> None:
    """Seats times price, over the surveys that it may settle."""
    names = ("x", "y", "z", "known")
    schema = Schema({name: Attribute(name, Kind.SINGLE, name) for name in names}, {})
    mapping = PanelMapping(schema, {}, Collections())
    router = Router(matcher.Plan(tuple(surveys), mapping), as_of=AS_OF, sizes=sizes)
    member = {"member_id": "m", "known": "b"}
    found = router.next_question(member)
    if question is None:
        assert found is None
        return
    attribute, value, ids = question
    assert found == Question(attribute, value, tuple(f"dynata:{id_}" for id_ in ids))
    answered = router.match({**member, attribute: "a"})
    assert bool(answered.eligible)
    assert router.next_question({**member, **dict.fromkeys(names, "b")}) is None


RANGED = in_ranges("hobbies", [(3, 5)])
USABLE = [Not(Unusable("hobbies", (code,))) for code in ("a", "b")]
CHOSEN = [one_of("hobbies", [code]) for code in ("a", "b", "c")]
WHETHER_ANY = [Answered("hobbies"), Not(Answered("hobbies"))]


@given(
    gate=st.lists(st.sampled_from([*USABLE, *CHOSEN, *map(Not, CHOSEN), RANGED, *WHETHER_ANY])),
    rule=st.recursive(
        st.sampled_from([*USABLE, *CHOSEN, *map(Not, CHOSEN), RANGED, *WHETHER_ANY, UNKNOWN]),
        lambda rules: (
            st.builds(And, st.tuples(rules, rules)) | st.builds(Or, st.tuples(rules, rules))
        ),
        max_leaves=5,
    ),
    given_=st.none() | st.lists(st.sampled_from(["a", "b", "c", "4", "-5"]), max_size=3),
)
def test_conditions_on_one_attribute_may_be_any(
    gate: list[Rule], rule: Rule, given_: list[str] | None, sizes: RouterSizes
) -> None:
    """Rules that no marketplace lowers today, but a package of another may."""
    schema = Schema({"hobbies": Attribute("hobbies", Kind.MULTI, "hobbies")}, {})
    mapping = PanelMapping(schema, {}, Collections())
    clauses = tuple(Clause(each, Reason.FILTER, "/filters/0") for each in gate)
    group = Group((Quota("q", rule, True, 1, "/quotas/0/0"),), "/quotas/0")
    survey = Survey("dynata", "1", True, clauses, (group,))
    row = {"member_id": "m", "hobbies": given_}
    verdict = judge(survey, read_member(mapping, row, AS_OF)).verdict
    routed = Router(matcher.Plan((survey,), mapping), as_of=AS_OF, sizes=sizes).match(row)
    assert bool(routed.eligible) == (verdict is Verdict.ELIGIBLE)
    assert bool(routed.uncertain) == (verdict is Verdict.UNCERTAIN)


def test_a_plan_of_another_panel_is_refused() -> None:
    mapping = PanelMapping(Schema({}, {}), {}, Collections())
    clause = Clause(one_of("hobbies", ["a"]), Reason.FILTER, "/filters/0")
    group = Group((Quota("q", TRUE, True, 1, "/quotas/0/0"),), "/quotas/0")
    plan = matcher.Plan((Survey("dynata", "1", True, (clause,), (group,)),), mapping)
    with pytest.raises(InputError, match="no attribute `hobbies`, which the plan asks for"):
        Router(plan)


def test_a_plan_without_a_mapping_is_refused() -> None:
    with pytest.raises(InputError, match="needs a plan that knows the panel's mapping"):
        Router(matcher.Plan(()))


def test_a_panel_with_a_history_needs_one() -> None:
    mapping = PanelMapping(Schema({}, {}), {}, Collections(), history=True)
    with pytest.raises(InputError, match="a router needs `history`, too"):
        Router(matcher.Plan((), mapping))
