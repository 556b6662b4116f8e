"""Plans as bytes: what is written is read as the same objects, and nothing else is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import matcher
from matcher.plan import Plan
from matcher.rules import Rule
from matcher.surveys import Clause, Group, Quota, Reason, Regime, Survey
from profiles.errors import InputError
from profiles.schema.panel_file import parse_panel, read_panel_file
from tests.support.corpus import ROOT
from tests.support.rules import rules
from tests.support.strategies import (
    Json,
    Variation,
    payload,
    variations,
    write_collections,
)

DEMO = ROOT / "fixtures" / "demo"
NAMES = st.text(max_size=8)
COUNTS = st.integers(0, 1 << 40)


def quotas(inner: SearchStrategy[tuple[Group, ...]]) -> SearchStrategy[Quota]:
    return st.builds(Quota, NAMES, rules, st.booleans(), COUNTS, NAMES, inner)


def groups(inner: SearchStrategy[tuple[Group, ...]]) -> SearchStrategy[tuple[Group, ...]]:
    some = st.lists(quotas(inner), max_size=3).map(tuple)
    group = st.builds(Group, some, NAMES, st.sampled_from(Regime), st.booleans())
    return st.lists(group, max_size=2).map(tuple)


CLAUSES = st.builds(Clause, rules, st.sampled_from(Reason), NAMES)
SURVEYS = st.builds(
    Survey,
    st.sampled_from(["dynata", "toluna", "rfg"]),
    NAMES,
    st.booleans(),
    st.lists(CLAUSES, max_size=3).map(tuple),
    groups(groups(st.just(()))),
    st.none() | st.floats(0, 1e9),
)


def rules_of(surveys: tuple[Survey, ...]) -> Iterator[Rule]:
    for survey in surveys:
        yield from (clause.rule for clause in survey.gate)
        for group in survey.groups:
            yield from _rules_in(group)


def _rules_in(group: Group) -> Iterator[Rule]:
    for quota in group.quotas:
        yield quota.rule
        for nested in quota.groups:
            yield from _rules_in(nested)


def assert_same(found: Plan, plan: Plan) -> None:
    """Equal surveys and mapping, and the very same rules: nodes are hash-consed."""
    assert found.surveys == plan.surveys
    assert found.mapping == plan.mapping
    pairs = zip(rules_of(found.surveys), rules_of(plan.surveys), strict=True)
    assert all(first is second for first, second in pairs)
    assert found.program == plan.program


@given(surveys=st.lists(SURVEYS, max_size=4))
def test_a_plan_of_any_surveys_comes_back(surveys: list[Survey]) -> None:
    plan = Plan(tuple(surveys))
    assert_same(Plan.from_bytes(plan.to_bytes()), plan)


@given(variation=variations, surveys=payload())
def test_a_plan_of_a_payload_comes_back(
    variation: Variation, surveys: Json, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    write_collections(folder / "collections")
    file = parse_panel(variation.tables(), folder / "panel.toml")
    (folder / "payload.json").write_bytes(orjson.dumps(surveys))
    plan = matcher.compile(matcher.load_surveys([folder / "payload.json"], file.mapping))
    assert_same(Plan.from_bytes(plan.to_bytes()), plan)


@given(surveys=st.lists(SURVEYS, max_size=3))
def test_the_same_plan_gives_the_same_bytes(surveys: list[Survey]) -> None:
    written = Plan(tuple(surveys)).to_bytes()
    assert Plan(tuple(surveys)).to_bytes() == written
    assert Plan.from_bytes(written).to_bytes() == written


@pytest.fixture(scope="module")
def written() -> bytes:
    mapping = read_panel_file(DEMO / "panel.toml").mapping
    return matcher.compile(matcher.load_surveys([DEMO / "payloads"], mapping)).to_bytes()


GARBAGE = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b"7",
    b'"quota-matcher plan"',
    b"\xff\xfe",
    b"PAR1",
    b'{"format": "quota-matcher plan"}',
    b'{"format": "another plan", "version": 4, "rules": [], "surveys": []}',
    b'{"format": "quota-matcher plan", "version": 4, "rules": {}, "surveys": 7}',
    b'{"format": "quota-matcher plan", "version": 4, "rules": [["Maybe", 1]], "surveys": []}',
    b'{"format": "quota-matcher plan", "version": 4, "rules": [["Not", 0]], "surveys": []}',
    b'{"format": "quota-matcher plan", "version": 4, "rules": [["Not", -1]], "surveys": []}',
    b'{"format": "quota-matcher plan", "version": 4, "rules": [["OneOf", 1, []]], "surveys": []}',
    b'{"format": "quota-matcher plan", "version": 4, "rules": [], "surveys": [["rfg", "1"]]}',
    b'{"format": "quota-matcher plan", "version": 4, "rules": [["TookPart", "rfg", "key", [], []]]'
    b', "surveys": []}',
    b'{"format": "quota-matcher plan", "version": 4, "rules": [], "surveys": []}',
    b'{"format": "quota-matcher plan", "version": 4, "rules": [], "surveys": [], "mapping": {}}',
    b'{"format": "quota-matcher plan", "version": 4, "rules": [], "surveys": [], "mapping": 7}',
    b"[" * 5000,
]


@pytest.mark.parametrize("data", GARBAGE)
def test_garbage_is_no_plan(data: bytes) -> None:
    with pytest.raises(InputError, match="not a plan"):
        Plan.from_bytes(data)


def test_a_plan_of_another_version_is_named(written: bytes) -> None:
    document = orjson.loads(written) | {"version": 1}
    with pytest.raises(InputError, match="a plan of version 1, not 4"):
        Plan.from_bytes(orjson.dumps(document))


@given(data=st.binary(max_size=200))
def test_random_bytes_are_no_plan(data: bytes) -> None:
    with pytest.raises(InputError):
        Plan.from_bytes(data)


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_a_damaged_plan_is_refused_or_still_a_plan(
    written: bytes, where: float, bit: int, cut: bool
) -> None:
    place = int(where * len(written))
    damaged = bytearray(written[:place] if cut else written)
    if not cut:
        damaged[place] ^= 1 << bit
    assert_plan_or_refused(bytes(damaged))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 5) | st.floats(-2, 2) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=4,
)


@given(surveys=st.lists(SURVEYS, min_size=1, max_size=2), value=JSON_VALUES, data=st.data())
def test_a_plan_with_another_value_in_it_is_refused_or_still_a_plan(
    surveys: list[Survey], value: Json, data: st.DataObject
) -> None:
    document = orjson.loads(Plan(tuple(surveys)).to_bytes())
    places = list(lists_in([document["rules"], document["surveys"]]))
    inside = data.draw(st.sampled_from([place for place in places if place]))
    inside[data.draw(st.integers(0, len(inside) - 1))] = value
    assert_plan_or_refused(orjson.dumps(document))


def lists_in(value: Json) -> Iterator[list[Any]]:
    if isinstance(value, list):
        yield value
        for part in value:
            yield from lists_in(part)


def assert_plan_or_refused(data: bytes) -> None:
    """What is read can be compiled, and written again as the same plan."""
    try:
        plan = Plan.from_bytes(data)
    except InputError:
        return
    assert isinstance(plan.program.slots, tuple)
    assert all(isinstance(name, str) for name in plan.attributes)
    assert_same(Plan.from_bytes(plan.to_bytes()), plan)
