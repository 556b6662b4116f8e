"""What one row of participation history says: the scalar definition that its reader agrees with.

Every row counts by itself: of a survey that was started and later completed there are two. Codes
compare as answers do, as text after trimming; marketplaces in lower case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from profiles.errors import did_you_mean
from profiles.schema.values import UnreadableError, as_code, is_missing

OUTCOMES = (
    "started",
    "complete",
    "disqualified",
    "over_quota",
    "quality",
    "duplicate",
    "dropout",
)
SCOPES = ("survey", "wave", "project", "category")
SEPARATOR = "|"
"""Separates categories in one text, as in CSV."""

AskedParticipation: TypeAlias = tuple[str, str, tuple[str, ...], tuple[str, ...]]
"""A marketplace, a scope, ids of that scope and outcomes: who took part in any so."""


@dataclass(frozen=True, slots=True)
class Participation:
    """One member's participation in one survey, with one outcome."""

    member_id: str
    marketplace: str
    outcome: str
    survey_id: str | None = None
    wave_id: str | None = None
    project_id: str | None = None
    category_ids: tuple[str, ...] = ()

    def ids(self, scope: str) -> tuple[str, ...]:
        """What it was in: a wave is named `SurveyID/WaveID`. Raises KeyError for other scopes."""
        wave = None
        if self.survey_id is not None and self.wave_id is not None:
            wave = f"{self.survey_id}/{self.wave_id}"
        named = {"survey": self.survey_id, "wave": wave, "project": self.project_id}
        if scope == "category":
            return self.category_ids
        return () if named[scope] is None else (str(named[scope]),)


def took_part_in(
    history: Iterable[Participation],
    marketplace: str,
    scope: str,
    ids: tuple[str, ...],
    outcomes: tuple[str, ...],
) -> bool:
    """Whether one of the participations is of that marketplace, in an id, with an outcome."""
    return any(
        participation.marketplace == marketplace
        and participation.outcome in outcomes
        and any(id_ in ids for id_ in participation.ids(scope))
        for participation in history
    )


def read_participation(row: Mapping[str, object]) -> Participation:
    """Read one row of history by column; raises UnreadableError where it says too little."""
    member_id, marketplace = _code(row, "member_id"), _code(row, "marketplace")
    if member_id is None:
        raise UnreadableError("no member id")
    if marketplace is None:
        raise UnreadableError("no marketplace")
    categories = row.get("category_ids")
    if isinstance(categories, str):
        categories = categories.split(SEPARATOR)
    elif not isinstance(categories, list | tuple):
        categories = [categories]
    return Participation(
        member_id,
        marketplace.lower(),
        read_outcome(_code(row, "outcome")),
        _code(row, "survey_id"),
        _code(row, "wave_id"),
        _code(row, "project_id"),
        tuple(as_code(raw) for raw in categories if not is_missing(raw)),
    )


def read_outcome(code: str | None) -> str:
    """One of the outcomes; raises UnreadableError for anything else."""
    if code is None:
        raise UnreadableError("no outcome")
    if code not in OUTCOMES:
        hint = did_you_mean(code, OUTCOMES) or f"outcomes are {', '.join(OUTCOMES)}"
        raise UnreadableError(f"`{code}` is not an outcome; {hint}")
    return code


def _code(row: Mapping[str, object], column: str) -> str | None:
    raw = row.get(column)
    return None if is_missing(raw) else as_code(raw)
