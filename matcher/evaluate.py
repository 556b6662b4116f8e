"""The reference evaluator: what every rule means, for one member, in plain Python.

Everything faster is measured against this module and must agree with it, member by member. It
may be slow; it may not be clever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import partial
from typing import Protocol, assert_never

from matcher.choice import Choice, First
from matcher.rule import (
    And,
    Answered,
    Const,
    InIds,
    InRanges,
    Not,
    OneOf,
    Or,
    Rule,
    StartsWith,
    TookPart,
    Truth,
    Unusable,
)
from matcher.survey import Group, Quota, Reason, Regime, Survey
from profiles.mapping import PanelMapping
from profiles.participation import Participation, took_part_in
from profiles.values import (
    Answers,
    is_negative_code,
    number_in,
    read_row,
)


class Verdict(StrEnum):
    """The answer for one member and one survey."""

    ELIGIBLE = "eligible"
    UNCERTAIN = "uncertain"
    INELIGIBLE = "ineligible"


class Known(Protocol):
    """What is known of one member, as `Member` has it."""

    @property
    def id(self) -> str:
        """The member's id, as text."""

    @property
    def answers(self) -> Mapping[str, Answers]:
        """Answers by attribute; absent where none is given."""

    def on_list(self, marketplace: str, name: str, /) -> bool | None:
        """Whether he is on a list of ids; None: not known."""

    def took_part(
        self, marketplace: str, scope: str, ids: tuple[str, ...], outcomes: tuple[str, ...], /
    ) -> bool | None:
        """Whether he took part so; None: not known."""

    def truth(self, rule: Rule, /) -> Truth:
        """The truth of a rule for him."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member: answers by attribute (absent: none given), lists of ids, participation.

    `on_list` takes a marketplace and a list's name; None: the list has not been downloaded, or
    the marketplace's id of the member is not known. `took_part` takes the fields of a `TookPart`;
    None: no history is known.
    """

    id: str
    answers: Mapping[str, Answers]
    on_list: Callable[[str, str], bool | None] = field(default=lambda _marketplace, _name: None)
    took_part: Callable[[str, str, tuple[str, ...], tuple[str, ...]], bool | None] = field(
        default=lambda _marketplace, _scope, _ids, _outcomes: None
    )

    def truth(self, rule: Rule) -> Truth:
        """The truth of a rule for him."""
        return evaluate(rule, self)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, what decided it, and the chosen quota of each group, outermost first."""

    verdict: Verdict
    reason: Reason
    quota_ids: tuple[str, ...] = ()


def read_member(
    mapping: PanelMapping,
    row: Mapping[str, object],
    as_of: date,
    history: Iterable[Participation] | None = None,
) -> Member:
    """A member from panel columns; raises UnreadableError where a value does not fit its type.

    `history`: what all members took part in; None: not known.
    """
    member_id = str(row[mapping.schema.member_id])

    def on_list(marketplace: str, name: str) -> bool | None:
        return mapping.is_listed(row, member_id, marketplace, name, as_of)

    answers = read_row(mapping.schema, row, as_of)
    if history is None:
        return Member(member_id, answers, on_list)
    mine = [each for each in history if each.member_id == member_id.strip()]
    return Member(member_id, answers, on_list, partial(took_part_in, mine))


def evaluate(rule: Rule, member: Known) -> Truth:
    """The truth of a rule for a member."""
    match rule:
        case Const(truth):
            return truth
        case And(rules):
            return min((evaluate(part, member) for part in rules), default=Truth.TRUE)
        case Or(rules):
            return max((evaluate(part, member) for part in rules), default=Truth.FALSE)
        case Not(inner):
            return Truth(Truth.TRUE - evaluate(inner, member))
        case Answered(attribute):
            return _truth(attribute in member.answers)
        case Unusable(attribute, codes):
            answers = member.answers.get(attribute, ())
            return _truth(
                len(answers) > 0
                and all(is_negative_code(answer) or answer in codes for answer in answers)
            )
        case InIds(marketplace, name):
            listed = member.on_list(marketplace, name)
            return Truth.UNKNOWN if listed is None else _truth(listed)
        case TookPart(marketplace, scope, ids, outcomes):
            took_part = member.took_part(marketplace, scope, ids, outcomes)
            return Truth.UNKNOWN if took_part is None else _truth(took_part)
        case OneOf(attribute, values):
            return _any_answer(member, attribute, lambda answer: answer in values)
        case StartsWith(attribute, prefixes):
            return _any_answer(member, attribute, lambda answer: str(answer).startswith(prefixes))
        case InRanges(attribute, ranges):
            return _any_answer(member, attribute, lambda answer: _in_ranges(answer, ranges))
        case _:
            assert_never(rule)


def _truth(holds: bool) -> Truth:
    return Truth.TRUE if holds else Truth.FALSE


def _any_answer(member: Known, attribute: str, holds: Callable[[str | float], bool]) -> Truth:
    answers = member.answers.get(attribute)
    return Truth.UNKNOWN if answers is None else _truth(any(holds(answer) for answer in answers))


def _in_ranges(answer: str | float, ranges: Iterable[tuple[float, float]]) -> bool:
    number = answer if isinstance(answer, float) else number_in(answer)
    return number is not None and any(low <= number <= high for low, high in ranges)


def matches(quota: Quota, member: Known) -> Truth:
    """Whether a member fits a quota, open or not: its rule, and a quota of each nested group."""
    nested = (
        max((matches(inner, member) for inner in group.quotas), default=Truth.FALSE)
        for group in quota.groups
    )
    return min((member.truth(quota.rule), *nested))


def takes(quota: Quota, member: Known) -> Truth:
    """Whether a quota has a seat for a member: its rule, open, and every nested group admits."""
    nested = (admits(group, member) for group in quota.groups)
    return min((member.truth(quota.rule), _truth(quota.open), *nested))


def admits(group: Group, member: Known) -> Truth:
    """Whether a group of quotas admits a member, under its regime."""
    match group.regime:
        case Regime.ANY_OPEN:
            return max((takes(quota, member) for quota in group.quotas), default=Truth.FALSE)
        case Regime.ALL_OPEN:
            fits = [matches(quota, member) for quota in group.quotas]
            in_closed = [
                fit for fit, quota in zip(fits, group.quotas, strict=True) if not quota.open
            ]
            clear = min((Truth(Truth.TRUE - fit) for fit in in_closed), default=Truth.TRUE)
            return min(clear, max(fits, default=Truth.FALSE)) if group.required else clear
        case _:
            assert_never(group.regime)


def judge(
    survey: Survey, member: Known, choice: Choice | None = None, *, uncertain: bool = False
) -> Judgement:
    """The verdict on a member for a survey, its reason, and the quotas he is given.

    `uncertain`: choose quotas for an uncertain member too, from those he may match.
    """
    parts = [(_truth(survey.open), Reason.STATUS)]
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


def _group_reason(group: Group, member: Known) -> Reason:
    full = any(
        takes(quota, member) is Truth.FALSE and matches(quota, member) is Truth.TRUE
        for quota in group.quotas
    )
    return Reason.QUOTA_FULL if full and admits(group, member) is Truth.FALSE else Reason.QUOTA


def _choose_all(
    survey: Survey, groups: Iterable[Group], member: Known, choice: Choice, least: Truth
) -> tuple[str, ...]:
    """The chosen quota of each group, each followed by those chosen in its nested groups.

    Quotas that definitely take the member come before those that only may; none that takes him
    less than `least` is chosen.
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
