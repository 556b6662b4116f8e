"""Which of the quotas that would take a member they are given, one per group.

Every choice is a total order or a seeded draw of member and survey alone, so the same input gives
the same quota whatever the shards or the number of workers. The scalar `pick` is the definition;
the batch engine uses `order` and `matcher.engine.draws`, which must agree with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TypeAlias

from matcher.surveys.survey import Group, Quota, Survey
from profiles.errors import InputError, did_you_mean
from profiles.hashing import hash_id, mix

QuotaKey = tuple[str, str]
"""A survey's name and the pointer of a quota in it."""


class ChoiceStrategy(StrEnum):
    """How a quota is chosen, as `--choose` spells it."""

    FIRST = "first"
    MOST_OPEN = "most-open"
    SCARCEST = "scarcest"
    BALANCED = "balanced"

    @classmethod
    def parse(cls, text: str) -> ChoiceStrategy:
        """The strategy of that name; raises InputError where there is none."""
        known = [str(strategy) for strategy in cls]
        if text in known:
            return cls(text)
        hint = did_you_mean(text, known)
        of = f"`choose`: `{text}` is none of {', '.join(known)}"
        raise InputError(f"{of}; {hint}" if hint else of)


@dataclass(frozen=True, slots=True)
class First:
    """Payload order."""

    def order(self, survey: Survey, group: Group) -> Sequence[Quota]:
        """The quotas as the payload has them."""
        del survey
        return group.quotas

    def pick(self, survey: Survey, group: Group, candidates: Sequence[Quota], member: str) -> Quota:
        """The first candidate."""
        del survey, group, member
        return candidates[0]


@dataclass(frozen=True, slots=True)
class MostOpen:
    """Most seats left, then payload order."""

    def order(self, survey: Survey, group: Group) -> Sequence[Quota]:
        """The quotas by falling number of seats left."""
        del survey
        return sorted(group.quotas, key=lambda quota: -quota.remaining)

    def pick(self, survey: Survey, group: Group, candidates: Sequence[Quota], member: str) -> Quota:
        """The candidate with the most seats."""
        del survey, group, member
        return max(candidates, key=lambda quota: quota.remaining)


@dataclass(frozen=True, slots=True)
class Scarcest:
    """Fewest eligible members per seat left, then payload order.

    `eligible` counts, for the whole panel, the members whom the survey admits and the quota (and
    every quota it is nested in) would take.
    """

    eligible: Mapping[QuotaKey, int]

    def __repr__(self) -> str:
        return f"Scarcest({len(self.eligible):,} quotas)"

    def order(self, survey: Survey, group: Group) -> Sequence[Quota]:
        """The quotas by rising number of eligible members per seat."""
        return sorted(group.quotas, key=lambda quota: self._per_seat(survey, quota))

    def pick(self, survey: Survey, group: Group, candidates: Sequence[Quota], member: str) -> Quota:
        """The candidate with the fewest eligible members per seat."""
        del group, member
        return min(candidates, key=lambda quota: self._per_seat(survey, quota))

    def _per_seat(self, survey: Survey, quota: Quota) -> Fraction:
        return Fraction(self.eligible.get((survey.name, quota.pointer), 0), max(quota.remaining, 1))


@dataclass(frozen=True, slots=True)
class Balanced:
    """A draw in proportion to seats left, by a seeded hash of the member and the survey."""

    seed: int = 0

    def pick(self, survey: Survey, group: Group, candidates: Sequence[Quota], member: str) -> Quota:
        """The candidate on whose seats the member's draw falls."""
        weights = self.weights(group)
        seats = [weights[group.quotas.index(quota)] for quota in candidates]
        drawn = mix(hash_id(member) ^ self.salt(survey, group)) >> 32
        falls_on = (drawn * sum(seats)) >> 32
        for quota, weight in zip(candidates, seats, strict=True):
            falls_on -= weight
            if falls_on < 0:
                return quota
        raise AssertionError("a draw falls within the sum of the seats")

    def salt(self, survey: Survey, group: Group) -> int:
        """What sets the draws of one group apart from those of every other."""
        return mix(hash_id(f"{self.seed}/{survey.name}/{group.pointer}"))

    def weights(self, group: Group) -> list[int]:
        """The seats of the group's quotas, capped so that their sum stays below 2**32."""
        most = ((1 << 32) - 1) // max(len(group.quotas), 1)
        return [min(quota.remaining, most) for quota in group.quotas]


Choice: TypeAlias = First | MostOpen | Scarcest | Balanced
"""Chooses one quota of a group; all but `Balanced` order the quotas alike for everyone."""


def make_choice(
    strategy: ChoiceStrategy, seed: int, eligible: Mapping[QuotaKey, int] | None = None
) -> Choice:
    """The choice of a strategy; `scarcest` needs the panel's eligible members by quota."""
    match strategy:
        case ChoiceStrategy.FIRST:
            return First()
        case ChoiceStrategy.MOST_OPEN:
            return MostOpen()
        case ChoiceStrategy.SCARCEST:
            return Scarcest(eligible or {})
        case ChoiceStrategy.BALANCED:
            return Balanced(seed)
