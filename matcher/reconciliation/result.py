"""What reconciling finds: plain values that tables and documents are made of.

Everything counts rows of the log; a member who was sent to three surveys counts three times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from matcher.concentration import Concentration
from matcher.marketplaces import Disposition
from matcher.surveys import Reason


class SuspectKind(StrEnum):
    """In which way a marketplace contradicts us."""

    TURNED_AWAY = "turned-away"
    """It said that the survey is not for the member; by our rules he fits."""

    TAKEN = "taken"
    """It let him in; by our rules he does not fit."""


@dataclass(frozen=True, slots=True)
class AnsweredCode:
    """What a marketplace answered; `meaning` is None where the code is not known."""

    marketplace: str
    code: str
    text: str
    meaning: Disposition | None

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
    """One code of a marketplace, against what we would have said of those who got it.

    `unfit`: by the part of the survey that decided. `surprises`: turned away though they fit, or
    taken though they do not.
    """

    code: AnsweredCode
    fits: int
    uncertain: int
    unfit: Mapping[Reason, int]
    surprises: int

    @property
    def rows(self) -> int:
        """How many got the code."""
        return self.fits + self.uncertain + sum(self.unfit.values())


@dataclass(frozen=True, slots=True)
class Asking:
    """Surprises of one survey and code, in a survey that asks for an attribute.

    Of `rows` that came back so, `holding` hold the answer; `pointers` say where the survey asks.
    """

    survey: str
    code: AnsweredCode
    rows: int
    holding: int
    pointers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suspect:
    """An answer that members hold who were a surprise, and the others do not.

    `held.members` are the surprises of the kind at the marketplace that no suspect before this one
    explains; `held.others` the rows of which we said the same, and the marketplace, too. An answer
    counts only where what we say rests on it. `attribute_ids` are what the marketplace calls the
    attribute, `words` says the answer in its words; `asking` are the surveys with most such rows.
    """

    marketplace: str
    kind: SuspectKind
    held: Concentration
    attribute_ids: tuple[str, ...]
    words: str
    asking: tuple[Asking, ...]


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """All that was found in a log of so many rows.

    `as_of` is the day on which rows without a time were judged. Suspects come best first.
    """

    as_of: date
    rows: int
    confusion: tuple[Confusion, ...]
    suspects: tuple[Suspect, ...]
    set_aside: tuple[RejectedRows, ...]

    @property
    def judged(self) -> int:
        """Rows that were not set aside."""
        return sum(each.rows for each in self.confusion)

    @property
    def surprises(self) -> int:
        """Rows in which the marketplace contradicts us."""
        return sum(each.surprises for each in self.confusion)
