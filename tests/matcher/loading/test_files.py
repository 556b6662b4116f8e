"""Payloads of every shape: what is set aside, where that is reported, and that the rest goes on."""

from __future__ import annotations

import copy
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import matcher
from matcher.loading import load_surveys
from matcher.support.json_text import NotJsonError, faults, parse_json
from matcher.surveys import Diagnostic, Level, Surveys
from profiles import InputError, PanelMapping
from profiles.panel import Panel, open_panel
from profiles.schema.panel_file import parse_panel
from tests.support.commandline import (
    ADULT_MEN,
    PANEL,
    put,
    put_panel,
)

Json: TypeAlias = Any
Path_: TypeAlias = tuple[str | int, ...]


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    folder = tmp_path_factory.mktemp("panel")
    (folder / "lists").mkdir()
    return open_panel(put_panel(folder, PANEL + '[collections]\nfolder = "lists"'))


@pytest.fixture(scope="module")
def mapping(panel: Panel) -> PanelMapping:
    return panel.mapping


DYNATA = {
    "id": "1",
    "status": "OPEN",
    "project_id": 77,
    "locale": {"country": "US", "language": "en"},
    "devices": ["mobile", "desktop"],
    "cells": [
        {"tag": "a", "kind": "VALUE", "attribute_id": "1", "value": "1", "negate": True},
        {"tag": "b", "kind": "RANGE", "attribute_id": "80", "range": {"from": 18, "to": None}},
        {"tag": "c", "kind": "LIST", "attribute_id": "9", "operator": "AND", "list": ["cat", 2]},
        {"tag": "d", "kind": "ANSWERED", "attribute_id": "8"},
        {"tag": "e", "kind": "COLLECTION", "attribute_id": "8", "collection": "7"},
        {"tag": "f", "kind": "INVITE_COLLECTIONS", "invite_collections": ["8"]},
        {"tag": "g", "kind": "INEFFABLE"},
    ],
    "filters": [[{"id": "f1", "cells": ["b", "g"]}, {"cells": ["c"]}], [{"cells": ["d"]}]],
    "quotas": [[{"id": "q1", "cells": ["a", "e", "f"], "count": 3, "status": "OPEN"}]],
    "project_exclusions": [5, "6"],
    "category_exclusions": None,
}
TOLUNA = {
    "SurveyID": 1,
    "WaveID": 2,
    "SurveyName": "One",
    "EstimatedCompletesRemaining": 9,
    "DeviceTypeIDs": [1, 2],
    "IsSurveyRecontact": True,
    "Quotas": [
        {
            "QuotaID": 3,
            "EstimatedCompletesRemaining": 5,
            "CompletesRequired": 7,
            "Layers": [
                {
                    "LayerID": 4,
                    "SubQuotas": [
                        {
                            "SubQuotaID": 5,
                            "CurrentCompletes": 0,
                            "MaxTargetCompletes": 4,
                            "QuestionsAndAnswers": [
                                {"QuestionID": 1001538, "AnswerIDs": [2006352, "2006361"]},
                                {
                                    "QuestionID": 1001042,
                                    "AnswerIDs": None,
                                    "AnswerValues": ["10001", 1001],
                                    "IsRoutable": True,
                                },
                            ],
                        }
                    ],
                }
            ],
        }
    ],
    "SurveyWaveExclusions": [{"SurveyID": 8, "WaveID": 0, "ParticipationStatusIDs": [1]}],
}
RFG = {
    "pid": "1",
    "state": 2,
    "country": "US",
    "datapoints": [
        {"name": "Gender", "values": [1, {"choice": 2}], "askOnly": False},
        {"name": "Age", "values": [{"min": 18, "max": 99.5}]},
        {"name": "Zip", "values": [{"ziplist": ["10001", 31]}, {"freelist": "1, 2"}]},
        {"name": "Children", "values": [{"gender": 1, "min": 0, "max": 17, "unit": 0}]},
    ],
    "quotas": [
        {"id": "q1", "limit": 3, "completesLeft": 2, "datapoints": []},
        {"id": 2, "startsLeft": 3, "datapoints": [{"name": "Pets", "values": ["cat"]}]},
    ],
    "quotaLimitBy": "completes",
    "excludeNonMatching": True,
    "phoneSupported": 2,
    "tabletSupported": 1,
    "duplicationKey": ["K"],
}
PAYLOADS: dict[str, dict[str, Json]] = {"dynata": DYNATA, "toluna": TOLUNA, "rfg": RFG}
IDS = {"dynata": "id", "toluna": "SurveyID", "rfg": "pid"}


def named(marketplace: str, id_: object) -> dict[str, Json]:
    """The marketplace's example, by another id."""
    return {**PAYLOADS[marketplace], IDS[marketplace]: id_}


def load(folder: Path, content: Json, mapping: PanelMapping, name: str = "p.json") -> Surveys:
    return load_surveys([put(folder, name, content)], mapping)


def name_of(marketplace: str, id_: object) -> str:
    return f"{marketplace}:{id_}" + ("/2" if marketplace == "toluna" else "")


def places(value: Json, path: Path_ = ()) -> Iterator[Path_]:
    """The path of every node of a document."""
    yield path
    steps = range(len(value)) if isinstance(value, list) else value
    for step in steps if isinstance(value, dict | list) else ():
        yield from places(value[step], (*path, step))


def replaced(value: Json, path: Path_, new: Json) -> Json:
    if not path:
        return new
    document = copy.deepcopy(value)
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = new
    return document


