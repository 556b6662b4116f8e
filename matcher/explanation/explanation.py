"""What an explanation of a verdict consists of: the survey's own parts, each with its truth.

Places are JSON pointers from the survey's own object in the payload.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from matcher.marketplaces import RejectionCode
from matcher.rules import Rule, Truth
from matcher.surveys import Reason, Regime, Verdict
from profiles.schema import Answers


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of the payload: a cell, a question, a datapoint; or a gate clause as a whole.

    `pointers`: its place, or several where conditions mean the same to the panel. `asks`: the
    condition in words. `answers`: what the member has answered to each of its attributes, None:
    nothing. `unknown`: why it is unknown, where that is not because an answer is missing.
    """

    rule: Rule
    pointers: tuple[str, ...]
    truth: Truth
    asks: str
    answers: tuple[tuple[str, Answers | None], ...]
    unknown: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Condition({self.pointers[0]}: {self.truth.name.lower()})"


@dataclass(frozen=True, slots=True)
class Combination:
    """Parts of which all (or, with `any_of`, at least one) must be true."""

    any_of: bool
    truth: Truth
    parts: tuple[ExplainedPart, ...]

    def __repr__(self) -> str:
        needed = "any" if self.any_of else "all"
        return f"Combination({needed} of {len(self.parts)}: {self.truth.name.lower()})"


ExplainedPart: TypeAlias = Condition | Combination


@dataclass(frozen=True, slots=True)
class ExplainedClause:
    """One clause of the gate."""

    pointer: str
    reason: Reason
    part: ExplainedPart

    def __repr__(self) -> str:
        return f"ExplainedClause({self.pointer}: {self.truth.name.lower()})"

    @property
    def truth(self) -> Truth:
        """Whether the member meets it."""
        return self.part.truth


@dataclass(frozen=True, slots=True)
class ExplainedQuota:
    """One quota: `matches` says whether the member does, `takes` whether it has a seat for them.

    `part` is its own rule; a nested group must admit them, too.
    """

    id: str
    pointer: str
    live: bool
    remaining: int
    matches: Truth
    takes: Truth
    part: ExplainedPart
    groups: tuple[ExplainedGroup, ...]

    def __repr__(self) -> str:
        return f"ExplainedQuota({self.pointer}: {self.takes.name.lower()})"

    @property
    def open(self) -> bool:
        """Whether it takes anyone: its status is open, and a seat is left."""
        return self.live and self.remaining > 0


@dataclass(frozen=True, slots=True)
class ExplainedGroup:
    """Quotas judged together, in payload order; `truth`: whether they admit the member."""

    pointer: str
    regime: Regime
    required: bool
    truth: Truth
    quotas: tuple[ExplainedQuota, ...]

    @property
    def needs_match(self) -> bool:
        """Whether it admits only who matches one of its quotas."""
        return self.regime is Regime.ANY_OPEN or self.required

    def __repr__(self) -> str:
        count = len(self.quotas)
        return f"ExplainedGroup({self.pointer}, {count} quotas: {self.truth.name.lower()})"


@dataclass(frozen=True, slots=True)
class Opening:
    """A closed quota that would have to open; without an id, the survey itself."""

    pointer: str
    quota_id: str | None = None


AnswerChange: TypeAlias = Condition | Opening
"""A condition that would have to become true, or what would have to open."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A verdict on one member for one survey, and all that it comes from.

    `live` and `remaining` are the survey's own (None: not known). `outcome` is the marketplace's
    code for a member who is ineligible, where it has one. `ask` names the unanswered attributes on
    which the verdict on an uncertain member depends. `nearest_miss` is the fewest changes that
    would make the member eligible: empty where they are, None where no changes would.
    """

    survey: str
    member_id: str
    verdict: Verdict
    reason: Reason
    quota_ids: tuple[str, ...]
    outcome: RejectionCode | None
    live: bool
    remaining: int | None
    gate: tuple[ExplainedClause, ...]
    groups: tuple[ExplainedGroup, ...]
    ask: tuple[str, ...]
    nearest_miss: tuple[AnswerChange, ...] | None

    def __repr__(self) -> str:
        return f"Explanation({self.member_id}, {self.survey}: {self.verdict}, {self.reason})"

    @property
    def open(self) -> bool:
        """Whether the survey takes anyone."""
        return self.live and (self.remaining is None or self.remaining > 0)


def conditions(part: ExplainedPart) -> Iterator[Condition]:
    """The single conditions of a part, in payload order."""
    if isinstance(part, Condition):
        yield part
    else:
        for inner in part.parts:
            yield from conditions(inner)


def quotas(groups: tuple[ExplainedGroup, ...]) -> Iterator[ExplainedQuota]:
    """Every quota of some groups, each followed by those nested in it."""
    for group in groups:
        for quota in group.quotas:
            yield quota
            yield from quotas(quota.groups)
