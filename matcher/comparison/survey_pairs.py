"""Which surveys are to be matched again: those whose canonical form changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from matcher.comparison.align_panels import same_source
from matcher.comparison.canonical import (
    CanonicalRules,
    FormNumbers,
    canonical_condition,
    canonical_form,
)
from matcher.comparison.quota_pairs import PairedQuota, QuotaCondition, pair_quotas
from matcher.comparison.result import Path, Status
from matcher.plan import Plan
from matcher.surveys import ChoiceStrategy, Survey, Surveys
from profiles.errors import InputError
from profiles.panel import Panel

_BY_ID: tuple[QuotaCondition, QuotaCondition] = (lambda _: None, lambda _: None)
"""For identical surveys, ids are enough."""


@dataclass(frozen=True, slots=True)
class SurveyPair:
    """One survey on both sides.

    `identical`: both say the same; `equivalent`: both are known to give every member the same.
    """

    name: str
    before: Survey | None
    after: Survey | None
    status_before: Status
    status_after: Status
    identical: bool
    equivalent: bool
    quotas: tuple[PairedQuota, ...]

    @property
    def in_both(self) -> bool:
        """Whether the survey is on both sides."""
        return self.before is not None and self.after is not None

    @property
    def open_in_both(self) -> bool:
        """Whether the survey is open on both sides."""
        return self.status_before is self.status_after is Status.OPEN

    @property
    def renamed(self) -> tuple[tuple[Path, Path], ...]:
        """The paths of quotas that only have another name."""
        return tuple(
            (quota.path_before, quota.path_after)
            for quota in self.quotas
            if quota.renamed and quota.path_before and quota.path_after
        )


@dataclass(frozen=True, slots=True)
class SideInventory:
    """The surveys of one side by name, and the names of rejected ones."""

    surveys: Mapping[str, Survey]
    rejected: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, side: Surveys | Plan) -> SideInventory:
        """Of loaded surveys or a plan; raises InputError where a survey appears twice."""
        named = {survey.name: survey for survey in side.surveys}
        if len(named) < len(side.surveys):
            names = [survey.name for survey in side.surveys]
            repeated = next(name for name in names if names.count(name) > 1)
            raise InputError(f"the survey `{repeated}` appears twice on one side of the comparison")
        rejected = side.rejected if isinstance(side, Surveys) else ()
        return cls(named, frozenset(rejected) - named.keys())

    def status(self, name: str) -> Status:
        """The status of a survey on this side."""
        survey = self.surveys.get(name)
        if survey is not None:
            return Status.OPEN if survey.open else Status.CLOSED
        return Status.REJECTED if name in self.rejected else Status.ABSENT


class SurveyPairing:
    """Pairs the surveys of two inventories, each judged on its own panel."""

    def __init__(self, before: Panel, after: Panel, strategy: ChoiceStrategy) -> None:
        self._strategy = strategy
        self._same_members = same_source(before, after)
        self._same_panel = before is after
        numbers: FormNumbers = {}
        self._before = CanonicalRules(before, numbers)
        self._after = CanonicalRules(after, numbers)
        self._conditions = (
            partial(canonical_condition, rules=self._before),
            partial(canonical_condition, rules=self._after),
        )

    def pairs(self, before: SideInventory, after: SideInventory) -> Iterator[SurveyPair]:
        """Surveys in the order of the new side; on one panel without those that are identical."""
        names = dict.fromkeys(
            [*after.surveys, *sorted(after.rejected), *before.surveys, *sorted(before.rejected)]
        )
        for name in names:
            old, new = before.surveys.get(name), after.surveys.get(name)
            identical = old is not None and new is not None and _identical(old, new)
            if identical and self._same_panel:
                continue
            states = before.status(name), after.status(name)
            if old is None and new is None:
                identical = states[0] is states[1]
            quotas = pair_quotas(old, new, *(_BY_ID if identical else self._conditions))
            equivalent = self._equivalent(old, new, quotas)
            yield SurveyPair(name, old, new, *states, identical, equivalent, quotas)

    def _equivalent(
        self, old: Survey | None, new: Survey | None, quotas: tuple[PairedQuota, ...]
    ) -> bool:
        if not any(survey and survey.open for survey in (old, new)):
            return True
        if old is None or new is None or not self._same_members:
            return False
        labels_before = {pair.before.pointer: pair.label for pair in quotas if pair.before}
        labels_after = {pair.after.pointer: pair.label for pair in quotas if pair.after}
        return canonical_form(old, self._before, self._strategy, labels_before) == canonical_form(
            new, self._after, self._strategy, labels_after
        )


def _identical(old: Survey, new: Survey) -> bool:
    """Whether two versions say the same, whatever their time and the places of conditions."""
    return (
        old.gate == new.gate
        and old.groups == new.groups
        and (old.live, old.remaining, old.pay) == (new.live, new.remaining, new.pay)
    )
