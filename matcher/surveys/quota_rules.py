"""Who matches a quota, for whom it has a seat, whom it refuses, whom a group admits: as rules.

The same four as in `matcher.surveys.judge`, to be simplified, compiled, or compared.
"""

from __future__ import annotations

from matcher.rules import FALSE, And, Not, Or, Rule
from matcher.surveys.survey import (
    Group,
    Quota,
    Regime,
)


def matches_rule(quota: Quota) -> Rule:
    """Who matches a quota, open or not: its rule, and one of each nested group that needs one."""
    nested = tuple(
        Or(tuple(matches_rule(inner) for inner in group.quotas))
        for group in quota.groups
        if group.needs_match
    )
    return And((quota.rule, *nested)) if nested else quota.rule


def takes_rule(quota: Quota) -> Rule:
    """For whom a quota has a seat: its rule, open, and every nested group admits."""
    if not quota.open:
        return FALSE
    nested = tuple(admits_rule(group) for group in quota.groups)
    return And((quota.rule, *nested)) if nested else quota.rule


def admits_rule(group: Group) -> Rule:
    """Whom a group of quotas admits, under its regime."""
    if group.regime is Regime.ANY_OPEN:
        return Or(tuple(takes_rule(quota) for quota in group.quotas))
    clear = tuple(Not(_refuses_rule(quota)) for quota in group.quotas)
    if not group.required:
        return And(clear)
    return And((*clear, Or(tuple(takes_rule(quota) for quota in group.quotas))))


def _refuses_rule(quota: Quota) -> Rule:
    """Who matches a quota that is closed for them: it, or what is nested in it."""
    if not quota.open:
        return matches_rule(quota)
    if not quota.groups:
        return FALSE
    return And((matches_rule(quota), Not(And(tuple(map(admits_rule, quota.groups))))))
