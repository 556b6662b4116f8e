"""The one shape that the surveys of every marketplace are lowered to.

    Survey = open ∧ every gate clause ∧ every quota group admits
    Group  = quotas judged together, under one regime
    Quota  = rule ∧ open ∧ every group nested in it admits

Where in the payload a part came from stands here, beside its rule: a JSON pointer from the
survey's own object.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from matcher.rule import Rule


class Regime(StrEnum):
    """How the quotas of one group are judged together."""

    ANY_OPEN = "any-open"
    """Admits who matches at least one open quota; a closed one that he matches is passed over."""

    ALL_OPEN = "all-open"
    """Admits who matches no closed quota; and, where `required`, matches at least one."""


class Reason(StrEnum):
    """The part of a survey that decided a verdict: the first, in this order, that is not true."""

    ADMITTED = "admitted"
    STATUS = "status"
    COUNTRY = "country"
    LANGUAGE = "language"
    DEVICE = "device"
    FILTER = "filter"
    TAKEN = "taken"
    EXCLUDED_PROJECT = "excluded-project"
    EXCLUDED_CATEGORY = "excluded-category"
    EXCLUDED_SURVEY = "excluded-survey"
    QUOTA = "quota"
    QUOTA_FULL = "quota-full"


@dataclass(frozen=True, slots=True)
class Clause:
    """One part of a survey's gate."""

    rule: Rule
    reason: Reason
    pointer: str


@dataclass(frozen=True, slots=True)
class Quota:
    """A rule with seats: `remaining` of them are left, and an open quota has at least one."""

    id: str
    rule: Rule
    open: bool
    remaining: int
    pointer: str
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Quotas judged together, in payload order."""

    quotas: tuple[Quota, ...]
    pointer: str
    regime: Regime = Regime.ANY_OPEN
    required: bool = False


@dataclass(frozen=True, slots=True)
class Survey:
    """One survey, lowered to rules over the panel's attributes and values.

    `pay`: what it pays per expected minute, in its own currency; None: not known.
    """

    marketplace: str
    id: str
    open: bool
    gate: tuple[Clause, ...]
    groups: tuple[Group, ...]
    pay: float | None = None

    @property
    def name(self) -> str:
        """How users name it: `dynata:13231`, `toluna:2433478/787773`, `rfg:1234`."""
        return f"{self.marketplace}:{self.id}"
