"""The reference verdict: what a survey says of one member, in plain Python.

Everything faster is measured against this module and `matcher.rules.evaluate`, and must agree with
them, member by member. They may be slow; they may not be clever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from matcher.rules import MemberView, Truth, truth_of
from matcher.surveys.choice import Choice, First
from matcher.surveys.survey import (
    Group,
    Quota,
    Reason,
    Regime,
    Survey,
)


class Verdict(StrEnum):
    """The answer for one member and one survey."""

    ELIGIBLE = "eligible"
    UNCERTAIN = "uncertain"
    INELIGIBLE = "ineligible"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, what decided it, and the chosen quota of each group, outermost first."""

    verdict: Verdict
    reason: Reason
    quota_ids: tuple[str, ...] = ()


def matches(quota: Quota, member: MemberView) -> Truth:
    """Whether a member matches a quota, open or not: its rule, and what is nested in it.

    That is one quota of each nested group that needs one: all do but those of which members need
    only match no closed quota.
    """
    nested = (
        max((matches(inner, member) for inner in group.quotas), default=Truth.FALSE)
        for group in quota.groups
        if group.needs_match
    )
    return min((member.truth(quota.rule), *nested))


def takes(quota: Quota, member: MemberView) -> Truth:
    """Whether a quota has a seat for a member: its rule, open, and every nested group admits."""
    nested = (admits(group, member) for group in quota.groups)
    return min((member.truth(quota.rule), truth_of(quota.open), *nested))


def admits(group: Group, member: MemberView) -> Truth:
    """Whether a group of quotas admits a member, under its regime."""
    match group.regime:
        case Regime.ANY_OPEN:
            return max((takes(quota, member) for quota in group.quotas), default=Truth.FALSE)
        case Regime.ALL_OPEN:
            refused = max((refuses(quota, member) for quota in group.quotas), default=Truth.FALSE)
            clear = Truth(Truth.TRUE - refused)
            if not group.required:
                return clear
            return min(clear, max((takes(q, member) for q in group.quotas), default=Truth.FALSE))
        case _:
            assert_never(group.regime)


def refuses(quota: Quota, member: MemberView) -> Truth:
    """Whether a member matches a quota that is closed for them: it, or what is nested in it."""
    nested = (admits(group, member) for group in quota.groups)
    admitted = min((truth_of(quota.open), *nested))
    return min(matches(quota, member), Truth(Truth.TRUE - admitted))


def judge(
    survey: Survey, member: MemberView, choice: Choice | None = None, *, uncertain: bool = False
) -> Judgement:
    """The verdict on a member for a survey, its reason, and the quotas that the member is given.

    `uncertain`: choose quotas for an uncertain member too, from those that the member may match.
    """
    parts = [(truth_of(survey.open), Reason.STATUS)]
    parts += [(member.truth(clause.rule), clause.reason) for clause in survey.gate]
    parts += [(admits(group, member), _group_reason(group, member)) for group in survey.groups]
    worst = min(truth for truth, _ in parts)
    if worst is Truth.TRUE:
        chosen = _choose_all(survey, survey.groups, member, choice or First(), Truth.TRUE)
        return Judgement(Verdict.ELIGIBLE, Reason.ADMITTED, chosen)
    reason = next(reason for truth, reason in parts if truth is worst)
    if worst is Truth.FALSE:
        return Judgement(Verdict.INELIGIBLE, reason)
    if not uncertain:
        return Judgement(Verdict.UNCERTAIN, reason)
    chosen = _choose_all(survey, survey.groups, member, choice or First(), Truth.UNKNOWN)
    return Judgement(Verdict.UNCERTAIN, reason, chosen)


def further_seats(
    survey: Survey, member: MemberView, choice: Choice | None = None
) -> tuple[tuple[str, ...], ...]:
    """The quotas in which a session of an eligible member takes a seat, besides those given.

    By their ids, each after those of the quotas that it is nested in. In a group of all-open quotas
    they are all that the member matches, with what would be given in those.
    """
    return tuple(_further(survey, survey.groups, member, choice or First(), (), given=True))


def _further(
    survey: Survey,
    groups: Iterable[Group],
    member: MemberView,
    choice: Choice,
    within: tuple[str, ...],
    *,
    given: bool,
) -> Iterator[tuple[str, ...]]:
    for group in groups:
        candidates = [each for each in group.quotas if takes(each, member) is Truth.TRUE]
        picked = choice.pick(survey, group, candidates, member.id) if candidates else None
        for quota in candidates:
            if quota is picked or group.regime is Regime.ALL_OPEN:
                path = (*within, quota.id)
                is_given = given and quota is picked
                if not is_given:
                    yield path
                yield from _further(survey, quota.groups, member, choice, path, given=is_given)


def _group_reason(group: Group, member: MemberView) -> Reason:
    full = any(
        takes(quota, member) is Truth.FALSE and matches(quota, member) is Truth.TRUE
        for quota in group.quotas
    )
    return Reason.QUOTA_FULL if full and admits(group, member) is Truth.FALSE else Reason.QUOTA


def _choose_all(
    survey: Survey, groups: Iterable[Group], member: MemberView, choice: Choice, least: Truth
) -> tuple[str, ...]:
    """The chosen quota of each group, each followed by those chosen in its nested groups.

    Quotas that definitely take the member come before those that only may; none whose
    truth is less than `least` is chosen.
    """
    chosen: tuple[str, ...] = ()
    for group in groups:
        truths = [takes(quota, member) for quota in group.quotas]
        best = max(truths, default=Truth.FALSE)
        if best is Truth.FALSE or best < least:
            continue
        candidates = [
            quota for quota, truth in zip(group.quotas, truths, strict=True) if truth is best
        ]
        quota = choice.pick(survey, group, candidates, member.id)
        chosen += (quota.id, *_choose_all(survey, quota.groups, member, choice, least))
    return chosen