def resolve(document: Json, pointer: str) -> Json:
    """What a JSON pointer leads to; raises LookupError where it leads nowhere."""
    assert not pointer or pointer.startswith("/")
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(document, dict | list):
            raise LookupError(pointer)
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document


def leads_somewhere(document: Json, finding: Diagnostic) -> bool:
    """A missing key's place is in an object that is there."""
    try:
        resolve(document, finding.pointer)
    except LookupError:
        parent = finding.pointer.rpartition("/")[0]
        return finding.message.startswith("missing") and isinstance(resolve(document, parent), dict)
    return True


def is_near(finding: Diagnostic, path: Path_) -> bool:
    """At the place, in it, around it or, where something is missing, beside it.

    A tag is reported where it is used.
    """
    if finding.code in ("undefined-tag", "ambiguous-tag"):
        return True
    place = "".join(f"/{step}" for step in path) + "/"
    at = finding.pointer + "/"
    if finding.message == "missing":
        at = finding.pointer.rpartition("/")[0] + "/"
    return at.startswith(place) or place.startswith(at)


STRANGE: list[Json] = [
    None,
    True,
    False,
    -1,
    3.5,
    10**30,
    1e300,
    float("nan"),
    "",
    "zzz",
    "1",
    "\0",
    "\ud800",
    [],
    {},
    [None],
    [[]],
    {"a": 1},
]


@pytest.mark.parametrize("marketplace", PAYLOADS)
def test_the_examples_are_without_fault(
    marketplace: str, tmp_path: Path, mapping: PanelMapping
) -> None:
    surveys = load(tmp_path, PAYLOADS[marketplace], mapping)
    assert [survey.name for survey in surveys.surveys] == [name_of(marketplace, 1)]
    assert not [each for each in surveys.diagnostics if each.level is Level.ERROR]


@pytest.mark.parametrize("marketplace", PAYLOADS)
def test_any_part_may_be_anything(marketplace: str, tmp_path: Path, mapping: PanelMapping) -> None:
    """One malformed survey is set aside or read, and never disturbs those beside it."""
    good = [named(marketplace, 8), named(marketplace, 9)]
    alone = load(tmp_path, good, mapping)
    usual = [replace_at(finding, marketplace) for finding in alone.diagnostics]
    paths = [path for path in places(PAYLOADS[marketplace]) if path]
    assert len(paths) >= 40
    wrong = []
    for path in paths:
        for new in STRANGE:
            document = replaced(PAYLOADS[marketplace], path, new)
            surveys = load(tmp_path, [good[0], document, good[1]], mapping)
            matcher.compile(surveys)
            mine = [each for each in surveys.diagnostics if each.at == "/1"]
            others = [each for each in surveys.diagnostics if each.at != "/1"]
            faulty = any(each.level is Level.ERROR for each in mine)
            if (
                {*alone.surveys} - {*surveys.surveys}
                or len(surveys.surveys) != 2 + (not faulty)
                or not all(leads_somewhere(document, each) for each in mine)
                or not all(is_near(each, path) for each in mine if each.level is Level.ERROR)
                or not set(usual) <= {replace_at(each, marketplace) for each in others}
            ):
                wrong.append((path, new, mine))
    assert not wrong


def replace_at(finding: Diagnostic, marketplace: str) -> tuple[object, ...]:
    """What is found in a survey, wherever in the file it is."""
    first = f"first in {name_of(marketplace, 1)}"
    return (
        finding.code,
        finding.pointer,
        finding.message.replace(f"first in {name_of(marketplace, 8)}", first),
    )


@pytest.mark.parametrize("marketplace", PAYLOADS)
def test_a_strange_survey_can_be_matched_or_is_set_aside(
    marketplace: str, tmp_path: Path, mapping: PanelMapping, panel: Panel
) -> None:
    document = PAYLOADS[marketplace]
    for number, path in enumerate(path for path in places(document) if path):
        new = STRANGE[number * 7 % len(STRANGE)]
        surveys = load(tmp_path, [named(marketplace, 9), replaced(document, path, new)], mapping)
        counts = matcher.compile(surveys).match(panel, uncertain=True).counts()
        assert counts.members == 4


def text_of(marketplace: str, **changes: str) -> str:
    """The example as JSON text, with keys added at the end as they are written."""
    more = "".join(f', "{key}": {value}' for key, value in changes.items())
    return json.dumps(PAYLOADS[marketplace])[:-1] + more + "}"


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        (text_of("dynata", status='"CLOSED"'), "/status"),
        (text_of("dynata", st="1").replace('"st"', '"st\\u0061tus"'), "/status"),
        (json.dumps(DYNATA).replace('"tag": "a"', '"tag": "z", "tag": "a"'), "/cells/0/tag"),
        (text_of("toluna", WaveID="3"), "/WaveID"),
        (
            json.dumps(TOLUNA).replace('"LayerID"', '"LayerID": 1, "LayerID"'),
            "/Quotas/0/Layers/0/LayerID",
        ),
        (text_of("rfg", **{"a/b~": "1"})[:-1] + ', "a/b~": 1}', "/a~1b~0"),
    ],
)
def test_a_key_that_stands_twice_sets_the_survey_aside(
    text: str, pointer: str, tmp_path: Path, mapping: PanelMapping
) -> None:
    surveys = load(tmp_path, f"[{text}, {json.dumps(named('rfg', 9))}]", mapping)
    assert [survey.name for survey in surveys.surveys] == ["rfg:9"]
    (found,) = [each for each in surveys.diagnostics if each.at == "/0"]
    assert (found.level, found.code, found.pointer) == (Level.ERROR, "repeated-key", pointer)


