"""What two versions of a survey say otherwise, against what each of them means."""

from __future__ import annotations

import copy
import random
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from matcher.comparison.clauses import changed_clauses
from matcher.comparison.result import ClauseChange
from matcher.comparison.sayings import Speakers, told_apart
from matcher.marketplaces import marketplaces
from matcher.reader import Document, Lowered, Reader
from matcher.rewrite import Simplifier
from matcher.rule import And, Or, Rule
from matcher.survey import Group, Quota, Regime, Survey
from matcher.wording import Wording
from profiles.mapping import PanelMapping
from profiles.panelfile import parse_panel
from tests.rules import rules
from tests.strategies import Json, Variation, dynata, rfg, toluna, write_collections
from tests.test_payload import resolve

EVERYTHING = Variation(("declared", "declared", "declared"), False, False, history=True)
STRATEGIES = {"dynata": dynata(), "toluna": toluna(), "rfg": rfg()}


@pytest.fixture(scope="module")
def mapping() -> Iterator[PanelMapping]:
    with TemporaryDirectory() as folder:
        write_collections(Path(folder) / "collections")
        yield parse_panel(EVERYTHING.tables(), Path(folder) / "panel.toml").mapping


@dataclass(frozen=True, slots=True)
class Version:
    """A payload object and the survey that it became."""

    raw: Json
    survey: Survey


def version(marketplace: str, raw: Json, mapping: PanelMapping) -> Version:
    """Gives up the example where the survey is set aside."""
    reader = Reader(mapping, marketplaces()[marketplace])
    (found,) = reader.read(raw, Document(raw, suspicious=False), "")
    assert isinstance(found, Lowered)
    if found.survey is None:
        reject()
    return Version(raw, found.survey)


def changes(before: Survey, after: Survey, mapping: PanelMapping) -> tuple[ClauseChange, ...]:
    words = Wording(mapping.marketplace(before.marketplace))
    return changed_clauses(before, after, words, words)


# --- what a survey means


def normal(rule: Rule) -> Hashable:
    """A simplified rule without the order of its parts."""
    match rule:
        case And(rules) | Or(rules):
            kind = type(rule).__name__
            parts: set[Hashable] = set()
            for part in map(normal, rules):
                parts |= part[1] if isinstance(part, tuple) and part[0] == kind else {part}
            return (kind, frozenset(parts)) if len(parts) != 1 else parts.pop()
    return rule


def meaning(survey: Survey) -> Hashable:
    """All that a survey says, without orders and places that change nothing."""
    simplify = Simplifier().simplify

    def asked(rules: Sequence[Rule]) -> Hashable:
        return normal(simplify(And(tuple(rules))))

    def of_quota(quota: Quota) -> Hashable:
        groups = frozenset(Counter(map(of_group, quota.groups)).items())
        return quota.id, asked([quota.rule]), quota.live, quota.remaining, groups

    def of_group(group: Group) -> Hashable:
        order = tuple(of_quota(quota) for quota in group.quotas if quota.open)
        quotas = frozenset(Counter(map(of_quota, group.quotas)).items())
        return group.regime, group.regime is Regime.ALL_OPEN and group.required, order, quotas

    reasons = {clause.reason for clause in survey.gate}
    gate = {
        reason: asked([clause.rule for clause in survey.gate if clause.reason is reason])
        for reason in reasons
    }
    groups = frozenset(Counter(map(of_group, survey.groups)).items())
    return survey.live, survey.remaining, survey.pay, frozenset(gate.items()), groups


# --- changing a payload


