"""Rewrites that make rules smaller and more alike, each keeping all three truth values.

A table of small functions, each with its law. `simplify` applies them bottom-up until none
applies. Two laws of two-valued logic are deliberately absent: `holds S and holds T` is not `holds
S and T` (a member with several answers may hold one of each), and `x and not x` is not false (both
are unknown for a member who has not answered).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import TypeAlias

from matcher.rules.rule import (
    FALSE,
    TRUE,
    UNKNOWN,
    And,
    Const,
    InRanges,
    Not,
    OneOf,
    Or,
    Rule,
    StartsWith,
    TookPart,
    Truth,
    in_ranges,
    one_of,
    took_part,
)

Rewrite: TypeAlias = Callable[[Rule], Rule | None]


def fold_not_const(rule: Rule) -> Rule | None:
    """Law: not true = false, not unknown = unknown, not false = true."""
    match rule:
        case Not(Const(truth)):
            return Const(Truth(Truth.TRUE - truth))
    return None


def drop_double_not(rule: Rule) -> Rule | None:
    """Law: not (not x) = x."""
    match rule:
        case Not(Not(inner)):
            return inner
    return None


def push_not_inwards(rule: Rule) -> Rule | None:
    """Law: not (x and y) = not x or not y; not (x or y) = not x and not y."""
    match rule:
        case Not(And(rules)):
            return Or(tuple(Not(part) for part in rules))
        case Not(Or(rules)):
            return And(tuple(Not(part) for part in rules))
    return None


def flatten(rule: Rule) -> Rule | None:
    """Law: (x and y) and z = x and y and z; likewise or."""
    match rule:
        case And(rules) if any(isinstance(part, And) for part in rules):
            return And(tuple(x for part in rules for x in _parts(part, And)))
        case Or(rules) if any(isinstance(part, Or) for part in rules):
            return Or(tuple(x for part in rules for x in _parts(part, Or)))
    return None


def _parts(rule: Rule, kind: type[And] | type[Or]) -> tuple[Rule, ...]:
    return rule.rules if isinstance(rule, kind) else (rule,)


def drop_neutral(rule: Rule) -> Rule | None:
    """Law: x and true = x; x or false = x."""
    match rule:
        case And(rules) if TRUE in rules:
            return And(tuple(part for part in rules if part is not TRUE))
        case Or(rules) if FALSE in rules:
            return Or(tuple(part for part in rules if part is not FALSE))
    return None


def absorb(rule: Rule) -> Rule | None:
    """Law: x and false = false; x or true = true."""
    match rule:
        case And(rules) if FALSE in rules:
            return FALSE
        case Or(rules) if TRUE in rules:
            return TRUE
    return None


def drop_repeated(rule: Rule) -> Rule | None:
    """Law: x and x = x; x or x = x."""
    match rule:
        case And(rules) | Or(rules) if len(set(rules)) < len(rules):
            return type(rule)(tuple(dict.fromkeys(rules)))
    return None


def unwrap_single(rule: Rule) -> Rule | None:
    """Law: and of one x = x, or of one x = x; and of nothing = true, or of nothing = false."""
    match rule:
        case And((single,)) | Or((single,)):
            return single
        case And(()):
            return TRUE
        case Or(()):
            return FALSE
    return None


def unite_values(rule: Rule) -> Rule | None:
    """Law: holds one of S or holds one of T = holds one of S and T together.

    Of one attribute only, so both are unknown for the same members. The same for prefixes, for
    ranges, and for what one took part in with the same outcomes.
    """
    if not isinstance(rule, Or):
        return None
    alike: dict[object, list[Rule]] = {}
    for part in rule.rules:
        alike.setdefault(_united_with(part), []).append(part)
    if len(alike) == len(rule.rules):
        return None
    return Or(tuple(_union(parts) for parts in alike.values()))


def _united_with(rule: Rule) -> object:
    match rule:
        case OneOf(attribute) | StartsWith(attribute) | InRanges(attribute):
            return type(rule), attribute
        case TookPart(marketplace, scope, _, outcomes):
            return TookPart, marketplace, scope, outcomes
    return rule


def _union(rules: list[Rule]) -> Rule:
    """Rules that are united, as one; a rule alone, or repeated, as it is."""
    match rules[0]:
        case OneOf(attribute):
            values = (rule.values for rule in rules if isinstance(rule, OneOf))
            return one_of(attribute, [*chain.from_iterable(values)])
        case StartsWith(attribute):
            prefixes = (rule.prefixes for rule in rules if isinstance(rule, StartsWith))
            return StartsWith(attribute, tuple(sorted({*chain.from_iterable(prefixes)})))
        case InRanges(attribute):
            ranges = (rule.ranges for rule in rules if isinstance(rule, InRanges))
            return in_ranges(attribute, [*chain.from_iterable(ranges)])
        case TookPart(marketplace, scope, _, outcomes):
            ids = (rule.ids for rule in rules if isinstance(rule, TookPart))
            return took_part(marketplace, scope, chain.from_iterable(ids), outcomes)
    return rules[0]


def forget_empty(rule: Rule) -> Rule | None:
    """Law: unknown or holds one of no values = unknown (the latter is false or unknown)."""
    match rule:
        case Or(rules) if UNKNOWN in rules:
            kept = tuple(part for part in rules if not _never_true(part))
            return Or(kept) if len(kept) < len(rules) else None
    return None


def _never_true(rule: Rule) -> bool:
    match rule:
        case OneOf(_, ()) | StartsWith(_, ()) | InRanges(_, ()) | TookPart(_, _, (), _):
            return True
    return False


REWRITES: tuple[Rewrite, ...] = (
    fold_not_const,
    drop_double_not,
    push_not_inwards,
    flatten,
    drop_neutral,
    absorb,
    drop_repeated,
    unite_values,
    forget_empty,
    unwrap_single,
)


class Simplifier:
    """Applies the rewrites, remembering what every rule became.

    >>> cats, dogs = one_of("pets", ["cat"]), one_of("pets", ["dog"])
    >>> Simplifier().simplify(Not(And((Not(cats), Not(dogs)))))
    OneOf('pets', ('cat', 'dog'))
    """

    def __init__(self) -> None:
        self._done: dict[Rule, Rule] = {}

    def simplify(self, rule: Rule) -> Rule:
        """The rule with negations only on predicates, and no rewrite left to apply."""
        found = self._done.get(rule)
        if found is None:
            found = self._done[rule] = self._rewrite(rule)
        return found

    def _rewrite(self, rule: Rule) -> Rule:
        match rule:
            case And(rules) | Or(rules):
                parts = tuple(map(self.simplify, rules))
                rule = type(rule)(parts) if parts != rules else rule
            case Not(And() | Or() | Not() | Const()):
                pass
            case _:
                return rule
        for rewrite in REWRITES:
            rewritten = rewrite(rule)
            if rewritten is not None:
                return self.simplify(rewritten)
        return rule
