"""What to ask a member, so that surveys he may be eligible for become ones that he is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from matcher.rules import MemberView
from matcher.surveys import Survey, unanswered


@dataclass(frozen=True, slots=True)
class Question:
    """An attribute to ask for. `value`: seats times price of the surveys it may settle, `surveys`.

    Price is what a survey pays per expected minute. A survey that asks for more besides counts a
    part of its value: as much as each of its questions.
    """

    attribute: str
    value: float
    surveys: tuple[str, ...]


def best_question(surveys: Iterable[Survey], member: MemberView) -> Question | None:
    """The attribute whose answer may open most value among uncertain surveys; None: there is none.

    One that settles surveys by itself goes before those that only do so with others.
    """
    alone: defaultdict[str, float] = defaultdict(float)
    shared: defaultdict[str, float] = defaultdict(float)
    about: defaultdict[str, list[str]] = defaultdict(list)
    for survey in surveys:
        asked = unanswered(survey, member)
        for name in asked:
            value = _value(survey) / len(asked)
            shared[name] += value
            about[name].append(survey.name)
            if len(asked) == 1:
                alone[name] += value
    if not about:
        return None
    best = max(about, key=lambda name: (alone[name], shared[name]))
    return Question(best, shared[best], tuple(about[best]))


def _value(survey: Survey) -> float:
    """Seats that are left times what a survey pays; a session takes a seat in every group."""
    seats = [sum(each.remaining for each in group.quotas if each.open) for group in survey.groups]
    if survey.remaining is not None:
        seats.append(survey.remaining)
    return min(seats, default=1) * (survey.pay or 0.0)
