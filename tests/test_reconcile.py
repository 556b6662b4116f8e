"""Reconciling: judged as the reference judges, counted row by row, a wrong mapping named first."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import matcher
from matcher.evaluate import Verdict, judge, read_member
from matcher.marketplaces import marketplaces
from matcher.marketplaces.shape import Meaning
from matcher.reconciliation import Reconciled, reconcile
from matcher.reconciliation.targeting import targeting_of
from matcher.survey import Surveys
from profiles.indexing import build_index
from profiles.panel import Panel, open_panel
from profiles.panelfile import parse_panel
from profiles.sources import open_source
from tests.panels import open_members
from tests.strategies import (
    AS_OF,
    Json,
    Members,
    Variation,
    members,
    payload,
    variations_without_history,
    write_collections,
)

Row = dict[str, Any]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        write_collections(Path(name) / "collections")
        yield Path(name)


def reconciled(folder: Path, panel: Panel, surveys: Surveys, rows: Sequence[Row]) -> Reconciled:
    """A log of these rows, reconciled."""
    names = dict.fromkeys(key for row in rows for key in row)
    table = pa.table({name: [row.get(name) for row in rows] for name in names})
    pq.write_table(table, folder / "log.parquet")
    return reconcile(open_source(folder / "log.parquet"), surveys, panel)


def log_of(random: Random, ids: Sequence[Any], surveys: Surveys) -> list[Row]:
    """Members sent to surveys on several days; any code may come back."""
    rows = []
    for _ in range(random.randint(1, 60)):
        survey = random.choice(surveys.surveys)
        codes = [*marketplaces()[survey.marketplace].results, "999"]
        day = random.choice([None, AS_OF - timedelta(days=1), AS_OF, AS_OF + timedelta(days=400)])
        row = {"member_id": str(random.choice(ids)), "survey": survey.name, "at": day}
        if random.random() < 0.3:
            row |= {"code": None, "outcome": random.choice(["complete", "not_targeted"])}
        else:
            row |= {"code": random.choice(codes), "outcome": None}
        rows.append(row)
    return rows


@given(variations_without_history, payload(), members(), st.integers(0, 1 << 30), st.booleans())
def test_what_we_would_have_said(
    folder: Path, variation: Variation, surveys: Json, of: Members, seed: int, as_index: bool
) -> None:
    """Every row as the reference judges it on its day, with the survey and its quotas open."""
    file = parse_panel(variation.tables(), folder / "panel.toml")
    (folder / "payload.json").write_bytes(orjson.dumps(surveys))
    loaded = matcher.load_surveys([folder / "payload.json"], file.mapping)
    pq.write_table(of.table(), folder / "members.parquet")
    panel = open_members(file, folder / "members.parquet", AS_OF)
    if as_index:
        with tempfile.TemporaryDirectory() as name:
            build_index(panel, Path(name) / "index")
            check_rows(folder, open_panel(Path(name) / "index", AS_OF), loaded, of, seed)
    else:
        check_rows(folder, panel, loaded, of, seed)


def check_rows(folder: Path, panel: Panel, surveys: Surveys, of: Members, seed: int) -> None:
    member_of = {str(row["member_id"]): row for row in of.rows}
    rows = log_of(Random(seed), [*member_of, "nobody"], surveys)
    by_name = {survey.name: targeting_of(survey) for survey in surveys.surveys}
    expected: Counter[tuple[str, str, str]] = Counter()
    surprises = []
    for row in rows:
        if row["member_id"] not in member_of:
            continue
        day = row["at"] or AS_OF
        member = read_member(panel.mapping, member_of[row["member_id"]], day)
        found = judge(by_name[row["survey"]], member)
        marketplace, _, _ = row["survey"].partition(":")
        code = row["code"] or row["outcome"]
        expected[marketplace, code, verdict_of(found.verdict, found.reason)] += 1
        result = marketplaces()[marketplace].results.get(row["code"])
        own = {"complete": Meaning.COMPLETE, "not_targeted": Meaning.NOT_TARGETED}
        meaning = result.meaning if result else own.get(row["outcome"])
        turned_away = meaning is Meaning.NOT_TARGETED
        taken = meaning in (Meaning.COMPLETE, Meaning.ENTERED)
        if (turned_away and found.verdict is Verdict.ELIGIBLE) or (
            taken and found.verdict is Verdict.INELIGIBLE
        ):
            said = (row["survey"], code, day, found.verdict, found.reason)
            surprises.append((row["member_id"], *said))
    got = reconciled(folder, panel, surveys, rows)
    counted: Counter[tuple[str, str, str]] = Counter()
    for line in got.found.confusion:
        key = line.code.marketplace, line.code.code
        counted[(*key, "fits")] += line.fits
        counted[(*key, "uncertain")] += line.uncertain
        for reason, number in line.unfit.items():
            counted[(*key, reason)] += number
    assert +counted == expected
    assert got.found.surprises == len(surprises)
    table = got.surprises.to_pylist()
    assert [(str(each["member_id"]), *list(each.values())[1:]) for each in table] == surprises
    nobody = sum(row["member_id"] == "nobody" for row in rows)
    assert sum(each.rows for each in got.found.set_aside) == nobody
    assert got.found.rows == len(rows)


def verdict_of(verdict: Verdict, reason: str) -> str:
    if verdict is Verdict.INELIGIBLE:
        return reason
    return "fits" if verdict is Verdict.ELIGIBLE else "uncertain"
