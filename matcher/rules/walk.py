"""The predicates in rules, and the attributes that they ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from matcher.rules.rule import (
    And,
    Const,
    InIds,
    Not,
    Or,
    Predicate,
    Rule,
    TookPart,
)


def attributes_of(rules: Iterable[Rule]) -> set[str]:
    """The attributes that rules ask for."""
    leaves = predicates_of(rules)
    return {leaf.attribute for leaf in leaves if not isinstance(leaf, InIds | TookPart)}


def predicates_of(rules: Iterable[Rule]) -> Iterator[Predicate]:
    """The distinct leaves of rules."""
    seen: set[Rule] = set()
    stack = list(rules)
    while stack:
        rule = stack.pop()
        if rule in seen:
            continue
        seen.add(rule)
        match rule:
            case And(parts) | Or(parts):
                stack.extend(parts)
            case Not(inner):
                stack.append(inner)
            case Const():
                pass
            case _:
                yield rule
