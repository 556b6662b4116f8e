"""How two versions of a survey differ, against the canonical content of each."""

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

from matcher.comparison import ClauseChange, ClauseText
from matcher.comparison.clauses import changed_clauses
from matcher.comparison.rule_wording import WordingPair, distinguishing_texts
from matcher.loading.decode import Document, Lowered, PayloadReader
from matcher.marketplaces import marketplaces
from matcher.rules import And, Or, Rule, Simplifier, Wording, in_ranges, one_of
from matcher.surveys import Group, Quota, Regime, Survey
from profiles.schema import PanelMapping
from profiles.schema.panel_file import parse_panel
from tests.matcher.loading.test_files import resolve
from tests.support.rules import rules
from tests.support.strategies import (
    IDS,
    Json,
    Variation,
    dynata,
    rfg,
    toluna,
    write_collections,
)

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
    reader = PayloadReader(mapping, marketplaces()[marketplace])
    (found,) = reader.read(raw, Document(raw, suspicious=False), "")
    assert isinstance(found, Lowered)
    if found.survey is None:
        reject()
    return Version(raw, found.survey)


def changes(before: Survey, after: Survey, mapping: PanelMapping) -> tuple[ClauseChange, ...]:
    words = Wording(mapping.marketplace(before.marketplace))
    return changed_clauses(before, after, words, words)


# --- what a survey says


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


