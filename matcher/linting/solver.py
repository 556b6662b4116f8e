"""Whether any member at all could meet several demands on rules together: exact, not a sample.

A demand asks that a rule be true, false, or one of two truth values for the member sought. The
search takes demands apart down to leaves, and keeps what each attribute may still be answered
with (`matcher.linting.domains`); it tries alternatives only where none of them is forced.

Answers are an open world: a member may hold values that no rule and no mapping mentions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from matcher.linting.domains import (
    Domain,
    DomainKey,
    Domains,
    Required,
)
from matcher.linting.witness import Witness
from matcher.rules import And, Const, Not, Or, Rule, Simplifier, evaluate
from profiles.schema import Schema

__all__ = [
    "UNDECIDED",
    "Answer",
    "Assumptions",
    "Required",
    "RequiredRule",
    "Solver",
    "Witness",
    "satisfiable",
]

STEPS = 20_000
"""How many alternatives one question may look at before it is given up as undecided."""

RequiredRule: TypeAlias = tuple[Rule, Required]
Alternatives: TypeAlias = tuple[RequiredRule, ...]
"""Demands of which one must be met."""


class Undecided(Enum):
    """The answer where the steps ran out, or where no exact answer is to be had."""

    UNDECIDED = "undecided"


UNDECIDED: Final = Undecided.UNDECIDED
Answer: TypeAlias = Witness | Undecided | None


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Demands taken apart as far as that needs no choice; further questions build on it."""

    demands: tuple[RequiredRule, ...]
    left: Mapping[DomainKey, Domain]
    choices: tuple[Alternatives, ...]


class _OutOfSteps(Exception):  # noqa: N818
    pass


def satisfiable(
    demands: Sequence[RequiredRule],
    schema: Schema,
    several: Collection[str] = (),
    steps: int = STEPS,
) -> Answer:
    """A member who meets all demands, None where there can be none, or undecided.

    `several`: number attributes to which a member may give more than one answer. Raises KeyError
    for an attribute that the schema lacks.
    """
    return Solver([rule for rule, _ in demands], schema, several, steps).satisfiable(demands)


class Solver:
    """Answers many questions about the same rules, sharing what does not depend on the question.

    Every rule that is asked about must be made of the leaves of `rules`. `total` bounds the steps
    of all questions together; once they are spent, every answer is undecided.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        schema: Schema,
        several: Collection[str] = (),
        steps: int = STEPS,
        total: int | None = None,
    ) -> None:
        self._possible = Domains(rules, schema, several)
        self._simplifier = Simplifier()
        self._steps = self._steps_left = steps
        self._total_left = total

    def given(
        self, demands: Sequence[RequiredRule], onto: Assumptions | None = None
    ) -> Assumptions | None:
        """Demands prepared for many questions, beside those of `onto`; None: contradictory."""
        onto = onto or Assumptions((), {}, ())
        simple = [(self._simplifier.simplify(rule), wanted) for rule, wanted in demands]
        taken = self._take(onto.left, simple)
        if taken is None:
            return None
        left, choices = taken
        return Assumptions((*onto.demands, *demands), left, (*onto.choices, *choices))

    def satisfiable(
        self, demands: Sequence[RequiredRule], given: Assumptions | None = None
    ) -> Answer:
        """A member who meets all demands (and those given), None, or undecided."""
        if self._total_left is not None and self._total_left <= 0:
            return UNDECIDED
        start = self.given(demands, given)
        if start is None:
            self._spend(1)
            return None
        self._steps_left = self._steps
        try:
            found = self._solve(start.left, start.choices)
        except _OutOfSteps:
            return UNDECIDED
        finally:
            self._spend(self._steps - self._steps_left + 1)
        if found is None:
            return None
        witness = self._possible.witness(found)
        member = witness.member()
        met = all(wanted.allows(evaluate(rule, member)) for rule, wanted in start.demands)
        return witness if met else UNDECIDED

    def _spend(self, steps: int) -> None:
        if self._total_left is not None:
            self._total_left -= steps

    def _take(
        self, before: Mapping[DomainKey, Domain], demands: Iterable[RequiredRule]
    ) -> tuple[dict[DomainKey, Domain], list[Alternatives]] | None:
        """What demands leave, and the choices that they pose; None: they leave nothing."""
        left = dict(before)
        choices: list[Alternatives] = []
        stack = list(demands)
        while stack:
            rule, wanted = stack.pop()
            match rule:
                case Const(truth):
                    if not wanted.allows(truth):
                        return None
                case Not(inner):
                    stack.append((inner, wanted.opposite))
                case And(rules) | Or(rules):
                    parts = tuple((part, wanted) for part in rules)
                    if isinstance(rule, And) is wanted.high:
                        stack.extend(parts)
                    else:
                        choices.append(parts)
                case _:
                    if not self._possible.restrict(left, rule, wanted):
                        return None
        return left, choices

    def _solve(
        self, left: Mapping[DomainKey, Domain], choices: Sequence[Alternatives]
    ) -> Mapping[DomainKey, Domain] | None:
        """What is left once every choice has been made; None where they cannot all be made."""
        settled = self._settle(left, choices)
        if settled is None:
            return None
        left, choices = settled
        if not choices:
            return left
        smallest = min(choices, key=len)
        rest = [choice for choice in choices if choice is not smallest]
        for demand in smallest:
            taken = self._take(left, [demand])
            found = taken and self._solve(taken[0], [*taken[1], *rest])
            if found is not None:
                return found
        return None

    def _settle(
        self, left: Mapping[DomainKey, Domain], choices: Sequence[Alternatives]
    ) -> tuple[Mapping[DomainKey, Domain], list[Alternatives]] | None:
        """Make the choices that are forced, again and again; None: one has nothing to offer.

        What remains are choices of two or more, each of which is possible by itself.
        """
        waiting, forced = list(choices), True
        while forced:
            todo, waiting, forced = waiting, [], False
            for choice in todo:
                live = self._live(left, choice)
                if live is None:
                    continue
                if len(live) > 1:
                    waiting.append(live)
                    continue
                taken = self._take(left, live) if live else None
                if taken is None:
                    return None
                left, more = taken
                waiting += more
                forced = True
        return left, waiting

    def _live(self, left: Mapping[DomainKey, Domain], choice: Alternatives) -> Alternatives | None:
        """The alternatives still possible; None where one is met whatever else is chosen."""
        live: list[RequiredRule] = []
        for demand in choice:
            self._steps_left -= 1
            if self._steps_left < 0:
                raise _OutOfSteps
            taken = self._take(left, [demand])
            if taken is None:
                continue
            if not taken[1] and taken[0] == left:
                return None
            live.append(demand)
        return tuple(live)
