"""`matcher explain`: what it prints, its document, and what is wrong with the input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from matcher.reports.explain import excerpt
from matcher.surveys import ChoiceStrategy
from tests.matcher.cli.test_app import BROKEN, RFG, TOLUNA
from tests.support.commandline import (
    ADULT_MEN,
    AS_OF,
    MEMBERS,
    PANEL,
    Result,
    command,
    put,
    put_panel,
)

YOUNG = {
    **ADULT_MEN,
    "id": "5",
    "project_id": 77,
    "cells": [
        {"tag": "men", "kind": "VALUE", "attribute_id": "1", "value": "1"},
        {"tag": "y", "kind": "RANGE", "attribute_id": "80", "range": {"from": 18, "to": 24}},
        {"tag": "rich", "kind": "RANGE", "attribute_id": "45", "range": {"from": 90000}},
        {"tag": "on", "kind": "INVITE_COLLECTIONS", "invite_collections": ["3"]},
    ],
    "filters": [[{"cells": ["y"]}, {"cells": ["rich", "men"]}]],
    "quotas": [
        [
            {"id": "q1", "cells": ["men"], "count": 0, "status": "OPEN"},
            {"id": "q2", "cells": ["on"], "count": 5, "status": "OPEN"},
        ]
    ],
}
HISTORY = '[history]\nsource = "history.csv"\n'


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a panel and payloads of all marketplaces."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "140")
    put_panel(tmp_path)
    put(tmp_path, "all.json", [ADULT_MEN, BROKEN, TOLUNA, RFG, YOUNG])
    return tmp_path


def explain(member: str, survey: str, *more: str, payload: str = "all.json") -> Result:
    flags = ("--member", member, "--survey", survey)
    return command("explain", payload, "--panel", "panel.toml", "--as-of", AS_OF, *flags, *more)


def lines(result: Result) -> list[str]:
    """What is printed for people, white space aside."""
    assert result.status == 0
    return [
        " ".join(line.split()) for line in (result.out + result.err).splitlines() if line.strip()
    ]


@pytest.mark.usefixtures("here")
def test_people_see_every_clause_its_place_and_the_answer() -> None:
    assert lines(explain("m2", "dynata:5")) == [
        "dynata:5 · member m2: uncertain, because of: quota",
        "place asks answer",
        "true survey: open",
        "true /filters/0 filter: any of",
        "true /cells/1 attribute 80 (age) is between 18 and 24 22",
        "false all of",
        "false /cells/2 attribute 45 (income) is at least 90000 20000.5",
        '{"tag":"rich","kind":"RANGE","attribute_id":"45","range":{"from":90000}}',
        "false /cells/0 attribute 1 (gender) is 1 (M) F",
        '{"tag":"men","kind":"VALUE","attribute_id":"1","value":"1"}',
        "unknown /quotas/0 a matching quota that is open",
        "false /quotas/0/0 quota q1: full",
        "false /cells/0 attribute 1 (gender) is 1 (M) F",
        "unknown /quotas/0/1 quota q2: 5 seats left",
        "unknown /cells/3 the member is on the list `dynata/invite/3` "
        "the list `dynata/invite/3` has not",
        "been downloaded, or does not say",
        '{"tag":"on","kind":"INVITE_COLLECTIONS","invite_collections":["3"]}',
        "nearest miss: 1 change",
        "/cells/3: the member is on the list `dynata/invite/3`; "
        "the list `dynata/invite/3` has not been downloaded, or does not say",
        "warning: all.json /4 dynata:5 /cells/3/invite_collections/0: the list of ids "
        "`dynata/invite/3` has not been downloaded; everyone is uncertain of it "
        "[collection-missing] (download it into the panel's collections folder)",
    ]


@pytest.mark.usefixtures("here")
def test_people_see_what_would_have_to_change_and_the_outcome() -> None:
    output = lines(explain("m1", "dynata:5"))
    start = output.index("nearest miss: 2 changes")
    assert output[start + 1 : start + 4] == [
        "/cells/1: attribute 80 (age) is between 18 and 24; answered 36",
        "/quotas/0/0 quota q1 opens",
        "outcome: 2/6, filter",
    ]


@pytest.mark.usefixtures("here")
def test_people_see_what_to_ask_and_the_quotas_given() -> None:
    assert lines(explain("m3", "dynata:1"))[-2:] == [
        "/cells/1: attribute 80 (age) is between 18 and 99; no answer",
        "to be asked: age",
    ]
    assert lines(explain("m1", "dynata:1"))[-1] == "quotas given: q1"
    assert lines(explain("m3", "dynata:1", "--uncertain"))[-4] == "quotas given: q2"
    assert lines(explain("m1", "rfg:9"))[-1] == "outcome: the marketplace has no code for it"
    assert lines(explain("m2", "rfg:9"))[-1] == "no quota is given"


@pytest.mark.usefixtures("here")
def test_many_quotas_that_do_not_match_are_cut_short() -> None:
    quotas = [{"id": f"q{n}", "cells": ["men"], "count": 3, "status": "OPEN"} for n in range(9)]
    quotas.append({"id": "all", "cells": [], "count": 3, "status": "OPEN"})
    put(Path(), "all.json", {**ADULT_MEN, "quotas": [quotas]})
    output = lines(explain("m2", "dynata:1"))
    shown = [line for line in output if " quota " in line]
    assert [line.split(" quota ")[1].split(":")[0] for line in shown[1:]] == [
        *(f"q{n}" for n in range(6)),
        "all",
    ]
    assert "… and 3 quotas more that do not match: --json has all" in output


@pytest.mark.usefixtures("here")
def test_the_document_has_it_all() -> None:
    result = explain("m1", "dynata:5", "--json")
    assert (result.status, result.err) == (0, "")
    document: dict[str, Any] = result.document
    full = {
        "truth": "false",
        "pointers": ["/cells/1"],
        "asks": "attribute 80 (age) is between 18 and 24",
        "answers": {"age": [36.0]},
        "unknown": [],
    }
    assert document["as_of"] == AS_OF
    assert (document["survey"], document["member_id"]) == ("dynata:5", "m1")
    assert (document["verdict"], document["reason"]) == ("ineligible", "filter")
    assert document["outcome"] == {"code": "2/6", "text": "filter"}
    assert (document["quota_ids"], document["ask"]) == ([], [])
    assert (document["open"], document["remaining"]) == (True, None)
    assert document["nearest_miss"] == [full, {"pointers": ["/quotas/0/0"], "opens": "q1"}]
    (clause,) = document["gate"]
    assert (clause["pointer"], clause["reason"], clause["truth"]) == (
        "/filters/0",
        "filter",
        "false",
    )
    age, both = clause["any_of"]
    assert age == full
    assert both["truth"] == "false"
    assert [each["truth"] for each in both["all_of"]] == ["false", "true"]
    (group,) = document["groups"]
    assert (group["pointer"], group["truth"]) == ("/quotas/0", "unknown")
    first, second = group["quotas"]
    assert (first["id"], first["matches"], first["takes"]) == ("q1", "true", "false")
    assert (first["open"], first["remaining"]) == (False, 0)
    assert first["rule"]["pointers"] == ["/cells/0"]
    assert second["rule"]["unknown"]
    assert [each["code"] for each in document["diagnostics"]][:1] == ["collection-missing"]


@pytest.mark.parametrize("how", ChoiceStrategy)
@pytest.mark.usefixtures("here")
def test_the_quotas_are_those_that_match_gives(how: ChoiceStrategy) -> None:
    choose = ("--choose", how, "--seed", "3")
    panel = ("--panel", "panel.toml", "--as-of", AS_OF)
    assert command("match", "all.json", *panel, *choose, "-o", "pairs.parquet").status == 0
    given = {
        (row["member_id"], f"{row['marketplace']}:{row['survey_id']}"): row["quota_ids"]
        for row in pq.read_table("pairs.parquet").to_pylist()
    }
    assert given
    for member in MEMBERS["member_id"]:
        for survey in ("dynata:1", "toluna:7/8", "rfg:9", "dynata:5"):
            found = explain(member, survey, "--json", *choose).document
            assert (found["verdict"] == "eligible") == ((member, survey) in given)
            assert found["quota_ids"] == given.get((member, survey), [])


def test_history_keeps_out(here: Path) -> None:
    columns = "member_id,marketplace,survey_id,wave_id,project_id,outcome"
    put(here, "panel.toml", HISTORY + PANEL)
    put(here, "history.csv", f"{columns}\n m1 ,dynata,1,,,complete\n")
    output = lines(explain("m1", "dynata:1"))
    assert "false /id the member has not taken part in survey 1" in output
    assert output[-1] == "outcome: 4/4, same project"
    assert lines(explain("m2", "dynata:1"))[-1] == "quotas given: q2"


def test_an_index_and_a_csv_file_tell_the_same(here: Path) -> None:
    output = lines(explain("m2", "dynata:5"))
    assert command("index", "--panel", "panel.toml", "-o", "panel.index").status == 0
    of_index = command(
        "explain", "all.json", "--panel", "panel.index", "--as-of", AS_OF,
        "--member", " m2 ", "--survey", "dynata:5",
    )  # fmt: skip
    assert lines(of_index) == output
    plain = {name: each for name, each in MEMBERS.items() if name not in ("pets", "children")}
    empty = {"pets": [None] * 4, "children": [None] * 4}
    pa.csv.write_csv(pa.table(plain | empty), here / "members.csv")
    put(here, "panel.toml", PANEL.replace("members.parquet", "members.csv"))
    assert lines(explain("m2", "dynata:5")) == output


@pytest.mark.usefixtures("here")
def test_payloads_may_come_from_standard_input() -> None:
    found = command(
        "explain", "-", "--panel", "panel.toml", "--as-of", AS_OF,
        "--member", "m2", "--survey", "dynata:5", stdin=json.dumps([YOUNG]).encode(),
    )  # fmt: skip
    assert any('{"tag":"rich"' in line for line in lines(found))


@pytest.mark.usefixtures("here")
def test_quiet_says_nothing_and_strict_fails() -> None:
    result = explain("m2", "dynata:1", "--quiet")
    assert (result.status, result.out, result.err) == (0, "", "")
    assert explain("m2", "dynata:1", "--quiet", "--strict").status == 1


@pytest.mark.parametrize(
    ("member", "survey", "message"),
    [
        ("m1", "dynata:7", "no survey `dynata:7` in the payloads; did you mean `dynata:5`?"),
        ("m1", "7/8", "no survey `7/8` in the payloads; did you mean `toluna:7/8`?"),
        (
            "m1",
            "x",
            "no survey `x` in the payloads; "
            "there are 5 surveys, such as `dynata:1`, `toluna:7/8`, `rfg:9`",
        ),
        ("m1", "dynata:2", "`dynata:2` is set aside because of its errors; it takes nobody"),
        ("m9", "dynata:1", "members.parquet: no member `m9`"),
    ],
)
@pytest.mark.usefixtures("here")
def test_what_is_not_there_is_reported(member: str, survey: str, message: str) -> None:
    result = explain(member, survey)
    assert (result.status, result.out) == (2, "")
    *found, last = result.err.splitlines()
    assert last == f"matcher: {message}"
    assert bool(found) == ("set aside" in message)
    assert all("undefined-tag" in line for line in found if line.startswith("error"))


@pytest.mark.usefixtures("here")
def test_a_value_that_does_not_fit_is_said(here: Path) -> None:
    put_panel(here, members={**MEMBERS, "dob": ["soon", None, None, None]})
    result = explain("m1", "dynata:1")
    message = "matcher: members.parquet: member `m1`: dob: `soon` is not a date (YYYY-MM-DD)\n"
    assert (result.status, result.err) == (2, message)
    put(here, "panel.toml", HISTORY + PANEL)
    put(here, "history.csv", "member_id,marketplace,survey_id,outcome\nm2,dynata,1,won\n")
    result = explain("m2", "dynata:1")
    assert result.status == 2
    message = "matcher: history.csv: row 1, column `outcome`: `won` is not an outcome"
    assert result.err.startswith(message)


@pytest.mark.parametrize("flag", ["--member", "--survey"])
@pytest.mark.usefixtures("here")
def test_both_are_needed(flag: str) -> None:
    other = "--survey" if flag == "--member" else "--member"
    result = command("explain", "all.json", "--panel", "panel.toml", other, "x")
    assert (result.status, result.err) == (2, f"matcher: explain: `{flag}` is missing\n")


def test_an_excerpt_is_what_stands_at_the_pointer() -> None:
    payload = {"a/b": [{"~": list(range(9)), "id": "x" * 40}], "big": 10**30}
    assert excerpt(payload, "/a~1b/0/id") == f'"{"x" * 12}…{"x" * 4}"'
    assert excerpt(payload, "/a~1b/0/~0") == '[0,1,2,3,4,"… 9 in all"]'
    assert excerpt(payload, "/big") == str(10**30)
    assert excerpt(payload, "/a~1b/7") == excerpt(payload, "/nothing/at/all") == ""
