"""What matching a panel gives: one row of it, and the counts of all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

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


@dataclass(frozen=True, slots=True)
class QuotaCounts:
    """One quota: `ids` is its path; `remaining` the seats left; the rest counts members."""

    ids: tuple[str, ...]
    matched: int
    assigned: int
    remaining: int
    open: bool


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


@dataclass(frozen=True, slots=True)
class PanelCounts:
    """All surveys of a plan, counted over a panel of so many members."""

    members: int
    surveys: tuple[SurveyCounts, ...]
