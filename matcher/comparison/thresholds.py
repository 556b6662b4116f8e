"""How much may change before `matcher diff` ends with status 1."""

from __future__ import annotations

import re
from dataclasses import dataclass

from matcher.comparison.result import Change, ChangeTally
from profiles.errors import InputError

_WRITTEN = re.compile(r"(?P<number>\d{1,15}(\.\d{1,9})?)\s*(?P<percent>%?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Threshold:
    """At most so many pairs of member and survey, or so many percent of those before.

    Those before are the pairs given before in the surveys that changed.
    """

    change: Change
    most: float
    percent: bool

    def exceeded(self, tally: ChangeTally) -> bool:
        """Whether more than that changed so."""
        count: int = getattr(tally, self.change)
        return count * 100 > self.most * tally.before if self.percent else count > self.most

    def __str__(self) -> str:
        return f"{self.most:,.15g}{' %' if self.percent else ''}"


def read_threshold(change: Change, written: str) -> Threshold:
    """Read `100` or `0.5%`; raises InputError for anything else."""
    found = _WRITTEN.fullmatch(written.strip())
    if not found or ("." in written and not found["percent"]):
        raise InputError(
            f"`--max-{change}`: `{written}` is not a count or a percentage (100, 0.5%)"
        )
    return Threshold(change, float(found["number"]), bool(found["percent"]))
