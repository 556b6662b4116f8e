"""Compiles surveys into a program, in which they share every register."""

from __future__ import annotations

from collections.abc import Iterable

from matcher.compiler.program import (
    Compiled,
    Compound,
    Conjunction,
    Literal,
    Program,
    Slot,
    Step,
)
from matcher.rules import FALSE, TRUE, And, Not, Or, Rule, Simplifier
from matcher.surveys import Group, Quota, Regime, Survey, admits_rule, matches_rule, takes_rule


def compile_surveys(surveys: Iterable[Survey]) -> Program:
    """Compile surveys into what executors run, sharing every register among them."""
    return _Compiler().program(surveys)


class _Compiler:
    def __init__(self) -> None:
        self._simplifier = Simplifier()
        self._number: dict[Rule, int] = {}
        self._registers: list[Literal | Compound] = []
        self._slots: list[Slot] = []

    def program(self, surveys: Iterable[Survey]) -> Program:
        """Compile all surveys, sharing every register among them."""
        compiled = tuple(self._survey(survey) for survey in surveys)
        return Program(tuple(self._registers), compiled, tuple(self._slots))

    def _survey(self, survey: Survey) -> Compiled:
        gate = And(tuple(clause.rule for clause in survey.gate))
        groups = survey.groups
        sole = len(groups) == 1 and groups[0].regime is Regime.ANY_OPEN
        group_rules = () if sole else tuple(admits_rule(group) for group in groups)
        admits = self._conjunction(And((gate, *group_rules))) if survey.open else None
        steps: list[Step] = []
        for group in groups:
            self._steps(group, None, (), steps)
        return Compiled(survey, self._conjunction(gate), admits, sole, tuple(steps))

    def _steps(
        self, group: Group, source: int | None, path: tuple[str, ...], steps: list[Step]
    ) -> None:
        slots = tuple(self._slot(quota, path) for quota in group.quotas)
        steps.append(Step(group, source, slots))
        for slot in slots:
            for nested in slot.quota.groups:
                self._steps(nested, slot.number, slot.ids, steps)

    def _slot(self, quota: Quota, path: tuple[str, ...]) -> Slot:
        slot = Slot(
            len(self._slots),
            quota,
            (*path, quota.id),
            self._conjunction(matches_rule(quota)),
            self._conjunction(takes_rule(quota)),
        )
        self._slots.append(slot)
        return slot

    def _conjunction(self, rule: Rule) -> Conjunction | None:
        rule = self._simplifier.simplify(rule)
        if rule is TRUE:
            return ()
        if rule is FALSE:
            return None
        parts = rule.rules if isinstance(rule, And) else (rule,)
        return tuple(self._register(part) for part in parts)

    def _register(self, rule: Rule) -> int:
        number = self._number.get(rule)
        if number is None:
            register = self._make(rule)
            number = self._number[rule] = len(self._registers)
            self._registers.append(register)
        return number

    def _make(self, rule: Rule) -> Literal | Compound:
        match rule:
            case And(rules) | Or(rules):
                inner = tuple(self._register(part) for part in rules)
                return Compound(isinstance(rule, Or), inner)
            case Not(inner):
                assert not isinstance(inner, And | Or | Not), "negations apply to predicates alone"
                return Literal(inner, negated=True)
            case _:
                return Literal(rule)
