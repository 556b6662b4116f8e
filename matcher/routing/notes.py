"""What was said of parts of a survey alone: of a quota, or of the survey's own status and seats."""

from __future__ import annotations

from dataclasses import dataclass, field

from matcher.routing.seats import Seat, with_quota
from matcher.survey import Survey


@dataclass(frozen=True, slots=True)
class Note:
    """What was said of a quota, or of a survey's own seats, alone."""

    live: bool | None
    remaining: int | None
    at: float


@dataclass
class Notes:
    """By survey, what was said alone of parts of it, and later than of the whole."""

    by_survey: dict[str, dict[Seat, Note]] = field(default_factory=dict)

    def newest(self, survey: Survey, seat: Seat) -> float:
        """When something was last said of a part of a survey."""
        note = self.by_survey.get(survey.name, {}).get(seat)
        told = float("-inf") if survey.told_at is None else survey.told_at
        return told if note is None else max(told, note.at)

    def keep(self, survey: Survey, seat: Seat, note: Note) -> None:
        """Note what was said of a part; what the note leaves open stays as it was said before."""
        notes = self.by_survey.setdefault(survey.name, {})
        before = notes.get(seat)
        if before is not None:
            note = Note(
                before.live if note.live is None else note.live,
                before.remaining if note.remaining is None else note.remaining,
                note.at,
            )
        notes[seat] = note

    def laid_over(self, survey: Survey) -> Survey:
        """A survey that was said anew, with what was said later of parts; the rest is forgotten."""
        told = float("-inf") if survey.told_at is None else survey.told_at
        notes = self.by_survey.pop(survey.name, {})
        newer = {seat: note for seat, note in notes.items() if note.at > told}
        if newer:
            self.by_survey[survey.name] = newer
        for seat, note in newer.items():
            survey = with_quota(survey, seat, note.live, note.remaining)
        return survey
