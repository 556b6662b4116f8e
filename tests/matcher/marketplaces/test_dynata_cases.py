"""Shared cases beside the checkout: another house's verdicts, and real payloads.

Skipped where the folder is not there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

import matcher
from matcher import Surveys
from matcher.marketplaces import read_id_list
from matcher.rules.evaluate import read_member
from matcher.surveys import Verdict, judge
from profiles.panel import Panel, open_panel
from profiles.schema.panel_file import parse_panel, read_panel_file
from tests.support.corpus import ROOT

SHARED = ROOT.parent / "shared"
CASES = SHARED / "cases" / "dynata"
PAYLOADS = SHARED / "payloads"
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="no shared cases")
needs_payloads = pytest.mark.skipif(not PAYLOADS.is_dir(), reason="no shared payloads")


@pytest.fixture(scope="module")
def panel() -> Panel:
    return open_panel(CASES / "panel.toml")


@pytest.fixture(scope="module")
def surveys(panel: Panel) -> Surveys:
    return matcher.load_surveys([CASES / "opportunities.json"], panel.mapping)


@pytest.fixture(scope="module")
def expected() -> Mapping[str, Mapping[str, tuple[str, ...] | None]]:
    """By opportunity and member: the quotas of the eligible, None for the uncertain."""
    document = json.loads((CASES / "expected.json").read_text(encoding="utf-8"))
    return {
        f"dynata:{opportunity}": {
            **{member: tuple(ids) for member, ids in case["eligible"].items()},
            **dict.fromkeys(case["uncertain"]),
        }
        for opportunity, case in document.items()
    }


@needs_cases
def test_another_houses_verdicts_are_ours(
    panel: Panel,
    surveys: Surveys,
    expected: Mapping[str, Mapping[str, tuple[str, ...] | None]],
) -> None:
    found: dict[str, dict[str, tuple[str, ...] | None]] = {name: {} for name in expected}
    for match in matcher.compile(surveys).match(panel, uncertain=True):
        eligible = match.verdict is Verdict.ELIGIBLE
        found[match.survey][str(match.member_id)] = match.quota_ids if eligible else None
    assert not surveys.rejected
    assert found == expected
    assert sum(len(each) for each in expected.values()) > 1000


@needs_cases
def test_the_reference_gives_them_too(
    panel: Panel,
    surveys: Surveys,
    expected: Mapping[str, Mapping[str, tuple[str, ...] | None]],
) -> None:
    rows = panel.source.batches(panel.source.schema().names)
    members = [
        read_member(panel.mapping, row, panel.as_of, None, read_id_list)
        for batch in rows
        for row in batch.data.to_pylist()
    ]
    found: dict[str, dict[str, tuple[str, ...] | None]] = {}
    for survey in surveys.surveys:
        judged = {member.id: judge(survey, member) for member in members}
        found[survey.name] = {
            member: each.quota_ids if each.verdict is Verdict.ELIGIBLE else None
            for member, each in judged.items()
            if each.verdict is not Verdict.INELIGIBLE
        }
    assert found == expected


@needs_payloads
@pytest.mark.parametrize(
    ("file", "surveys"),
    [
        ("dynata_notifications.json", 4),
        ("toluna_quotas_small.json", 2),
        ("toluna_quotas.json", 34),
        ("rfg_project.json", 1),
    ],
)
def test_real_payloads_load_without_one_set_aside(file: str, surveys: int, tmp_path: Path) -> None:
    tables = {"panel": {"source": "x.csv"}, "attributes": {"gender": {"type": "single"}}}
    mappings = [
        parse_panel(tables, tmp_path / "panel.toml").mapping,
        read_panel_file(ROOT / "fixtures" / "demo" / "panel.toml").mapping,
    ]
    for mapping in mappings:
        loaded = matcher.load_surveys([PAYLOADS / file], mapping)
        assert len(loaded.surveys) == surveys
        assert not loaded.rejected
        assert matcher.compile(loaded).program.surveys


@needs_payloads
def test_the_duplicate_tag_of_13174_is_reported() -> None:
    """Semantics: S1 has such a duplicate, unused, in opportunity 13174."""
    mapping = read_panel_file(ROOT / "fixtures" / "demo" / "panel.toml").mapping
    loaded = matcher.load_surveys([PAYLOADS / "dynata_notifications.json"], mapping)
    found = [each.survey for each in loaded.diagnostics if each.code == "duplicate-tag"]
    assert found == ["dynata:13174"]
