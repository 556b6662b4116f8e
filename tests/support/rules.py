"""Generated rules and members, straight in the algebra, whatever a marketplace could send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from matcher.rules import (
    FALSE,
    INFINITY,
    TRUE,
    UNKNOWN,
    And,
    Answered,
    InIds,
    Member,
    Not,
    Or,
    Predicate,
    Rule,
    StartsWith,
    TookPart,
    Truth,
    Unusable,
    evaluate,
    in_ranges,
    one_of,
)
from profiles.schema import Answers, Participation, took_part_in

CODES = ("1", "2", "18", "-5", "x")
NUMBERS = (-5.0, 0.0, 18.0, 24.0, 24.5)
TEXTS = ("1000", "10115", "EC1A1BB", "-5")
IDS = ("dynata/invite/1", "dynata/invite/2")
SURVEYS = ("1", "2", "3")
HISTORY = tuple(
    Participation("m", marketplace, outcome, survey_id, project_id="1")
    for marketplace in ("dynata", "rfg")
    for outcome in ("started", "complete")
    for survey_id in SURVEYS
)
CODED = ("gender", "hobbies")
NUMBER, TEXT = "age", "postal_code"

consts = st.sampled_from([TRUE, FALSE, UNKNOWN])


def _subsets(values: tuple[str, ...]) -> SearchStrategy[tuple[str, ...]]:
    return st.sets(st.sampled_from(values), max_size=3).map(lambda found: tuple(sorted(found)))


_ends = st.sampled_from([-INFINITY, *NUMBERS, INFINITY])
_ranges = st.lists(st.tuples(_ends, _ends), max_size=3)
_parts_taken = st.builds(
    TookPart,
    st.sampled_from(["dynata", "rfg"]),
    st.sampled_from(["survey", "project"]),
    _subsets(SURVEYS),
    _subsets(("started", "complete")),
)
united_leaves: tuple[SearchStrategy[Predicate], ...] = (
    st.builds(one_of, st.just("hobbies"), _subsets(CODES)),
    st.builds(lambda each: StartsWith(TEXT, each), _subsets(("", "1", "10", "EC1"))),
    st.builds(in_ranges, st.just(NUMBER), _ranges),
    st.builds(lambda each: TookPart("dynata", "survey", each, ("complete",)), _subsets(SURVEYS)),
)
"""Kinds of leaves that a union of two of one attribute makes one of."""

leaves: SearchStrategy[Predicate] = st.one_of(
    *united_leaves,
    st.builds(one_of, st.sampled_from(CODED), _subsets(CODES)),
    st.builds(in_ranges, st.sampled_from(CODED), _ranges),
    st.sampled_from([Answered(name) for name in (*CODED, NUMBER, TEXT)]),
    st.builds(lambda name, codes: Unusable(name, codes), st.sampled_from(CODED), _subsets(CODES)),
    st.just(Unusable(NUMBER, ())),
    st.sampled_from([InIds("dynata", name) for name in IDS]),
    _parts_taken,
)


def _compound(inner: SearchStrategy[Rule]) -> SearchStrategy[Rule]:
    some = st.lists(inner, max_size=4).map(tuple)
    return st.one_of(inner.map(Not), some.map(And), some.map(Or))


rules: SearchStrategy[Rule] = st.recursive(st.one_of(leaves, consts), _compound, max_leaves=8)
_parts: SearchStrategy[tuple[Rule, ...]] = st.lists(rules, max_size=3).map(tuple)
compounds: SearchStrategy[And | Or] = st.one_of(_parts.map(And), _parts.map(Or))


@st.composite
def members(draw: st.DrawFn) -> Member:
    """A member with no, one or several answers to everything, on lists or not, or who knows.

    Everything of what they took part in is known, or nothing.
    """
    of_kind: dict[str, SearchStrategy[list[Any]]] = {
        "gender": st.lists(st.sampled_from(CODES), min_size=1, max_size=1),
        "hobbies": st.lists(st.sampled_from(CODES), max_size=3),
        NUMBER: st.lists(st.sampled_from(NUMBERS), max_size=2),
        TEXT: st.lists(st.sampled_from(TEXTS), min_size=1, max_size=1),
    }
    answers: dict[str, Answers] = {}
    for name, strategy in of_kind.items():
        if draw(st.booleans()):
            answers[name] = tuple(draw(strategy))
    on = {name: draw(st.sampled_from([True, False, None])) for name in IDS}
    history = draw(st.none() | st.lists(st.sampled_from(HISTORY), max_size=3))

    def took_part(*of: Any) -> bool | None:
        return None if history is None else took_part_in(history, *of)

    return Member("m", answers, lambda _marketplace, name: on[name], took_part)


panels = st.lists(members(), min_size=1, max_size=6)


def truths(rule: Rule, of: list[Member]) -> list[Truth]:
    """The truth of a rule for each member."""
    return [evaluate(rule, member) for member in of]


def nodes(rule: Rule) -> Iterator[Rule]:
    """A rule and every rule within it."""
    yield rule
    match rule:
        case And(parts) | Or(parts):
            for part in parts:
                yield from nodes(part)
        case Not(inner):
            yield from nodes(inner)
