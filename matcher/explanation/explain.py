"""Why a member may or may not take a survey, clause by clause, with the place in the payload.

Verdict, reason and quotas are those of `matcher.surveys.judge`; every truth is that of the
respondent, from what decides: nothing is evaluated here a second time.
"""

from __future__ import annotations

from collections import deque

from matcher.explanation.explanation import (
    Combination,
    Condition,
    ExplainedClause,
    ExplainedGroup,
    ExplainedPart,
    ExplainedQuota,
    Explanation,
)
from matcher.explanation.nearest_miss import nearest_miss
from matcher.marketplaces import RejectionCode, marketplaces
from matcher.rules import (
    And,
    MemberView,
    Or,
    Rule,
    Wording,
    attributes_of,
    why_unknown,
)
from matcher.surveys import (
    Choice,
    Clause,
    Group,
    Quota,
    Reason,
    Survey,
    Verdict,
    admits,
    judge,
    matches,
    takes,
    unanswered,
    unknown_predicates,
)
from profiles.schema import PanelMapping


def explain(
    survey: Survey,
    respondent: MemberView,
    mapping: PanelMapping | None = None,
    choice: Choice | None = None,
    *,
    uncertain: bool = False,
) -> Explanation:
    """The verdict on a member for a survey, and all that it comes from.

    `mapping`: how marketplaces name the panel's attributes and answers; without it conditions are
    in the panel's words alone. `choice` and `uncertain` are those of `judge`.

    >>> from matcher.rules import Member, one_of
    >>> clause = Clause(one_of("gender", ["F"]), Reason.FILTER, "/filters/0")
    >>> survey = Survey("dynata", "1", True, (clause,), ())
    >>> explain(survey, Member("m1", {"gender": ("M",)}))
    Explanation(m1, dynata:1: ineligible, filter)
    """
    judged = judge(survey, respondent, choice, uncertain=uncertain)
    explainer = _Explainer(survey, respondent, mapping)
    gate = tuple(map(explainer.clause, survey.gate))
    groups = tuple(map(explainer.group, survey.groups))
    uncertain_now = judged.verdict is Verdict.UNCERTAIN
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
        unanswered(survey, respondent) if uncertain_now else (),
        nearest_miss(survey, gate, groups),
    )


def _outcome(survey: Survey, reason: Reason) -> RejectionCode | None:
    marketplace = marketplaces().get(survey.marketplace)
    return marketplace.rejection_codes.get(reason) if marketplace else None


class _Explainer:
    """Takes the parts of a survey down to single conditions, each with its truth."""

    def __init__(
        self, survey: Survey, respondent: MemberView, mapping: PanelMapping | None
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

    def _whole(self, part: Clause | Quota) -> ExplainedPart:
        """The rule of a clause or quota; conditions within it have their places there."""
        if isinstance(part, Clause) and part.reason is not Reason.FILTER:
            return self._condition(part.rule, (part.pointer,), Wording())
        within = {
            rule: deque(inside)
            for rule, places in self._places.items()
            if (inside := [at for at in places if f"{at}/".startswith(f"{part.pointer}/")])
        }
        return self._part(part.rule, part.pointer, within)

    def _part(self, rule: Rule, at: str, within: dict[Rule, deque[str]]) -> ExplainedPart:
        if isinstance(rule, And | Or) and rule not in self._places and self._is_made_up(rule):
            parts = tuple(self._part(inner, at, within) for inner in rule.rules)
            return Combination(isinstance(rule, Or), self._respondent.truth(rule), parts)
        if rule in within:  # conditions that mean the same come in the order of their places
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
        attributes = attributes_of((rule,))
        unknown = dict.fromkeys(map(why_unknown, unknown_predicates(rule, self._respondent)))
        return Condition(
            rule,
            pointers,
            self._respondent.truth(rule),
            words.of(rule),
            tuple((name, self._respondent.answers.get(name)) for name in attributes),
            tuple(filter(None, unknown)),
        )
