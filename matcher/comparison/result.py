"""What a comparison finds: plain values that tables, documents and the report are made of.

*Given* are the members whom a survey admits: those eligible, and where uncertain members are given
out, those too. A *path* is a member's chosen quota of each group, outermost first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TypeAlias

from matcher.concentration import Concentration
from matcher.surveys import Diagnostic, Verdict

Path: TypeAlias = tuple[str, ...]
"""Quota ids, as `match` gives them."""


Assignment: TypeAlias = Path | Verdict
"""Where a member stands with a survey: the quotas that he is given, or why he is given none."""


class Change(StrEnum):
    """What may become of one member with one survey; the first three are written by `diff -o`."""

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
    """What has become of a survey as a whole."""

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

    `before` and `after`: given the survey. `newly_uncertain`: uncertain now and not before,
    whatever they were.
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
        """Of how many something has become."""
        return self.gained + self.lost + self.moved + self.newly_uncertain

    @property
    def none(self) -> bool:
        """Whether nothing has become of anyone."""
        return not self.affected


@dataclass(frozen=True, slots=True)
class Flow:
    """So many members of one survey went from one standing to another, or stayed where they were.

    `same`: the path is the same, though quotas may have other names or stand in another order.
    """

    before: Assignment
    after: Assignment
    members: int
    same: bool


@dataclass(frozen=True, slots=True)
class QuotaState:
    """One quota on one side: its path, members given it, seats left, whether it takes anyone."""

    ids: Path
    assigned: int
    remaining: int
    open: bool


@dataclass(frozen=True, slots=True)
class QuotaDifference:
    """One quota, before and after; None where it is not there.

    `gained` and `lost` are those who are given it and gained or lost the survey; `came` and `left`
    moved to it, or from it, within the survey.
    """

    before: QuotaState | None
    after: QuotaState | None
    gained: int
    lost: int
    came: int
    left: int


@dataclass(frozen=True, slots=True)
class ClauseText:
    """What a payload says at one place: a JSON pointer from the survey's object, and in words."""

    pointer: str
    text: str


@dataclass(frozen=True, slots=True)
class ClauseChange:
    """One thing that a survey says otherwise; None on the side where it says nothing of it.

    `what` names it (`filter`, `country`, `quota`, `seats`, `status`, `order`); `quota` is the path
    of the quota it stands in, as it is named now, or was where it is gone.
    """

    what: str
    quota: Path | None
    before: ClauseText | None
    after: ClauseText | None


@dataclass(frozen=True, slots=True)
class MappingChange:
    """One thing that the panel file says otherwise of a marketplace, or of the panel.

    `place` is a dotted key of the panel file; `before` and `after` are what stands there, None:
    nothing.
    """

    place: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class SurveyDifference:
    """One survey that is not what it was.

    `evaluated`: members were matched on both sides; else both are known to give the same.
    `renamed`: paths of quotas that only have another name. `flows` has no members who are
    ineligible before and after. `concentrations` are there for the surveys most affected.
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

    @property
    def fate(self) -> Fate:
        """What has become of it."""
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
        return Fate.NO_EFFECT if self.tally.none else Fate.CHANGED


@dataclass(frozen=True, slots=True)
class Work:
    """What was done, as counters that are the same on every machine.

    Surveys given to the comparison on either side, those of them whose members were matched (old
    and new count each), distinct predicates evaluated, and members read, once for each panel.
    """

    surveys: int
    evaluated: int
    predicates: int
    members: int


@dataclass(frozen=True, slots=True)
class Difference:
    """All that a comparison finds, without a list of members.

    `surveys` are those that are not what they were, in payload order; `unchanged` counts the rest
    of those on both sides.
    `joined` and `left` count members who are in one panel only. `tally` sums pairs of member and
    survey; `concentrations` are about members who gained, lost or moved in any survey that is open
    on both sides.
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
