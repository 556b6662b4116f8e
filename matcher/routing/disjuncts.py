"""A survey compiled for routing: as disjuncts, of which a member must meet one.

A disjunct is one quota of each group, down to the innermost, with all that must be true of a member
who takes it: conditions, on one attribute each, and the rest, on several attributes, a list of ids
or participation. Disjuncts are in the order in which quotas are chosen. They decide alone wherever
they can all be written down; a survey with too many of them, or with quotas that reject, has one
disjunct that is its gate, and is judged whole when a member meets that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import count, product
from math import prod
from typing import TypeAlias

from matcher.routing.brief import brief, brief_ids
from matcher.routing.sizes import DEFAULT_SIZES, RouterSizes
from matcher.rules import (
    FALSE,
    TRUE,
    And,
    InIds,
    Or,
    Rule,
    Simplifier,
    TookPart,
    predicates_of,
)
from matcher.surveys import Group, Regime, Survey


@dataclass(frozen=True, slots=True)
class Offer:
    """A survey that a member may be sent to, and the quotas they are given, outermost first.

    `seats`: the other quotas in which a session takes a seat, each by its path of ids: where no
    quota that a member matches may be closed, all that they match.
    """

    survey: str
    quota_ids: tuple[str, ...]
    seats: tuple[tuple[str, ...], ...] = ()

    def __repr__(self) -> str:
        return f"Offer({brief(self.survey)}: {brief_ids(self.quota_ids)})"


AttributeRule: TypeAlias = tuple[str, Rule]
"""A condition on one attribute: its name, and the rule."""


@dataclass(frozen=True, slots=True)
class Disjunct:
    """One alternative of a survey.

    `quotas` numbers its quotas, in the order of `all_quotas`; all must be open. `conditions` are on
    one attribute each; `rest` are the other rules that must hold.
    """

    offer: Offer
    quotas: tuple[int, ...]
    conditions: tuple[AttributeRule, ...]
    rest: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class SurveyDisjuncts:
    """A survey's disjuncts, and the conditions that all of them have besides their own.

    `whole`: the survey must be judged whole; if not, its disjuncts decide.
    """

    conditions: tuple[AttributeRule, ...]
    disjuncts: tuple[Disjunct, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class _Path:
    """A choice of one quota for each of some groups."""

    ids: tuple[str, ...] = ()
    quotas: tuple[int, ...] = ()
    rules: tuple[Rule, ...] = ()

    def then(self, other: _Path) -> _Path:
        return _Path(self.ids + other.ids, self.quotas + other.quotas, self.rules + other.rules)


class DisjunctCompiler:
    """Compiles surveys, remembering what every rule was made into."""

    def __init__(self, sizes: RouterSizes = DEFAULT_SIZES) -> None:
        self._most = sizes.max_disjuncts
        self._simplifier = Simplifier()
        self._parts: dict[Rule, tuple[Rule, ...]] = {}
        self._attributes: dict[Rule, str | None] = {}

    def compile(self, survey: Survey) -> SurveyDisjuncts:
        """The disjuncts of a survey, open or not."""
        gate = self._split(clause.rule for clause in survey.gate)
        shared = tuple((name, part) for part in gate if (name := self._attribute(part)) is not None)
        others = [part for part in gate if self._attribute(part) is None]
        whole = not _passes_over(survey.groups) or _choices(survey.groups) > self._most
        paths = [_Path()] if whole else _paths(survey.groups, count())
        most = 1 if whole else self._most // max(len(paths), 1)
        disjuncts: list[Disjunct] = []
        if FALSE not in gate:
            known = frozenset(gate)
            for path in paths:
                parts = [part for part in self._split(path.rules) if part not in known]
                offer = Offer(survey.name, path.ids)
                disjuncts += self._disjuncts(offer, path, [*others, *parts], most)
        return SurveyDisjuncts(shared, tuple(disjuncts), whole)

    def _disjuncts(
        self, offer: Offer, path: _Path, parts: list[Rule], most: int
    ) -> Iterator[Disjunct]:
        """One disjunct along a path, or one for each alternative where these are few."""
        if FALSE in parts:
            return
        either = [part for part in parts if isinstance(part, Or) and self._attribute(part) is None]
        if prod(len(part.rules) for part in either) > most:
            either = []
        others = [part for part in parts if part not in either]
        for chosen in product(*(part.rules for part in either)):
            found = self._split((*others, *chosen)) if chosen else others
            conditions = []
            rest = []
            for part in found:
                name = self._attribute(part)
                if name is None:
                    rest.append(part)
                else:
                    conditions.append((name, part))
            yield Disjunct(offer, path.quotas, tuple(conditions), tuple(rest))

    def _split(self, rules: Iterable[Rule]) -> list[Rule]:
        """The simplest rules that must all hold for these to hold."""
        found: dict[Rule, None] = {}
        for rule in rules:
            parts = self._parts.get(rule)
            if parts is None:
                simple = self._simplifier.simplify(rule)
                parts = simple.rules if isinstance(simple, And) else (simple,)
                self._parts[rule] = parts
            for part in parts:
                found[part] = None
        found.pop(TRUE, None)
        return list(found)

    def _attribute(self, rule: Rule) -> str | None:
        """The attribute that a rule is about, where it is about one and nothing else."""
        try:
            return self._attributes[rule]
        except KeyError:
            attributes = {
                None if isinstance(predicate, InIds | TookPart) else predicate.attribute
                for predicate in predicates_of((rule,))
            }
            name = self._attributes[rule] = attributes.pop() if len(attributes) == 1 else None
            return name


def _paths(groups: Iterable[Group], numbers: Iterator[int]) -> list[_Path]:
    """Every choice of one quota of each group, in the order of choice."""
    choices = []
    for group in groups:
        paths = []
        for quota in group.quotas:
            path = _Path((quota.id,), (next(numbers),), (quota.rule,))
            inner = _paths(quota.groups, numbers) if quota.groups else ()
            paths += [path.then(nested) for nested in inner] if quota.groups else [path]
        choices.append(paths)
    if len(choices) == 1:
        return choices[0]
    return [reduce(_Path.then, chosen, _Path()) for chosen in product(*choices)]


def _passes_over(groups: Iterable[Group]) -> bool:
    """Whether closed quotas of the groups are passed over, and none rejects who matches it."""
    return all(
        group.regime is Regime.ANY_OPEN
        and all(_passes_over(quota.groups) for quota in group.quotas)
        for group in groups
    )


def _choices(groups: Iterable[Group]) -> int:
    """How many choices of one quota of each group there are."""
    return prod(sum(_choices(quota.groups) for quota in group.quotas) for group in groups)
