"""Compiles surveys into a plan: every distinct predicate once, surveys as lists of them.

A plan speaks in the panel's attributes and values, never in a shard's codes, so it can be written
to bytes and used on any shard of any panel that declares the same attributes.

Registers number what is evaluated once a shard: literals (a leaf or its negation) and compounds,
each only over registers before it. A conjunction is a tuple of registers, all of which must hold;
the empty one holds for everyone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from matcher.planfile import read_plan, write_plan
from matcher.rewrite import Simplifier
from matcher.rule import FALSE, TRUE, And, Const, InIds, Leaf, Not, Or, Rule, TookPart
from matcher.survey import Group, Quota, Regime, Survey, Surveys
from profiles.mapping import PanelMapping
from profiles.participation import Asked

if TYPE_CHECKING:
    from matcher.choice import How
    from matcher.matches import Matches, Progress
    from profiles.fast import Engine
    from profiles.panel import Panel

Conjunction: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Literal:
    """A leaf, or its negation; the constant UNKNOWN is a leaf here too."""

    leaf: Leaf | Const
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Compound:
    """All (or, with `any_of`, at least one) of some registers."""

    any_of: bool
    registers: Conjunction


@dataclass(frozen=True, slots=True)
class Slot:
    """One quota of the plan, with a place in every result.

    `ids` is its path: the quota, or the quota and a subquota of it. `fits` says who matches it,
    open or not; `takes` for whom it has a seat, None where it never has.
    """

    number: int
    quota: Quota
    ids: tuple[str, ...]
    fits: Conjunction | None
    takes: Conjunction | None


@dataclass(frozen=True, slots=True)
class Step:
    """One group whose quotas divide some members among them, each the first that takes him.

    `source` is the slot whose members are divided, None: all whom the survey admits.
    """

    group: Group
    source: int | None
    slots: tuple[Slot, ...]


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


@dataclass(frozen=True)
class Program:
    """What the executors run: registers and compiled surveys."""

    registers: tuple[Literal | Compound, ...]
    surveys: tuple[Compiled, ...]
    slots: tuple[Slot, ...]

    @cached_property
    def attributes(self) -> frozenset[str]:
        """The panel attributes that the program asks for."""
        return frozenset(
            leaf.attribute
            for leaf in self._leaves
            if not isinstance(leaf, InIds | TookPart | Const)
        )

    @cached_property
    def history(self) -> frozenset[Asked]:
        """What the program asks of participation history."""
        found = (leaf for leaf in self._leaves if isinstance(leaf, TookPart))
        return frozenset((each.marketplace, each.scope, each.ids, each.outcomes) for each in found)

    @property
    def _leaves(self) -> Iterator[Leaf | Const]:
        return (each.leaf for each in self.registers if isinstance(each, Literal))


@dataclass(frozen=True)
class Plan:
    """Compiled surveys, ready for any panel that declares the attributes they ask for.

    `mapping` is what they were lowered with; None where that is not known.
    """

    surveys: tuple[Survey, ...]
    mapping: PanelMapping | None = field(default=None, hash=False)

    @cached_property
    def program(self) -> Program:
        """The registers and conjunctions that executors run."""
        return compile_surveys(self.surveys)

    @property
    def attributes(self) -> frozenset[str]:
        """The panel attributes that the plan asks for."""
        return self.program.attributes

    @property
    def history(self) -> frozenset[Asked]:
        """What the plan asks of participation history."""
        return self.program.history

    def match(
        self,
        panel: Panel,
        *,
        choose: How | str = "first",
        seed: int = 0,
        uncertain: bool = False,
        max_surveys: int | None = None,
        workers: int = 1,
        engine: Engine = "auto",
        progress: Progress | None = None,
    ) -> Matches:
        """Match a panel: which members each survey admits, each to which quota.

        Nothing is evaluated until the result is asked for something. `choose` and `seed` say
        which quota a member is given, `uncertain` gives out uncertain members too, `max_surveys`
        gives each member at most so many surveys, those that pay best. `workers` is the number of
        threads, `engine` numpy, numba or whichever is quicker; none of these two changes a result.
        Raises InputError where the panel lacks an attribute, or history.
        """
        # Imported here so that a plan can be compiled, and routed on, without pyarrow.
        from matcher.choice import How
        from matcher.matches import Matches

        return Matches(
            self.program,
            panel,
            How(choose),
            seed,
            uncertain=uncertain,
            max_surveys=max_surveys,
            workers=workers,
            engine=engine,
            progress=progress,
        )

    def to_bytes(self) -> bytes:
        """The plan as bytes, for `Plan.from_bytes` in another process or on another machine."""
        return write_plan(self.surveys, self.mapping)

    @classmethod
    def from_bytes(cls, data: bytes) -> Plan:
        """The plan that `to_bytes` wrote; raises InputError for anything else."""
        return cls(*read_plan(data))


def compile(surveys: Surveys | Iterable[Survey]) -> Plan:  # noqa: A001
    """Compile surveys into a plan."""
    if isinstance(surveys, Surveys):
        plan = Plan(surveys.surveys, surveys.mapping)
    else:
        plan = Plan(tuple(surveys))
    _ = plan.program
    return plan


def compile_surveys(surveys: Iterable[Survey]) -> Program:
    """Compile surveys into what executors run, sharing every register among them."""
    return _Compiler().program(surveys)


def fits_rule(quota: Quota) -> Rule:
    """Who matches a quota, open or not: its rule, and a quota of each nested group."""
    nested = tuple(Or(tuple(fits_rule(inner) for inner in group.quotas)) for group in quota.groups)
    return And((quota.rule, *nested)) if nested else quota.rule


def takes_rule(quota: Quota) -> Rule:
    """For whom a quota has a seat: its rule, open, and every nested group admits."""
    if not quota.open:
        return FALSE
    nested = tuple(admits_rule(group) for group in quota.groups)
    return And((quota.rule, *nested)) if nested else quota.rule


def admits_rule(group: Group) -> Rule:
    """Whom a group of quotas admits, under its regime."""
    if group.regime is Regime.ANY_OPEN:
        return Or(tuple(takes_rule(quota) for quota in group.quotas))
    clear = tuple(Not(fits_rule(quota)) for quota in group.quotas if not quota.open)
    if not group.required:
        return And(clear)
    return And((*clear, Or(tuple(fits_rule(quota) for quota in group.quotas))))


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
        asked = () if sole else tuple(admits_rule(group) for group in groups)
        admits = self._conjunction(And((gate, *asked))) if survey.open else None
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
            self._conjunction(fits_rule(quota)),
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
                assert not isinstance(inner, And | Or | Not), "negations stand on leaves"
                return Literal(inner, negated=True)
            case _:
                return Literal(rule)
