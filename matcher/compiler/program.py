"""What executors run: every distinct predicate once, surveys as lists of them.

Registers number what is evaluated once a shard: literals (a predicate or its negation) and
compounds, each only over registers before it. A conjunction is a tuple of registers, all of which
must hold; the empty one holds for everyone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from matcher.rules import Const, InIds, Predicate, TookPart
from matcher.surveys import Group, Quota, Survey
from profiles.schema import AskedParticipation

Conjunction: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Literal:
    """A predicate, or its negation; the constant UNKNOWN counts as a predicate here."""

    predicate: Predicate | Const
    negated: bool = False

    def __repr__(self) -> str:
        return f"Literal({'not ' if self.negated else ''}{self.predicate!r})"


@dataclass(frozen=True, slots=True)
class Compound:
    """All (or, with `any_of`, at least one) of some registers."""

    any_of: bool
    registers: Conjunction

    def __repr__(self) -> str:
        return f"Compound({'any' if self.any_of else 'all'} of {len(self.registers)} registers)"


@dataclass(frozen=True, slots=True)
class Slot:
    """One quota of the plan, with a place in every result.

    `ids` is its path: the quota, or the quota and a subquota of it. `matches` says who matches it,
    open or not; `takes` for whom it has a seat, None where it never has.
    """

    number: int
    quota: Quota
    ids: tuple[str, ...]
    matches: Conjunction | None
    takes: Conjunction | None

    def __repr__(self) -> str:
        return f"Slot({self.number}, {'/'.join(self.ids)})"


@dataclass(frozen=True, slots=True)
class Step:
    """One group whose quotas divide some members among them, each the first that takes the member.

    `source` is the slot whose members are divided, None: all whom the survey admits.
    """

    group: Group
    source: int | None
    slots: tuple[Slot, ...]

    def __repr__(self) -> str:
        source = "" if self.source is None else f", within slot {self.source}"
        return f"Step({self.group.pointer}{source}, {len(self.slots)} slots)"


@dataclass(frozen=True, slots=True)
class Compiled:
    """One survey, compiled.

    `gate` admits by filters and gates alone, `admits` adds what its groups ask; either is None
    where it holds for nobody. `sole`: the survey has one group, and whom a quota of it takes is
    admitted, so `admits` leaves that group out.
    """

    survey: Survey
    gate: Conjunction | None
    admits: Conjunction | None
    sole: bool
    steps: tuple[Step, ...]

    def __repr__(self) -> str:
        return f"Compiled({self.survey.name}, {len(self.steps)} steps)"


@dataclass(frozen=True)
class Program:
    """What the executors run: registers and compiled surveys."""

    registers: tuple[Literal | Compound, ...]
    surveys: tuple[Compiled, ...]
    slots: tuple[Slot, ...]

    def __repr__(self) -> str:
        surveys, registers, slots = len(self.surveys), len(self.registers), len(self.slots)
        return f"Program({surveys:,} surveys, {registers:,} registers, {slots:,} slots)"

    @cached_property
    def attributes(self) -> frozenset[str]:
        """The panel attributes that the program asks for."""
        return frozenset(
            predicate.attribute
            for predicate in self._predicates
            if not isinstance(predicate, InIds | TookPart | Const)
        )

    @cached_property
    def history(self) -> frozenset[AskedParticipation]:
        """What the program asks of participation history."""
        return frozenset(
            (predicate.marketplace, predicate.scope, predicate.ids, predicate.outcomes)
            for predicate in self._predicates
            if isinstance(predicate, TookPart)
        )

    @property
    def _predicates(self) -> Iterator[Predicate | Const]:
        return (register.predicate for register in self.registers if isinstance(register, Literal))
