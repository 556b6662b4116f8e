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
from profiles.mapping import PanelMapping
from profiles.panel import Panel, open_panel
from profiles.panelfile import parse_panel, read_panel_file
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


# --- a wrong mapping is named first

JOBS = ("clerk", "baker", "pilot", "nurse", "miner")
PETS = ("cat", "dog", "fish", "bird")
REGIONS = ("north", "south", "east", "west")
CODES = {"job": JOBS, "pets": PETS, "region": REGIONS}
IDS = {"dynata": {"job": "71", "pets": "72", "region": "73", "age": "80"}}
IDS["toluna"] = {"job": "1071", "pets": "1072", "region": "1073", "age": "1080"}
ALL_IN, TURNED_AWAY = {"dynata": "1/0", "toluna": "Qualified"}, {"dynata": "2/6", "toluna": "16"}


def market_file(folder: Path, name: str, swapped: tuple[str, str, int, int] | None = None) -> Path:
    """A panel file of two marketplaces; at one of them two answers of an attribute are mixed up."""
    lines = ['[panel]\nsource = "people.parquet"', '[attributes.age]\ntype = "birth_date"']
    for attribute in CODES:
        kind = "multi" if attribute == "pets" else "single"
        lines.append(f'[attributes.{attribute}]\ntype = "{kind}"')
    for marketplace, ids in IDS.items():
        for attribute, values in CODES.items():
            answers = dict(enumerate(values, start=1))
            if swapped and swapped[:2] == (marketplace, attribute):
                one, other = swapped[2:]
                answers |= {one: answers[other], other: answers[one]}
            told = ", ".join(f'{code} = "{value}"' for code, value in answers.items())
            lines.append(
                f"[marketplaces.{marketplace}.attributes.{ids[attribute]}]\n"
                f'attribute = "{attribute}"\nanswers = {{ {told} }}'
            )
        lines.append(f'[marketplaces.{marketplace}.attributes.{ids["age"]}]\nattribute = "age"')
    path = folder / name
    path.write_text("\n".join(lines), "utf-8")
    return path


def market_surveys(random: Random) -> list[Json]:
    """Surveys that ask for one or two attributes, each for some of its answers, and for ages."""
    surveys: list[Json] = []
    for number in range(1, 25):
        marketplace = random.choice(["dynata", "toluna"])
        ids = IDS[marketplace]
        asked = {
            ids[name]: [str(code) for code in random.sample(range(1, 5), random.randint(1, 2))]
            for name in random.sample(sorted(CODES), random.randint(1, 2))
        }
        if marketplace == "dynata":
            cells = [
                {"tag": id_, "attribute_id": id_, "kind": "LIST", "list": codes}
                for id_, codes in asked.items()
            ]
            adults = {"tag": "a", "attribute_id": "80", "kind": "RANGE", "range": {"from": 18}}
            quota = {"id": "q", "cells": ["a"], "count": 0, "status": "CLOSED"}
            surveys.append(
                {"id": number, "status": "CLOSED", "cells": [*cells, adults], "quotas": [[quota]]}
                | {"filters": [[{"cells": list(asked)}]]}
            )
        else:
            questions = [
                {"QuestionID": id_, "AnswerIDs": codes, "AnswerValues": []}
                for id_, codes in asked.items()
            ]
            subquota = {"SubQuotaID": 1, "CurrentCompletes": 9, "MaxTargetCompletes": 9}
            layers = [{"SubQuotas": [subquota | {"QuestionsAndAnswers": questions}]}]
            quota = {"QuotaID": number, "EstimatedCompletesRemaining": 0, "Layers": layers}
            surveys.append({"SurveyID": number, "WaveID": 1, "Quotas": [quota]})
    return surveys


def market_people(random: Random) -> list[Row]:
    return [
        {
            "member_id": number,
            "age": AS_OF - timedelta(days=random.randint(15 * 365, 70 * 365)),
            "job": random.choice([*JOBS, None]),
            "pets": random.choice([None, *(random.sample(PETS, k) for k in (0, 1, 1, 2))]),
            "region": random.choice(REGIONS),
        }
        for number in range(300)
    ]


@given(st.integers(0, 1 << 30))
def test_a_wrong_mapping_is_named_first(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Members are sent by a mapping with two answers mixed up; the marketplaces know better.

    Where that made fifteen surprises or more, with a few that have other reasons.
    """
    random = Random(seed)
    folder = tmp_path_factory.mktemp("market")
    marketplace, attribute = random.choice(["dynata", "toluna"]), random.choice(sorted(CODES))
    mixed_up = random.sample(range(1, 5), 2)
    right = mapping_of(folder, None)
    wrong = mapping_of(folder, (marketplace, attribute, mixed_up[0], mixed_up[1]))
    people = market_people(random)
    pq.write_table(pa.Table.from_pylist(people), folder / "people.parquet")
    (folder / "surveys.json").write_bytes(orjson.dumps(market_surveys(random)))
    true = matcher.load_surveys([folder / "surveys.json"], right)
    ours = matcher.load_surveys([folder / "surveys.json"], wrong)
    rows, surprises = [], 0
    for one, other in zip(true.surveys, ours.surveys, strict=True):
        for person in people:
            judged, ours_judged = (
                judge(targeting_of(survey), read_member(mapping, person, AS_OF)).verdict
                for survey, mapping in ((one, right), (other, wrong))
            )
            if ours_judged is Verdict.ELIGIBLE or random.random() < 0.1:
                fits = judged is Verdict.ELIGIBLE and random.random() < 0.99
                code = (ALL_IN if fits else TURNED_AWAY)[one.marketplace]
                surprises += judged is not Verdict.ELIGIBLE and ours_judged is Verdict.ELIGIBLE
                rows.append({"member_id": person["member_id"], "survey": one.name, "code": code})
    found = reconciled(folder, open_panel(folder / "wrong.toml", AS_OF), ours, rows).found
    if surprises < 15:
        return
    first = found.suspects[0]
    values = {CODES[attribute][number - 1] for number in mixed_up}
    assert (first.marketplace, first.held.attribute) == (marketplace, attribute)
    assert values & set(first.held.values)
    assert first.attribute_ids == (IDS[marketplace][attribute],)
    assert first.words.startswith(f"attribute {first.attribute_ids[0]} ({attribute})")
    assert all(each.pointers for each in first.asking)


def mapping_of(folder: Path, swapped: tuple[str, str, int, int] | None) -> PanelMapping:
    return read_panel_file(
        market_file(folder, "wrong.toml" if swapped else "right.toml", swapped)
    ).mapping