def places(raw: Json, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every path into a payload."""
    if place:
        yield place
    keys = raw if isinstance(raw, dict) else range(len(raw)) if isinstance(raw, list) else ()
    for key in keys:
        yield from places(raw[key], (*place, key))


def at(raw: Json, place: Sequence[Any]) -> Json:
    for key in place:
        raw = raw[key]
    return raw


_NAMES = ("id", "SurveyID", "WaveID", "pid")


def edited(draw: st.DrawFn, raw: Json, other: Json) -> Json:
    """One thing removed, repeated, or replaced by what stands at such a place somewhere."""
    new = copy.deepcopy(raw)
    paths = [each for each in places(new) if each[0] not in _NAMES]
    *inside, key = draw(st.sampled_from(paths))
    parent = at(new, inside)
    found = [
        at(each, place)
        for each in (raw, other)
        for place in places(each)
        if alike(place, [*inside, key])
    ]
    edit = draw(st.sampled_from(["remove", "repeat", "replace", "replace", "replace"]))
    if edit == "remove":
        del parent[key]
    elif edit == "repeat" and isinstance(parent, list):
        parent.insert(draw(st.integers(0, len(parent))), copy.deepcopy(parent[key]))
    else:
        parent[key] = copy.deepcopy(draw(st.sampled_from(found)))
    return new


def alike(place: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether two paths differ in places in lists alone."""
    return [isinstance(each, int) or each for each in place] == [
        isinstance(each, int) or each for each in other
    ]


def _named(marketplace: str) -> SearchStrategy[tuple[str, Json]]:
    return STRATEGIES[marketplace].map(lambda raw: (marketplace, raw))


marketplaces_and_payloads = st.one_of(list(map(_named, STRATEGIES)))


@st.composite
def versions(draw: st.DrawFn) -> tuple[str, Json, Json]:
    """A marketplace and two payloads: one and what it was edited to, or two that differ in all."""
    marketplace = draw(st.sampled_from(sorted(STRATEGIES)))
    before, other = draw(STRATEGIES[marketplace]), draw(STRATEGIES[marketplace])
    after = before
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        after = edited(draw, after, other)
    return marketplace, before, draw(st.sampled_from([after, after, after, other]))


_IN_ORDER = {"Quotas", "SubQuotas"}


def reordered(raw: Json, shuffled: random.Random) -> Json:
    """A payload with every list but those of quotas shuffled, and other tags."""
    new = _reordered(raw, shuffled, "id" not in raw)
    for cell in new.get("cells", ()):
        cell["tag"] = f"other {cell['tag']}"
    for group in (*(new.get("filters") or ()), *(new.get("quotas") or ())):
        for part in group:
            if isinstance(part, dict) and "cells" in part:
                part["cells"] = [f"other {tag}" for tag in part["cells"]]
    return new


def _reordered(raw: Json, shuffled: random.Random, in_order: bool) -> Json:
    if isinstance(raw, dict):
        return {
            key: _reordered(value, shuffled, (in_order and key == "quotas") or key in _IN_ORDER)
            for key, value in raw.items()
        }
    if not isinstance(raw, list):
        return raw
    quotas = all(isinstance(each, dict) and "count" in each for each in raw)
    new = [_reordered(each, shuffled, in_order=False) for each in raw]
    if not (in_order or quotas):
        shuffled.shuffle(new)
    return new


# --- properties


@given(drawn=versions())
def test_whatever_means_something_else_is_told(
    drawn: tuple[str, Json, Json], mapping: PanelMapping
) -> None:
    marketplace, *raws = drawn
    before, after = (version(marketplace, raw, mapping) for raw in raws)
    found = changes(before.survey, after.survey, mapping)
    assert bool(found) == (meaning(before.survey) != meaning(after.survey))
    assert bool(found) == bool(changes(after.survey, before.survey, mapping))
    for change in found:
        said = {}
        for side, of in ((change.before, before), (change.after, after)):
            if side is not None:
                resolve(of.raw, side.pointer)
                said[side.text] = of
        assert said
        assert "" not in said
        assert len(said) == 2 or change.before is None or change.after is None


@given(before=rules, after=rules)
def test_rules_that_are_not_the_same_are_told_apart(before: Rule, after: Rule) -> None:
    words = Wording()
    told = told_apart(before, after, Speakers(words, words))
    assert (told[0] == told[1]) == (before is after)


@given(drawn=marketplaces_and_payloads, shuffled=st.randoms(use_true_random=False))
def test_order_tags_and_places_are_nothing(
    drawn: tuple[str, Json], shuffled: random.Random, mapping: PanelMapping
) -> None:
    """But for the order of quotas that are judged together."""
    marketplace, raw = drawn
    before = version(marketplace, raw, mapping)
    after = version(marketplace, reordered(raw, shuffled), mapping)
    assert not changes(before.survey, after.survey, mapping)
