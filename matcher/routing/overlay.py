"""What was reported of parts of a survey alone: of a quota, or of its own status and seats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from matcher.routing.seats import Seat, with_quota
from matcher.surveys import Survey

NEVER = float("-inf")
"""The time of what was not reported, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class PartialUpdate:
    """The status and the seats that were reported of a part of a survey, and when each was so."""

    live: bool | None = None
    live_at: float = NEVER
    remaining: int | None = None
    remaining_at: float = NEVER

    def updated(self, live: bool | None, remaining: int | None, at: float) -> PartialUpdate:
        """With a later report; the same object where all of that is older."""
        update = self
        if live is not None and at >= self.live_at:
            update = replace(update, live=live, live_at=at)
        if remaining is not None and at >= self.remaining_at:
            update = replace(update, remaining=remaining, remaining_at=at)
        return update

    def since(self, at: float) -> PartialUpdate:
        """What of it is later than a time."""
        update = self
        if self.live_at <= at:
            update = replace(update, live=None, live_at=NEVER)
        if self.remaining_at <= at:
            update = replace(update, remaining=None, remaining_at=NEVER)
        return update


NOTHING = PartialUpdate()

Overlay: TypeAlias = Mapping[Seat, PartialUpdate]
"""What was reported of parts of a survey alone, and later than of the whole."""


def updated_at(survey: Survey) -> float:
    """When a survey was last reported as a whole."""
    return NEVER if survey.updated_at is None else survey.updated_at


def newer_overlay(overlay: Overlay, survey: Survey) -> Overlay:
    """What is newer than a survey in an overlay."""
    newer = {seat: update.since(updated_at(survey)) for seat, update in overlay.items()}
    return {seat: update for seat, update in newer.items() if update != NOTHING}


def with_overlay(survey: Survey, overlay: Overlay) -> Survey:
    """A survey as it was reported, with what was reported of parts of it since."""
    for seat, update in overlay.items():
        survey = with_quota(survey, seat, update.live, update.remaining)
    return survey
