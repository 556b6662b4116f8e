"""What reconciling finds: plain values that tables and documents are made of.

Everything counts rows of the log; a member who was sent to three surveys counts three times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from reprlib import repr as shortened

from matcher.concentration import Concentration
from matcher.marketplaces import Disposition
from matcher.surveys import Reason


class SuspectKind(StrEnum):
    """How a marketplace contradicts us."""

    TURNED_AWAY = "turned-away"
    """It turned the member away; by our rules they fit."""

    TAKEN = "taken"
    """It took the member; by our rules they do not fit."""


@dataclass(frozen=True, slots=True)
class AnsweredCode:
    """What a marketplace answered; `disposition` is None where the code is not known."""

    marketplace: str
    code: str
    text: str
    disposition: Disposition | None

    def __str__(self) -> str:
        return f"{self.code} ({self.text})" if self.text != self.code else self.code


@dataclass(frozen=True, slots=True)
class RejectedRows:
    """Rows of the log that could not be judged: why, how many, and the place of the first."""

    why: str
    rows: int
    first: str


@dataclass(frozen=True, slots=True)
class Confusion:
    """One code of a marketplace, with our verdicts on the rows that have it.

    `unfit`: by the part of the survey that decided. `surprises`: turned away though they fit, or
    taken though they do not.
    """

    code: AnsweredCode
    fits: int
    uncertain: int
    unfit: Mapping[Reason, int]
    surprises: int

    def __repr__(self) -> str:
        code = self.code
        return (
            f"Confusion({code.marketplace} {code.code}, rows={self.rows:,}, fits={self.fits:,}, "
            f"surprises={self.surprises:,})"
        )

    @property
    def rows(self) -> int:
        """How many have the code."""
        return self.fits + self.uncertain + sum(self.unfit.values())


@dataclass(frozen=True, slots=True)
class SuspectSurvey:
    """Surprises of one code, in a survey that asks for the suspect attribute.

    Of `rows` with the code, `holding` hold the answer; `pointers` say where the survey asks.
    """

    survey: str
    code: AnsweredCode
    rows: int
    holding: int
    pointers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suspect:
    """An answer that members of surprising rows hold, and those of other rows do not.

    `held.members` are the surprises of the kind at the marketplace that no suspect before this one
    explains; `held.others` the rows in which the marketplace agrees with us. An answer counts only
    where our verdict depends on it. `attribute_ids` are the marketplace's ids of the attribute,
    `words` is the answer in its words; `surveys` are those with most such rows.
    """

    marketplace: str
    kind: SuspectKind
    held: Concentration
    attribute_ids: tuple[str, ...]
    words: str
    surveys: tuple[SuspectSurvey, ...]

    def __repr__(self) -> str:
        return f"Suspect({self.marketplace}, {self.kind}: {shortened(self.words)})"


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """All that was found in a log of so many rows.

    `as_of` is the day on which rows without a time were judged. Suspects are in order of strength.
    """

    as_of: date
    rows: int
    confusion: tuple[Confusion, ...]
    suspects: tuple[Suspect, ...]
    set_aside: tuple[RejectedRows, ...]

    def __repr__(self) -> str:
        return (
            f"Reconciliation(rows={self.rows:,}, judged={self.judged:,}, "
            f"surprises={self.surprises:,}, suspects={len(self.suspects):,})"
        )

    @property
    def judged(self) -> int:
        """Rows that were not set aside."""
        return sum(line.rows for line in self.confusion)

    @property
    def surprises(self) -> int:
        """Rows in which the marketplace contradicts us."""
        return sum(line.surprises for line in self.confusion)
