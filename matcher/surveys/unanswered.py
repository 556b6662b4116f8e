"""Which attributes without an answer leave it open whether a survey is for a member."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from matcher.rules import And, Const, InIds, MemberView, Not, Or, Predicate, Rule, TookPart, Truth
from matcher.surveys.judge import admits, matches, refuses, takes
from matcher.surveys.survey import (
    Group,
    Quota,
    Regime,
    Survey,
)


def unanswered(survey: Survey, respondent: MemberView) -> tuple[str, ...]:
    """The unanswered attributes on which it depends whether an uncertain survey is for a member.

    In the order in which the survey asks for them. Where there is none, something else is not
    known: a list of ids, say, or what an answer that is not mapped stands for.
    """
    found: dict[str, None] = {}
    for rule in _in_doubt(survey, respondent):
        for predicate in unknown_predicates(rule, respondent):
            if not isinstance(predicate, InIds | TookPart | Const):
                found[predicate.attribute] = None
    return tuple(found)


def _in_doubt(survey: Survey, respondent: MemberView) -> Iterator[Rule]:
    """The rules on which it depends whether the survey admits."""
    yield from (clause.rule for clause in survey.gate)
    yield from _of_groups(survey.groups, respondent)


def _of_groups(groups: Iterable[Group], respondent: MemberView) -> Iterator[Rule]:
    for group in groups:
        yield from _of_group(group, respondent)


def _of_group(group: Group, respondent: MemberView) -> Iterator[Rule]:
    if admits(group, respondent) is not Truth.UNKNOWN:
        return
    taken = [takes(quota, respondent) for quota in group.quotas]
    needs_one = group.needs_match and Truth.TRUE not in taken
    for quota, truth in zip(group.quotas, taken, strict=True):
        if needs_one and truth is Truth.UNKNOWN:
            yield quota.rule
            yield from _of_groups(quota.groups, respondent)
        if group.regime is Regime.ALL_OPEN and refuses(quota, respondent) is Truth.UNKNOWN:
            yield from _of_match(quota, respondent)
            admitted = [admits(nested, respondent) for nested in quota.groups]
            if quota.open and Truth.FALSE not in admitted:
                yield from _of_groups(quota.groups, respondent)


def _of_match(quota: Quota, respondent: MemberView) -> Iterator[Rule]:
    """The rules on which it depends whether a member matches a quota."""
    if matches(quota, respondent) is not Truth.UNKNOWN:
        return
    yield quota.rule
    for group in quota.groups:
        if group.needs_match:
            for inner in group.quotas:
                yield from _of_match(inner, respondent)


def unknown_predicates(rule: Rule, respondent: MemberView) -> Iterator[Predicate | Const]:
    """The unknown predicates of an unknown rule, reached through what is unknown alone."""
    if respondent.truth(rule) is not Truth.UNKNOWN:
        return
    match rule:
        case And(rules) | Or(rules):
            for part in rules:
                yield from unknown_predicates(part, respondent)
        case Not(inner):
            yield from unknown_predicates(inner, respondent)
        case _:
            yield rule
