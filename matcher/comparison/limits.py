"""How much a comparison looks into, and how much of it is in memory at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from matcher.engine import Limits


@dataclass(frozen=True, slots=True)
class ComparisonLimits:
    """Sizes that change how long a comparison takes and how much it finds, but no count."""

    examined: int = 50
    """Concentrations are found for so many surveys, those with the most changes."""

    united_bytes: int = 1 << 30
    """Bytes of rows at once, where the members of two panels are matched by id."""

    shards: Limits = field(default_factory=Limits)
