"""Which surveys are to be matched again: those whose form is not what it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from matcher.comparison.align_panels import same_source
from matcher.comparison.canonical import (
    CanonicalRules,
    FormNumbers,
    asked_of,
    canonical_form,
)
from matcher.comparison.quota_pairs import Asks, PairedQuota, pair_quotas
from matcher.comparison.result import Path, Status
from matcher.plan import Plan
from matcher.surveys import ChoiceStrategy, Survey, Surveys
from profiles.errors import InputError
from profiles.panel import Panel

_BY_ID: tuple[Asks, Asks] = (lambda _: None, lambda _: None)
"""Where nothing is said otherwise, ids tell all."""


@dataclass(frozen=True, slots=True)
class SurveyPair:
    """One survey on both sides.

    `same_words`: both say the same; `alike`: both are known to give every member the same.
    """

    name: str
    before: Survey | None
    after: Survey | None
    was: Status
    is_now: Status
    same_words: bool
    alike: bool
    quotas: tuple[PairedQuota, ...]

    @property
    def in_both(self) -> bool:
        """Whether the survey is there on both sides."""
        return self.before is not None and self.after is not None

    @property
    def goes_on(self) -> bool:
        """Whether the survey is open on both sides."""
        return self.was is self.is_now is Status.OPEN

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
    """The surveys of one side by name, and the names of those set aside."""

    surveys: Mapping[str, Survey]
    rejected: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, side: Surveys | Plan) -> SideInventory:
        """Of loaded surveys or a plan; raises InputError where a survey stands twice."""
        named = {survey.name: survey for survey in side.surveys}
        if len(named) < len(side.surveys):
            names = [survey.name for survey in side.surveys]
            twice = next(name for name in names if names.count(name) > 1)
            raise InputError(f"the survey `{twice}` stands twice on one side of the comparison")
        rejected = side.rejected if isinstance(side, Surveys) else ()
        return cls(named, frozenset(rejected) - named.keys())

    def status(self, name: str) -> Status:
        """What a survey is on this side."""
        survey = self.surveys.get(name)
        if survey is not None:
            return Status.OPEN if survey.open else Status.CLOSED
        return Status.REJECTED if name in self.rejected else Status.ABSENT


class SurveyPairing:
    """Pairs the surveys of two inventories, each judged on its own panel."""

    def __init__(self, before: Panel, after: Panel, how: ChoiceStrategy) -> None:
        self._how = how
        self._same_members = same_source(before, after)
        self._same_panel = before is after
        numbers: FormNumbers = {}
        self._before = CanonicalRules(before, numbers)
        self._after = CanonicalRules(after, numbers)
        self._asks = (
            partial(asked_of, meanings=self._before),
            partial(asked_of, meanings=self._after),
        )

    def pairs(self, before: SideInventory, after: SideInventory) -> Iterator[SurveyPair]:
        """Surveys in the order of those there now; of one panel, only what is said otherwise."""
        names = dict.fromkeys(
            [*after.surveys, *sorted(after.rejected), *before.surveys, *sorted(before.rejected)]
        )
        for name in names:
            old, new = before.surveys.get(name), after.surveys.get(name)
            same_words = old is not None and new is not None and _same_words(old, new)
            if same_words and self._same_panel:
                continue
            states = before.status(name), after.status(name)
            if old is None and new is None:
                same_words = states[0] is states[1]
            quotas = pair_quotas(old, new, *(_BY_ID if same_words else self._asks))
            alike = self._alike(old, new, quotas)
            yield SurveyPair(name, old, new, *states, same_words, alike, quotas)

    def _alike(
        self, old: Survey | None, new: Survey | None, quotas: tuple[PairedQuota, ...]
    ) -> bool:
        if not any(survey and survey.open for survey in (old, new)):
            return True
        if old is None or new is None or not self._same_members:
            return False
        labels_before = {each.before.pointer: each.label for each in quotas if each.before}
        labels_after = {each.after.pointer: each.label for each in quotas if each.after}
        return canonical_form(old, self._before, self._how, labels_before) == canonical_form(
            new, self._after, self._how, labels_after
        )


def _same_words(old: Survey, new: Survey) -> bool:
    """Whether two versions say the same; when it was said, and where conditions stand, apart."""
    return (
        old.gate == new.gate
        and old.groups == new.groups
        and (old.live, old.remaining, old.pay) == (new.live, new.remaining, new.pay)
    )
