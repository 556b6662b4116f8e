"""What the batch engine is to give, made by the reference evaluator alone, member by member."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

from matcher.engine import Match, PanelCounts, QuotaCounts, SurveyCounts
from matcher.marketplaces import read_id_list
from matcher.rules import Member, Truth, evaluate
from matcher.rules.evaluate import read_member
from matcher.surveys import (
    Choice,
    ChoiceStrategy,
    Group,
    Quota,
    QuotaKey,
    Survey,
    Verdict,
    judge,
    make_choice,
    matches,
    takes,
)
from profiles.schema import PanelMapping, Participation
from tests.support.panels import Row


def of_member(history: Sequence[Participation], member_id: str) -> list[Participation]:
    """What one member took part in."""
    return [record for record in history if record.member_id == member_id]


@dataclass
class Recorder:
    """A choice that notes which quota it gave, by pointer: ids may appear twice."""

    choice: Choice
    given: Counter[str]

    def pick(self, survey: Survey, group: Group, candidates: Sequence[Quota], member: str) -> Quota:
        picked = self.choice.pick(survey, group, candidates, member)
        self.given[picked.pointer] += 1
        return picked


class Reference:
    """Surveys and members, judged one by one."""

    def __init__(
        self,
        surveys: Sequence[Survey],
        mapping: PanelMapping,
        rows: Sequence[Row],
        as_of: date,
        history: Sequence[Participation] | None = None,
    ) -> None:
        self.surveys = surveys
        self.ids = [row[mapping.schema.member_id] for row in rows]
        self.members = [read_member(mapping, row, as_of, history, read_id_list) for row in rows]

    def choice(self, how: ChoiceStrategy, seed: int) -> Choice:
        """A choice of quotas; the eligible members that `scarcest` needs are counted here."""
        return make_choice(
            how, seed, self.eligible_by_quota() if how is ChoiceStrategy.SCARCEST else None
        )

    def eligible_by_quota(self) -> dict[QuotaKey, int]:
        """Members whom the survey admits and the quota, and each it is nested in, would take."""
        found: Counter[QuotaKey] = Counter()
        for survey in self.surveys:
            for member in self._eligible(survey):
                for path in _paths(survey.groups):
                    if all(takes(quota, member) is Truth.TRUE for quota in path):
                        found[survey.name, path[-1].pointer] += 1
        return found

    def rows(self, choice: Choice, *, uncertain: bool, most: int | None = None) -> list[Match]:
        """One row a member and survey that is given out, in member order, then survey order.

        `most`: the most surveys that a member is given.
        """
        rows: list[Match] = []
        for id_, member in zip(self.ids, self.members, strict=True):
            for survey in self._given(member, uncertain, most):
                judged = judge(survey, member, choice, uncertain=uncertain)
                rows.append(Match(id_, survey.name, judged.quota_ids, judged.verdict))
        return rows

    def _given(self, member: Member, uncertain: bool, most: int | None) -> list[Survey]:
        """The surveys that a member is given: eligible before uncertain, then by what they pay."""
        ranks: list[tuple[bool, float, int]] = []
        for number, survey in enumerate(self.surveys):
            verdict = judge(survey, member).verdict
            if verdict is Verdict.ELIGIBLE or (uncertain and verdict is Verdict.UNCERTAIN):
                pay = -1.0 if survey.pay is None else survey.pay
                ranks.append((verdict is Verdict.UNCERTAIN, -pay, number))
        return [self.surveys[number] for number in sorted(n for _, _, n in sorted(ranks)[:most])]

    def counts(self, choice: Choice, *, uncertain: bool, most: int | None = None) -> PanelCounts:
        """All that is counted over the members."""
        given = [self._given(member, uncertain, most) for member in self.members]
        surveys = tuple(self._count(survey, choice, uncertain, given) for survey in self.surveys)
        return PanelCounts(len(self.members), surveys)

    def places(self, survey: Survey, verdict: Verdict) -> list[int]:
        """Positions of the members with a verdict."""
        return [
            place
            for place, member in enumerate(self.members)
            if judge(survey, member).verdict is verdict
        ]

    def _eligible(self, survey: Survey) -> Iterator[Member]:
        return (self.members[place] for place in self.places(survey, Verdict.ELIGIBLE))

    def _count(
        self, survey: Survey, choice: Choice, uncertain: bool, given: list[list[Survey]]
    ) -> SurveyCounts:
        verdicts = Counter(judge(survey, member).verdict for member in self.members)
        members = [
            member for member, surveys in zip(self.members, given, strict=True) if survey in surveys
        ]
        recorder = Recorder(choice, Counter())
        for member in members:
            judge(survey, member, cast("Choice", recorder), uncertain=uncertain)
        quotas = tuple(
            QuotaCounts(
                tuple(quota.id for quota in path),
                self._matched(survey, path[-1]),
                recorder.given[path[-1].pointer],
                path[-1].remaining,
                path[-1].open,
            )
            for path in _paths(survey.groups)
        )
        return SurveyCounts(
            survey.name,
            "open" if survey.open else "closed",
            verdicts[Verdict.ELIGIBLE],
            verdicts[Verdict.UNCERTAIN],
            len(members),
            quotas,
        )

    def _matched(self, survey: Survey, quota: Quota) -> int:
        """Interface: members whom the quota's own rule (and the survey's gate) admits."""
        return sum(
            matches(quota, member) is Truth.TRUE
            and all(evaluate(clause.rule, member) is Truth.TRUE for clause in survey.gate)
            for member in self.members
        )


def _paths(groups: Sequence[Group], outer: tuple[Quota, ...] = ()) -> Iterator[tuple[Quota, ...]]:
    """Every quota with those it is nested in, outermost first: a group's own, then theirs."""
    for group in groups:
        yield from ((*outer, quota) for quota in group.quotas)
        for quota in group.quotas:
            yield from _paths(quota.groups, (*outer, quota))


def verdicts_of(reference: Reference) -> Mapping[Verdict, int]:
    """How often each verdict comes up."""
    return Counter(
        judge(survey, member).verdict
        for survey in reference.surveys
        for member in reference.members
    )
