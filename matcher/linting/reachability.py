"""Quotas that nobody can match, that are never chosen, or that overlap, found by rules alone.

Whatever is reported is certain, for every member there could be; where the search is undecided,
nothing is reported. A member without an answer is uncertain for `gender is 1` and for `gender is 2`
alike, but can never meet both: such a member does not count as reaching a quota. What the mapping
does not name, or has not been downloaded, could be true or false.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from matcher.linting.effort import LintEffort
from matcher.linting.solver import (
    UNDECIDED,
    Answer,
    Assumptions,
    Required,
    RequiredRule,
    Solver,
    Witness,
)
from matcher.rules import TRUE, UNKNOWN, And, InIds, Or, Rule, Simplifier, predicates_of
from matcher.surveys import (
    Diagnostic,
    Group,
    Level,
    Quota,
    Reason,
    Regime,
    Survey,
    admits_rule,
    all_quotas,
    matches_rule,
    takes_rule,
)
from profiles.schema import Kind, Schema

_GATE_REASONS = frozenset({Reason.COUNTRY, Reason.LANGUAGE, Reason.DEVICE})


@dataclass(frozen=True, slots=True)
class _Part:
    """What else a member must meet for a quota: a gate clause, another group.

    `ever`: whom it admits were all its quotas open; `now`: whom it admits as they are.
    """

    ever: Rule
    now: Rule
    pointer: str


def _group_part(group: Group) -> _Part:
    """A group as a part; an empty one is reported as such, and never as a cause."""
    needed = group.needs_match and group.quotas
    ever = Or(tuple(map(matches_rule, group.quotas))) if needed else TRUE
    return _Part(ever, admits_rule(group), group.pointer)


class ReachabilityCheck:
    """Looks into one survey.

    `several`: number attributes with several answers. `guessed`: which attributes may have several
    answers is not known, so two quotas overlap only where one answer meets both.
    """

    def __init__(
        self,
        survey: Survey,
        schema: Schema,
        several: Collection[str],
        effort: LintEffort,
        *,
        guessed: bool,
    ) -> None:
        self._survey = survey
        rules = [clause.rule for clause in survey.gate]
        rules += [quota.rule for quota in all_quotas(survey.groups)]
        self._solver = Solver(rules, schema, several, effort)
        self._sure = self._solver
        if guessed:
            self._sure = Solver(rules, _one_answer(schema), effort=effort)
        self._simplifier = Simplifier()
        self._best_cases: dict[Rule, Rule] = {}

    def findings(self) -> Iterator[Diagnostic]:
        """All findings of the survey."""
        survey = self._survey
        if survey.open:
            for group in survey.groups:
                yield from self._without_seats(group, None)
        if self._nobody(clause.rule for clause in survey.gate):
            yield self._shut()
            return
        gate = [_Part(clause.rule, clause.rule, clause.pointer) for clause in survey.gate]
        for group in survey.groups:
            others = [_group_part(other) for other in survey.groups if other is not group]
            yield from self._group(group, [*gate, *others])

    def _without_seats(self, group: Group, quota: Quota | None) -> Iterator[Diagnostic]:
        """Groups that admit nobody because none of their quotas has a seat."""
        if group.quotas and not _has_seats(group):
            whole = f"the quota `{quota.id}`" if quota else "the survey"
            yield self._warning(
                "no-open-quota",
                group.pointer,
                f"no quota of the group is open, so {whole} admits nobody",
            )
            return
        for inner in group.quotas:
            if inner.open:
                for nested in inner.groups:
                    yield from self._without_seats(nested, inner)

    def _shut(self) -> Diagnostic:
        """Of a gate that nobody can pass: the clause, or the first two, that are the cause."""
        code = "unreachable-survey"
        gate = self._survey.gate
        for clause in gate:
            if self._nobody([clause.rule]):
                level = Level.INFO if clause.reason in _GATE_REASONS else Level.WARNING
                message = "no member can pass it, so the survey admits nobody"
                return Diagnostic(level, code, message, self._survey.name, clause.pointer)
        for first, second in combinations(gate, 2):
            if self._nobody([first.rule, second.rule]):
                message = f"contradicts `{first.pointer}`, so the survey admits nobody"
                return self._warning(code, second.pointer, message)
        message = "the filters together contradict one another, so the survey admits nobody"
        return self._warning(code, gate[0].pointer, message)

    def _group(self, group: Group, context: list[_Part]) -> Iterator[Diagnostic]:
        """Findings of a group, and of those nested in quotas that someone can match.

        Where nobody meets the context alone, the cause is elsewhere, and is reported there.
        """
        if self._nobody(part.ever for part in context):
            return
        reachable: list[Quota] = []
        for quota in group.quotas:
            if self._nobody([*(part.ever for part in context), matches_rule(quota)]):
                yield self._unreachable(quota, context)
            else:
                reachable.append(quota)
        if group.regime is Regime.ANY_OPEN:
            ever = [part.ever for part in context]
            overlaps = _Overlaps(self._solver, self._sure, reachable, ever)
            if overlaps.certain:
                yield self._overlapping(group, overlaps)
            shadows = list(self._shadowed(reachable, overlaps, context))
            yield from shadows
            hidden = {shadow.pointer for shadow in shadows}
            reachable = [quota for quota in reachable if quota.pointer not in hidden]
        for quota in reachable:
            own = _Part(quota.rule, quota.rule, quota.pointer)
            for nested in quota.groups:
                others = [_group_part(other) for other in quota.groups if other is not nested]
                yield from self._group(nested, [*context, own, *others])

    def _unreachable(self, quota: Quota, context: Sequence[_Part]) -> Diagnostic:
        rule = matches_rule(quota)
        if self._nobody([rule]):
            why = "nobody can meet its own conditions"
        else:
            alone = [part.pointer for part in context if self._nobody([part.ever, rule])]
            why = f"it contradicts {_listed(alone)}"
            if not alone:
                why = "it contradicts the rest of the survey taken together"
        message = f"no member can match the quota `{quota.id}`: {why}"
        return self._warning("unreachable-quota", quota.pointer, message)

    def _shadowed(
        self, quotas: Sequence[Quota], overlaps: _Overlaps, context: Sequence[_Part]
    ) -> Iterator[Diagnostic]:
        """Open quotas that someone matches, but is never given under `first`: an earlier one is."""
        admitted = self._solver.given([(part.now, Required.TRUE) for part in context])
        if admitted is None:
            return
        for place, quota in enumerate(quotas):
            before = (quotas[number] for number in overlaps.before(place))
            earlier = [other for other in before if other.open]
            if not quota.open or not earlier:
                continue
            takes = (takes_rule(quota), Required.TRUE)
            passed = [(takes_rule(other), Required.NOT_TRUE) for other in earlier]
            if not isinstance(self._solver.satisfiable([takes], admitted), Witness):
                continue
            if self._solver.satisfiable([takes, *passed], admitted) is not None:
                continue
            alone = [
                other.pointer
                for other, demand in zip(earlier, passed, strict=True)
                if self._solver.satisfiable([takes, demand], admitted) is None
            ]
            by = _listed(alone[:1]) if alone else f"{len(earlier)} quotas before it"
            yield self._warning(
                "shadowed-quota",
                quota.pointer,
                f"the quota `{quota.id}` is never chosen under `first`: "
                f"all members it would take are taken by {by}",
                "another `--choose` may fill it",
            )

    def _overlapping(self, group: Group, overlaps: _Overlaps) -> Diagnostic:
        count = len(overlaps.certain)
        first, second = overlaps.certain[0]
        least = "at least " if overlaps.undecided else ""
        pairs = f"{least}{count} pairs of quotas" if count > 1 or least else "two quotas"
        such = ", such as" if count > 1 or least else ":"
        message = f"a member can match {pairs} together{such} `{first}` and `{second}`"
        return Diagnostic(
            Level.INFO, "overlapping-quotas", message, self._survey.name, group.pointer
        )

    def _nobody(self, rules: Iterable[Rule]) -> bool:
        """Whether certainly nobody meets all the rules, whatever is unknown of them."""
        demands = [(self._at_best(rule), Required.TRUE) for rule in rules]
        return self._solver.satisfiable(demands) is None

    def _at_best(self, rule: Rule) -> Rule:
        """The rule, were all of it true that is unknown for everyone."""
        if rule not in self._best_cases:
            self._best_cases[rule] = self._simplifier.simplify(
                _best_case(self._simplifier.simplify(rule))
            )
        return self._best_cases[rule]

    def _warning(self, code: str, pointer: str, message: str, hint: str = "") -> Diagnostic:
        return Diagnostic(Level.WARNING, code, message, self._survey.name, pointer, hint)


class _Overlaps:
    """The pairs of some quotas that one member can match together.

    `certain`: pointers of the pairs that rules alone decide, without those on two different lists
    of ids, which may have no member in common.
    """

    def __init__(
        self, solver: Solver, sure: Solver, quotas: Sequence[Quota], context: Sequence[Rule]
    ) -> None:
        demands: list[RequiredRule] = [(matches_rule(quota), Required.TRUE) for quota in quotas]
        passed: list[RequiredRule] = [(rule, Required.TRUE) for rule in context]
        self._before, self.undecided = _pairs(solver, demands, passed)
        sure_of = self._before
        if sure is not solver:
            sure_of, self.undecided = _pairs(sure, demands, passed)
        lists = [_id_lists(quota) for quota in quotas]
        self.certain = [
            (quotas[earlier].pointer, quotas[later].pointer)
            for later, answers in enumerate(sure_of)
            for earlier, answer in answers.items()
            if isinstance(answer, Witness) and len(lists[earlier] | lists[later]) <= 1
        ]

    def before(self, place: int) -> Iterable[int]:
        """The quotas before one that may be matched together with it."""
        return self._before[place]


def _pairs(
    solver: Solver, demands: Sequence[RequiredRule], context: Sequence[RequiredRule]
) -> tuple[list[dict[int, Answer]], bool]:
    """For each demand the earlier ones that it can be met with, and whether any is undecided."""
    passed = solver.given(context)
    alone: list[Assumptions | None] = [
        passed and solver.given([demand], passed) for demand in demands
    ]
    pairs: list[dict[int, Answer]] = []
    for later, given in enumerate(alone):
        possible = [number for number in range(later) if given and alone[number]]
        answers = {number: solver.satisfiable([demands[number]], given) for number in possible}
        pairs.append({number: answer for number, answer in answers.items() if answer is not None})
    return pairs, any(answer is UNDECIDED for answers in pairs for answer in answers.values())


def _best_case(rule: Rule) -> Rule:
    """A rule in which only predicates are negated, with true for what is unknown for everyone."""
    match rule:
        case And(rules) | Or(rules):
            return type(rule)(tuple(map(_best_case, rules)))
        case _:
            return TRUE if rule is UNKNOWN else rule


def _one_answer(schema: Schema) -> Schema:
    """The schema, were no attribute to take several answers."""
    attributes = {
        name: replace(attribute, kind=Kind.SINGLE) if attribute.kind is Kind.MULTI else attribute
        for name, attribute in schema.attributes.items()
    }
    return replace(schema, attributes=attributes)


def _id_lists(quota: Quota) -> frozenset[str]:
    return frozenset(
        predicate.name
        for predicate in predicates_of([matches_rule(quota)])
        if isinstance(predicate, InIds)
    )


def _has_seats(group: Group) -> bool:
    """Whether a group could admit anyone, as far as seats go."""
    if not group.needs_match:
        return True
    return any(quota.open and all(map(_has_seats, quota.groups)) for quota in group.quotas)


def _listed(pointers: Sequence[str]) -> str:
    return " and ".join(f"`{pointer}`" for pointer in pointers)