def content(survey: Survey) -> Hashable:
    """All that a survey says, without order and places that change nothing."""
    simplify = Simplifier().simplify

    def conjunction(rules: Sequence[Rule]) -> Hashable:
        return normal(simplify(And(tuple(rules))))

    def of_quota(quota: Quota) -> Hashable:
        groups = frozenset(Counter(map(of_group, quota.groups)).items())
        return quota.id, conjunction([quota.rule]), quota.live, quota.remaining, groups

    def of_group(group: Group) -> Hashable:
        order = tuple(of_quota(quota) for quota in group.quotas if quota.open)
        quotas = frozenset(Counter(map(of_quota, group.quotas)).items())
        return group.regime, group.regime is Regime.ALL_OPEN and group.required, order, quotas

    reasons = {clause.reason for clause in survey.gate}
    gate = {
        reason: conjunction([clause.rule for clause in survey.gate if clause.reason is reason])
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


_NAMES = ("id", "SurveyID", "WaveID", "pid", "rfg_id")


def edited(draw: st.DrawFn, raw: Json, other: Json) -> Json:
    """One thing removed, repeated, or replaced by what is at such a place in either payload."""
    new = copy.deepcopy(raw)
    paths = [place for place in places(new) if place[0] not in _NAMES]
    *inside, key = draw(st.sampled_from(paths))
    parent = at(new, inside)
    found = [
        at(payload, place)
        for payload in (raw, other)
        for place in places(payload)
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
    """Whether two paths differ only in places in lists."""
    return [isinstance(step, int) or step for step in place] == [
        isinstance(step, int) or step for step in other
    ]


def _named(marketplace: str) -> SearchStrategy[tuple[str, Json]]:
    return STRATEGIES[marketplace].map(lambda raw: (marketplace, raw))


marketplaces_and_payloads = st.one_of(list(map(_named, STRATEGIES)))


@st.composite
def versions(draw: st.DrawFn) -> tuple[str, Json, Json]:
    """A marketplace and two payloads: one and its edit, or two that differ in everything."""
    marketplace = draw(st.sampled_from(sorted(STRATEGIES)))
    before, other = draw(STRATEGIES[marketplace]), draw(STRATEGIES[marketplace])
    after = before
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        after = edited(draw, after, other)
    return marketplace, before, draw(st.sampled_from([after, after, after, other]))


_IN_ORDER = {"Quotas", "SubQuotas"}


def reordered(raw: Json, shuffled: random.Random) -> Json:
    """A payload with every list shuffled except those of quotas, and other tags."""
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
    quotas = all(isinstance(item, dict) and "count" in item for item in raw)
    new = [_reordered(item, shuffled, in_order=False) for item in raw]
    if not (in_order or quotas):
        shuffled.shuffle(new)
    return new


# --- properties


@given(drawn=versions())
def test_every_change_of_content_is_reported(
    drawn: tuple[str, Json, Json], mapping: PanelMapping
) -> None:
    marketplace, *raws = drawn
    before, after = (version(marketplace, raw, mapping) for raw in raws)
    found = changes(before.survey, after.survey, mapping)
    assert bool(found) == (content(before.survey) != content(after.survey))
    assert bool(found) == bool(changes(after.survey, before.survey, mapping))
    for change in found:
        texts = set()
        for side, of in ((change.before, before), (change.after, after)):
            if side is not None:
                resolve(of.raw, side.pointer)
                texts.add(side.text)
        assert texts
        assert "" not in texts
        assert len(texts) == 2 or change.before is None or change.after is None


@given(before=rules, after=rules)
def test_different_rules_have_different_texts(before: Rule, after: Rule) -> None:
    words = Wording()
    old, new = distinguishing_texts(before, after, WordingPair(words, words))
    assert (old == new) == (before is after)


@given(drawn=marketplaces_and_payloads, shuffled=st.randoms(use_true_random=False))
def test_order_tags_and_places_are_no_change(
    drawn: tuple[str, Json], shuffled: random.Random, mapping: PanelMapping
) -> None:
    """Except for the order of quotas that are judged together."""
    marketplace, raw = drawn
    before = version(marketplace, raw, mapping)
    after = version(marketplace, reordered(raw, shuffled), mapping)
    assert not changes(before.survey, after.survey, mapping)


# --- changes in words


def opportunity(**fields: Json) -> Json:
    """Women of 18 to 24, or with an income, and two quotas."""
    cells: list[dict[str, Json]] = [
        {"tag": "women", "attribute_id": IDS["gender"], "kind": "VALUE", "value": "2"},
        {
            "tag": "young",
            "attribute_id": IDS["age"],
            "kind": "RANGE",
            "range": {"from": 18, "to": 24},
        },
        {"tag": "rich", "attribute_id": IDS["income"], "kind": "RANGE", "range": {"from": 65}},
        {
            "tag": "near",
            "attribute_id": IDS["postal_code"],
            "kind": "LIST",
            "list": [*range(10, 40)],
        },
    ]
    quotas = [
        {"id": "q1", "cells": ["women"], "count": 3, "status": "OPEN"},
        {"id": "q2", "cells": ["near"], "count": 1, "status": "OPEN"},
    ]
    filters = [[{"cells": ["women", "young"]}, {"cells": ["rich"]}]]
    whole = {"id": 0, "status": "OPEN", "cells": cells, "filters": filters, "quotas": [quotas]}
    return whole | fields


def put(raw: Json, pointer: str, value: Json) -> Json:
    """A copy with something else at a pointer; ELLIPSIS: without it."""
    new = copy.deepcopy(raw)
    *inside, key = [int(step) if step.isdigit() else step for step in pointer.split("/")[1:]]
    parent = at(new, inside)
    if value is ...:
        del parent[key]
    elif isinstance(parent, list) and key == len(parent):
        parent.append(value)
    else:
        parent[key] = value
    return new


Q1, Q2 = opportunity()["quotas"][0]
CHANGES: dict[str, tuple[str, Json, list[tuple[str, str | None, str | None]]]] = {
    "one condition of a combination": (
        "/cells/1/range/to",
        34,
        [
            (
                "filter",
                "/cells/1 attribute 12 (age) is between 18 and 24",
                "/cells/1 attribute 12 (age) is between 18 and 34",
            )
        ],
    ),
    "a condition dropped": (
        "/filters/0/0/cells/0",
        ...,
        [("filter", "/cells/0 attribute 11 (gender) is 2 (F)", None)],
    ),
    "an alternative dropped": (
        "/filters/0/1",
        ...,
        [("filter", "/cells/2 or attribute 13 (income) is at least 65", None)],
    ),
    "one more filter": (
        "/filters/1",
        [{"cells": ["rich"]}],
        [("filter", None, "/cells/2 attribute 13 (income) is at least 65")],
    ),
    "values of a long list": (
        "/cells/3/list",
        [*range(12, 40), "7", "5"],
        [
            (
                "condition q2",
                "/cells/3 attribute 19 (postal_code) is one of 30 values: 10, 11, 12, …",
                "/cells/3 attribute 19 (postal_code) is one of 30 values: 12, 13, 14, …; "
                "adds 5, 7; drops 10, 11",
            )
        ],
    ),
    "seats": (
        "/quotas/0/0/count",
        1,
        [("seats q1", "/quotas/0/0 3 seats left", "/quotas/0/0 1 seat left")],
    ),
    "a quota closed": (
        "/quotas/0/1/status",
        "CLOSED",
        [("status q2", "/quotas/0/1 open", "/quotas/0/1 closed")],
    ),
    "a quota renamed": ("/quotas/0/1/id", "x", [("name x", "/quotas/0/1 q2", "/quotas/0/1 x")]),
    "a quota removed": (
        "/quotas/0/0",
        ...,
        [("quota q1", "/quotas/0/0 attribute 11 (gender) is 2 (F); 3 seats left", None)],
    ),
    "another order": ("/quotas/0", [Q2, Q1], [("order", "/quotas/0 q1, q2", "/quotas/0 q2, q1")]),
    "divided": (
        "/quotas",
        [[Q1], [Q2]],
        [
            ("group", None, "/quotas/1 of the quotas q2: one open quota must be matched"),
            ("group q2", "/quotas/0/1 in /quotas/0, with q1", "/quotas/1/0 in /quotas/1, alone"),
        ],
    ),
    "paused": ("/status", "PAUSED", [("status", " open", " closed")]),
    "an empty group": (
        "/quotas/1",
        [],
        [("group", None, "/quotas/1 of no quotas: one open quota must be matched")],
    ),
    "a country": (
        "/locale",
        {"country": "US"},
        [("country", None, "/locale/country country is US")],
    ),
}


def in_words(found: Sequence[ClauseChange]) -> list[tuple[str, str | None, str | None]]:
    def text(side: ClauseText | None) -> str | None:
        return f"{side.pointer} {side.text}" if side else None

    return [
        (" ".join((change.what, *(change.quota or ()))), text(change.before), text(change.after))
        for change in found
    ]


@pytest.mark.parametrize(("pointer", "value", "expected"), CHANGES.values(), ids=CHANGES)
def test_a_change_reads(
    pointer: str,
    value: Json,
    expected: list[tuple[str, str | None, str | None]],
    mapping: PanelMapping,
) -> None:
    raw = opportunity()
    before = version("dynata", raw, mapping).survey
    after = version("dynata", put(raw, pointer, value), mapping).survey
    assert in_words(changes(before, after, mapping)) == expected


def test_how_quotas_are_judged(mapping: PanelMapping) -> None:
    quotas = [{"id": 1, "limit": 3, "datapoints": [{"name": "gender", "values": ["1"]}]}]
    raw = {"pid": 0, "state": 2, "quotas": quotas, "excludeNonMatching": False}
    before = version("rfg", raw, mapping).survey
    after = version("rfg", raw | {"excludeNonMatching": True}, mapping).survey
    assert in_words(changes(before, after, mapping)) == [
        (
            "group",
            "/quotas no closed quota may be matched",
            "/quotas no closed quota may be matched, and an open one must be",
        )
    ]


def test_the_same_payload_under_another_mapping(tmp_path: Path) -> None:
    """The panel's own words show what the marketplace's hide."""
    read = []
    for answers in ({"2": "F", "-3": "refused"}, {"2": "X", "-3": "none"}):
        tables = EVERYTHING.tables() | {"collections": None}
        tables["marketplaces"]["dynata"]["attributes"] = {
            **tables["marketplaces"]["dynata"]["attributes"],
            IDS["gender"]: {"attribute": "gender", "answers": answers},
        }
        mapping = parse_panel(tables, tmp_path / "panel.toml").mapping
        raw = put(opportunity(), "/cells/0/negate", True)
        words = Wording(mapping.marketplace("dynata"))
        read.append((version("dynata", raw, mapping).survey, words))
    (before, words_before), (after, words_after) = read
    found = in_words(changed_clauses(before, after, words_before, words_after))
    subject = "attribute 11 (gender)"
    assert found == [
        ("filter", f"/cells/0 {subject} is not 2 (F)", f"/cells/0 {subject} is not 2 (X)"),
        (
            "condition q1",
            f"/cells/0 {subject} is not 2 (F) and is a usable answer",
            f"/cells/0 {subject} is not 2 (X) and is a usable answer",
        ),
    ]


def test_equal_words_come_with_the_details_they_leave_out() -> None:
    words = Wording()
    code, number = one_of("floor", ["2"]), in_ranges("floor", [(2, 2)])
    assert distinguishing_texts(code, number, WordingPair(words, words)) == (
        'floor is 2 (in the panel: floor is 2) (["one of", "floor", ["2"]])',
        'floor is 2 (in the panel: floor is 2) (["in ranges", "floor", [[2.0, 2.0]]])',
    )