def test_a_key_that_stands_twice_around_surveys_is_told(
    tmp_path: Path, mapping: PanelMapping
) -> None:
    one, two = (json.dumps(named("toluna", id_)) for id_ in (1, 2))
    text = f'{{"Surveys": [{one}], "Surveys": [{two}]}}'
    surveys = load(tmp_path, text, mapping)
    assert [survey.name for survey in surveys.surveys] == ["toluna:2/2"]
    (found,) = [each for each in surveys.diagnostics if each.code == "repeated-key"]
    assert (found.level, found.pointer) == (Level.WARNING, "/Surveys")


def test_an_object_of_very_many_repeated_keys_is_read_fast() -> None:
    text = "{" + ",".join(f'"k{number % 50_000}": 1' for number in range(100_000)) + "}"
    document, suspicious = parse_json(text.encode())
    assert suspicious
    assert len(list(faults(document))) == 50_000


HUGE = "a number too large to read"
NUMBERS: dict[str, dict[int, str | None]] = {
    "id": {30: None, 5000: HUGE},
    "value": {30: None, 5000: HUGE},
    "from": {30: None, 5000: HUGE},
    "to": {30: None, 5000: HUGE},
    "count": {19: HUGE, 30: HUGE, 5000: HUGE},
    "attribute_id": {30: None, 5000: HUGE},
}
NUMBER_AT = {
    "id": "/id",
    "value": "/cells/0/value",
    "from": "/cells/1/range/from",
    "to": "/cells/1/range/to",
    "count": "/quotas/0/0/count",
    "attribute_id": "/cells/0/attribute_id",
}


@pytest.mark.parametrize("key", NUMBERS)
@pytest.mark.parametrize("sign", ["", "-"])
def test_integers_of_many_digits(
    key: str, sign: str, tmp_path: Path, mapping: PanelMapping
) -> None:
    path = tuple(int(step) if step.isdigit() else step for step in NUMBER_AT[key].split("/")[1:])
    marked = json.dumps(replaced(ADULT_MEN, path, "HERE"))
    good = json.dumps(named("rfg", 9))
    for digits, why in NUMBERS[key].items():
        text = marked.replace('"HERE"', sign + "9" * digits)
        surveys = load(tmp_path, f"[{text}, {good}]", mapping)
        errors = [each for each in surveys.diagnostics if each.level is Level.ERROR]
        assert [(each.pointer, each.message) for each in errors] == (
            [(NUMBER_AT[key], why)] if why else []
        )
        assert len(surveys.surveys) == (1 if why else 2)


def test_ids_keep_every_digit(tmp_path: Path, mapping: PanelMapping) -> None:
    """orjson alone would round them to a float."""
    id_ = 10**29 + 1
    (survey,) = load(tmp_path, named("dynata", id_), mapping).surveys
    assert survey.name == f"dynata:{id_}"


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
@pytest.mark.parametrize("pointer", ["/cells/1/range/from", "/quotas/0/0/count", "/id"])
def test_numbers_that_are_none(
    literal: str, pointer: str, tmp_path: Path, mapping: PanelMapping
) -> None:
    path = tuple(int(step) if step.isdigit() else step for step in pointer.split("/")[1:])
    text = json.dumps(replaced(ADULT_MEN, path, "HERE")).replace('"HERE"', literal)
    surveys = load(tmp_path, f"[{json.dumps(named('rfg', 9))}, {text}]", mapping)
    assert [survey.name for survey in surveys.surveys] == ["rfg:9"]
    (error,) = [each for each in surveys.diagnostics if each.at == "/1"]
    why = "NaN is not a number" if literal == "NaN" else HUGE
    assert (error.code, error.pointer, error.message) == ("invalid-payload", pointer, why)


@pytest.mark.parametrize("depth", [260, 500, 800])
def test_nesting_sets_aside_the_survey_it_stands_in(
    depth: int, tmp_path: Path, mapping: PanelMapping
) -> None:
    deep = text_of("dynata", links="[" * depth + "]" * depth)
    surveys = load(tmp_path, f"[{deep}, {json.dumps(named('rfg', 9))}]", mapping)
    (error,) = [each for each in surveys.diagnostics if each.level is Level.ERROR]
    assert error.message == "nested more than 250 levels deep"
    assert [survey.name for survey in surveys.surveys] == ["rfg:9"]


def test_the_later_of_two_stands(tmp_path: Path, mapping: PanelMapping) -> None:
    """Where one survey appears twice, the later one counts."""
    closed = {**named("dynata", 1), "status": "CLOSED"}
    surveys = load(tmp_path, [named("dynata", 1), named("rfg", 1), closed], mapping)
    assert [(each.name, each.open) for each in surveys.surveys] == [
        ("dynata:1", False),
        ("rfg:1", True),
    ]
    (info,) = [each for each in surveys.diagnostics if each.code == "replaced-survey"]
    assert (info.level, info.at, info.survey) == (Level.INFO, "/2", "dynata:1")


def test_a_malformed_later_one_takes_the_earlier_away(
    tmp_path: Path, mapping: PanelMapping
) -> None:
    surveys = load(tmp_path, [named("dynata", 1), {**named("dynata", 1), "cells": 3}], mapping)
    assert not surveys.surveys
    assert surveys.rejected == ("dynata:1",)


