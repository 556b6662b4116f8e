"""An answer that some members hold more often than others, with the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

AnswerValue: TypeAlias = str | tuple[float, float] | None
"""A panel code, a closed range of numbers, or None: no answer."""


@dataclass(frozen=True, slots=True)
class Concentration:
    """An answer that is more frequent among some members than among others.

    `holding` of the `members` (those lost, say) hold any of the values; of the `others` (those who
    kept the survey, say) `others_holding` do.
    """

    attribute: str
    values: tuple[AnswerValue, ...]
    members: int
    holding: int
    others: int
    others_holding: int
