"""Every case of the conformance corpus (`fixtures/conformance`), on every engine."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest

import matcher
from matcher.marketplaces import read_id_list
from matcher.plan import Plan
from matcher.routing import Router
from matcher.rules.evaluate import read_member
from matcher.surveys import Judgement, Survey, Verdict, judge
from profiles.panel import Panel
from profiles.schema.participation import read_participation
from profiles.sources import Source
from tests.support.corpus import (
    Case,
    Prepared,
    prepare,
    read_cases,
)
from tests.support.panels import LAYOUTS, open_members, plain_table
from tests.support.reference import of_member
from tests.support.stores import STORES, store

Given: TypeAlias = Mapping[str, tuple[str, tuple[str, ...]]]
"""By member: the verdict, and the quotas he is given."""

CASES = read_cases()
JUDGED = [case for case in CASES if not case.rejected]
REJECTED = [case for case in CASES if case.rejected]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
each_judged = pytest.mark.parametrize("case", JUDGED, ids=lambda case: case.name)
each_rejected = pytest.mark.parametrize("case", REJECTED, ids=lambda case: case.name)


def survey_of(prepared: Prepared) -> Survey:
    return prepared.surveys.surveys[0]


def judge_all(prepared: Prepared, *, uncertain: bool = False) -> dict[str, Judgement]:
    """What the reference evaluator says of every member."""
    mapping, case = prepared.file.mapping, prepared.case
    history = None
    if case.history is not None:
        history = [read_participation(row) for row in case.history]
    members = [read_member(mapping, row, case.as_of, history, read_id_list) for row in case.members]
    return {m.id: judge(survey_of(prepared), m, uncertain=uncertain) for m in members}


def match_all(plan: Plan, panel: Panel, members: list[str]) -> Given:
    """What the batch engine says of every member; who is given nothing is ineligible."""
    given: dict[str, tuple[str, tuple[str, ...]]] = dict.fromkeys(members, ("ineligible", ()))
    for match in plan.match(panel, uncertain=True):
        if match.survey == plan.surveys[0].name:
            given[str(match.member_id)] = (match.verdict, match.quota_ids)
    return given


def expected_of_batch(prepared: Prepared) -> Given:
    """What the case expects; uncertain members are given what the reference would give them."""
    reference = judge_all(prepared, uncertain=True)
    return {
        member: (
            each.verdict,
            reference[member].quota_ids if each.verdict == "uncertain" else each.quota_ids,
        )
        for member, each in prepared.case.expect.items()
    }


def test_the_corpus_speaks_of_every_member() -> None:
    unspoken = [
        case.name
        for case in CASES
        if set(case.expect) != {str(row["member_id"]) for row in case.members}
    ]
    assert len(CASES) >= 400
    assert not unspoken


@each_judged
def test_the_reference_gives_verdict_reason_and_quotas(case: Case, tmp_path: Path) -> None:
    prepared = prepare(case, tmp_path)
    judged = judge_all(prepared)
    found = {member: (each.verdict, each.reason, each.quota_ids) for member, each in judged.items()}
    assert found == {
        member: (each.verdict, each.reason, each.quota_ids) for member, each in case.expect.items()
    }


@pytest.mark.parametrize("layout", LAYOUTS)
@each_judged
def test_the_batch_engine_agrees(case: Case, layout: str, tmp_path: Path) -> None:
    prepared = prepare(case, tmp_path)
    path = LAYOUTS[layout](prepared.file, case.members, tmp_path)
    panel = open_members(prepared.file, path, case.as_of)
    plan = matcher.compile(prepared.surveys)
    assert match_all(plan, panel, list(case.expect)) == expected_of_batch(prepared)


@pytest.fixture(scope="module", params=STORES)
def stored(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres: str
) -> Mapping[str, tuple[Prepared, Source]]:
    """All cases with their members in databases, or in the long layout."""
    folder = tmp_path_factory.mktemp(request.param)
    prepared = {}
    for case in JUDGED:
        (folder / case.name).mkdir()
        prepared[case.name] = prepare(case, folder / case.name)
    tables = {
        name: (each.file, plain_table(each.file.schema, each.case.members))
        for name, each in prepared.items()
    }
    sources = store(request.param, tables, folder, postgres)
    return {name: (each, sources[name]) for name, each in prepared.items()}


@each_judged
def test_the_batch_engine_agrees_on_members_stored_otherwise(
    case: Case, stored: Mapping[str, tuple[Prepared, Source]]
) -> None:
    prepared, source = stored[case.name]
    panel = Panel(prepared.file, source, case.as_of)
    plan = matcher.compile(prepared.surveys)
    assert match_all(plan, panel, list(case.expect)) == expected_of_batch(prepared)


@each_judged
def test_a_plan_that_was_written_and_read_agrees(case: Case, tmp_path: Path) -> None:
    prepared = prepare(case, tmp_path)
    path = LAYOUTS["parquet"](prepared.file, case.members, tmp_path)
    panel = open_members(prepared.file, path, case.as_of)
    plan = Plan.from_bytes(matcher.compile(prepared.surveys).to_bytes())
    assert match_all(plan, panel, list(case.expect)) == expected_of_batch(prepared)


@each_judged
def test_the_router_agrees(case: Case, tmp_path: Path) -> None:
    prepared = prepare(case, tmp_path)
    history = None
    if case.history is not None:
        history = partial(of_member, [read_participation(row) for row in case.history])
    plan = Plan.from_bytes(matcher.compile(prepared.surveys).to_bytes())
    router = Router(plan, as_of=case.as_of, history=history)
    name = survey_of(prepared).name
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for row in case.members:
        routed = router.match(row)
        offers = {each.survey: each.quota_ids for each in routed.eligible}
        doubted = name in {each.survey for each in routed.uncertain}
        verdict = "eligible" if name in offers else "uncertain" if doubted else "ineligible"
        found[routed.member_id] = verdict, offers.get(name, ())
    assert found == {member: (each.verdict, each.quota_ids) for member, each in case.expect.items()}


@each_judged
def test_counts_are_of_the_verdicts(case: Case, tmp_path: Path) -> None:
    prepared = prepare(case, tmp_path)
    path = LAYOUTS["parquet"](prepared.file, case.members, tmp_path)
    panel = open_members(prepared.file, path, case.as_of)
    counts, *_ = matcher.compile(prepared.surveys).match(panel).counts().surveys
    verdicts = [each.verdict for each in case.expect.values()]
    assert counts.eligible == verdicts.count(Verdict.ELIGIBLE)
    assert counts.uncertain == verdicts.count(Verdict.UNCERTAIN)


@each_rejected
def test_a_survey_in_error_is_set_aside(case: Case, tmp_path: Path) -> None:
    """Semantics: set aside with its diagnostic; nobody is eligible."""
    prepared = prepare(case, tmp_path)
    assert not prepared.surveys.surveys
    assert len(prepared.surveys.rejected) == 1
    assert {each.verdict for each in case.expect.values()} == {"rejected"}


@each_case
def test_what_is_wrong_is_reported(case: Case, tmp_path: Path) -> None:
    found = {each.code for each in prepare(case, tmp_path).surveys.diagnostics}
    assert case.diagnostics <= found
