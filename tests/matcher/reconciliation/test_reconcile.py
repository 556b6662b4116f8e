"""Reconciling: rows judged as the reference judges, and counted; a wrong mapping named first."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import matcher
from matcher.marketplaces import Disposition, Marketplace, marketplaces, read_id_list
from matcher.reconciliation import Reconciled, reconcile
from matcher.reconciliation.suspects import LEAST
from matcher.reconciliation.targeting import Targeting, targeting_of
from matcher.rules import UNKNOWN, And, Const, InIds, Not, Or, Rule, TookPart, Truth
from matcher.rules.evaluate import read_member
from matcher.surveys import Group, Survey, Surveys, Verdict, judge
from profiles.encoding import flags_of
from profiles.panel import Panel, SelectedMembers, open_panel
from profiles.schema import PanelMapping
from profiles.schema.panel_file import parse_panel, read_panel_file
from profiles.sources import open_source
from tests.support.commandline import (
    ADULT_MEN,
    Result,
    command,
    put,
    put_panel,
)
from tests.support.panels import open_members
from tests.support.strategies import (
    AS_OF,
    Json,
    Members,
    Variation,
    members,
    payload,
    variations_without_history,
)

Row = dict[str, Any]


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
        codes = [*marketplaces()[survey.marketplace].dispositions, "999"]
        day = random.choice([None, AS_OF - timedelta(days=1), AS_OF, AS_OF + timedelta(days=400)])
        row = {"member_id": str(random.choice(ids)), "survey": survey.name, "at": day}
        if random.random() < 0.3:
            row |= {"code": None, "outcome": random.choice(["complete", "not_targeted"])}
        else:
            row |= {"code": random.choice(codes), "outcome": None}
        rows.append(row)
    return rows


@given(variations_without_history, payload(), members(), st.integers(0, 1 << 30), st.booleans())
def test_verdicts_are_those_of_the_reference(
    folder: Path, variation: Variation, surveys: Json, people: Members, seed: int, as_index: bool
) -> None:
    """Every row as the reference judges it on its day, with the survey and its quotas open."""
    file = parse_panel(variation.tables(), folder / "panel.toml")
    (folder / "payload.json").write_bytes(orjson.dumps(surveys))
    loaded = matcher.load_surveys([folder / "payload.json"], file.mapping)
    pq.write_table(people.table(), folder / "members.parquet")
    panel = open_members(file, folder / "members.parquet", AS_OF)
    if as_index:
        with tempfile.TemporaryDirectory() as name:
            panel.write_index(Path(name) / "index")
            check_rows(folder, open_panel(Path(name) / "index", AS_OF), loaded, people, seed)
    else:
        check_rows(folder, panel, loaded, people, seed)


def check_rows(folder: Path, panel: Panel, surveys: Surveys, people: Members, seed: int) -> None:
    member_of = {str(row["member_id"]): row for row in people.rows}
    rows = log_of(Random(seed), [*member_of, "nobody"], surveys)
    by_name = {survey.name: targeting_of(survey) for survey in surveys.surveys}
    expected: Counter[tuple[str, str, str]] = Counter()
    surprises = []
    for row in rows:
        if row["member_id"] not in member_of:
            continue
        day = row["at"] or AS_OF
        member = read_member(panel.mapping, member_of[row["member_id"]], day, None, read_id_list)
        found = judge(by_name[row["survey"]], member)
        marketplace, _, _ = row["survey"].partition(":")
        code = row["code"] or row["outcome"]
        expected[marketplace, code, verdict_of(found.verdict, found.reason)] += 1
        result = marketplaces()[marketplace].dispositions.get(row["code"])
        own = {"complete": Disposition.COMPLETE, "not_targeted": Disposition.NOT_TARGETED}
        disposition = result.meaning if result else own.get(row["outcome"])
        turned_away = disposition is Disposition.NOT_TARGETED
        taken = disposition in (Disposition.COMPLETE, Disposition.ENTERED)
        if (turned_away and found.verdict is Verdict.ELIGIBLE) or (
            taken and found.verdict is Verdict.INELIGIBLE
        ):
            verdict = (row["survey"], code, day, found.verdict, found.reason)
            surprises.append((row["member_id"], *verdict))
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
    assert [(str(row["member_id"]), *list(row.values())[1:]) for row in table] == surprises
    assert [*got] == table
    nobody = sum(row["member_id"] == "nobody" for row in rows)
    assert sum(rejected.rows for rejected in got.found.set_aside) == nobody
    assert got.found.rows == len(rows)


def verdict_of(verdict: Verdict, reason: str) -> str:
    if verdict is Verdict.INELIGIBLE:
        return reason
    return "fits" if verdict is Verdict.ELIGIBLE else "uncertain"


@given(variations_without_history, payload(), members())
def test_what_a_verdict_depends_on(
    folder: Path, variation: Variation, surveys: Json, people: Members
) -> None:
    """It depends on an attribute where it would be unknown if the answer were unknown.

    Fitting by a list of all values that answers stand for does not count.
    """
    file = parse_panel(variation.tables(), folder / "panel.toml")
    (folder / "payload.json").write_bytes(orjson.dumps(surveys))
    loaded = matcher.load_surveys([folder / "payload.json"], file.mapping)
    pq.write_table(people.table(), folder / "members.parquet")
    panel = open_members(file, folder / "members.parquet", AS_OF)
    targeting = Targeting(loaded.surveys, panel.mapping)
    ids = pa.array([str(row["member_id"]) for row in people.rows], pa.string())
    pairs = [(row, number) for row in range(len(ids)) for number in range(len(loaded.surveys))]
    member, survey = (np.array(numbers, np.int64) for numbers in zip(*pairs, strict=True))
    days = np.full(len(pairs), AS_OF.toordinal())
    for shard, some in SelectedMembers(panel, ids, targeting.plan.attributes).on_days(member, days):
        verdicts = targeting.judge(shard, survey[some])
        for name, row in verdicts.depends.items():
            depends = flags_of(row, shard.size)
            everything = values_mapped(panel.mapping, name)
            for place, number in enumerate(some.tolist()):
                known = read_member(
                    panel.mapping, people.rows[member[number]], AS_OF, None, read_id_list
                )
                forgetful = forgetting(targeting_of(loaded.surveys[survey[number]]), name)
                forgotten = judge(forgetful, known).verdict is Verdict.UNCERTAIN
                truth = Truth(verdicts.truth[place])
                if truth is Truth.TRUE and everything:
                    assert forgotten or not depends[place]
                else:
                    assert depends[place] == (forgotten and truth is not Truth.UNKNOWN)


def values_mapped(mapping: PanelMapping, attribute: str) -> bool:
    """Whether all answers to an attribute stand for values that the mapping names."""
    found = [
        mapped.answers is not None and not mapped.attribute.numeric
        for marketplace in mapping.marketplaces.values()
        for mapped in marketplace.attributes.values()
        if mapped.attribute.name == attribute
    ]
    return all(found)


def forgetting(survey: Survey, attribute: str) -> Survey:
    """The survey with every predicate on an attribute unknown."""

    def rule(known: Rule) -> Rule:
        match known:
            case And(rules):
                return And(tuple(map(rule, rules)))
            case Or(rules):
                return Or(tuple(map(rule, rules)))
            case Not(inner):
                return Not(rule(inner))
            case Const() | InIds() | TookPart():
                return known
            case _:
                return UNKNOWN if known.attribute == attribute else known

    def group(known: Group) -> Group:
        quotas = (
            replace(quota, rule=rule(quota.rule), groups=tuple(map(group, quota.groups)))
            for quota in known.quotas
        )
        return replace(known, quotas=tuple(quotas))

    gate = tuple(replace(clause, rule=rule(clause.rule)) for clause in survey.gate)
    return replace(survey, gate=gate, groups=tuple(map(group, survey.groups)))


# --- a wrong mapping is named first

JOBS = ("clerk", "baker", "pilot", "nurse", "miner")
PETS = ("cat", "dog", "fish", "bird")
REGIONS = ("north", "south", "east", "west")
CODES = {"job": JOBS, "pets": PETS, "region": REGIONS}
IDS = {"dynata": {"job": "71", "pets": "72", "region": "73", "age": "80"}}
IDS["toluna"] = {"job": "1071", "pets": "1072", "region": "1073", "age": "1080"}
ALL_IN, TURNED_AWAY = {"dynata": "1/0", "toluna": "Qualified"}, {"dynata": "2/6", "toluna": "16"}


AGES = ("-24", "25-34", "35-49", "50-")


@dataclass(frozen=True)
class Fault:
    """What is wrong in a panel file: the attribute mapped to, or the values of answers."""

    marketplace: str
    attribute: str
    instead: str
    answers: dict[int, str]


def market_file(folder: Path, name: str, fault: Fault | None = None) -> Path:
    """A panel file of two marketplaces; at one of them an attribute may be wrong.

    `trade` has the same answers as `job`, and no marketplace asks for it.
    """
    lines = ['[panel]\nsource = "people.parquet"', '[attributes.age]\ntype = "birth_date"']
    for attribute in (*CODES, "trade"):
        kind = "multi" if attribute == "pets" else "single"
        lines.append(f'[attributes.{attribute}]\ntype = "{kind}"')
    for marketplace, ids in IDS.items():
        for question, values in (CODES | {"age": AGES}).items():
            attribute, answers = question, dict(enumerate(values, start=1))
            if fault and (fault.marketplace, fault.attribute) == (marketplace, question):
                attribute, answers = fault.instead, answers | fault.answers
            entries = ", ".join(f'{code} = "{value}"' for code, value in answers.items())
            lines.append(f"[marketplaces.{marketplace}.attributes.{ids[question]}]")
            lines.append(f'attribute = "{attribute}"')
            if (marketplace, question) != ("dynata", "age"):
                lines.append(f"answers = {{ {entries} }}")
    path = folder / name
    path.write_text("\n".join(lines), "utf-8")
    return path


def two_mixed_up(random: Random) -> Fault:
    """Two answers stand for each other."""
    marketplace, attribute = random.choice(["dynata", "toluna"]), random.choice(sorted(CODES))
    one, other = random.sample(range(1, 5), 2)
    values = CODES[attribute]
    mixed_up = {one: values[other - 1], other: values[one - 1]}
    return Fault(marketplace, attribute, attribute, mixed_up)


def another_range(random: Random) -> Fault:
    """An answer stands for the ages of another."""
    one, other = random.sample(range(1, 5), 2)
    return Fault("toluna", "age", "age", {one: AGES[other - 1]})


def another_attribute(random: Random) -> Fault:
    """The marketplace asks for the job, and gets the trade."""
    return Fault(random.choice(["dynata", "toluna"]), "job", "trade", {})


def market_surveys(random: Random) -> list[Json]:
    """Surveys that ask for answers of one or two attributes, and for ages.

    One that asks for both of two answers does not notice that they are mixed up.
    """
    surveys: list[Json] = []
    for number in range(1, 37):
        marketplace = random.choice(["dynata", "toluna"])
        ids = IDS[marketplace]
        names = sorted(CODES) if marketplace == "dynata" else sorted([*CODES, "age"])
        asked = {
            ids[name]: [str(code) for code in random.sample(range(1, 5), random.randint(1, 3))]
            for name in random.sample(names, random.randint(1, 2))
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
            "trade": random.choice([*JOBS, None]),
            "pets": random.choice([None, *(random.sample(PETS, k) for k in (0, 1, 1, 2))]),
            "region": random.choice(REGIONS),
        }
        for number in range(200)
    ]


@settings(max_examples=settings().max_examples // 3)
@given(st.integers(0, 1 << 30), st.sampled_from([two_mixed_up, another_range, another_attribute]))
def test_a_wrong_mapping_is_named_first(
    tmp_path_factory: pytest.TempPathFactory, seed: int, make: Callable[[Random], Fault]
) -> None:
    """Members are sent by a mapping with one fault; the marketplaces know better.

    A few are turned away for other reasons. Where the surprises come from fewer than three surveys
    another answer that all of them ask for may be as much to blame.
    """
    random = Random(seed)
    folder = tmp_path_factory.mktemp("market")
    fault = make(random)
    right = read_panel_file(market_file(folder, "right.toml")).mapping
    wrong = read_panel_file(market_file(folder, "wrong.toml", fault)).mapping
    people = market_people(random)
    pq.write_table(pa.Table.from_pylist(people), folder / "people.parquet")
    (folder / "surveys.json").write_bytes(orjson.dumps(market_surveys(random)))
    true = matcher.load_surveys([folder / "surveys.json"], right)
    ours = matcher.load_surveys([folder / "surveys.json"], wrong)
    rows, surprised = [], set()
    known = [read_member(right, person, AS_OF, None, read_id_list) for person in people]
    sides = (map(targeting_of, side.surveys) for side in (true, ours))
    for one, other in zip(*sides, strict=True):
        for person, member in zip(people, known, strict=True):
            judged, ours_judged = (judge(survey, member).verdict for survey in (one, other))
            if ours_judged is Verdict.ELIGIBLE or random.random() < 0.1:
                fits = judged is Verdict.ELIGIBLE and random.random() < 0.99
                code = (ALL_IN if fits else TURNED_AWAY)[one.marketplace]
                if ours_judged is Verdict.ELIGIBLE and judged is not Verdict.ELIGIBLE:
                    surprised.add(one.name)
                rows.append({"member_id": person["member_id"], "survey": one.name, "code": code})
    assume(len(surprised) >= 3)
    found = reconciled(folder, open_panel(folder / "wrong.toml", AS_OF), ours, rows).found
    first = found.suspects[0]
    assert (first.marketplace, first.held.attribute) == (fault.marketplace, fault.instead)
    if make is two_mixed_up:
        assert {*fault.answers.values()} & set(first.held.values)
    assert first.attribute_ids == (IDS[fault.marketplace][fault.attribute],)
    assert first.words.startswith(f"attribute {first.attribute_ids[0]} ({fault.instead})")
    assert all(survey.pointers for survey in first.surveys)
    assert len(repr(found)) < 200
    assert len(repr(first)) < 200


BY_GENDER = """\
[panel]
source = "people.parquet"
[attributes.gender]
type = "single"
[attributes.pets]
type = "single"
[marketplaces.dynata.attributes]
1 = { attribute = "gender", answers = { 1 = "F", 2 = "M" } }
7 = { attribute = "gender", answers = { 1 = "F", 2 = "M" } }
3 = { attribute = "pets", answers = { 1 = "cat", 2 = "dog" } }
"""


def survey_by_gender(number: int, *quotas: str) -> Json:
    """A survey of members who have a cat, with quotas of genders."""
    genders = [
        {"tag": f"g{code}", "attribute_id": "1", "kind": "VALUE", "value": code} for code in "12"
    ]
    cats = {"tag": "c", "attribute_id": "3", "kind": "VALUE", "value": "1"}
    group = [{"id": code, "cells": [f"g{code}"], "count": 9, "status": "OPEN"} for code in quotas]
    survey = {"id": number, "status": "OPEN", "filters": [[{"cells": ["c"]}]], "quotas": [group]}
    return survey | {"cells": [*genders, cats]}


def put_people_by_gender(folder: Path, men: int) -> Path:
    """Everyone has a cat; men are turned away from a survey for women, who are sent elsewhere.

    By the mapping it is a survey for men: the answers are mixed up.
    """
    people = [
        {"member_id": f"{gender}{number}", "gender": gender, "pets": "cat"}
        for gender, many in (("M", men), ("F", 60))
        for number in range(many)
    ]
    pq.write_table(pa.Table.from_pylist(people), folder / "people.parquet")
    put(folder, "panel.toml", BY_GENDER)
    put(folder, "surveys.json", [survey_by_gender(1, "2"), survey_by_gender(2, "1", "2")])
    lines = [f"M{number},dynata:1,2/6" for number in range(men)]
    lines += [f"F{number},dynata:2,1/0" for number in range(60)]
    return put_log(folder, "\n".join(["member_id,survey,code", *lines, ""]))


def test_members_who_fit_by_any_answer_do_not_count(tmp_path: Path) -> None:
    """The survey for both genders does not depend on gender; only on having a cat."""
    log = put_people_by_gender(tmp_path, men=12)
    arguments = (log, tmp_path / "surveys.json", "--panel", tmp_path / "panel.toml")
    (suspect,) = command("reconcile", *arguments, "--json").document["suspects"]
    assert (suspect["attribute"], suspect["values"]) == ("gender", ["M"])
    assert (suspect["surprises"], suspect["holding"]) == (12, 12)
    assert (suspect["others"], suspect["others_holding"]) == (60, 0)
    assert suspect["attribute_ids"] == ["1", "7"]
    printed = command("reconcile", *arguments).out
    assert "1. dynata: attribute 1 (gender) is 2 (M): check that mapping" in printed
    assert "attributes 1 and 7 are mapped to gender" in printed


def test_a_few_surprises_are_chance(tmp_path: Path) -> None:
    log = put_people_by_gender(tmp_path, men=LEAST - 1)
    arguments = (log, tmp_path / "surveys.json", "--panel", tmp_path / "panel.toml")
    assert (
        "no answer distinguishes the surprises from the other rows"
        in command("reconcile", *arguments).out
    )


# --- reading the log


@pytest.mark.parametrize("marketplace", marketplaces().values(), ids=list(marketplaces()))
def test_predicted_codes_have_a_disposition(marketplace: Marketplace) -> None:
    for reason, outcome in marketplace.rejection_codes.items():
        result = marketplace.dispositions[outcome.code]
        assert result.text == outcome.text
        away = reason in ("country", "language", "device", "filter", "quota")
        assert (result.meaning is Disposition.NOT_TARGETED) == away


def put_log(folder: Path, text: str) -> Path:
    return put(folder, "log.csv", text)


def reconcile_in(folder: Path, *arguments: str | Path) -> Result:
    """Run the command on the small panel and a survey for adults."""
    put_panel(folder)
    put(folder, "payload.json", ADULT_MEN)
    log = arguments[0] if arguments else folder / "log.csv"
    panel = ("--panel", folder / "panel.toml", "--as-of", "2026-11-21")
    return command("reconcile", log, folder / "payload.json", *panel, *arguments[1:])


def test_rows_that_cannot_be_judged_are_reported(tmp_path: Path) -> None:
    log = put_log(
        tmp_path,
        "member_id,survey,code,outcome,at\n"
        "m1,dynata:1,2/6,,\n"
        "m9,dynata:1,2/6,,\n"
        ",dynata:1,2/6,,\n"
        "m1,,2/6,,\n"
        "m1,dynata:2,2/6,,\n"
        "m1,dynata:1,,,\n"
        "m1,dynata:1,,asleep,\n"
        "m1,dynata:1,1/0,,yesterday\n"
        "m1,dynata:2,1/0,,yesterday\n"
        "m2, Dynata:1 ,77/7,,2026-11-21T10:00:00Z\n",
    )
    done = reconcile_in(tmp_path, log, "--json")
    assert done.status == 0
    assert [(rejected["why"], rejected["rows"]) for rejected in done.document["set_aside"]] == [
        ("no member id", 1),
        ("no survey", 1),
        ("a survey that is not in the payloads", 2),
        ("no code and no outcome", 1),
        ("an outcome that is not known", 1),
        ("a time that cannot be read", 1),
        ("a member who is not in the panel", 1),
    ]
    firsts = [rejected["first"].removeprefix(f"{log}: ") for rejected in done.document["set_aside"]]
    assert firsts == [f"row {number}" for number in (3, 4, 5, 6, 7, 8, 2)]
    assert (done.document["rows"], done.document["judged"]) == (10, 2)
    known, unknown = done.document["confusion"]
    assert (known["code"], known["fits"], known["surprises"]) == ("2/6", 1, 1)
    assert (unknown["code"], unknown["text"], unknown["meaning"]) == ("77/7", "not known", None)
    assert unknown["surprises"] == 0
    assert reconcile_in(tmp_path, log, "--strict").status == 1


def test_ages_are_those_of_the_day(tmp_path: Path) -> None:
    """The member of 6 May 2004 is an adult from 6 May 2022 on, in UTC."""
    put_log(
        tmp_path,
        "member_id,survey,code,at\n"
        "m2,dynata:1,1/0,2022-05-05T23:59:59Z\n"
        "m2,dynata:1,1/0,2022-05-06T00:00:00Z\n"
        "m2,dynata:1,1/0,2022-05-05T23:30:00-01:00\n"
        "m2,dynata:1,1/0,\n"
        "m3,dynata:1,1/0,2022-05-05\n",
    )
    (line,) = reconcile_in(tmp_path, tmp_path / "log.csv", "--json").document["confusion"]
    assert (line["fits"], line["uncertain"], line["unfit"]) == (3, 1, {"filter": 1})
    assert line["surprises"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "member_id,marketplace,survey_id,disposition,status\nm1, DYNATA ,1,2,6\n",
        "member_id,marketplace,survey_id,wave_id,code\nm1,dynata,1,,2 / 6\n",
        "member_id,survey,outcome\n m1 ,dynata:1,not_targeted\n",
    ],
)
def test_other_columns_mean_the_same(tmp_path: Path, text: str) -> None:
    put_log(tmp_path, text)
    (line,) = reconcile_in(tmp_path, tmp_path / "log.csv", "--json").document["confusion"]
    assert line["meaning"] == "not-targeted"
    assert (line["rows"], line["surprises"]) == (1, 1)


def test_a_survey_and_its_wave_are_named_together(tmp_path: Path) -> None:
    quota = {"QuotaID": 1, "EstimatedCompletesRemaining": 0, "Layers": []}
    survey = {"SurveyID": 7, "WaveID": 3, "Quotas": [quota]}
    put(tmp_path, "waves.json", {"Surveys": [survey]})
    put_log(tmp_path, "member_id,marketplace,survey_id,wave_id,code\nm1,toluna,7,3,qualified\n")
    put_panel(tmp_path)
    arguments = (tmp_path / "log.csv", tmp_path / "waves.json", "--panel", tmp_path / "panel.toml")
    (line,) = command("reconcile", *arguments, "--json").document["confusion"]
    assert (line["code"], line["meaning"]) == ("Qualified", "complete")


def test_ids_appear_only_in_the_output_file(tmp_path: Path) -> None:
    put_log(tmp_path, "member_id,survey,code\nm1,dynata:1,2/6\nm4,dynata:1,1/0\n")
    out = tmp_path / "out.parquet"
    done = reconcile_in(tmp_path, tmp_path / "log.csv", "-o", out)
    assert done.status == 0
    assert "m1" not in done.out
    assert "2 rows · 2 judged · 1 surprise" in done.out
    assert "m1" not in done.err
    assert pq.read_table(out).to_pylist() == [
        {
            "member_id": "m1",
            "survey": "dynata:1",
            "code": "2/6",
            "at": date(2026, 11, 21),
            "said": "eligible",
            "reason": "admitted",
        }
    ]


def test_a_log_in_a_database(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    url = f"duckdb:///{tmp_path}/log.duckdb"
    with duckdb.connect(str(tmp_path / "log.duckdb")) as connection:
        connection.execute(
            'CREATE TABLE log (member_id TEXT, survey TEXT, code TEXT, "at" TIMESTAMP)'
        )
        connection.execute(
            "INSERT INTO log VALUES ('m1', 'dynata:1', '2/6', '2026-11-21 10:00:00')"
        )
    (line,) = reconcile_in(tmp_path, url, "--table", "log", "--json").document["confusion"]
    assert (line["fits"], line["surprises"]) == (1, 1)


@pytest.mark.parametrize(
    ("text", "more", "why"),
    [
        ("survey\n1\n", (), "no column `member_id`, `code` (or"),
        ("member_id,code\nm1,2/6\n", (), "no column `survey` (or `marketplace` and `survey_id`)"),
        ("member_id,survey,code\n", ("--table", "log"), "a database of outcomes and `--table`"),
        ("member_id,survey,code\n", ("-o", "duckdb:///x"), "written to a .parquet file"),
        ("member_id,survey,code\n", ("-o", "members.csv"), "must be a .parquet file"),
    ],
)
def test_unusable_input_is_reported_in_one_line(
    tmp_path: Path, text: str, more: tuple[str, ...], why: str
) -> None:
    put_log(tmp_path, text)
    done = reconcile_in(tmp_path, tmp_path / "log.csv", *more)
    assert done.status == 2
    assert why in done.err
    assert done.err.count("\n") == 1


def test_columns_of_other_types_are_refused(tmp_path: Path) -> None:
    log = tmp_path / "log.parquet"
    pq.write_table(
        pa.table({"member_id": ["m1"], "survey": ["dynata:1"], "code": [2], "at": [7]}), log
    )
    done = reconcile_in(tmp_path, log)
    assert done.status == 2
    assert "row 1, column `at`: times must be text or timestamps, not `int64`" in done.err
    assert "the output would replace the log" in reconcile_in(tmp_path, log, "-o", log).err


def test_nothing_to_judge(tmp_path: Path) -> None:
    put_log(tmp_path, "member_id,survey,code\n")
    done = reconcile_in(tmp_path)
    assert done.status == 0
    assert "0 rows · 0 judged · 0 surprises" in done.out
