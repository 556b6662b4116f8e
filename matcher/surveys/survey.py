"""The one shape that the surveys of every marketplace are lowered to.

    Survey = open ∧ every gate clause ∧ every quota group admits
    Group  = quotas judged together, under one regime
    Quota  = rule ∧ open ∧ every group nested in it admits

Where in the payload a part came from stands here, beside its rule: a JSON pointer from the
survey's own object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from matcher.rules import Rule
from matcher.surveys.diagnostic import Diagnostic
from profiles.schema import PanelMapping


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
    """A rule with seats, of which `remaining` are left; `live`: its status is open."""

    id: str
    rule: Rule
    live: bool
    remaining: int
    pointer: str
    groups: tuple[Group, ...] = ()

    @property
    def open(self) -> bool:
        """Whether it takes anyone: its status is open, and a seat is left."""
        return self.live and self.remaining > 0


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

    `live`: its status is open. `pay`: what it pays per expected minute, in its own currency.
    `remaining`: seats left in the survey as a whole. `updated_at`: when the marketplace said all
    this, in seconds since 1970. None: not known. `origins` says where in the payload the rules of
    single conditions come from: pairs of a rule and a JSON pointer.
    """

    marketplace: str
    id: str
    live: bool
    gate: tuple[Clause, ...]
    groups: tuple[Group, ...]
    pay: float | None = None
    remaining: int | None = None
    updated_at: float | None = None
    origins: tuple[tuple[Rule, str], ...] = ()

    @property
    def open(self) -> bool:
        """Whether it takes anyone: its status is open, and a seat may be left."""
        return self.live and (self.remaining is None or self.remaining > 0)

    @property
    def name(self) -> str:
        """How users name it: `dynata:13231`, `toluna:2433478/787773`, `rfg:1234`."""
        return f"{self.marketplace}:{self.id}"


def all_quotas(groups: Iterable[Group]) -> Iterator[Quota]:
    """Every quota of some groups, each before those nested in it."""
    for group in groups:
        for quota in group.quotas:
            yield quota
            yield from all_quotas(quota.groups)


def all_rules(survey: Survey) -> Iterator[Rule]:
    """All rules of a survey: of its gate, and of its quotas at every depth."""
    yield from (clause.rule for clause in survey.gate)
    yield from (quota.rule for quota in all_quotas(survey.groups))


@dataclass(frozen=True, slots=True)
class Surveys:
    """What payloads held: surveys in payload order, the names of those set aside, findings.

    `mapping` is what they were lowered with.
    """

    surveys: tuple[Survey, ...]
    rejected: tuple[str, ...]
    diagnostics: tuple[Diagnostic, ...]
    mapping: PanelMapping