ENTRY = {"rfg_id": "1", "state": 2, "country": "US", "datapoints": ["Age", "Gender"]}
INVENTORY = {"command": "livealert/inventory/1", "result": 0, "response": {"projects": [ENTRY]}}


@pytest.mark.parametrize(
    ("document", "at", "named_as"),
    [
        (INVENTORY, "/1/response", "(1 project)"),
        (INVENTORY["response"], "/1", "(1 project)"),
        (ENTRY, "/1", "(`1`)"),
        ({**ENTRY, "datapoints": []}, "/1", "(`1`)"),
        ({**ENTRY, "rfg_id": [], "datapoints": None}, "/1", "(1 project)"),
    ],
)
def test_an_inventory_of_rfg_is_said_to_be_one_and_takes_no_project_away(
    document: Json, at: str, named_as: str, tmp_path: Path, mapping: PanelMapping
) -> None:
    surveys = load(tmp_path, [named("rfg", 1), document], mapping)
    assert [survey.name for survey in surveys.surveys] == ["rfg:1"]
    assert not surveys.rejected
    (error,) = [each for each in surveys.diagnostics if each.level is Level.ERROR]
    assert (error.code, error.at, error.survey) == ("no-targeting", at, None)
    assert named_as in error.message


@pytest.mark.parametrize("wrapped", [True, False])
def test_what_a_supplier_is_told_of_a_project_is_the_project(
    wrapped: bool, tmp_path: Path, mapping: PanelMapping
) -> None:
    told: Json = {("rfg_id" if key == "pid" else key): value for key, value in RFG.items()}
    told |= {"cpi": "$2.00", "estimatedIR": 50, "estimatedLOI": 10}
    document = {"command": "livealert/targeting/1", "response": told} if wrapped else told
    (survey,) = load(tmp_path, document, mapping).surveys
    asked = {**RFG, "cpi": "$2.00", "ir": 50, "lengthOfInterview": 10}
    (same,) = load(tmp_path, asked, mapping).surveys
    assert (survey.name, survey.gate[:-1], survey.groups) == (
        same.name,
        same.gate[:-1],
        same.groups,
    )
    assert survey.pay == same.pay == 0.1


def test_a_project_without_a_name_is_set_aside(tmp_path: Path, mapping: PanelMapping) -> None:
    nameless = {"command": "livealert/targeting/1", "response": {"state": 2, "datapoints": []}}
    surveys = load(tmp_path, [nameless, named("rfg", 9)], mapping)
    (error,) = [each for each in surveys.diagnostics if each.level is Level.ERROR]
    assert (error.at, error.pointer, error.message) == ("/0/response", "/pid", "missing")
    assert [survey.name for survey in surveys.surveys] == ["rfg:9"]


def test_lines_that_are_not_json_are_told_and_the_others_read(
    tmp_path: Path, mapping: PanelMapping
) -> None:
    lines = [
        json.dumps(named("dynata", 1)).encode(),
        b'{"bad"',
        b"",
        json.dumps(named("rfg", 2)).encode() + b"\r",
        b"null",
        b"\xff\xfe",
        b"[" + json.dumps(named("toluna", 3)).encode() + b"]",
    ]
    for content in (b"\n".join(lines), b"\xef\xbb\xbf" + b"\n".join(lines) + b"\n"):
        surveys = load(tmp_path, content, mapping, "p.jsonl")
        assert [each.name for each in surveys.surveys] == ["dynata:1", "rfg:2", "toluna:3/2"]
        errors = [each for each in surveys.diagnostics if each.level is Level.ERROR]
        assert [(each.code, each.at, each.message) for each in errors] == [
            ("invalid-json", "line 2", "not JSON: column 7: cut off"),
            ("unrecognised-payload", "line 5", "a survey must be an object"),
            ("invalid-json", "line 6", "not JSON: UTF-16 text; it must be UTF-8"),
        ]
        assert {each.file for each in errors} == {str(tmp_path / "p.jsonl")}


def test_places_in_files(tmp_path: Path, mapping: PanelMapping) -> None:
    """`at` leads to the survey in the file, `pointer` from there."""
    wrong = {**named("toluna", 1), "Quotas": 3}
    documents: dict[str, tuple[Json, str]] = {
        "a.json": ({"Surveys": [named("toluna", 2), wrong]}, "/Surveys/1"),
        "b.json": (
            [named("rfg", 2), {"response": {**named("rfg", 1), "quotas": 3}}],
            "/1/response",
        ),
        "c.json": (wrong, ""),
    }
    for name, (document, at) in documents.items():
        surveys = load(tmp_path, document, mapping, name)
        (error,) = [each for each in surveys.diagnostics if each.level is Level.ERROR]
        assert error.at == at
        assert resolve(resolve(document, error.at), error.pointer) == 3


