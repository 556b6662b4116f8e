"""What was said of parts of a survey alone: of a quota, or of the survey's own status and seats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from matcher.routing.seats import Seat, with_quota
from matcher.surveys import Survey

NEVER = float("-inf")
"""When something was said that was not, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class PartialUpdate:
    """The status and the seats that a part of a survey was said to have, and when each was so."""

    live: bool | None = None
    live_at: float = NEVER
    remaining: int | None = None
    remaining_at: float = NEVER

    def with_news(self, live: bool | None, remaining: int | None, at: float) -> PartialUpdate:
        """The note with what else is said; the same, where all of that is older."""
        note = self
        if live is not None and at >= self.live_at:
            note = replace(note, live=live, live_at=at)
        if remaining is not None and at >= self.remaining_at:
            note = replace(note, remaining=remaining, remaining_at=at)
        return note

    def since(self, at: float) -> PartialUpdate:
        """What of it was said later than something else."""
        note = self
        if self.live_at <= at:
            note = replace(note, live=None, live_at=NEVER)
        if self.remaining_at <= at:
            note = replace(note, remaining=None, remaining_at=NEVER)
        return note


NOTHING = PartialUpdate()

Overlay: TypeAlias = Mapping[Seat, PartialUpdate]
"""What was said of parts of a survey alone, and later than of the whole."""


def updated_at(survey: Survey) -> float:
    """When a survey was last said as a whole."""
    return NEVER if survey.updated_at is None else survey.updated_at


def newer_overlay(notes: Overlay, survey: Survey) -> Overlay:
    """The notes that still stand beside a survey that was said anew."""
    newer = {seat: note.since(updated_at(survey)) for seat, note in notes.items()}
    return {seat: note for seat, note in newer.items() if note != NOTHING}


def with_overlay(survey: Survey, notes: Overlay) -> Survey:
    """A survey as it was said, with what was said of parts of it since."""
    for seat, note in notes.items():
        survey = with_quota(survey, seat, note.live, note.remaining)
    return survey
