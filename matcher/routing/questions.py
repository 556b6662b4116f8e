"""What to ask a member, so that surveys he may be eligible for become ones that he is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from matcher.evaluate import Known, admits, matches, takes
from matcher.rule import And, Const, InIds, Not, Or, Rule, TookPart, Truth
from matcher.survey import Group, Quota, Regime, Survey


@dataclass(frozen=True, slots=True)
class Question:
    """An attribute to ask for. `value`: seats times price of the surveys it may settle, `surveys`.

    Price is what a survey pays per expected minute. A survey that asks for more besides counts a
    part of its value: as much as each of its questions.
    """

    attribute: str
    value: float
    surveys: tuple[str, ...]


def unanswered(survey: Survey, member: Known) -> tuple[str, ...]:
    """The attributes without an answer on which it depends whether an uncertain survey is his.

    In the order in which the survey asks for them. Where there is none, something else is not
    known: a list of ids, say, or what an answer that is not mapped stands for.
    """
    unknown = (clause.rule for clause in survey.gate)
    found = [name for rule in unknown for name in _in_rule(rule, member)]
    for group in survey.groups:
        found += _in_group(group, member)
    return tuple(dict.fromkeys(found))


def _in_group(group: Group, member: Known) -> Iterator[str]:
    if admits(group, member) is not Truth.UNKNOWN:
        return
    for quota in group.quotas:
        if group.regime is Regime.ALL_OPEN:
            yield from _in_match(quota, member)
        elif takes(quota, member) is Truth.UNKNOWN:
            yield from _in_rule(quota.rule, member)
            for nested in quota.groups:
                yield from _in_group(nested, member)


def _in_match(quota: Quota, member: Known) -> Iterator[str]:
    """What it depends on whether a member matches a quota, be it open or not."""
    if matches(quota, member) is Truth.UNKNOWN:
        yield from _in_rule(quota.rule, member)
        for group in quota.groups:
            for inner in group.quotas:
                yield from _in_match(inner, member)


def _in_rule(rule: Rule, member: Known) -> Iterator[str]:
    if member.truth(rule) is not Truth.UNKNOWN:
        return
    match rule:
        case And(rules) | Or(rules):
            for part in rules:
                yield from _in_rule(part, member)
        case Not(inner):
            yield from _in_rule(inner, member)
        case Const() | InIds() | TookPart():
            return
        case _:
            yield rule.attribute


def best_question(surveys: Iterable[Survey], member: Known) -> Question | None:
    """The attribute whose answer may open most value among uncertain surveys; None: there is none.

    One that settles surveys by itself goes before those that only do so with others.
    """
    alone: defaultdict[str, float] = defaultdict(float)
    shared: defaultdict[str, float] = defaultdict(float)
    about: defaultdict[str, list[str]] = defaultdict(list)
    for survey in surveys:
        asked = unanswered(survey, member)
        for name in asked:
            value = _value(survey) / len(asked)
            shared[name] += value
            about[name].append(survey.name)
            if len(asked) == 1:
                alone[name] += value
    if not about:
        return None
    best = max(about, key=lambda name: (alone[name], shared[name]))
    return Question(best, shared[best], tuple(about[best]))


def _value(survey: Survey) -> float:
    """Seats that are left times what a survey pays."""
    seats = max(
        (sum(quota.remaining for quota in group.quotas if quota.open) for group in survey.groups),
        default=1,
    )
    if survey.remaining is not None:
        seats = min(seats, survey.remaining)
    return seats * (survey.pay or 0.0)