@pytest.mark.parametrize(
    ("document", "pointer", "value"),
    [
        (
            {
                **DYNATA,
                "cells": [
                    {"tag": "a", "kind": "LIST", "attribute_id": "1", "list": ["-3", "1", "7"]}
                ],
                "filters": [[{"cells": ["a"]}]],
                "quotas": [],
            },
            "/cells/0/list/2",
            "7",
        ),
        (
            {
                **DYNATA,
                "cells": [{"tag": "a", "kind": "VALUE", "attribute_id": "1", "value": "7"}],
                "filters": [[{"cells": ["a"]}]],
                "quotas": [],
            },
            "/cells/0/value",
            "7",
        ),
        (
            replaced(
                TOLUNA,
                ("Quotas", 0, "Layers", 0, "SubQuotas", 0, "QuestionsAndAnswers"),
                [{"QuestionID": 1001007, "AnswerValues": ["2000247,2000246", "2000246,7"]}],
            ),
            "/Quotas/0/Layers/0/SubQuotas/0/QuestionsAndAnswers/0/AnswerValues/1",
            "2000246,7",
        ),
        (
            {**RFG, "datapoints": [{"name": "Gender", "values": [{"min": 1, "max": 2}, 1, 7]}]},
            "/datapoints/0/values/2",
            7,
        ),
        (
            {**RFG, "datapoints": [{"name": "Gender", "values": [1, {"freelist": "2, 7"}]}]},
            "/datapoints/0/values/1",
            {"freelist": "2, 7"},
        ),
    ],
)
def test_an_unmapped_answer_is_told_at_its_own_place(
    document: Json, pointer: str, value: Json, tmp_path: Path, mapping: PanelMapping
) -> None:
    surveys = load(tmp_path, document, mapping)
    (found,) = [each for each in surveys.diagnostics if each.code == "unmapped-answer"]
    assert found.pointer == pointer
    assert resolve(document, pointer) == value
    assert "`7`" in found.message


def test_an_unmapped_value_of_a_collection_is_told_at_its_name(tmp_path: Path) -> None:
    put(tmp_path, "lists/dynata/collection/7.txt", "1\n2\n9\n")
    text = PANEL + '[collections]\nfolder = "lists"'
    mapping = open_panel(put_panel(tmp_path, text)).mapping
    cell = {"tag": "a", "kind": "COLLECTION", "attribute_id": "1", "collection": "7"}
    document = {**DYNATA, "cells": [cell], "filters": [[{"cells": ["a"]}]], "quotas": []}
    (found,) = [
        each
        for each in load(tmp_path, document, mapping).diagnostics
        if each.code == "unmapped-answer"
    ]
    assert found.pointer == "/cells/0/collection"


def with_cells(*cells: Mapping[str, Json], quotas: Sequence[Json] = ()) -> dict[str, Json]:
    """An opportunity that filters by every cell."""
    tagged = [{"tag": f"t{number}", **cell} for number, cell in enumerate(cells)]
    filters = [[{"cells": [cell["tag"]]}] for cell in tagged]
    return {**ADULT_MEN, "cells": tagged, "filters": filters, "quotas": [list(quotas)]}


LONG = [f"{number:05}" for number in range(10_000)]
MANY: dict[str, Json] = {
    "a list of unmapped answers": with_cells({"kind": "LIST", "attribute_id": "1", "list": LONG}),
    "a list of texts": with_cells({"kind": "LIST", "attribute_id": "8", "list": LONG}),
    "a list of numbers": with_cells({"kind": "LIST", "attribute_id": "45", "list": LONG}),
    "a list of nulls": with_cells({"kind": "LIST", "attribute_id": "1", "list": [None] * 10_000}),
    "all of a list": with_cells(
        {"kind": "LIST", "operator": "AND", "attribute_id": "9", "list": LONG}
    ),
    "many cells": with_cells(
        *({"kind": "RANGE", "attribute_id": "80", "range": {"to": n}} for n in range(2_000))
    ),
    "many cells of one tag": {
        **ADULT_MEN,
        "cells": [
            {"tag": "t", "kind": "VALUE", "attribute_id": "1", "value": str(n)}
            for n in range(10_000)
        ],
        "filters": [],
        "quotas": [],
    },
    "500 quotas": with_cells(
        {"kind": "ANSWERED", "attribute_id": "1"},
        quotas=[{"id": f"q{n}", "cells": ["t0"], "count": 1, "status": "OPEN"} for n in range(500)],
    ),
    "unknown keys": {**ADULT_MEN, **dict.fromkeys(LONG, 1)},
    "postal codes": replaced(
        TOLUNA,
        ("Quotas", 0, "Layers", 0, "SubQuotas", 0, "QuestionsAndAnswers"),
        [{"QuestionID": 1001042, "AnswerValues": LONG}],
    ),
    "ranges": {
        **RFG,
        "datapoints": [
            {"name": "Age", "values": [{"min": n, "max": n + 1} for n in range(10_000)]}
        ],
    },
    "children": {
        **RFG,
        "datapoints": [
            {"name": "Children", "values": [{"gender": 0, "min": -1e300, "max": 1e300}] * 1_000}
        ],
    },
    "500 project quotas": {
        **RFG,
        "quotas": [
            {"id": n, "limit": 1, "datapoints": [{"name": "Age", "values": [{"min": n}]}]}
            for n in range(500)
        ],
    },
}


@pytest.mark.parametrize("document", MANY.values(), ids=MANY)
def test_long_lists_are_fast(
    document: Json, tmp_path: Path, mapping: PanelMapping, panel: Panel
) -> None:
    began = time.process_time()
    surveys = load(tmp_path, [document, named("rfg", 9)], mapping)
    matcher.compile(surveys).match(panel).counts()
    assert time.process_time() - began < 5


def test_a_list_tells_only_its_first_fault(tmp_path: Path, mapping: PanelMapping) -> None:
    surveys = load(tmp_path, [MANY["a list of nulls"], named("rfg", 9)], mapping)
    errors = [each for each in surveys.diagnostics if each.level is Level.ERROR]
    assert [(each.pointer, each.message) for each in errors] == [
        ("/cells/0/list/0", "must be text or a number")
    ]


