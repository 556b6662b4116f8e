"""What people are shown of a difference first, and its words, in the table and in the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum

from matcher.comparison import (
    Assignment,
    Change,
    Difference,
    Fate,
    Flow,
    QuotaState,
    Status,
    SurveyDifference,
)
from matcher.concentration import Concentration, concentration_words
from matcher.reports.text import shorten
from matcher.surveys import Verdict

FATES = {
    Fate.CHANGED: "changed",
    Fate.ADDED: "added",
    Fate.REMOVED: "removed",
    Fate.OPENED: "opened",
    Fate.CLOSED: "closed",
    Fate.SET_ASIDE: "set aside",
    Fate.RESTORED: "restored",
    Fate.NO_EFFECT: "no effect",
}
"""How a survey changed, in words, in the order of the report."""

STATUSES = {
    Status.OPEN: "open",
    Status.CLOSED: "closed",
    Status.REJECTED: "set aside",
    Status.ABSENT: "absent",
}


class Effect(StrEnum):
    """What a flow means for its members."""

    LOST = "lost"
    GAINED = "gained"
    MOVED = "moved"
    NEWLY_UNCERTAIN = "newly uncertain"
    RULED_OUT = "no longer uncertain"
    STAYED = "stayed"


def effect(flow: Flow) -> Effect:
    """What a flow means for its members; those lost may be uncertain now."""
    if flow.same:
        return Effect.STAYED
    match isinstance(flow.before, Verdict), isinstance(flow.after, Verdict):
        case False, False:
            return Effect.MOVED
        case False, True:
            return Effect.LOST
        case True, False:
            return Effect.GAINED
    return Effect.NEWLY_UNCERTAIN if flow.after is Verdict.UNCERTAIN else Effect.RULED_OUT


def assignment_name(assignment: Assignment) -> str:
    """An assignment in a table: quota ids, shortened, or why there are none."""
    if isinstance(assignment, Verdict):
        return assignment.value
    return " · ".join(map(shorten, assignment)) or "no quota"


def most_affected(found: Difference) -> list[SurveyDifference]:
    """The surveys in which members changed, those with most changes first.

    Surveys that are absent or closed on one side come last: the reason is plain.
    """
    surveys = [survey for survey in found.surveys if survey.tally.affected]
    return sorted(
        surveys, key=lambda survey: (survey.fate is not Fate.CHANGED, -survey.tally.affected)
    )


def largest_changes(flows: Iterable[Flow]) -> list[Flow]:
    """The flows of members whose assignment changed, the largest first."""
    changes = [flow for flow in flows if flow.members and not flow.same]
    return sorted(changes, key=lambda flow: -flow.members)


def fates(found: Difference) -> list[tuple[str, int]]:
    """How many surveys have each fate, `unchanged` last; without those that none has."""
    counts = Counter(survey.fate for survey in found.surveys)
    words = [(word, counts[fate]) for fate, word in FATES.items() if counts[fate]]
    return [*words, ("unchanged", found.unchanged)]


def fillable(quotas: Sequence[QuotaState]) -> tuple[int, int]:
    """Seats that can be filled, and seats left, in the open quotas that are not nested."""
    outer = [quota for quota in quotas if quota.open and len(quota.ids) == 1]
    return (
        sum(min(quota.assigned, quota.remaining) for quota in outer),
        sum(quota.remaining for quota in outer),
    )


CHANGES = {
    Change.LOST: "lost",
    Change.GAINED: "gained",
    Change.MOVED: "moved",
    Change.NEWLY_UNCERTAIN: "newly uncertain",
}
"""How a member's result changes, in words, in the order of the report."""


def percent(part: int, whole: int) -> str:
    """A share as `12 %`; never 0 % of someone, nor 100 % where someone is left out."""
    if not whole:
        return "-"
    rounded = round(100 * part / whole)
    if rounded == 0 and part:
        return "under 1 %"
    if rounded == 100 and part < whole:
        return "over 99 %"
    return f"{rounded} %"


def others(change: Change) -> str:
    """Whom members with a change are compared with."""
    return "those who stayed" if change is Change.LOST else "the others"


def concentration_line(change: Change, found: Concentration) -> str:
    """`98 % of the lost have region = DE: 980 of 1,000; of those who stayed 12 %: 480 of 4,000`."""
    line = (
        f"{percent(found.holding, found.members)} of the {CHANGES[change]} have "
        f"{concentration_words(found)}: {found.holding:,} of {found.members:,}"
    )
    if not found.others:
        return line
    share = percent(found.others_holding, found.others)
    return f"{line}; of {others(change)} {share}: {found.others_holding:,} of {found.others:,}"
