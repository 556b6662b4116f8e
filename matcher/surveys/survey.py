"""The one shape that the surveys of every marketplace are lowered to.

    Survey = open ∧ every gate clause ∧ every quota group admits
    Group  = quotas judged together, under one regime
    Quota  = rule ∧ open ∧ every group nested in it admits

Where in the payload a part came from is noted here, beside its rule: a JSON pointer from the
survey's own object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from matcher.rules import Rule
from matcher.surveys.diagnostic import Diagnostic
from profiles.plural import plural
from profiles.schema import PanelMapping


class Regime(StrEnum):
    """How the quotas of one group are judged together."""

    ANY_OPEN = "any-open"
    """Admits who matches at least one open quota; a matching one that is closed is passed over."""

    ALL_OPEN = "all-open"
    """Admits who matches no closed quota; and, where `required`, matches at least one open one.

    A quota is closed for whoever matches it and is not admitted by a group nested in it.
    """


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

    def __repr__(self) -> str:
        return f"Clause({self.reason}, {self.pointer}, {self.rule})"


@dataclass(frozen=True, slots=True)
class Quota:
    """A rule with seats, of which `remaining` are left; `live`: its status is open."""

    id: str
    rule: Rule
    live: bool
    remaining: int
    pointer: str
    groups: tuple[Group, ...] = ()

    def __repr__(self) -> str:
        return f"Quota({self.id}, {plural(self.remaining, 'seat')}, {_status(self.open)})"

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

    @property
    def needs_match(self) -> bool:
        """Whether it admits only who matches one of its quotas."""
        return self.regime is Regime.ANY_OPEN or self.required

    def __repr__(self) -> str:
        return f"Group({self.pointer}, {self.regime}, {plural(len(self.quotas), 'quota')})"


@dataclass(frozen=True, slots=True)
class Survey:
    """One survey, lowered to rules over the panel's attributes and values.

    `live`: its status is open. `pay`: what it pays per expected minute, in its own currency.
    `remaining`: seats left in the survey as a whole. `updated_at`: when the marketplace sent all
    this, in seconds since 1970. None: not known. `origins` says where in the payload the rules of
    single conditions come from: pairs of a rule and a JSON pointer.

    >>> from matcher.rules import one_of
    >>> women = Quota("w", one_of("gender", ["F"]), live=True, remaining=5, pointer="/quotas/0/0")
    >>> Survey("dynata", "7", live=True, gate=(), groups=(Group((women,), "/quotas/0"),))
    Survey(dynata:7, open, 0 gate clauses, 1 quota)
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

    def __repr__(self) -> str:
        clauses = plural(len(self.gate), "gate clause")
        quotas = plural(sum(1 for _ in all_quotas(self.groups)), "quota")
        return f"Survey({self.name}, {_status(self.open)}, {clauses}, {quotas})"

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
    """What payloads held: surveys in payload order, the names of those rejected, findings.

    `mapping` is what they were lowered with. Its length is the number of surveys, and iterating
    gives these.
    """

    surveys: tuple[Survey, ...]
    rejected: tuple[str, ...]
    diagnostics: tuple[Diagnostic, ...]
    mapping: PanelMapping

    def __len__(self) -> int:
        return len(self.surveys)

    def __iter__(self) -> Iterator[Survey]:
        return iter(self.surveys)

    def __repr__(self) -> str:
        surveys = plural(len(self.surveys), "survey")
        findings = plural(len(self.diagnostics), "diagnostic")
        return f"Surveys({surveys}, {len(self.rejected):,} rejected, {findings})"


def _status(is_open: bool) -> str:
    return "open" if is_open else "closed"
