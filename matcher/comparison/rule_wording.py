"""What two rules say, put so that the reader sees the difference."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator
from dataclasses import fields
from typing import NamedTuple

from matcher.rules import (
    NAMED,
    And,
    Const,
    InRanges,
    Not,
    OneOf,
    Or,
    Predicate,
    Rule,
    StartsWith,
    TookPart,
    Wording,
    listed,
    predicates_of,
)


class WordingPair(NamedTuple):
    """The words of either side."""

    before: Wording
    after: Wording


_PANEL = WordingPair(Wording(), Wording())


def distinguishing_texts(before: Rule, after: Rule, speakers: WordingPair) -> tuple[str, str]:
    """Two different rules in words that differ.

    Of long lists what was added and dropped; where the marketplace's words are the same, those of
    the panel beside; and where these are the same, too, every detail.
    """
    told = _in_words(before, after, speakers)
    if told[0] == told[1]:
        own = _in_words(before, after, _PANEL)
        told = f"{told[0]} (in the panel: {own[0]})", f"{told[1]} (in the panel: {own[1]})"
    if told[0] == told[1]:
        told = f"{told[0]} ({_exactly(before)})", f"{told[1]} ({_exactly(after)})"
    return told


def _in_words(before: Rule, after: Rule, speakers: WordingPair) -> tuple[str, str]:
    said = [speakers.after.of(after), *_list_changes(before, after, speakers)]
    return speakers.before.of(before), "; ".join(said)


def _list_changes(before: Rule, after: Rule, speakers: WordingPair) -> Iterator[str]:
    """`adds 5, 7`, `drops 3`: of lists too long to be told in full, one of each kind a side."""
    olds, news = _lists(before), _lists(after)
    for kind, new in news.items():
        if kind not in olds or len(olds[kind]) > 1 or len(new) > 1:
            continue
        old_values = speakers.before.values(olds[kind][0])
        new_values = speakers.after.values(new[0])
        if max(len(old_values), len(new_values)) > NAMED:
            yield from _one_list("adds", new_values, old_values)
            yield from _one_list("drops", old_values, new_values)


def _lists(rule: Rule) -> dict[Hashable, list[Predicate]]:
    """The lists in a rule, by what they are about."""
    found: dict[Hashable, list[Predicate]] = {}
    for leaf in predicates_of([rule]):
        match leaf:
            case OneOf(about) | StartsWith(about) | InRanges(about) | TookPart(_, about):
                found.setdefault((type(leaf), about), []).append(leaf)
    return found


def _one_list(verb: str, values: list[str], without: list[str]) -> Iterator[str]:
    known = set(without)
    if changed := [value for value in values if value not in known]:
        yield f"{verb} {listed(changed)}"


def _exactly(rule: Rule) -> str:
    """A rule with all that words leave out, as JSON: `["unusable", "gender", ["refused"]]`."""
    return json.dumps(_spelt(rule), ensure_ascii=False)


def _spelt(rule: Rule) -> list[object]:
    match rule:
        case And(rules) | Or(rules):
            return [_name(rule), *map(_spelt, rules)]
        case Not(inner):
            return [_name(rule), _spelt(inner)]
        case Const(truth):
            return [truth.name.lower()]
        case _:
            return [_name(rule), *(getattr(rule, each.name) for each in fields(rule))]


def _name(rule: Rule) -> str:
    """`one of`, `took part`: what a sort of rule is called."""
    return re.sub(r"\B(?=[A-Z])", " ", type(rule).__name__).lower()
