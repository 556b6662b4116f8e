"""Whether any member at all could meet several demands on rules together: exact, not a sample.

A demand is that a rule be true, false, or one of two truth values for the member. The search takes
demands apart down to predicates, and keeps what each attribute may still be answered with
(`matcher.linting.domains`); it tries alternatives only where none of them is forced.

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
from matcher.linting.effort import DEFAULT_EFFORT, LintEffort
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

RequiredRule: TypeAlias = tuple[Rule, Required]
Alternatives: TypeAlias = tuple[RequiredRule, ...]
"""Demands of which one must be met."""


class Undecided(Enum):
    """The answer where the steps ran out, or where there is no exact answer."""

    UNDECIDED = "undecided"


UNDECIDED: Final = Undecided.UNDECIDED
Answer: TypeAlias = Witness | Undecided | None


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Demands taken apart as far as that needs no choice; further questions build on it."""

    demands: tuple[RequiredRule, ...]
    domains: Mapping[DomainKey, Domain]
    choices: tuple[Alternatives, ...]


class _OutOfSteps(Exception):  # noqa: N818
    pass


def satisfiable(
    demands: Sequence[RequiredRule],
    schema: Schema,
    several: Collection[str] = (),
    effort: LintEffort = DEFAULT_EFFORT,
) -> Answer:
    """A member who meets all demands, None where there can be none, or undecided.

    `several`: number attributes to which a member may give more than one answer. Raises KeyError
    for an attribute that is not in the schema.
    """
    return Solver([rule for rule, _ in demands], schema, several, effort).satisfiable(demands)


class Solver:
    """Answers many questions about the same rules, sharing what does not depend on the question.

    Every rule in a question must be made of the predicates of `rules`. All questions together may
    take `effort.survey_steps`; once these are spent, every answer is undecided.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        schema: Schema,
        several: Collection[str] = (),
        effort: LintEffort = DEFAULT_EFFORT,
    ) -> None:
        self._domains = Domains(rules, schema, several, effort.pairs)
        self._simplifier = Simplifier()
        self._steps = self._steps_left = effort.steps
        self._total_left = effort.survey_steps

    def given(
        self, demands: Sequence[RequiredRule], onto: Assumptions | None = None
    ) -> Assumptions | None:
        """Demands prepared for many questions, with those of `onto`; None: a contradiction."""
        onto = onto or Assumptions((), {}, ())
        simple = [(self._simplifier.simplify(rule), required) for rule, required in demands]
        taken = self._take(onto.domains, simple)
        if taken is None:
            return None
        domains, choices = taken
        return Assumptions((*onto.demands, *demands), domains, (*onto.choices, *choices))

    def satisfiable(
        self, demands: Sequence[RequiredRule], given: Assumptions | None = None
    ) -> Answer:
        """A member who meets all demands (and those given), None, or undecided."""
        if self._total_left <= 0:
            return UNDECIDED
        start = self.given(demands, given)
        if start is None:
            self._spend(1)
            return None
        self._steps_left = self._steps
        try:
            found = self._solve(start.domains, start.choices)
        except _OutOfSteps:
            return UNDECIDED
        finally:
            self._spend(self._steps - self._steps_left + 1)
        if found is None:
            return None
        witness = self._domains.witness(found)
        member = witness.member()
        met = all(required.allows(evaluate(rule, member)) for rule, required in start.demands)
        return witness if met else UNDECIDED

    def _spend(self, steps: int) -> None:
        self._total_left -= steps

    def _take(
        self, before: Mapping[DomainKey, Domain], demands: Iterable[RequiredRule]
    ) -> tuple[dict[DomainKey, Domain], list[Alternatives]] | None:
        """The domains that demands leave, and the choices in them; None: a domain is empty."""
        domains = dict(before)
        choices: list[Alternatives] = []
        stack = list(demands)
        while stack:
            rule, required = stack.pop()
            match rule:
                case Const(truth):
                    if not required.allows(truth):
                        return None
                case Not(inner):
                    stack.append((inner, required.opposite))
                case And(rules) | Or(rules):
                    parts = tuple((part, required) for part in rules)
                    if isinstance(rule, And) is required.high:
                        stack.extend(parts)
                    else:
                        choices.append(parts)
                case _:
                    if not self._domains.restrict(domains, rule, required):
                        return None
        return domains, choices

    def _solve(
        self, domains: Mapping[DomainKey, Domain], choices: Sequence[Alternatives]
    ) -> Mapping[DomainKey, Domain] | None:
        """The domains once every choice has been made; None where they cannot all be made."""
        settled = self._settle(domains, choices)
        if settled is None:
            return None
        domains, choices = settled
        if not choices:
            return domains
        smallest = min(choices, key=len)
        rest = [choice for choice in choices if choice is not smallest]
        for demand in smallest:
            taken = self._take(domains, [demand])
            found = taken and self._solve(taken[0], [*taken[1], *rest])
            if found is not None:
                return found
        return None

    def _settle(
        self, domains: Mapping[DomainKey, Domain], choices: Sequence[Alternatives]
    ) -> tuple[Mapping[DomainKey, Domain], list[Alternatives]] | None:
        """Make the choices that are forced, again and again; None: one has no alternative left.

        What remains are choices of two or more, each of which is possible by itself.
        """
        waiting, forced = list(choices), True
        while forced:
            todo, waiting, forced = waiting, [], False
            for choice in todo:
                live = self._live(domains, choice)
                if live is None:
                    continue
                if len(live) > 1:
                    waiting.append(live)
                    continue
                taken = self._take(domains, live) if live else None
                if taken is None:
                    return None
                domains, more = taken
                waiting += more
                forced = True
        return domains, waiting

    def _live(
        self, domains: Mapping[DomainKey, Domain], choice: Alternatives
    ) -> Alternatives | None:
        """The alternatives still possible; None where one is met whatever else is chosen."""
        live: list[RequiredRule] = []
        for demand in choice:
            self._steps_left -= 1
            if self._steps_left < 0:
                raise _OutOfSteps
            taken = self._take(domains, [demand])
            if taken is None:
                continue
            if not taken[1] and taken[0] == domains:
                return None
            live.append(demand)
        return tuple(live)
