"""What a comparison finds: plain values that tables, documents and the report are made of.

*Given* are the members whom a survey admits: those eligible, and on request those uncertain. A
*path* is a member's chosen quota of each group, outermost first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from reprlib import repr as shortened
from typing import TypeAlias

from matcher.concentration import Concentration
from matcher.surveys import Diagnostic, Verdict

Path: TypeAlias = tuple[str, ...]
"""Quota ids, as `match` gives them."""


Assignment: TypeAlias = Path | Verdict
"""A member's result in a survey: the path of quotas they are given, or why they are given none."""


class Change(StrEnum):
    """How one member's result in one survey changes; `diff -o` writes the first three."""

    GAINED = "gained"
    LOST = "lost"
    MOVED = "moved"
    NEWLY_UNCERTAIN = "newly-uncertain"


class Status(StrEnum):
    """What a survey is on one side of a comparison."""

    OPEN = "open"
    CLOSED = "closed"
    REJECTED = "rejected"
    ABSENT = "absent"


class Fate(StrEnum):
    """How a survey as a whole changed."""

    ADDED = "added"
    REMOVED = "removed"
    SET_ASIDE = "set-aside"
    RESTORED = "restored"
    OPENED = "opened"
    CLOSED = "closed"
    CHANGED = "changed"
    NO_EFFECT = "no-effect"


@dataclass(frozen=True, slots=True)
class ChangeTally:
    """Members of one survey (or, summed over surveys, pairs of member and survey).

    `before` and `after`: given the survey. `newly_uncertain`: uncertain after and not before,
    whatever they were before.
    """

    before: int = 0
    after: int = 0
    uncertain_before: int = 0
    uncertain_after: int = 0
    gained: int = 0
    lost: int = 0
    moved: int = 0
    newly_uncertain: int = 0

    @property
    def affected(self) -> int:
        """How many changed in any way."""
        return self.gained + self.lost + self.moved + self.newly_uncertain


@dataclass(frozen=True, slots=True)
class Flow:
    """How many members of one survey went from one assignment to another, or kept it.

    `same`: the path is the same, though quotas may be renamed or in another order.
    """

    before: Assignment
    after: Assignment
    members: int
    same: bool

    def __repr__(self) -> str:
        before, after = (
            end.value if isinstance(end, Verdict) else shortened(end)
            for end in (self.before, self.after)
        )
        return f"Flow({before} -> {after}, {self.members:,} members)"


@dataclass(frozen=True, slots=True)
class QuotaState:
    """One quota on one side: its path, members given it, seats left, whether it is open."""

    ids: Path
    assigned: int
    remaining: int
    open: bool


@dataclass(frozen=True, slots=True)
class QuotaDifference:
    """One quota, before and after; None where it is not on that side.

    `gained` and `lost` count members given it who gained or lost the survey; `came` and `left`
    those who moved to it, or from it, within the survey.
    """

    before: QuotaState | None
    after: QuotaState | None
    gained: int
    lost: int
    came: int
    left: int

    def __repr__(self) -> str:
        sides = [side for side in (self.before, self.after) if side is not None]
        ids = shortened(sides[-1].ids) if sides else "nothing"
        assigned = " -> ".join(f"{side.assigned:,}" for side in sides)
        return f"QuotaDifference({ids}: {assigned} assigned)"


@dataclass(frozen=True, slots=True)
class ClauseText:
    """What a payload says at one place: a JSON pointer from the survey's object, and in words."""

    pointer: str
    text: str

    def __repr__(self) -> str:
        return f"ClauseText({shortened(self.pointer)}, {shortened(self.text)})"


@dataclass(frozen=True, slots=True)
class ClauseChange:
    """One difference between two versions of a survey; None on a side that says nothing of it.

    `what` names it (`filter`, `country`, `quota`, `seats`, `status`, `order`); `quota` is the path
    of the quota it is in, by its name after, or before where it is gone.
    """

    what: str
    quota: Path | None
    before: ClauseText | None
    after: ClauseText | None

    def __repr__(self) -> str:
        old, new = (side and shortened(side.text) for side in (self.before, self.after))
        return f"ClauseChange({self.what}: {old} -> {new})"


@dataclass(frozen=True, slots=True)
class MappingChange:
    """One difference between two panel files.

    `place` is a dotted key of the panel file; `before` and `after` are its values, None: no such
    key.
    """

    place: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class SurveyDifference:
    """One survey that changed.

    `evaluated`: members were matched on both sides; else both are known to give the same result.
    `renamed`: paths of quotas that only have another name. `flows` leaves out members who are
    ineligible before and after. `concentrations` are found for the surveys most affected.
    """

    survey: str
    before: Status
    after: Status
    evaluated: bool
    tally: ChangeTally = field(default_factory=ChangeTally)
    quotas: tuple[QuotaDifference, ...] = ()
    flows: tuple[Flow, ...] = ()
    renamed: tuple[tuple[Path, Path], ...] = ()
    clauses: tuple[ClauseChange, ...] = ()
    concentrations: Mapping[Change, tuple[Concentration, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"SurveyDifference({self.survey}: {self.fate}, {_counts(self.tally)})"

    @property
    def fate(self) -> Fate:
        """How it changed as a whole."""
        match self.before, self.after:
            case Status.ABSENT, _:
                return Fate.ADDED
            case _, Status.ABSENT:
                return Fate.REMOVED
            case Status.REJECTED, Status.OPEN | Status.CLOSED:
                return Fate.RESTORED
            case Status.OPEN | Status.CLOSED, Status.REJECTED:
                return Fate.SET_ASIDE
            case Status.CLOSED, Status.OPEN:
                return Fate.OPENED
            case Status.OPEN, Status.CLOSED:
                return Fate.CLOSED
        return Fate.CHANGED if self.tally.affected else Fate.NO_EFFECT


@dataclass(frozen=True, slots=True)
class Work:
    """What was done, as counters that are the same on every machine.

    Surveys on both sides together, those of them that were matched, distinct predicates evaluated,
    and members read, once for each panel.
    """

    surveys: int
    evaluated: int
    predicates: int
    members: int


@dataclass(frozen=True, slots=True)
class Difference:
    """All that a comparison finds, without the members one by one.

    `surveys` are those that changed, in payload order; `unchanged` counts the others that are on
    both sides. `joined` and `left` count members who are in one panel only. `tally` counts pairs of
    member and survey; `concentrations` are about members who gained, lost or moved in any survey
    that is open on both sides.
    """

    as_of: date
    members_before: int
    members_after: int
    joined: int
    left: int
    tally: ChangeTally
    surveys: tuple[SurveyDifference, ...]
    unchanged: int
    concentrations: Mapping[Change, tuple[Concentration, ...]]
    mapping: tuple[MappingChange, ...]
    work: Work
    diagnostics_before: tuple[Diagnostic, ...] = ()
    diagnostics_after: tuple[Diagnostic, ...] = ()

    def __repr__(self) -> str:
        return (
            f"Difference({len(self.surveys):,} surveys changed, {self.unchanged:,} unchanged, "
            f"{_counts(self.tally)})"
        )


def _counts(tally: ChangeTally) -> str:
    return f"{tally.lost:,} lost, {tally.gained:,} gained, {tally.moved:,} moved"
