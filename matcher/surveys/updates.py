"""What marketplaces send as time goes by: whole surveys, and the seats and status of some.

`matcher.loading.files` reads surveys from files; `matcher.loading.notifications` reads all of this
from notifications.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from matcher.surveys.survey import Survey


@dataclass(frozen=True, slots=True)
class SurveyUpdate:
    """A survey as it is now: a new one, or in place of the one of its name."""

    survey: Survey


@dataclass(frozen=True, slots=True)
class Rejected:
    """What was sent of the survey of this name is malformed; a diagnostic says how."""

    name: str


@dataclass(frozen=True, slots=True)
class QuotaUpdate:
    """The status or the seats of one quota.

    `survey_id` None: the quota's id names it by itself. `quota_ids` is the path to it, outermost
    first: one id, or those of a Toluna quota and of a subquota in it. `live`: its status is open;
    `remaining`: seats left, 0 or more; `at`: when it was so, seconds since 1970. None: not given.
    """

    marketplace: str
    survey_id: str | None
    quota_ids: tuple[str, ...]
    live: bool | None
    remaining: int | None
    at: float | None


@dataclass(frozen=True, slots=True)
class SeatUpdate:
    """The status or the seats of a survey as a whole, by its name; fields as in `QuotaUpdate`."""

    name: str
    live: bool | None
    remaining: int | None
    at: float | None


Update: TypeAlias = SurveyUpdate | Rejected | QuotaUpdate | SeatUpdate