WORDS: dict[str, list[tuple[Json, str]]] = {
    "/id": [
        (None, "must be text or a whole number"),
        (3.5, "must be text or a whole number"),
        ("", "must not be empty"),
        (" ", "must not be empty"),
        (True, "must be text or a whole number"),
    ],
    "/cells": [(3, "must be a list")],
    "/cells/0": [(3, "must be an object")],
    "/cells/0/tag": [([], "must be text")],
    "/cells/0/negate": [(3, "must be true or false")],
    "/cells/0/value": [
        (True, "must be text or a number"),
        ({}, "must be text or a number"),
        (None, "missing in a cell of kind VALUE"),
    ],
    "/cells/1/range/from": [(True, "must be a number"), ("x", "must be a number")],
    "/quotas/0/0/count": [
        (True, "must be a number"),
        (3.5, "must be a whole number"),
        (2**63, "a number too large to read"),
    ],
    "/filters/0/0/cells/0": [("?", "no cell has the tag `?`")],
}


@pytest.mark.parametrize("pointer", WORDS)
def test_faults_are_told_in_words(pointer: str, tmp_path: Path, mapping: PanelMapping) -> None:
    path = tuple(int(step) if step.isdigit() else step for step in pointer.split("/")[1:])
    for value, expected in WORDS[pointer]:
        document = replaced(DYNATA, path, value)
        surveys = load(tmp_path, [document, named("rfg", 9)], mapping)
        errors = [each for each in surveys.diagnostics if each.level is Level.ERROR]
        assert [(each.pointer, each.message) for each in errors] == [(pointer, expected)]


def test_a_value_that_is_neither_of_several(tmp_path: Path, mapping: PanelMapping) -> None:
    for value, pointer, message in (
        (None, "/datapoints/0/values/0", "must be text, a number or an object"),
        ({"min": "x"}, "/datapoints/0/values/0/min", "must be a number"),
    ):
        document = replaced(RFG, ("datapoints", 0, "values", 0), value)
        surveys = load(tmp_path, [document, named("dynata", 9)], mapping)
        (error,) = [each for each in surveys.diagnostics if each.level is Level.ERROR]
        assert (error.pointer, error.message) == (pointer, message)


@pytest.mark.parametrize(
    "name",
    ["../../secret", "/etc/passwd", "..", ".", "", "\0", "x" * 300, "a/b", "../collection/7"],
)
def test_collections_lead_nowhere_but_to_their_folder(name: str, tmp_path: Path) -> None:
    put(tmp_path, "secret.txt", "10001\n")
    put(tmp_path, "secret.csv", "respondent_id,expiration\nm1,\n")
    put(tmp_path, "lists/dynata/collection/7.txt", "10001\n")
    panel = open_panel(put_panel(tmp_path, PANEL + '[collections]\nfolder = "lists"'))
    for cell in (
        {"kind": "COLLECTION", "attribute_id": "8", "collection": name},
        {"kind": "INVITE_COLLECTIONS", "invite_collections": [name]},
    ):
        surveys = load(tmp_path, with_cells(cell), panel.mapping)
        codes = [each.code for each in surveys.diagnostics]
        assert codes.count("collection-missing") == 1
        (counts,) = matcher.compile(surveys).match(panel).counts().surveys
        assert (counts.eligible, counts.uncertain) == (0, 0)


def test_negative_seats_are_none(tmp_path: Path, mapping: PanelMapping) -> None:
    document = replaced(ADULT_MEN, ("quotas", 0, 0, "count"), -5)
    (survey,) = load(tmp_path, document, mapping).surveys
    quota = survey.groups[0].quotas[0]
    assert (quota.open, quota.remaining) == (False, 0)


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ({"device": "mobile"}, "no device is allowed: matches nobody"),
        ({}, "no device is allowed: not applied, as the panel has no `device`"),
    ],
)
@pytest.mark.parametrize("survey", [{**ADULT_MEN, "devices": []}, {**TOLUNA, "DeviceTypeIDs": []}])
def test_no_device_means_nobody_where_the_panel_knows_devices(
    survey: dict[str, Json], constants: dict[str, str], message: str, tmp_path: Path
) -> None:
    tables = {"panel": {"source": "m.csv"}, "attributes": {}, "constants": constants}
    mapping = parse_panel(tables, tmp_path / "panel.toml").mapping
    found = load_surveys(survey, mapping).diagnostics
    devices = [each.message for each in found if each.pointer in ("/devices", "/DeviceTypeIDs")]
    assert devices == [message]


def test_a_routable_question_without_an_attribute_is_told_once(mapping: PanelMapping) -> None:
    """Of each question, however many surveys ask it; another is told by itself."""

    def asking(number: int, *questions: str) -> Json:
        asked = [{"QuestionID": each, "AnswerIDs": [1], "IsRoutable": True} for each in questions]
        subquota = {"SubQuotaID": 1, "CurrentCompletes": 0, "MaxTargetCompletes": 1}
        layers = [{"SubQuotas": [{**subquota, "QuestionsAndAnswers": asked}]}]
        quota = {"QuotaID": 1, "EstimatedCompletesRemaining": 1, "Layers": layers}
        return {"SurveyID": number, "WaveID": 1, "Quotas": [quota]}

    surveys = load_surveys([asking(1, "98"), asking(2, "98", "97"), asking(3, "98")], mapping)
    found = [each for each in surveys.diagnostics if each.code == "unmapped-attribute"]
    assert [(each.level, each.survey) for each in found] == [(Level.INFO, None)] * 2
    asked = "/Quotas/0/Layers/0/SubQuotas/0/QuestionsAndAnswers"
    for each, question, first in zip(
        found, ("98", "97"), (f"toluna:1/1 {asked}/0", f"toluna:2/1 {asked}/1"), strict=True
    ):
        assert each.message == (
            f"the panel file maps no toluna attribute `{question}`: where it is routable, so that "
            f"a missing answer will do, everyone matches (first in {first})"
        )


