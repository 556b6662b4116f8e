"""Why a member may or may not take a survey, clause by clause, with the place in the payload.

Verdict, reason and quotas are those of `matcher.evaluate.judge`; every truth is asked of the
respondent, who answers from what decides: nothing is evaluated here a second time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from matcher.choice import Choice
from matcher.evaluate import Respondent, Verdict, admits, judge, matches, takes
from matcher.explanation import (
    Combination,
    Condition,
    ExplainedClause,
    ExplainedGroup,
    ExplainedQuota,
    Explanation,
    Part,
)
from matcher.marketplaces import marketplaces
from matcher.marketplaces.shape import Outcome
from matcher.nearest import nearest_miss
from matcher.rule import And, Const, InIds, Leaf, Not, Or, Rule, TookPart, Truth
from matcher.survey import Clause, Group, Quota, Reason, Regime, Survey
from matcher.wording import Wording, why_unknown
from profiles.mapping import PanelMapping


def explain(
    survey: Survey,
    respondent: Respondent,
    mapping: PanelMapping | None = None,
    choice: Choice | None = None,
    *,
    uncertain: bool = False,
) -> Explanation:
    """The verdict on a member for a survey, and all that it comes from.

    `mapping`: how marketplaces name the panel's attributes and answers; without it conditions are
    put in the panel's words alone. `choice` and `uncertain` are those of `judge`.
    """
    judged = judge(survey, respondent, choice, uncertain=uncertain)
    explainer = _Explainer(survey, respondent, mapping)
    gate = tuple(map(explainer.clause, survey.gate))
    groups = tuple(map(explainer.group, survey.groups))
    stands_between = judged.verdict is Verdict.UNCERTAIN
    return Explanation(
        survey.name,
        respondent.id,
        judged.verdict,
        judged.reason,
        judged.quota_ids,
        _outcome(survey, judged.reason) if judged.verdict is Verdict.INELIGIBLE else None,
        survey.live,
        survey.remaining,
        gate,
        groups,
        unanswered(survey, respondent) if stands_between else (),
        nearest_miss(survey, gate, groups),
    )


def _outcome(survey: Survey, reason: Reason) -> Outcome | None:
    marketplace = marketplaces().get(survey.marketplace)
    return marketplace.outcomes.get(reason) if marketplace else None


def unanswered(survey: Survey, respondent: Respondent) -> tuple[str, ...]:
    """The attributes, not answered, that something unknown in a survey hangs on, in its order."""
    found: dict[str, None] = {}
    for rule in _in_doubt(survey, respondent):
        for leaf in _unknown_leaves(rule, respondent):
            if not isinstance(leaf, InIds | TookPart | Const):
                found[leaf.attribute] = None
    return tuple(found)


def _in_doubt(survey: Survey, respondent: Respondent) -> Iterator[Rule]:
    """The rules on which it depends whether the survey admits."""
    yield from (clause.rule for clause in survey.gate)
    for group in survey.groups:
        yield from _of_group(group, respondent)


def _of_group(group: Group, respondent: Respondent) -> Iterator[Rule]:
    if admits(group, respondent) is not Truth.UNKNOWN:
        return
    fits = [matches(quota, respondent) for quota in group.quotas]
    lacks_one = group.required and Truth.TRUE not in fits
    for quota, fit in zip(group.quotas, fits, strict=True):
        if group.regime is Regime.ANY_OPEN:
            if takes(quota, respondent) is Truth.UNKNOWN:
                yield quota.rule
                for nested in quota.groups:
                    yield from _of_group(nested, respondent)
        elif fit is Truth.UNKNOWN and (lacks_one or not quota.open):
            yield from _of_fit(quota, respondent)


def _of_fit(quota: Quota, respondent: Respondent) -> Iterator[Rule]:
    yield quota.rule
    for group in quota.groups:
        for inner in group.quotas:
            if matches(inner, respondent) is Truth.UNKNOWN:
                yield from _of_fit(inner, respondent)


def _unknown_leaves(rule: Rule, respondent: Respondent) -> Iterator[Leaf | Const]:
    """The unknown leaves of an unknown rule, reached through what is unknown alone."""
    if respondent.truth(rule) is not Truth.UNKNOWN:
        return
    match rule:
        case And(rules) | Or(rules):
            for part in rules:
                yield from _unknown_leaves(part, respondent)
        case Not(inner):
            yield from _unknown_leaves(inner, respondent)
        case _:
            yield rule


def _attributes(rule: Rule) -> Iterator[str]:
    match rule:
        case And(rules) | Or(rules):
            for part in rules:
                yield from _attributes(part)
        case Not(inner):
            yield from _attributes(inner)
        case InIds() | TookPart() | Const():
            return
        case _:
            yield rule.attribute


class _Explainer:
    """Takes the parts of a survey down to its single conditions, and asks the truth of each."""

    def __init__(
        self, survey: Survey, respondent: Respondent, mapping: PanelMapping | None
    ) -> None:
        self._respondent = respondent
        self._words = Wording(mapping.marketplace(survey.marketplace) if mapping else None)
        self._places: dict[Rule, list[str]] = {}
        for rule, pointer in survey.origins:
            self._places.setdefault(rule, []).append(pointer)

    def clause(self, clause: Clause) -> ExplainedClause:
        """One clause of the gate."""
        return ExplainedClause(clause.pointer, clause.reason, self._whole(clause))

    def group(self, group: Group) -> ExplainedGroup:
        """One group of quotas."""
        return ExplainedGroup(
            group.pointer,
            group.regime,
            group.required,
            admits(group, self._respondent),
            tuple(map(self._quota, group.quotas)),
        )

    def _quota(self, quota: Quota) -> ExplainedQuota:
        return ExplainedQuota(
            quota.id,
            quota.pointer,
            quota.live,
            quota.remaining,
            matches(quota, self._respondent),
            takes(quota, self._respondent),
            self._whole(quota),
            tuple(map(self.group, quota.groups)),
        )

    def _whole(self, of: Clause | Quota) -> Part:
        """The rule of a clause or quota; conditions that stand within it are told by that place."""
        if isinstance(of, Clause) and of.reason is not Reason.FILTER:
            return self._condition(of.rule, (of.pointer,), Wording())
        within = {
            rule: deque(inside)
            for rule, places in self._places.items()
            if (inside := [each for each in places if f"{each}/".startswith(f"{of.pointer}/")])
        }
        return self._part(of.rule, of.pointer, within)

    def _part(self, rule: Rule, at: str, within: dict[Rule, deque[str]]) -> Part:
        if isinstance(rule, And | Or) and rule not in self._places and self._is_made_up(rule):
            parts = tuple(self._part(each, at, within) for each in rule.rules)
            return Combination(isinstance(rule, Or), self._respondent.truth(rule), parts)
        if rule in within:  # those that mean the same stand in the order in which they come up
            inside = within[rule]
            pointers: tuple[str, ...] = (inside.popleft() if len(inside) > 1 else inside[0],)
        else:
            pointers = tuple(self._places.get(rule, [at]))
        return self._condition(rule, pointers, self._words)

    def _is_made_up(self, rule: Rule) -> bool:
        """Whether a rule is made of single conditions."""
        if rule in self._places:
            return True
        return isinstance(rule, And | Or) and any(map(self._is_made_up, rule.rules))

    def _condition(self, rule: Rule, pointers: tuple[str, ...], words: Wording) -> Condition:
        asked = dict.fromkeys(_attributes(rule))
        unknown = dict.fromkeys(map(why_unknown, _unknown_leaves(rule, self._respondent)))
        return Condition(
            rule,
            pointers,
            self._respondent.truth(rule),
            words.of(rule),
            tuple((name, self._respondent.answers.get(name)) for name in asked),
            tuple(filter(None, unknown)),
        )
