"""What decides a survey's result, in a canonical form, so that two versions can be compared.

Order where it changes nothing, names of quotas that are only renamed, pointers, and the names of
the panel's attributes are not part of it. Surveys of one form give every member the same result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from matcher.rules import And, Const, InIds, Not, Or, Predicate, Rule, Simplifier, TookPart
from matcher.surveys import ChoiceStrategy, Group, Quota, Regime, Survey
from profiles.panel import Panel
from profiles.schema import Kind
from profiles.schema.panel_file import PanelFile

_AGES = (Kind.BIRTH_DATE, Kind.CHILDREN)
"""Kinds of attributes whose answers depend on the day."""

FormNumbers: TypeAlias = dict[Hashable, int]
"""The number of each canonical form."""

QuotaLabels: TypeAlias = Mapping[str, Hashable]
"""What each quota is known by, by its pointer."""


class CanonicalRules:
    """Numbers the canonical forms of rules on one panel: equal where rules hold for the same.

    Two panels share `numbers`, so that their rules can be compared.
    """

    def __init__(self, panel: Panel, numbers: FormNumbers) -> None:
        self._panel = panel
        self._numbers = numbers
        self._simplifier = Simplifier()
        self._of: dict[Rule, int] = {}

    def of(self, rule: Rule) -> int:
        """The number of a rule's canonical form, whatever the order of its parts."""
        found = self._of.get(rule)
        if found is None:
            found = self._of[rule] = self._simplified(self._simplifier.simplify(rule))
        return found

    def _simplified(self, rule: Rule) -> int:
        match rule:
            case And(rules) | Or(rules):
                parts = frozenset(map(self._simplified, rules))
                return self._number((isinstance(rule, Or), parts))
            case Not(inner):
                return self._number(("not", self._simplified(inner)))
            case Const(truth):
                return self._number(truth)
            case _:
                return self._number(self._predicate(rule))

    def _number(self, thing: Hashable) -> int:
        return self._numbers.setdefault(thing, len(self._numbers))

    def _predicate(self, predicate: Predicate) -> Hashable:
        """A predicate, with the panel's definition of its attribute in place of the name."""
        kind = type(predicate)
        match predicate:
            case InIds(marketplace, name):
                mapping = self._panel.mapping
                column = mapping.marketplace(marketplace).respondent_id
                folder = mapping.collections.folder
                lists = folder and folder.resolve()
                return kind, marketplace, name, column, lists, self._panel.as_of
            case TookPart(marketplace, scope, ids, outcomes):
                return kind, marketplace, scope, ids, outcomes, _history(self._panel.file)
        required = tuple(
            getattr(predicate, name) for name in predicate.__slots__ if name != "attribute"
        )
        return kind, self._definition(predicate.attribute), required

    def _definition(self, name: str) -> Hashable:
        """Where the answers to an attribute come from, and how they are read."""
        schema = self._panel.schema
        if name not in schema:
            return name
        attribute = schema.attribute(name)
        where = (schema.constants.get(name), attribute.column, attribute.separator)
        folded = attribute.fold("Aa")
        if name in schema.constants:
            return where
        day = self._panel.as_of if attribute.kind in _AGES else None
        return *where[1:], attribute.kind, folded, day


def _history(file: PanelFile) -> Hashable:
    """Where participation is read from: a file, or rows of a database."""
    location, base = file.history, file.path.parent.resolve()
    if location is None or location.scheme is not None:
        return location, base
    return (base / location.source).resolve()


def canonical_form(
    survey: Survey, rules: CanonicalRules, strategy: ChoiceStrategy, labels: QuotaLabels
) -> Hashable:
    """What decides a survey's result, where quotas are chosen by a strategy and known by labels."""
    if not survey.open:
        return None
    gate = rules.of(And(tuple(clause.rule for clause in survey.gate)))
    forms = _Forms(rules, strategy, labels)
    return gate, forms.of(survey.groups, closed=strategy is ChoiceStrategy.BALANCED)


def canonical_condition(quota: Quota, rules: CanonicalRules) -> Hashable:
    """What a quota requires, open or not, with all that is nested in it."""
    nested = (
        (
            group.regime,
            group.required,
            _multiset(canonical_condition(inner, rules) for inner in group.quotas),
        )
        for group in quota.groups
    )
    return rules.of(quota.rule), _multiset(nested)


def _multiset(things: Iterable[Hashable]) -> Hashable:
    return frozenset(Counter(things).items())


@dataclass(frozen=True, slots=True)
class _Forms:
    """The forms of groups; `closed`: whether a closed quota in them can affect the result.

    It can where no quota that a member matches may be closed, and in what is nested there; and
    for `balanced`, which draws among all quotas.
    """

    rules: CanonicalRules
    strategy: ChoiceStrategy
    labels: QuotaLabels

    def of(self, groups: tuple[Group, ...], *, closed: bool) -> Hashable:
        return _multiset(self._group(group, closed=closed) for group in groups)

    def _group(self, group: Group, *, closed: bool) -> Hashable:
        """A group, in which quotas are in the order in which they take members."""
        closed = closed or group.regime is Regime.ALL_OPEN
        quotas = [quota for quota in group.quotas if closed or quota.open]
        if self.strategy is ChoiceStrategy.MOST_OPEN:
            quotas.sort(key=lambda quota: -quota.remaining)
        forms = tuple(self._quota(quota, closed=closed) for quota in quotas)
        salt = group.pointer if self.strategy is ChoiceStrategy.BALANCED else None
        return group.regime, group.required, forms, salt

    def _quota(self, quota: Quota, *, closed: bool) -> Hashable:
        seats = (
            quota.remaining
            if self.strategy in (ChoiceStrategy.SCARCEST, ChoiceStrategy.BALANCED)
            else None
        )
        nested = self.of(quota.groups, closed=closed)
        label, condition = self.labels[quota.pointer], self.rules.of(quota.rule)
        return label, condition, quota.open, seats, nested
