"""What matching a panel gives: one row of it, and the counts of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from matcher.engine.arguments import no_survey
from matcher.surveys import Verdict

Progress: TypeAlias = Callable[[int, int | None], None]
"""Called after every shard: members done, and how many there are, where that is known."""


@dataclass(frozen=True, slots=True)
class Match:
    """One member of one survey, and the chosen quota of each group, outermost first."""

    member_id: str | int
    survey: str
    quota_ids: tuple[str, ...]
    verdict: Verdict

    def __repr__(self) -> str:
        return f"Match({self.member_id!r}, {self.survey}, {self.quota_ids}, {self.verdict})"


@dataclass(frozen=True, slots=True)
class QuotaCounts:
    """One quota: `ids` is its path; `remaining` the seats left; the rest counts members."""

    ids: tuple[str, ...]
    matched: int
    assigned: int
    remaining: int
    open: bool

    def __repr__(self) -> str:
        counts = f"{self.matched:,} matched, {self.assigned:,} assigned"
        seats = f"{self.remaining:,} remaining, {'open' if self.open else 'closed'}"
        return f"QuotaCounts({'/'.join(self.ids)}, {counts}, {seats})"


@dataclass(frozen=True, slots=True)
class SurveyCounts:
    """One survey: members it admits definitely, members it may admit, members given it, quotas.

    Given are all that are given out, unless a member is given at most so many surveys.
    """

    survey: str
    status: str
    eligible: int
    uncertain: int
    given: int
    quotas: tuple[QuotaCounts, ...]

    def __repr__(self) -> str:
        verdicts = f"{self.eligible:,} eligible, {self.uncertain:,} uncertain"
        return f"SurveyCounts({self.survey}, {self.status}, {verdicts}, {len(self)} quotas)"

    def __len__(self) -> int:
        return len(self.quotas)

    def __iter__(self) -> Iterator[QuotaCounts]:
        return iter(self.quotas)


@dataclass(frozen=True, slots=True)
class PanelCounts:
    """All surveys of a plan, counted over a panel of so many members.

    `counts["dynata:13231"]` is one of them.
    """

    members: int
    surveys: tuple[SurveyCounts, ...]

    def __repr__(self) -> str:
        return f"PanelCounts({self.members:,} members, {len(self.surveys):,} surveys)"

    def __len__(self) -> int:
        return len(self.surveys)

    def __iter__(self) -> Iterator[SurveyCounts]:
        return iter(self.surveys)

    def __getitem__(self, survey: str) -> SurveyCounts:
        """The counts of a survey by its name; raises InputError where there is none."""
        found = next((counts for counts in self.surveys if counts.survey == survey), None)
        if found is None:
            raise no_survey(survey, (counts.survey for counts in self.surveys))
        return found

    def __contains__(self, survey: object) -> bool:
        return any(counts.survey == survey for counts in self.surveys)