DETAILS: dict[str, Json] = {
    "QuotaID": 42387,
    "CountryID": 2000223,
    "CompletesRequired": 5,
    "EstimatedCompletesRemaining": 5,
    "Layers": [],
    "CacheExpires": "2020-01-31T21:19:30.3616306Z",
}


@pytest.mark.parametrize("marketplace", [None, "toluna"])
@pytest.mark.parametrize(
    ("document", "at"), [(DETAILS, ""), ([DETAILS], "/0"), ({"Surveys": [DETAILS]}, "/Surveys/0")]
)
def test_the_details_of_one_toluna_quota(
    document: Json, at: str, marketplace: str | None, mapping: PanelMapping
) -> None:
    """They are no survey: named as what they are, and the rest is read."""
    good = named("toluna", 7)
    for payload in ([document, good], [json.dumps(document).encode(), good]):
        surveys = load_surveys(payload, mapping, marketplace)
        assert [survey.id for survey in surveys] == ["7/2"]
        (found,) = [each for each in surveys.diagnostics if each.level is Level.ERROR]
        assert (found.code, found.at, found.message, found.hint) == (
            "quota-without-survey",
            at,
            "the details of one quota (QuotaDetails) without its survey",
            "send the GetQuotas answer, which has whole surveys",
        )
    with pytest.raises(InputError, match=r"no survey found: .*the details of one quota"):
        load_surveys([document], mapping, marketplace)


def test_an_override_of_the_marketplace(tmp_path: Path, mapping: PanelMapping) -> None:
    bare = {"id": 1, "status": "OPEN"}
    path = put(tmp_path, "p.json", bare)
    (survey,) = load_surveys([path], mapping, "dynata").surveys
    assert survey.name == "dynata:1"
    with pytest.raises(InputError, match="no survey found: not the payload of a known marketplace"):
        load_surveys([path], mapping)
    with pytest.raises(InputError, match=r"at /pid: missing \(and 1 more\)"):
        load_surveys([path], mapping, "rfg")
    with pytest.raises(InputError, match="no marketplace `dynta`; did you mean `dynata`"):
        load_surveys([path], mapping, "dynta")
    with pytest.raises(InputError, match="no marketplace `x`; known: dynata, toluna, rfg"):
        load_surveys([path], mapping, "x")


def test_findings_come_in_the_same_order_in_every_process(tmp_path: Path) -> None:
    """Keys are reported in the order of the payload, not of a set."""
    panel = put_panel(tmp_path)
    payload = put(tmp_path, "p.json", {**ADULT_MEN, **dict.fromkeys("zyxwvutsrq", 1)})
    code = (
        "import sys, matcher, profiles; "
        "found = matcher.load_surveys([sys.argv[2]], profiles.open_panel(sys.argv[1]).mapping); "
        "print(*(each.pointer for each in found.diagnostics))"
    )
    line = [sys.executable, "-c", code, str(panel), str(payload)]
    for seed in "12":
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(line, env=environment, capture_output=True, check=True, text=True)
        assert done.stdout.split() == [f"/{key}" for key in "zyxwvutsrq"]


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        '[1, 2.5, -3e4, "x", true, false, null, {}]',
        '{"a": "\\"\\\\ \\u00e9 é 😀", "b": "\\ud83d\\ude00"}',
        "[9007199254740993, 18446744073709551615, -9223372036854775808]",
        "[18446744073709551616, 1e22, 1.0, 0.1, 1E5]",
        '{"": {"": []}}',
    ],
)
def test_json_reads_as_the_standard_library_reads_it(text: str) -> None:
    document, _ = parse_json(text.encode())
    assert document == json.loads(text)
    assert not list(faults(document))


def test_what_is_not_json_says_where() -> None:
    with pytest.raises(NotJsonError) as raised:
        parse_json(b'{\n  "a": 1,\n  b: 2\n}')
    assert (raised.value.line, raised.value.column) == (3, 3)


BIG = """
import resource, sys
from matcher.cli.app import run
status = run(sys.argv[1:])
print(status, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
"""


