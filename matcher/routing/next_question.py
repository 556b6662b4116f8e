"""What to ask a member, so that surveys that they may be eligible for are decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from matcher.routing.brief import brief
from matcher.rules import MemberView
from matcher.surveys import Survey, unanswered
from profiles.plural import plural


@dataclass(frozen=True, slots=True)
class Question:
    """An attribute to ask for, and the surveys that an answer may settle.

    `value`: seats times pay of these. Pay is per expected minute. Of a survey that depends on more
    attributes, a part counts: as much for each of them.
    """

    attribute: str
    value: float
    surveys: tuple[str, ...]

    def __repr__(self) -> str:
        surveys = plural(len(self.surveys), "survey")
        return f"Question({brief(self.attribute)}, {surveys}, {self.value:g})"


def best_question(surveys: Iterable[Survey], member: MemberView) -> Question | None:
    """The attribute whose answer may open most value among uncertain surveys; None: there is none.

    One that settles surveys by itself goes before those that only do so with others.
    """
    alone: defaultdict[str, float] = defaultdict(float)
    shared: defaultdict[str, float] = defaultdict(float)
    about: defaultdict[str, list[str]] = defaultdict(list)
    for survey in surveys:
        names = unanswered(survey, member)
        for name in names:
            value = _value(survey) / len(names)
            shared[name] += value
            about[name].append(survey.name)
            if len(names) == 1:
                alone[name] += value
    if not about:
        return None
    best = max(about, key=lambda name: (alone[name], shared[name]))
    return Question(best, shared[best], tuple(about[best]))


def _value(survey: Survey) -> float:
    """Seats that are left times what a survey pays; a session takes a seat in every group."""
    groups = ([quota.remaining for quota in g.quotas if quota.open] for g in survey.groups)
    seats = list(map(sum, groups))
    if survey.remaining is not None:
        seats.append(survey.remaining)
    return min(seats, default=1) * (survey.pay or 0.0)
