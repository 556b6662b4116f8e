"""Which attributes without an answer leave it open whether a survey is for a member."""

from __future__ import annotations

from collections.abc import Iterator

from matcher.rules import And, Const, InIds, MemberView, Not, Or, Predicate, Rule, TookPart, Truth
from matcher.surveys.judge import admits, matches, takes
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
    for group in survey.groups:
        yield from _of_group(group, respondent)


def _of_group(group: Group, respondent: MemberView) -> Iterator[Rule]:
    if admits(group, respondent) is not Truth.UNKNOWN:
        return
    matched = [matches(quota, respondent) for quota in group.quotas]
    opened = [truth for truth, quota in zip(matched, group.quotas, strict=True) if quota.open]
    needs_one = group.required and Truth.TRUE not in opened
    for quota, truth in zip(group.quotas, matched, strict=True):
        if group.regime is Regime.ANY_OPEN:
            if takes(quota, respondent) is Truth.UNKNOWN:
                yield quota.rule
                for nested in quota.groups:
                    yield from _of_group(nested, respondent)
        elif truth is Truth.UNKNOWN and (needs_one or not quota.open):
            yield from _of_match(quota, respondent)


def _of_match(quota: Quota, respondent: MemberView) -> Iterator[Rule]:
    yield quota.rule
    for group in quota.groups:
        for inner in group.quotas:
            if matches(inner, respondent) is Truth.UNKNOWN:
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