@pytest.mark.slow
def test_a_payload_of_100_megabytes(tmp_path: Path) -> None:
    """It is read whole: memory stays within some fifteen times its size."""
    lists = [
        [f"{(131 * cell + 7 * code) % 99_999:05}" for code in range(500)] for cell in range(20)
    ]
    cells = [
        {"tag": str(n), "kind": "LIST", "attribute_id": "8", "list": each}
        for n, each in enumerate(lists)
    ]
    cells += [{"tag": "men", "kind": "VALUE", "attribute_id": "1", "value": "1"}]
    filters = [[{"cells": [str(n)]} for n in range(20)], [{"cells": ["men"]}]]
    document = json.dumps(
        {**ADULT_MEN, "id": "ID", "cells": cells, "filters": filters, "quotas": []}
    ).encode()
    path = tmp_path / "big.json"
    with path.open("wb") as file:
        file.write(b"[")
        for number in range(100_000_000 // len(document)):
            file.write(document.replace(b'"ID"', str(number).encode()) + b",\n")
        file.write(document.replace(b'"ID"', b'"last"') + b"]")
    assert path.stat().st_size > 99_000_000
    arguments = ["count", str(path), "--panel", str(put_panel(tmp_path)), "--quiet"]
    line = [sys.executable, "-c", BIG, *arguments]
    done = subprocess.run(line, capture_output=True, check=True, text=True, timeout=60)
    status, megabytes = map(int, done.stdout.split())
    assert (status, done.stderr) == (0, "")
    assert megabytes < 1_500


# --- what `load_surveys` takes


class Fspath:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return str(self.path)


def test_one_payload_or_several_in_any_form(tmp_path: Path, mapping: PanelMapping) -> None:
    document = json.dumps(ADULT_MEN)
    path = put(tmp_path, "one.json", document)
    (expected,) = load_surveys([path], mapping)
    forms: list[Any] = [
        path,
        str(path),
        Fspath(path),
        tmp_path,
        document.encode(),
        bytearray(document.encode()),
        memoryview(document.encode()),
        ADULT_MEN,
        [ADULT_MEN],
        [[ADULT_MEN]],
        (ADULT_MEN,),
        iter([str(path)]),
        [Fspath(path)],
    ]
    for form in forms:
        assert list(load_surveys(form, mapping)) == [expected], form
    other = {**ADULT_MEN, "id": "2"}
    lines = f"{document}\n{json.dumps(other)}\n".encode()
    for several in ([path, other], [document.encode(), other], lines, [ADULT_MEN, other]):
        assert [survey.id for survey in load_surveys(several, mapping)] == ["1", "2"]


def test_content_is_named_by_its_place(tmp_path: Path, mapping: PanelMapping) -> None:
    path = put(tmp_path, "one.json", ADULT_MEN)
    bad = {**ADULT_MEN, "id": "2", "cells": 3}
    surveys = load_surveys([path, bad, [{}], b'{"hello": 1}', {1: math.nan}], mapping)
    errors = [each for each in surveys.diagnostics if each.level is Level.ERROR]
    assert [(each.file, each.at, each.pointer) for each in errors] == [
        ("payload 2", "", "/cells"),
        ("payload 3", "/0", ""),
        ("payload 4", "", ""),
        ("payload 5", "", ""),
    ]


@pytest.mark.parametrize("marketplace", PAYLOADS)
def test_a_parsed_payload_with_what_json_has_not(marketplace: str, mapping: PanelMapping) -> None:
    """Keys that are not text, sets, NaN: reported, never a traceback."""
    for value in ({1: 2}, {"x": {2.5: math.nan}}, {3, 4}, object(), math.inf, 1 << 70):
        odd = {**named(marketplace, 1), "odd": value}
        surveys = load_surveys([odd, named(marketplace, 2)], mapping)
        assert [survey.id for survey in surveys][-1] == load_surveys(
            named(marketplace, 2), mapping
        ).surveys[0].id
        odd = {**named(marketplace, 1), 7: value}  # type: ignore[dict-item]
        assert len(load_surveys([odd, named(marketplace, 2)], mapping)) == 1


@pytest.mark.parametrize(
    ("payloads", "why"),
    [
        (
            3,
            "payloads: must be a path, bytes, or parsed JSON (a dict, or a list of them), "
            "not `int`",
        ),
        (
            [None],
            "payload 1: must be a path, bytes, or parsed JSON (a dict, or a list of them), "
            "not `NoneType`",
        ),
        ([], "no payload is given"),
        (b"{", "payload 1: not JSON: line 1, column 2: cut off"),
        ([b"", b"[]"], "payload 1: not JSON: empty"),
        ([b"[]", [3]], "payload 2: no survey found: at /0: a survey must be an object"),
        ([[3]], "payload 1: no survey found: at /0: a survey must be an object"),
    ],
)
def test_what_is_no_payload(payloads: Any, why: str, mapping: PanelMapping) -> None:
    with pytest.raises(InputError) as raised:
        load_surveys(payloads, mapping)
    assert str(raised.value) == why


@pytest.mark.parametrize(
    "payloads",
    [b"[]", b' {"Surveys": []}\n', {"Surveys": []}, [[]], [[{"Surveys": []}], b"[]"], b"[]\n[]\n"],
)
def test_an_inventory_of_nothing(payloads: Any, tmp_path: Path, mapping: PanelMapping) -> None:
    """Nothing on offer is an inventory, wherever it comes from; a survey beside it is read."""
    empty = load_surveys(payloads, mapping)
    assert (empty.surveys, empty.rejected, empty.diagnostics) == ((), (), ())
    several = payloads if isinstance(payloads, list) else [payloads]
    assert [each.id for each in load_surveys([*several, ADULT_MEN], mapping)] == ["1"]
    put(tmp_path, "nothing.json", [])
    put(tmp_path, "nothing.jsonl", '{"Surveys": []}\n\n')
    assert load_surveys(tmp_path, mapping).surveys == ()


def test_a_marketplace_or_a_mapping_that_is_none(mapping: PanelMapping) -> None:
    for name, why in {
        "dynta": "no marketplace `dynta`; did you mean `dynata`?",
        "x": "no marketplace `x`; known: dynata, toluna, rfg",
        3: "no marketplace `3`; known: dynata, toluna, rfg",
    }.items():
        with pytest.raises(InputError) as raised:
            load_surveys(ADULT_MEN, mapping, name)  # type: ignore[arg-type]
        assert str(raised.value) == why
    with pytest.raises(InputError, match=r"must be a panel's: `panel\.mapping`"):
        load_surveys(ADULT_MEN, None)  # type: ignore[arg-type]
