"""Rewrites keep all three truth values: for true, unknown and false members alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from matcher.rules import (
    FALSE,
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
    Predicate,
    Rule,
    Simplifier,
    StartsWith,
    TookPart,
    Truth,
    Unusable,
    evaluate,
    in_ranges,
    one_of,
)
from matcher.rules.simplify import (
    REWRITES,
    Rewrite,
    absorb,
    drop_double_not,
    drop_neutral,
    drop_repeated,
    flatten,
    fold_not_const,
    forget_empty,
    push_not_inwards,
    unite_values,
    unwrap_single,
)
from tests.support.rules import (
    compounds,
    consts,
    members,
    nodes,
    panels,
    rules,
    truths,
    united_predicates,
)

A, B, C = Answered("a"), Answered("b"), one_of("c", ("1",))
NOBODY = (one_of("c", ()), StartsWith("c", ()), in_ranges("c", []))


def within(
    kind: SearchStrategy[type[And] | type[Or]], *wanted: SearchStrategy[Rule]
) -> SearchStrategy[Rule]:
    """And or Or of the wanted rules, and of others, in any order."""
    others = st.lists(rules, max_size=2)
    parts = st.tuples(others, *wanted).map(lambda each: [*each[0], *each[1:]])
    return st.builds(lambda make, all_: make(tuple(all_)), kind, parts.flatmap(st.permutations))


AND, OR = st.just(And), st.just(Or)
EITHER: SearchStrategy[type[And] | type[Or]] = st.sampled_from([And, Or])

FIRING: dict[Rewrite, SearchStrategy[Rule]] = {
    fold_not_const: consts.map(Not),
    drop_double_not: rules.map(lambda rule: Not(Not(rule))),
    push_not_inwards: compounds.map(Not),
    flatten: within(AND, compounds.map(lambda each: And(each.rules)))
    | within(OR, compounds.map(lambda each: Or(each.rules))),
    drop_neutral: within(AND, st.just(TRUE)) | within(OR, st.just(FALSE)),
    absorb: within(AND, st.just(FALSE)) | within(OR, st.just(TRUE)),
    drop_repeated: st.tuples(EITHER, rules, st.lists(rules, max_size=2)).map(
        lambda each: each[0]((each[1], *each[2], each[1]))
    ),
    unite_values: st.one_of([within(OR, predicate, predicate) for predicate in united_predicates]),
    forget_empty: within(OR, st.just(UNKNOWN), st.sampled_from(NOBODY)),
    unwrap_single: st.tuples(EITHER, st.lists(rules, max_size=1)).map(
        lambda each: each[0](tuple(each[1]))
    ),
}
"""For every rewrite, rules that it applies to."""

CHANGES: list[tuple[Rewrite, Rule, Rule]] = [
    (fold_not_const, Not(UNKNOWN), UNKNOWN),
    (fold_not_const, Not(TRUE), FALSE),
    (drop_double_not, Not(Not(A)), A),
    (push_not_inwards, Not(And((A, B))), Or((Not(A), Not(B)))),
    (push_not_inwards, Not(Or((A, B))), And((Not(A), Not(B)))),
    (push_not_inwards, Not(And(())), Or(())),
    (flatten, And((A, And((B, C)))), And((A, B, C))),
    (flatten, Or((Or(()), A)), Or((A,))),
    (drop_neutral, And((A, TRUE)), And((A,))),
    (drop_neutral, Or((FALSE, A)), Or((A,))),
    (absorb, And((A, UNKNOWN, FALSE)), FALSE),
    (absorb, Or((A, UNKNOWN, TRUE)), TRUE),
    (drop_repeated, And((A, B, A)), And((A, B))),
    (drop_repeated, Or((B, A, A)), Or((B, A))),
    (unite_values, Or((C, A, one_of("c", ("2",)))), Or((one_of("c", ("1", "2")), A))),
    (
        unite_values,
        Or((StartsWith("p", ("10",)), StartsWith("p", ("1", "20")))),
        Or((StartsWith("p", ("1", "10", "20")),)),
    ),
    (
        unite_values,
        Or((in_ranges("n", [(18, 24)]), in_ranges("n", [(20, 31)]))),
        Or((in_ranges("n", [(18, 31)]),)),
    ),
    (forget_empty, Or((A, UNKNOWN, one_of("c", ()))), Or((A, UNKNOWN))),
    (unwrap_single, And((A,)), A),
    (unwrap_single, Or((A,)), A),
    (unwrap_single, And(()), TRUE),
    (unwrap_single, Or(()), FALSE),
]

STAYS: list[tuple[Rewrite, Rule]] = [
    (fold_not_const, Not(A)),
    (drop_double_not, Not(A)),
    (push_not_inwards, Not(A)),
    (flatten, And((A, Or((B, C))))),
    (drop_neutral, And((A, FALSE))),
    (drop_neutral, And((A, UNKNOWN))),
    (drop_neutral, Or((A, UNKNOWN))),
    (absorb, And((A, UNKNOWN))),
    (absorb, Or((A, FALSE))),
    (drop_repeated, And((A, Not(A)))),
    (unite_values, And((C, one_of("c", ("2",))))),
    (unite_values, Or((C, one_of("d", ("2",))))),
    (unite_values, Or((C, in_ranges("c", [(1, 1)])))),
    (forget_empty, And((UNKNOWN, one_of("c", ())))),
    (forget_empty, Or((A, one_of("c", ())))),
    (unwrap_single, And((A, B))),
]


def name_of(rewrite: object) -> str:
    return getattr(rewrite, "__name__", "")


def test_every_rewrite_has_rules_that_it_applies_to() -> None:
    assert set(FIRING) == set(REWRITES)


@pytest.mark.parametrize("rewrite", REWRITES, ids=name_of)
@given(data=st.data(), of=panels)
def test_a_rewrite_keeps_all_three_truth_values(
    rewrite: Rewrite, data: st.DataObject, of: list[Member]
) -> None:
    rule = data.draw(FIRING[rewrite])
    rewritten = rewrite(rule)
    assert rewritten is not None
    assert rewritten is not rule
    assert truths(rewritten, of) == truths(rule, of)


@given(rule=rules, of=panels)
def test_every_rewrite_keeps_truth_wherever_it_applies(rule: Rule, of: list[Member]) -> None:
    for node in nodes(rule):
        for rewrite in REWRITES:
            rewritten = rewrite(node)
            assert rewritten is None or truths(rewritten, of) == truths(node, of)


@pytest.mark.parametrize(("rewrite", "before", "after"), CHANGES, ids=name_of)
def test_a_rewrite_makes(rewrite: Rewrite, before: Rule, after: Rule) -> None:
    assert rewrite(before) is after


@pytest.mark.parametrize(("rewrite", "rule"), STAYS, ids=name_of)
def test_a_rewrite_leaves_alone(rewrite: Rewrite, rule: Rule) -> None:
    assert rewrite(rule) is None


@given(rule=rules, of=panels)
def test_a_simplified_rule_keeps_all_three_truth_values(rule: Rule, of: list[Member]) -> None:
    assert truths(Simplifier().simplify(rule), of) == truths(rule, of)


@given(rule=rules)
def test_negations_of_a_simplified_rule_are_of_predicates_only(rule: Rule) -> None:
    predicates = Predicate.__args__
    negated = [node.rule for node in nodes(Simplifier().simplify(rule)) if isinstance(node, Not)]
    assert all(isinstance(inner, predicates) for inner in negated)


@given(rule=rules)
def test_no_rewrite_applies_to_any_part_of_a_simplified_rule(rule: Rule) -> None:
    simplified = Simplifier().simplify(rule)
    left = [
        (name_of(rewrite), node)
        for node in nodes(simplified)
        for rewrite in REWRITES
        if rewrite(node) is not None
    ]
    assert not left


@given(rule=rules)
def test_a_simplified_rule_is_true_or_false_only_as_a_whole(rule: Rule) -> None:
    """The compiler relies on it: no register stands for everyone or for nobody."""
    first, *inner = nodes(Simplifier().simplify(rule))
    assert not any(node is TRUE or node is FALSE for node in inner)
    assert not any(isinstance(node, And | Or) and not node.rules for node in (first, *inner))


@given(several=st.lists(rules, max_size=5))
def test_a_simplifier_forgets_nothing_that_matters(several: list[Rule]) -> None:
    """Rules simplified together come out as they do alone."""
    shared = Simplifier()
    assert [shared.simplify(rule) for rule in several] == [
        Simplifier().simplify(rule) for rule in several
    ]


def test_holding_one_of_each_is_not_holding_one_of_both() -> None:
    """Wrong here: any(a, S) and any(a, T) = any(a, S and T)."""
    both = Member("m", {"hobbies": ("1", "2")})
    first, second = one_of("hobbies", ("1",)), one_of("hobbies", ("2",))
    assert evaluate(And((first, second)), both) is Truth.TRUE
    assert evaluate(one_of("hobbies", ()), both) is Truth.FALSE
    assert Simplifier().simplify(And((first, second))) is And((first, second))


def test_a_rule_and_its_opposite_are_not_false() -> None:
    """Wrong here: x and not x = false."""
    silent = Member("m", {})
    rule = one_of("hobbies", ("1",))
    assert evaluate(And((rule, Not(rule))), silent) is Truth.UNKNOWN
    assert Simplifier().simplify(And((rule, Not(rule)))) is And((rule, Not(rule)))


@given(rule=rules, member=members())
def test_not_turns_truth_around(rule: Rule, member: Member) -> None:
    """Semantics: not(unknown) = unknown."""
    opposite = {Truth.TRUE: Truth.FALSE, Truth.FALSE: Truth.TRUE, Truth.UNKNOWN: Truth.UNKNOWN}
    assert evaluate(Not(rule), member) is opposite[evaluate(rule, member)]


@given(rule=rules)
def test_equal_rules_are_one_object(rule: Rule) -> None:
    assert rebuilt(rule) is rule


def rebuilt(rule: Rule) -> Rule:
    match rule:
        case And(parts) | Or(parts):
            return type(rule)(tuple(rebuilt(part) for part in parts))
        case Not(inner):
            return Not(rebuilt(inner))
        case Const(truth):
            return Const(Truth(int(truth)))
        case Answered(attribute):
            return Answered(str(attribute))
        case InIds(marketplace, name):
            return InIds(marketplace, name)
        case TookPart(marketplace, scope, ids, outcomes):
            return TookPart(marketplace, scope, (*ids,), (*outcomes,))
        case InRanges(attribute, ranges):
            return InRanges(attribute, (*ranges,))
        case OneOf(attribute, texts) | StartsWith(attribute, texts) | Unusable(attribute, texts):
            return type(rule)(attribute, (*texts,))
