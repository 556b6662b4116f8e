"""The search finds a member exactly where there is one, and every member it finds is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, combinations, product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matcher.linting import LintEffort
from matcher.linting.solver import (
    UNDECIDED,
    Answer,
    Required,
    RequiredRule,
    Solver,
    Witness,
    satisfiable,
)
from matcher.linting.witness import history_of
from matcher.rules import (
    FALSE,
    INFINITY,
    TRUE,
    UNKNOWN,
    And,
    Answered,
    Const,
    InIds,
    InRanges,
    Member,
    Not,
    OneOf,
    Or,
    Rule,
    StartsWith,
    TookPart,
    Truth,
    Unusable,
    evaluate,
    in_ranges,
    one_of,
    predicates_of,
)
from profiles.schema import Answers, Attribute, Kind, Participation, Schema

KINDS = {
    "gender": Kind.SINGLE,
    "hobbies": Kind.MULTI,
    "age": Kind.BIRTH_DATE,
    "income": Kind.NUMBER,
    "cars": Kind.NUMBER,
    "postal_code": Kind.TEXT,
    "children": Kind.CHILDREN,
}
SCHEMA = Schema(
    {name: Attribute(name, kind, name) for name, kind in KINDS.items()}, {"country": "US"}
)
SEVERAL = frozenset({"cars"})
LISTS = ("dynata/invite/1", "dynata/invite/2")

M, F = one_of("gender", ["M"]), one_of("gender", ["F"])
READS, COOKS = one_of("hobbies", ["books"]), one_of("hobbies", ["cooking"])


def solve(*demands: RequiredRule) -> Answer:
    return satisfiable(demands, SCHEMA, SEVERAL)


def both(first: Rule, second: Rule) -> Answer:
    return solve((first, Required.TRUE), (second, Required.TRUE))


def test_a_single_answer_is_one_answer() -> None:
    assert both(M, F) is None
    assert isinstance(solve((M, Required.NOT_FALSE), (F, Required.NOT_FALSE)), Witness)


def test_a_member_without_an_answer_makes_both_unknown() -> None:
    found = solve((M, Required.NOT_FALSE), (F, Required.NOT_FALSE))
    assert isinstance(found, Witness)
    assert found.answers == {"country": ("US",)}


def test_several_answers_can_meet_both() -> None:
    found = both(READS, COOKS)
    assert isinstance(found, Witness)
    assert set(found.answers["hobbies"]) == {"books", "cooking"}


def test_the_empty_list_is_an_answer() -> None:
    found = both(Answered("hobbies"), Not(READS))
    assert isinstance(found, Witness)
    assert found.answers["hobbies"] == ()


def test_there_is_always_a_value_that_no_rule_mentions() -> None:
    assert isinstance(both(Not(M), Not(F)), Witness)


def test_ages_are_whole_years_and_numbers_are_not() -> None:
    between = And((in_ranges("age", [(0, 130)]), Not(in_ranges("age", [(0, 24), (25, 130)]))))
    assert solve((between, Required.TRUE)) is None
    between = And((in_ranges("income", [(0, 99)]), Not(in_ranges("income", [(0, 24), (25, 99)]))))
    assert isinstance(solve((between, Required.TRUE)), Witness)


def test_nobody_is_older_than_130() -> None:
    assert solve((in_ranges("age", [(131, INFINITY)]), Required.TRUE)) is None


def test_a_constant_is_the_only_answer() -> None:
    assert solve((one_of("country", ["GB"]), Required.NOT_FALSE)) is None
    assert solve((Answered("country"), Required.FALSE)) is None
    assert isinstance(solve((one_of("country", ["US"]), Required.TRUE)), Witness)


def test_one_child_holds_gender_and_age_together() -> None:
    girl_of_7, any_of_7 = one_of("children", ["2:7"]), one_of("children", ["*:7"])
    assert both(girl_of_7, Not(any_of_7)) is None
    found = both(any_of_7, Not(girl_of_7))
    assert isinstance(found, Witness)
    assert "*:7" in found.answers["children"]


def test_a_blank_value_is_held_by_nobody() -> None:
    assert solve((one_of("gender", [""]), Required.TRUE)) is None
    assert solve((one_of("postal_code", ["sw1a 1aa"]), Required.TRUE)) is None
    assert isinstance(solve((one_of("postal_code", ["SW1A1AA"]), Required.TRUE)), Witness)


def test_prefixes_nest() -> None:
    wide, narrow = StartsWith("postal_code", ("90",)), StartsWith("postal_code", ("902",))
    assert both(narrow, Not(wide)) is None
    assert isinstance(both(wide, Not(narrow)), Witness)
    assert both(StartsWith("postal_code", ("10",)), wide) is None


def test_a_code_and_its_number() -> None:
    """Of codes, those that read as plain decimal numbers are compared: "018" is 18 too."""
    assert isinstance(both(in_ranges("gender", [(18, 18)]), Not(one_of("gender", ["18"]))), Witness)
    assert both(in_ranges("gender", [(20, 30)]), one_of("gender", ["18", "x"])) is None


def test_unusable_answers_are_all_negative() -> None:
    """Unusable: every answer is a negative code, whether or not a rule mentions it."""
    for name in ("gender", "hobbies"):
        unusable = Unusable(name, ("none",))
        assert both(unusable, one_of(name, ["a"])) is None
        assert isinstance(both(unusable, Not(one_of(name, ["-1", "none"]))), Witness)
        assert isinstance(both(unusable, in_ranges(name, [(0, 0)])), Witness)
    found = both(Not(Unusable("hobbies", ())), one_of("hobbies", ["-1"]))
    assert isinstance(found, Witness)
    assert len(found.answers["hobbies"]) == 2
    child = both(Unusable("children", ("*:1",)), Not(one_of("children", ["-1:1"])))
    assert isinstance(child, Witness)


def test_a_choice_within_a_choice() -> None:
    inner = And((Or((M, READS)), Or((F, COOKS))))
    for other in (And((M, F)), And((READS, in_ranges("age", [(18, 24)])))):
        found = solve(
            (Or((inner, other)), Required.TRUE), (in_ranges("age", [(0, 9)]), Required.TRUE)
        )
        assert isinstance(found, Witness)


def test_a_list_of_ids_is_one_truth() -> None:
    on_it = InIds("dynata", LISTS[0])
    assert both(on_it, Not(on_it)) is None
    found = both(on_it, Not(InIds("dynata", LISTS[1])))
    assert isinstance(found, Witness)
    assert found.lists == {("dynata", LISTS[0]): True, ("dynata", LISTS[1]): False}


def test_what_cannot_be_told_apart_is_undecided() -> None:
    assert both(StartsWith("income", ("1",)), in_ranges("income", [(5, 20)])) is UNDECIDED


def test_steps_run_out() -> None:
    pairs = [Or((one_of(name, ["a"]), one_of(name, ["b"]))) for name in ("gender", "hobbies")]
    demands = [(Or((And((M, READS)), And((F, COOKS)))), Required.TRUE)]
    assert isinstance(satisfiable(demands, SCHEMA), Witness)
    assert satisfiable(demands, SCHEMA, effort=LintEffort(steps=1)) is UNDECIDED
    solver = Solver([M, F, *pairs], SCHEMA, effort=LintEffort(survey_steps=1))
    assert isinstance(solver.satisfiable([(M, Required.TRUE)]), Witness)
    assert solver.satisfiable([(M, Required.TRUE)]) is UNDECIDED


def test_an_unknown_attribute_is_refused() -> None:
    with pytest.raises(KeyError):
        solve((one_of("nothing", ["x"]), Required.TRUE))


def subsets(values: Sequence[str], most: int) -> Iterator[tuple[str, ...]]:
    return chain.from_iterable(combinations(values, size) for size in range(most + 1))


CODES = (
    "a",
    "b",
    "c",
    "1",
    "01",
    "2",
    "02",
    "3",
    "-1",
    "-01",
    "-2",
    "0.5",
    "+1.5",
    "-0",
    "0",
    "-0.5",
)
SOME_CODES = ("a", "b", "c", "1", "01", "2", "02", "3", "-1", "-01", "-2", "-0")
TEXTS = ("A", "AB", "ABC", "AC", "1", "12", "Z", "-", "-1", "-12", "-3", "-Z", "ABZ", "1Z")
NUMBERS = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
CHILDREN = [(f"{g}:{a}", f"*:{a}") for g in ("1", "2", "-1", "3", "-9") for a in range(4)]

DOMAINS: dict[str, list[Answers | None]] = {
    "gender": [None, *((code,) for code in CODES)],
    "hobbies": [None, *subsets(SOME_CODES, 5)],
    "age": [None, *((float(age),) for age in range(6)), (130.0,)],
    "income": [None, *((number,) for number in NUMBERS)],
    "cars": [None, *(tuple(each) for size in range(5) for each in combinations(NUMBERS, size))],
    "postal_code": [None, *((text,) for text in TEXTS)],
    "children": [
        None,
        *(tuple(chain.from_iterable(c)) for n in range(4) for c in combinations(CHILDREN, n)),
    ],
    "country": [("US",)],
}
"""Members who are everything that the rules below can tell apart."""

some_codes = st.lists(st.sampled_from(["a", "b", "1", "-1", ""]), max_size=3)
prefixes = st.lists(st.sampled_from(["A", "AB", "1", "-", "", "-1"]), max_size=3)
ends = st.sampled_from([-INFINITY, -1.0, 0.0, 1.0, 2.0, INFINITY])
bounds = st.lists(st.tuples(ends, ends), max_size=2)
ages = st.lists(st.tuples(st.sampled_from([-INFINITY, 0.0, 1.0, 1.5, 3.0]), ends), max_size=2)
child_codes = st.lists(
    st.sampled_from(["1:0", "1:1", "2:1", "*:1", "*:2", "-1:1", "x"]), max_size=3
)

APART = (
    TookPart("dynata", "survey", ("3",), ("complete",)),
    TookPart("dynata", "project", ("3",), ("complete",)),
    TookPart("toluna", "wave", ("3/1",), ("complete",)),
)
"""Leaves that no participation has in common."""

ENTANGLED = (
    *APART,
    TookPart("dynata", "survey", ("1",), ("complete", "started")),
    TookPart("dynata", "survey", ("1",), ("started",)),
    TookPart("dynata", "survey", ("1", "2"), ("started",)),
    TookPart("toluna", "survey", ("1",), ("complete",)),
    TookPart("toluna", "wave", ("1/1", "1/2"), ("complete",)),
)

code_predicates = st.sampled_from(["gender", "hobbies"]).flatmap(
    lambda name: st.one_of(
        st.builds(one_of, st.just(name), some_codes),
        st.builds(in_ranges, st.just(name), bounds),
        st.builds(Unusable, st.just(name), some_codes.map(tuple)),
        st.just(Answered(name)),
    )
)
number_predicates = st.sampled_from(["income", "cars"]).flatmap(
    lambda name: st.one_of(
        st.builds(in_ranges, st.just(name), bounds),
        st.just(Unusable(name, ())),
        st.just(Answered(name)),
    )
)
other_predicates = st.one_of(
    st.builds(in_ranges, st.just("age"), ages),
    st.builds(lambda texts: StartsWith("postal_code", tuple(sorted(set(texts)))), prefixes),
    st.builds(one_of, st.just("postal_code"), st.lists(st.sampled_from(["A", "1", "-1"]))),
    st.just(Unusable("postal_code", ("A",))),
    st.builds(one_of, st.just("children"), child_codes),
    st.builds(Unusable, st.just("children"), child_codes.map(tuple)),
    st.just(Answered("children")),
    st.builds(one_of, st.just("country"), st.lists(st.sampled_from(["US", "GB"]))),
    st.sampled_from([InIds("dynata", name) for name in LISTS]),
    st.sampled_from(APART),
    st.sampled_from(list(Truth)).map(Const),
)
predicates = st.one_of(code_predicates, code_predicates, number_predicates, other_predicates)


def grow(inner: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    parts = st.lists(inner, max_size=3).map(tuple)
    return st.one_of(inner.map(Not), parts.map(And), parts.map(Or))


rules = st.recursive(predicates, grow, max_leaves=8)
wanted = st.sampled_from(list(Required))
demand_lists = st.lists(st.tuples(rules, wanted), min_size=1, max_size=4)
one_attribute = st.one_of(code_predicates, number_predicates, other_predicates).flatmap(
    lambda first: st.lists(
        st.tuples(
            st.recursive(
                predicates.filter(lambda predicate: attributes([predicate]) <= attributes([first]))
                | st.just(first),
                grow,
                max_leaves=5,
            ),
            wanted,
        ),
        min_size=1,
        max_size=4,
    )
)


def attributes(rules_: Sequence[Rule]) -> set[str]:
    others = InIds | TookPart
    return {
        predicate.attribute
        for predicate in predicates_of(rules_)
        if not isinstance(predicate, others)
    }


def meets(demands: Sequence[RequiredRule], member: Member) -> bool:
    return all(truths.allows(evaluate(rule, member)) for rule, truths in demands)


def members(rules_: Sequence[Rule]) -> Iterator[Member]:
    """All that the rules can tell apart, of their attributes and lists."""
    names = sorted(attributes(rules_))
    listed = sorted(
        {predicate.name for predicate in predicates_of(rules_) if isinstance(predicate, InIds)}
    )
    for values in product(*(DOMAINS[name] for name in names)):
        answers = {n: each for n, each in zip(names, values, strict=True) if each is not None}
        for known in product((True, False, None), repeat=len(listed)):
            on = {("dynata", name): each for name, each in zip(listed, known, strict=True)}
            lists = {key: each for key, each in on.items() if each is not None}
            for history in histories(rules_):
                yield Witness(answers, lists, history).member()


def histories(rules_: Sequence[Rule]) -> Iterator[tuple[Participation, ...]]:
    """Every set of participations that predicates are about, one by one."""
    found = sorted(
        {
            (predicate.marketplace, predicate.scope, id_, outcome)
            for predicate in predicates_of(rules_)
            if isinstance(predicate, TookPart)
            for id_ in predicate.ids
            for outcome in predicate.outcomes
        }
    )
    rows = [next(history_of([TookPart(m, s, (i,), (o,))], [])) for m, s, i, o in found]
    for taken in product((True, False), repeat=len(rows)):
        yield tuple(row for row, there in zip(rows, taken, strict=True) if there)


def size(rules_: Sequence[Rule]) -> int:
    total = 1
    for name in attributes(rules_):
        total *= len(DOMAINS[name])
    return total


@given(demand_lists)
def test_a_witness_meets_the_demands(demands: list[RequiredRule]) -> None:
    found = solve(*demands)
    assert found is not UNDECIDED
    if isinstance(found, Witness):
        assert meets(demands, found.member())


@settings(suppress_health_check=[*settings().suppress_health_check, HealthCheck.filter_too_much])
@given(st.one_of(demand_lists, one_attribute).filter(lambda d: size([r for r, _ in d]) <= 20_000))
def test_there_is_a_witness_exactly_where_there_is_a_member(demands: list[RequiredRule]) -> None:
    found = solve(*demands)
    there_is = any(meets(demands, member) for member in members([rule for rule, _ in demands]))
    assert isinstance(found, Witness) == there_is
    assert (found is None) == (not there_is)


@given(st.lists(st.tuples(st.recursive(st.sampled_from(ENTANGLED), grow), wanted), min_size=1))
def test_of_leaves_about_the_same_participations_nothing_wrong_is_said(
    demands: list[RequiredRule],
) -> None:
    found = solve(*demands)
    there_is = any(meets(demands, member) for member in members([rule for rule, _ in demands]))
    assert found is UNDECIDED or isinstance(found, Witness) == there_is


@given(demand_lists, demand_lists)
def test_questions_build_on_what_is_given(
    first: list[RequiredRule], second: list[RequiredRule]
) -> None:
    solver = Solver([rule for rule, _ in first + second], SCHEMA, SEVERAL)
    prepared = solver.given(first)
    together = solve(*first, *second)
    if prepared is None:
        assert together is None
    else:
        assert (solver.satisfiable(second, prepared) is None) == (together is None)


@given(rules)
def test_a_rule_is_always_something(rule: Rule) -> None:
    at_all = [solve((rule, Required.TRUE)), solve((rule, Required.NOT_TRUE))]
    assert any(isinstance(found, Witness) for found in at_all)
    assert solve((rule, Required.TRUE), (rule, Required.NOT_TRUE)) is None
    assert solve((rule, Required.FALSE), (rule, Required.NOT_FALSE)) is None


def test_constants() -> None:
    assert solve((UNKNOWN, Required.TRUE)) is None
    assert solve((UNKNOWN, Required.FALSE)) is None
    assert isinstance(solve((UNKNOWN, Required.NOT_TRUE), (UNKNOWN, Required.NOT_FALSE)), Witness)
    assert solve((And((TRUE, UNKNOWN)), Required.TRUE)) is None
    assert solve((Or((FALSE, UNKNOWN)), Required.FALSE)) is None


def test_a_range_of_no_numbers() -> None:
    assert solve((InRanges("income", ()), Required.TRUE)) is None
    assert isinstance(solve((OneOf("hobbies", ()), Required.NOT_FALSE)), Witness)
