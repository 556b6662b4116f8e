"""Input that the work cannot go on with: one line that says why, and nothing left behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

import matcher
import profiles
from tests.support.commandline import (
    ADULT_MEN,
    AS_OF,
    MEMBERS,
    PANEL,
    Result,
    command,
    listing,
    put,
    put_panel,
)

GOOD = json.dumps(ADULT_MEN)
UNKNOWN = "not the payload of a known marketplace (--marketplace names it)"
OBJECT = "a survey must be an object"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, so that messages name files as they were given."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def match(*payloads: str, panel: str = "panel.toml") -> Result:
    return command(
        "match", *payloads, "--panel", panel, "--as-of", AS_OF, "--output", "out.parquet"
    )


def assert_refused(expected: str, here: Path, *payloads: str) -> None:
    before = listing(here)
    result = match(*payloads)
    assert (result.status, result.out, result.err) == (2, "", f"matcher: {expected}\n")
    assert listing(here) == before


NOT_JSON = {
    "text": ("hello", "line 1, column 1: a value is expected here"),
    "empty": ("", "empty"),
    "blank": (" \n ", "empty"),
    "only a byte order mark": (b"\xef\xbb\xbf", "empty"),
    "cut off in an object": (GOOD[:-1], f"line 1, column {len(GOOD)}: cut off"),
    "cut off in a text": ('{"id": "1', "line 1, column 8: a text that never ends"),
    "Latin-1": ('{"id": "é"}'.encode("latin-1"), "not UTF-8 text at byte 9"),
    "UTF-16": (GOOD.encode("utf-16"), "UTF-16 text; it must be UTF-8"),
    "UTF-16 without a mark": (GOOD.encode("utf-16-be"), "UTF-16 text; it must be UTF-8"),
    "a surrogate in UTF-8": (
        '{"id": "\ud800"}'.encode("utf-8", "surrogatepass"),
        "not UTF-8 text at byte 9",
    ),
    "two documents": (
        GOOD + GOOD,
        f"line 1, column {len(GOOD) + 1}: more after the end of the document",
    ),
    "a document a line": (
        f"{GOOD}\n{GOOD}\n",
        "line 2, column 1: more after the end of the document; "
        "one document a line belongs in a .jsonl file",
    ),
    "single quotes": ("{'id': 1}", "line 1, column 2: a key in double quotes is expected here"),
    "no colon": ('{\n"id" 1}', "line 2, column 6: `:` is expected here"),
    "no comma": ('{"id": 1 "status": 2}', "line 1, column 10: `,` is expected here"),
    "a line break in a text": ('{"id": "\n"}', "line 1, column 9: a control character in a text"),
    "nested 2,000 levels": ("[" * 2_000 + "]" * 2_000, "nested too deeply"),
    "nested 200,000 levels": ('{"a":' * 200_000 + "1" + "}" * 200_000, "nested too deeply"),
}


@pytest.mark.parametrize(("content", "why"), NOT_JSON.values(), ids=NOT_JSON)
def test_a_payload_that_is_not_json(content: str | bytes, why: str, here: Path) -> None:
    put_panel(here)
    put(here, "payload.json", content)
    assert_refused(f"payload.json: not JSON: {why}", here, "payload.json")


NO_SURVEY = {
    "number.json": ("3", f"number.json: no survey found: {OBJECT}"),
    "text.json": ('"x"', f"text.json: no survey found: {OBJECT}"),
    "null.json": ("null", f"null.json: no survey found: {OBJECT}"),
    "arrays.json": ("[[{}]]", f"arrays.json: no survey found: at /0: {OBJECT}"),
    "numbers.json": ("[1, 2]", f"numbers.json: no survey found: at /0: {OBJECT} (and 1 more)"),
    "object.json": ("{}", f"object.json: no survey found: {UNKNOWN}"),
    "other.json": ('{"hello": 1}', f"other.json: no survey found: {UNKNOWN}"),
    "deep.json": ("[" * 500 + "]" * 500, f"deep.json: no survey found: at /0: {OBJECT}"),
    "null surveys.json": (
        '{"Surveys": null}',
        "null surveys.json: no survey found: at /Surveys: a survey must be an object",
    ),
    "nameless.json": (
        {**ADULT_MEN, "id": None},
        "nameless.json: no survey found: at /id: must be text or a whole number",
    ),
    "empty.jsonl": ("\n\n", "empty.jsonl: no survey found"),
    "pretty.jsonl": (
        json.dumps(ADULT_MEN, indent=1),
        "pretty.jsonl: no survey found: at line 1: not JSON: column 2: cut off "
        "(one document a line is expected) (and 47 more)",
    ),
}


@pytest.mark.parametrize("name", NO_SURVEY)
def test_json_without_a_survey(name: str, here: Path) -> None:
    content, expected = NO_SURVEY[name]
    put_panel(here)
    put(here, name, content)
    assert_refused(expected, here, name)


def test_payload_names_that_lead_nowhere(here: Path) -> None:
    put_panel(here)
    (here / "folder.json").mkdir()
    (here / "broken.json").symlink_to("nowhere")
    (here / "loop.json").symlink_to("loop.json")
    (here / "inner").mkdir()
    (here / "inner" / "broken.json").symlink_to("nowhere")
    long = "x" * 300
    for name, expected in {
        "none.json": "none.json: no such file",
        "folder.json": "folder.json: no .json or .jsonl file in the folder",
        "broken.json": "broken.json: no such file",
        "loop.json": "loop.json: cannot be read: too many levels of symbolic links",
        "inner": "inner/broken.json: no such file",
        long: f"{long}: cannot be read: file name too long",
        "a\0b": "a\\x00b: cannot be read: embedded null byte",
        "": "the name of a payload file is empty",
        "-": "standard input: not JSON: empty",
    }.items():
        assert_refused(expected, here, name)


def test_one_payload_that_cannot_be_read_ends_the_work(here: Path) -> None:
    put_panel(here)
    put(here, "good.json", GOOD)
    put(here, "bad.json", "{")
    expected = "bad.json: not JSON: line 1, column 2: cut off"
    assert_refused(expected, here, "good.json", "bad.json")


def edited(old: str, new: str) -> str:
    assert PANEL.count(old) == 1
    return PANEL.replace(old, new)


def answers(attribute: str, written: str) -> str:
    """The panel file, with one answer of a Dynata attribute written so."""
    if attribute == "gender":
        return PANEL.replace('1 = "M", 2 = "F"', f"1 = {written}", 1)
    return edited(
        '80 = { attribute = "age"', f'80 = {{ attribute = "age", answers = {{ 7 = {written} }}'
    )


AGE_7 = "marketplaces.dynata.attributes.80.answers.7"
GENDER_1 = "marketplaces.dynata.attributes.1.answers.1"
RANGES = "(`18-24`, `65-`, `-17`)"
KINDS = "single, multi, number, birth_date, text, children"
PANEL_FILES = {
    "empty": ("", "panel: missing (and 1 more)"),
    "not TOML": (
        "hello",
        "not TOML: expected '=' after a key in a key/value pair (at end of document)",
    ),
    "UTF-16": (PANEL.encode("utf-16"), "not UTF-8 text at byte 1"),
    "Latin-1": ("[panel]\n# é".encode("latin-1"), "not UTF-8 text at byte 11"),
    "nested": (f"a = {'[' * 3000}{']' * 3000}", "not TOML: nested too deeply"),
    "no panel": ('[attributes.a]\ntype = "single"', "panel: missing"),
    "no attributes": ('[panel]\nsource = "x.csv"', "attributes: missing"),
    "no source": (edited('source = "members.parquet"', ""), "panel.source: missing"),
    "source is a number": (edited('"members.parquet"', "3"), "panel.source: must be text"),
    "source is empty": (edited('"members.parquet"', '""'), "panel.source: must not be empty"),
    "source misspelt": (
        edited("source", "sorce"),
        "panel.sorce: no such key; did you mean `source`? (and 1 more)",
    ),
    "table misspelt": (
        PANEL + "[markeplaces.x]\n",
        "markeplaces: no such key; did you mean `marketplaces`?",
    ),
    "key misspelt": (
        edited('column = "sex"', 'colum = "sex"'),
        "attributes.gender.colum: no such key; did you mean `column`?",
    ),
    "type missing": (
        edited('type = "single"', ""),
        "attributes.gender.type: missing",
    ),
    "type unknown": (
        edited('"single"', '"singel"'),
        f"attributes.gender.type: `singel` is not a type ({KINDS}); did you mean `single`?",
    ),
    "type is a number": (
        edited('"single"', "3"),
        f"attributes.gender.type: must be one of {KINDS}",
    ),
    "attribute is a value": (
        edited("[attributes.gender]", "[attributes]\nx = 3\n[attributes.gender]"),
        "attributes.x: must be a table",
    ),
    "separator is empty": (
        edited('type = "multi"', 'type = "multi"\nseparator = ""'),
        "attributes.pets.separator: must not be empty",
    ),
    "no such attribute": (
        PANEL.replace('"gender", answers', '"gendr", answers', 1),
        "marketplaces.dynata.attributes.1: the panel has no attribute `gendr`; "
        "did you mean `gender`?",
    ),
    "attribute twice": (
        edited("45 =", '" 80" = { attribute = "age" }\n45 ='),
        "marketplaces.dynata.attributes. 80: appears twice, but for white space",
    ),
    "mapping is text": (
        edited('45 = { attribute = "income" }', '45 = "income"'),
        "marketplaces.dynata.attributes.45: must be a table",
    ),
    "marketplace in capitals": (
        PANEL + "[marketplaces.Dynata.attributes]\n",
        "marketplaces.Dynata: names of marketplaces are lower case",
    ),
    "device support misspelt": (
        PANEL + "[marketplaces.rfg.device_support]\nyess = 1",
        "marketplaces.rfg.device_support.yess: no such key; did you mean `yes`?",
    ),
    "marketplace misspelt": (
        PANEL + "[marketplaces.dynta.attributes]\n",
        "marketplaces.dynta: no such marketplace; did you mean `dynata`?",
    ),
    "marketplace unknown": (
        PANEL + "[marketplaces.other.attributes]\n",
        "marketplaces.other: no such marketplace; known: dynata, toluna, rfg",
    ),
    "key of a marketplace misspelt": (
        edited("[marketplaces.rfg.attributes]", "[marketplaces.rfg.atributes]"),
        "marketplaces.rfg.atributes: no such key; did you mean `attributes`?",
    ),
    "key of another marketplace": (
        PANEL + "[marketplaces.dynata]\ndevice_support = { yes = 1 }",
        "marketplaces.dynata.device_support: no such key",
    ),
    "option misspelt": (
        PANEL + "[marketplaces.rfg]\ndevise_support = { no = 3 }",
        "marketplaces.rfg.devise_support: no such key; did you mean `device_support`?",
    ),
    "options at fault": (
        PANEL + "[marketplaces.rfg]\ndevice_support = { yes = true, nno = 3 }",
        "marketplaces.rfg.device_support.nno: no such key; did you mean `no`? (and 1 more)",
    ),
    "device support is a number": (
        PANEL + "[marketplaces.rfg]\ndevice_support = 3",
        "marketplaces.rfg.device_support: must be a table",
    ),
    "cut-off is zero": (
        PANEL + "[marketplaces.toluna]\ncut_off = 0",
        "marketplaces.toluna.cut_off: must be greater than 0",
    ),
    "device support is text": (
        PANEL + '[marketplaces.rfg.device_support]\nyes = "1"',
        "marketplaces.rfg.device_support.yes: must be a whole number",
    ),
    "answer not a range": (answers("age", '"abc"'), f"{AGE_7}: `abc` is not a range {RANGES}"),
    "answer of two dashes": (
        answers("age", '"18--24"'),
        f"{AGE_7}: `18--24` is not a range {RANGES}",
    ),
    "answer in words": (
        answers("age", '"18 to 24"'),
        f"{AGE_7}: `18 to 24` is not a range {RANGES}",
    ),
    "answer is empty": (answers("age", '""'), f"{AGE_7}: `` is not a range {RANGES}"),
    "answer is inverted": (answers("age", '"24-18"'), f"{AGE_7}: `24-18` ends before it begins"),
    "answer in a list": (
        answers("age", '["18-24", "x"]'),
        f"{AGE_7}: `x` is not a range {RANGES}",
    ),
    "answer is true": (answers("age", "true"), f"{AGE_7}: `true` is not a number"),
    "answer is infinite": (answers("age", "1e400"), f"{AGE_7}: `inf` is not a finite number"),
    "answer is nan": (answers("age", "nan"), f"{AGE_7}: `nan` is not a value"),
    "answer is a day": (
        answers("gender", "2020-01-01"),
        f"{GENDER_1}: must be a value or a list of values",
    ),
    "answer is a table": (
        answers("gender", '{ a = "M" }'),
        f"{GENDER_1}: must be a value or a list of values",
    ),
    "answer in two lists": (
        answers("gender", '[["M"]]'),
        f"{GENDER_1}: must be a value or a list of values",
    ),
    "answer is blank": (answers("gender", '" "'), f"{GENDER_1}: an empty text is no answer"),
    "answer twice": (
        answers("gender", '"M", " 1" = "F"'),
        "marketplaces.dynata.attributes.1.answers. 1: appears twice, but for white space",
    ),
    "answers are a list": (
        PANEL.replace('{ 1 = "M", 2 = "F" }', '["M"]', 1),
        "marketplaces.dynata.attributes.1.answers: must be a table",
    ),
    "no folder of collections": (
        PANEL + '[collections]\nfolder = "nope"',
        "collections.folder: no such folder `nope`",
    ),
    "collections in a file": (
        PANEL + '[collections]\nfolder = "members.parquet"',
        "collections.folder: no such folder `members.parquet`",
    ),
    "collections without folder": (PANEL + "[collections]\n", "collections.folder: missing"),
    "history without a source": (PANEL + "[history]\n", "history.source: missing"),
    "history with a misspelt key": (
        PANEL + '[history]\nsource = "h.csv"\nquerry = "x"',
        "history.querry: no such key; did you mean `query`?",
    ),
    "constant and attribute": (
        PANEL + '[constants]\ngender = "M"',
        "constants.gender: declared as an attribute too",
    ),
    "constant is a list": (
        PANEL + '[constants]\ncountry = ["US"]',
        "constants.country: must be a value",
    ),
    "constant is blank": (
        PANEL + '[constants]\ncountry = " "',
        "constants.country: must not be empty",
    ),
    "database": (
        edited("members.parquet", "postgresql://user:secret@host/panel"),
        "panel.table, panel.query: a database needs one of them",
    ),
}


@pytest.mark.parametrize(("content", "why"), PANEL_FILES.values(), ids=PANEL_FILES)
def test_a_panel_file_at_fault(content: str | bytes, why: str, here: Path) -> None:
    put_panel(here)
    put(here, "panel.toml", content)
    put(here, "payload.json", GOOD)
    assert_refused(f"panel.toml: {why}", here, "payload.json")


@pytest.mark.parametrize("name", ["match", "count", "lint", "route", "index"])
def test_every_command_refuses_what_no_marketplace_declares(name: str, here: Path) -> None:
    put_panel(here, PANEL + "[marketplaces.toluna]\ncutoff = 500")
    put(here, "payload.json", GOOD)
    of = {"match": ["payload.json", "-o", "out.parquet"], "index": ["-o", "out"]}
    result = command(name, *of.get(name, ["payload.json"]), "--panel", "panel.toml", stdin=b"")
    why = "panel.toml: marketplaces.toluna.cutoff: no such key; did you mean `cut_off`?"
    assert (result.status, result.out, result.err) == (2, "", f"matcher: {why}\n")


def test_a_panel_file_with_a_byte_order_mark_is_read(here: Path) -> None:
    put_panel(here)
    put(here, "panel.toml", b"\xef\xbb\xbf" + PANEL.encode())
    put(here, "payload.json", GOOD)
    assert match("payload.json").status == 0


def test_panel_names_that_lead_nowhere(here: Path) -> None:
    put(here, "payload.json", GOOD)
    for name, expected in {
        "nope.toml": "nope.toml: no such panel file",
        ".": "manifest.json: missing; the folder holds no index",
        "x" * 300: f"{'x' * 300}: cannot be read: file name too long",
    }.items():
        result = match("payload.json", panel=name)
        assert (result.status, result.err) == (2, f"matcher: {expected}\n")


SOURCES = {
    "none.parquet": "none.parquet: no such file or folder",
    "payload.json": "payload.json: not a .parquet, .csv or .arrow file",
    "empty": "empty: no .parquet, .csv or .arrow file in the folder",
    "x" * 300: f"{'x' * 300}: cannot be read: file name too long",
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_that_is_not_there(source: str, here: Path) -> None:
    put_panel(here, edited("members.parquet", source))
    put(here, "payload.json", GOOD)
    (here / "empty").mkdir()
    assert_refused(SOURCES[source], here, "payload.json")


HEADER = "member_id,sex,dob,income,pets,zip,children\n"
CSV = {
    "empty": ("", "no line of column names"),
    "blank": ("\n\n", "no line of column names"),
    "semicolons": (
        "member_id;sex;dob\nm1;M;\n",
        'columns are separated by `;`, not by commas; if so, say separator = ";" in [panel.csv]',
    ),
    "tabs": (
        "member_id\tsex\tdob\nm1\tM\t\n",
        'columns are separated by tabs, not by commas; if so, say separator = "\\t" in [panel.csv]',
    ),
    "UTF-16 without a mark": (HEADER.encode("utf-16-le"), "not UTF-8 text"),
    "Latin-1": (HEADER.encode() + b"m1,\xe9,,,,,\n", "row 1 or after: not UTF-8 text"),
    "too few values": (
        HEADER + "m1,M,,,,,\nm2,F\n",
        "row 2: 2 values for 7 columns",
    ),
    "too many values": (HEADER + "m1,M,,,,,,,\n", "row 1: 9 values for 7 columns"),
    "late": (
        HEADER + "".join(f"m{n},M,,,,,\n" for n in range(60_000)) + "z,M\n",
        "row 60001: 2 values for 7 columns",
    ),
    "a quotation mark never closed": (
        HEADER + '"m1,M,,,,,\n' + "m2,F,,,,,\n" * 300_000,
        "row 1 or after: a row of more than 1 MB; is a quotation mark never closed?",
    ),
    "column twice": (
        HEADER.replace("zip", "zip,sex") + "m1,M,,,,,F,\n",
        "the column `sex` appears twice",
    ),
    "no id": (HEADER + "m1,M,,,,,\n,F,,,,,\n", "row 2, column `member_id`: no member id"),
    "id twice": (
        HEADER + "m1,M,,,,,\nm2,F,,,,,\nm1,F,,,,,\n",
        "row 3: member id `m1` appears twice, first in members.csv: row 1",
    ),
    "text for a date": (
        HEADER + "m1,M,1990,,,,\n",
        "row 1, column `dob`: `1990` is not a date (YYYY-MM-DD)",
    ),
    "a line break in quotes": (
        HEADER + 'm1,"M\nF",,,,,\nm2,F,02/03/1990,,,,\n',
        "row 2, column `dob`: `02/03/1990` is not a date (YYYY-MM-DD)",
    ),
    "columns lacking": (
        "member_id,sx,dob,income,pets,zip,children\nm1,M,,,,,\n",
        "no column `sex` (attributes.gender; did you mean `sx`?), which panel.toml names",
    ),
    "many columns lacking": (
        "a,b\n1,2\n",
        "no column `dob` (attributes.age), `children` (attributes.children), "
        "`sex` (attributes.gender), `income` (attributes.income), `pets` (attributes.pets) "
        "and 2 more, which panel.toml names",
    ),
}


@pytest.mark.parametrize(("content", "why"), CSV.values(), ids=CSV)
def test_members_in_csv_at_fault(content: str | bytes, why: str, here: Path) -> None:
    put_panel(here, edited("members.parquet", "members.csv"))
    put(here, "members.csv", content)
    put(here, "payload.json", GOOD)
    assert_refused(f"members.csv: {why}", here, "payload.json")


def far_away(unit: str) -> pa.Array:
    return pa.array([None, 0, 1, 1 << 60], pa.timestamp(unit))


BYTES = [b"M", b"F", b"\xff", None]
COLUMNS: dict[str, tuple[dict[str, Any], str]] = {
    "float ids": (
        {"member_id": [1.0, 2.0, 3.0, 4.0]},
        "row 1, column `member_id`: ids must be text or integers, not `double`",
    ),
    "ids that are days": (
        {"member_id": [date(2020, 1, 1)] * 4},
        "row 1, column `member_id`: ids must be text or integers, not `date32`",
    ),
    "ids of 64 bits and a sign": (
        {"member_id": pa.array([1, 2, 2**64 - 1, 3], pa.uint64())},
        "row 3, column `member_id`: an id that does not fit in 64 bits",
    ),
    "null id": (
        {"member_id": ["m1", None, "m3", "m4"]},
        "row 2, column `member_id`: no member id",
    ),
    "empty id": (
        {"member_id": ["m1", "m2", "", "m4"]},
        "row 3, column `member_id`: no member id",
    ),
    "id twice": (
        {"member_id": [5, 9, 7, 9]},
        "row 4: member id `9` appears twice, first in members.FORMAT: row 2",
    ),
    "days for a code": (
        {"sex": [None, date(2020, 1, 1), None, None]},
        "row 2, column `sex`: `2020-01-01` is not a code",
    ),
    "lists for a code": (
        {"sex": [["M"], ["F"], None, None]},
        "row 1, column `sex`: lists of answers, but the attribute's type is single",
    ),
    "bytes for a code": ({"sex": BYTES}, "row 1, column `sex`: bytes, not text"),
    "a table for a code": (
        {"sex": [{"a": 1}] * 4},
        "row 1, column `sex`: a column of type `struct` cannot hold answers",
    ),
    "a number for a date": (
        {"dob": [None, 1990, 1991, None]},
        "row 2, column `dob`: `1990` is not a date (YYYY-MM-DD)",
    ),
    "a day that never was": (
        {"dob": ["1990-01-01", "1990-02-30", None, None]},
        "row 2, column `dob`: `1990-02-30` is not a date (YYYY-MM-DD)",
    ),
    "a day out of reach": (
        {"dob": far_away("us")},
        "row 4, column `dob`: a date outside the years 1 to 9999",
    ),
    "a day before year 1": (
        {"dob": pa.array([0, -800_000, 1, None], pa.int32()).cast(pa.date32())},
        "row 2, column `dob`: a date outside the years 1 to 9999",
    ),
    "lists of lists": (
        {"pets": [[["cat"]], [], None, None]},
        "row 1, column `pets`: a column of type `list of list of string` cannot hold answers",
    ),
    "lists of bytes": (
        {"pets": [[b"cat"], [], None, None]},
        "row 1, column `pets`: bytes, not text",
    ),
}
LAYOUTS: dict[str, Callable[[pa.Table, Path], None]] = {
    "parquet": lambda table, path: pq.write_table(table, path),
    "arrow": lambda table, path: write_arrow(table, path),
}


def write_arrow(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, 2)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("columns", "why"), COLUMNS.values(), ids=COLUMNS)
def test_members_at_fault(columns: dict[str, Any], why: str, layout: str, here: Path) -> None:
    put_panel(here, edited("members.parquet", f"members.{layout}"))
    LAYOUTS[layout](pa.table({**MEMBERS, **columns}), here / f"members.{layout}")
    put(here, "payload.json", ASKS_ALL)
    why = why.replace("FORMAT", layout)
    assert_refused(f"members.{layout}: {why}", here, "payload.json")


ASKS_ALL = {
    "id": "1",
    "status": "OPEN",
    "cells": [
        {"tag": "1", "kind": "ANSWERED", "attribute_id": "1"},
        {"tag": "2", "kind": "ANSWERED", "attribute_id": "80"},
        {"tag": "3", "kind": "ANSWERED", "attribute_id": "45"},
        {"tag": "4", "kind": "ANSWERED", "attribute_id": "9"},
        {"tag": "5", "kind": "ANSWERED", "attribute_id": "8"},
    ],
    "filters": [[{"cells": [each]} for each in "12345"]],
}
"""A Dynata opportunity that asks for every attribute of the panel."""

NUMBERS = {
    "text": (["1", "", None, "abc"], "row 4, column `income`: `abc` is not a number"),
    "a comma": (["1,000", "1", "2", "3"], "row 1, column `income`: `1,000` is not a number"),
    "truth": ([None, True, False, None], "row 2, column `income`: `true` is not a number"),
    "a day": ([date(2020, 1, 1)] * 4, "row 1, column `income`: `2020-01-01` is not a number"),
    "a time": ([datetime(2020, 1, 1)] * 4, "row 1, column `income`: `2020-01-01` is not a number"),
    "infinity": (
        [1.0, float("inf"), 2.0, 3.0],
        "row 2, column `income`: `inf` is not a finite number",
    ),
    "bytes": ([b"1"] * 4, "row 1, column `income`: bytes, not text"),
}


@pytest.mark.parametrize(("column", "why"), NUMBERS.values(), ids=NUMBERS)
def test_what_is_not_a_number(column: list[Any], why: str, here: Path) -> None:
    put_panel(here, members={**MEMBERS, "income": column})
    put(here, "payload.json", ASKS_ALL)
    assert_refused(f"members.parquet: {why}", here, "payload.json")


def test_columns_that_stand_twice(here: Path) -> None:
    table = pa.table(MEMBERS)
    twice = pa.table([*table.columns, table["sex"]], [*table.column_names, "sex"])
    put_panel(here, members=twice)
    put(here, "payload.json", GOOD)
    assert_refused("members.parquet: the column `sex` appears twice", here, "payload.json")


def test_a_file_without_columns(here: Path) -> None:
    put_panel(here, members=pa.table({"member_id": ["m1"]}).select([]))
    put(here, "payload.json", GOOD)
    expected = (
        "members.parquet: no column `dob` (attributes.age), `children` (attributes.children), "
        "`sex` (attributes.gender), `income` (attributes.income), `pets` (attributes.pets) "
        "and 2 more, which panel.toml names"
    )
    assert_refused(expected, here, "payload.json")


def test_files_that_are_damaged(here: Path) -> None:
    put(here, "payload.json", GOOD)
    put_panel(here)
    whole = (here / "members.parquet").read_bytes()
    middle = bytearray(whole)
    middle[4:200] = b"\xff" * 196
    for content, why in {
        b"": "cannot be read: parquet file size is 0 bytes",
        whole[:-30]: "cannot be read: parquet magic bytes not found in footer. Either the file is "
        "corrupted or this is not a parquet file",
    }.items():
        put(here, "members.parquet", content)
        assert_refused(f"members.parquet: {why}", here, "payload.json")
    put(here, "members.parquet", bytes(middle))
    result = match("payload.json")
    assert result.status == 2
    assert result.err.startswith("matcher: members.parquet: column `dob`: row 1 or after: ")
    assert result.err.count("\n") == 1
    assert "out.parquet" not in listing(here)


def test_a_folder_of_files_with_different_columns(here: Path) -> None:
    put(here, "payload.json", GOOD)
    put_panel(here, edited("members.parquet", "members"))
    (here / "members").mkdir()
    more = {**MEMBERS, "member_id": ["n1", "n2", "n3", "n4"]}
    pq.write_table(pa.table(MEMBERS), here / "members" / "a.parquet")
    for columns, why in (
        ({"member_id": more["member_id"], "sx": MEMBERS["sex"]}, "no column `dob`"),
        ({**MEMBERS, "sex": None}, None),
        (
            {**more, "member_id": [1, 2, 3, 4]},
            "row 1, column `member_id`: ids are int64, but string in the first file",
        ),
        (
            {**more, "member_id": ["n1", "n2", "m2", "n4"]},
            "row 3: member id `m2` appears twice, first in members/a.parquet: row 2",
        ),
    ):
        kept = {name: column for name, column in columns.items() if column is not None}
        pq.write_table(pa.table(kept), here / "members" / "b.parquet")
        assert_refused(f"members/b.parquet: {why or 'no column `sex`'}", here, "payload.json")


def test_what_other_programs_leave_in_a_folder_is_not_read(here: Path) -> None:
    put(here, "payload.json", GOOD)
    put_panel(here, edited("members.parquet", "members"))
    for name in ("_SUCCESS.csv", ".members.parquet", "notes.txt", "inner/more.csv", "x.csv/y"):
        put(here, f"members/{name}", "not members")
    pq.write_table(pa.table(MEMBERS), here / "members" / "a.parquet")
    assert match("payload.json").status == 0


def eligible(here: Path) -> list[str]:
    result = match("payload.json")
    assert (result.status, "error" in result.err) == (0, False)
    found: list[str] = pq.read_table(here / "out.parquet")["member_id"].to_pylist()
    return found


ODD_CSV = {
    "plain": HEADER + "m1,M,,,,00031,\nm2,F,,,,31,\n",
    "CRLF": HEADER.replace("\n", "\r\n") + "m1,M,,,,00031,\r\nm2,F,,,,31,\r\n",
    "CR alone": HEADER.replace("\n", "\r") + "m1,M,,,,00031,\rm2,F,,,,31,\r",
    "no line break at the end": HEADER + "m1,M,,,,00031,\nm2,F,,,,31,",
    "blank lines": HEADER + "\nm1,M,,,,00031,\n\n\nm2,F,,,,31,\n\n",
    "byte order mark": "\ufeff" + HEADER + "m1,M,,,,00031,\nm2,F,,,,31,\n",
    "quotes": HEADER.replace("zip", '"zip"') + '"m1","M",,,,"00031",\nm2,F,,,,"31",\n',
    "a line break in quotes": HEADER + 'm1,"M\nF",,,,00031,\nm2,F,,,,31,\n',
    "a line break in a name": HEADER.replace("zip", 'zip,"no\nte"')
    + "m1,M,,,,00031,,\nm2,F,,,,31,,\n",
    "another column twice": HEADER.replace("\n", ",x,x\n") + "m1,M,,,,00031,,1,2\n",
}


@pytest.mark.parametrize("content", ODD_CSV.values(), ids=ODD_CSV)
def test_csv_is_read_as_text(content: str, here: Path) -> None:
    """A code with leading zeros is not a number."""
    put_panel(here, edited("members.parquet", "members.csv"))
    put(here, "members.csv", content)
    cell = {"tag": "zip", "kind": "VALUE", "attribute_id": "8", "value": "00031"}
    put(
        here,
        "payload.json",
        {**ADULT_MEN, "cells": [cell], "filters": [[{"cells": ["zip"]}]], "quotas": []},
    )
    assert eligible(here) == ["m1"]


def test_parquet_text_stays_text(here: Path) -> None:
    cell = {"tag": "zip", "kind": "VALUE", "attribute_id": "8", "value": "00031"}
    put_panel(here)
    put(
        here,
        "payload.json",
        {**ADULT_MEN, "cells": [cell], "filters": [[{"cells": ["zip"]}]], "quotas": []},
    )
    assert eligible(here) == ["m1"]


@pytest.mark.parametrize("ending", ["\n", ""])
def test_a_panel_without_members(ending: str, here: Path) -> None:
    put(here, "payload.json", GOOD)
    put_panel(here, members=pa.table(MEMBERS).slice(0, 0))
    assert eligible(here) == []
    put_panel(here, edited("members.parquet", "members.csv"))
    put(here, "members.csv", HEADER.strip() + ending)
    assert eligible(here) == []


HTML = "<!DOCTYPE html>\n<html><body>502 Bad Gateway</body></html>"
ERROR = '{"error": {"code": 404, "message": "no such collection"}}'
NO_LIST = "holds a JSON object, as errors are answered, and no list"
COLLECTIONS: dict[str, dict[str | bytes, str]] = {
    "dynata/collection/7.txt": {
        b"10001\n\xff\n": "not UTF-8 text at byte 7",
        HTML: "holds HTML or XML",
        f"10001\n{HTML}": "holds HTML or XML",
        ' <?xml version="1.0"?><error/>': "holds HTML or XML",
        ERROR: NO_LIST,
        f"10001\n{ERROR}": "holds JSON after the first line",
        '["10001", "200': "JSON that cannot be read: unexpected end of data",
        '[{"error": "no"}]': "element 0 is neither a text or number nor an object with `value`",
        '["10001", null]': "element 1 is neither a text or number nor an object with `value`",
        "[true]": "element 0 is neither a text or number nor an object with `value`",
        "404 Not Found\n": "holds `404 Not Found`",
        "null": "holds `null`",
        "\0\0": "not text",
    },
    "dynata/invite/7.csv": {
        "id,expiration\nm1,\n": "no column `respondent_id`",
        "m1\nm2\n": "no column `respondent_id`",
        HTML: "holds HTML or XML",
        f"respondent_id,expiration\nm1,\n{HTML}": "holds HTML or XML",
        ERROR: NO_LIST,
        '[{"respondent_id": "m1", "expi': "JSON that cannot be read: unexpected end of data",
        '[{"message": "no"}]': "element 0 is neither a text or number nor an object with",
        '["m1,2026-12-01"]': "`m1,2026-12-01` is no id",
        '[{"respondent_id": "m1", "expiration": "soon"}]': "expiration `soon` is not a date and",
        "respondent_id,expiration\nm1,soon\n": "expiration `soon` is not a date and time",
        "respondent_id,expiration\nm1,\nm2": "line 3 is cut off",
        "Unauthorized": "holds `Unauthorized`",
    },
    "toluna/recontact/7.json": {
        '{"MemberCodes": [null]}': "element 0 is neither a text or number nor an object with",
        '{"MemberCodes": "m1"}': "no list `MemberCodes`",
        ERROR: "no list `MemberCodes`",
        '[{"MemberCodes": ["m1"]}, {"Message": "no"}]': "no list `MemberCodes`",
        '{"MemberCodes": ["m1", "': "JSON that cannot be read: unexpected end of data",
        HTML: "holds HTML or XML",
        "m1": "JSON that cannot be read: unexpected character",
    },
}
ASKING: dict[str, dict[str, Any]] = {
    "dynata/collection": {"kind": "COLLECTION", "attribute_id": "8", "collection": "7"},
    "dynata/invite": {"kind": "INVITE_COLLECTIONS", "invite_collections": ["7"]},
}


def put_asking(here: Path, name: str, content: str | bytes) -> None:
    """Two surveys that ask for a collection in a filter, plain and, of Dynata, negated."""
    put_panel(here, PANEL + '[collections]\nfolder = "lists"')
    (here / "lists").mkdir(exist_ok=True)
    put(here / "lists", name, content)
    if name.startswith("toluna"):
        quota = {"QuotaID": 7, "EstimatedCompletesRemaining": 1, "Layers": []}
        wave = {"WaveID": 2, "IsSurveyRecontact": True, "Quotas": [quota]}
        put(here, "payload.json", {"Surveys": [{"SurveyID": n, **wave} for n in (1, 2)]})
        return
    asking = ASKING[name.rpartition("/")[0]]
    surveys: list[dict[str, Any]] = [
        {**ADULT_MEN, "id": number, "filters": [[{"cells": ["c"]}]], "quotas": []}
        | {"cells": [{"tag": "c", "negate": bool(number), **asking}]}
        for number in (0, 1)
    ]
    put(here, "payload.json", surveys)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [(name, each, why) for name, all_ in COLLECTIONS.items() for each, why in all_.items()],
)
def test_what_is_no_collection_counts_as_not_downloaded(
    name: str, content: str | bytes, why: str, here: Path
) -> None:
    """It is reported once, the work goes on, and nobody is admitted or kept out by it."""
    put_asking(here, name, content)
    said = f"lists/{name}: {why}"
    result = command("count", "payload.json", "--panel", "panel.toml", "--as-of", AS_OF, "--json")
    found = json.loads(result.out)
    assert result.status == 0
    everyone = found["members"]
    assert [(each["eligible"], each["uncertain"]) for each in found["surveys"]] == [
        (0, everyone)
    ] * 2
    reported = [each for each in found["diagnostics"] if each["code"] == "collection-unreadable"]
    assert [each["message"].startswith(said) for each in reported] == [True]
    assert reported[0]["hint"] == "download it again"
    assert "collection-missing" not in {each["code"] for each in found["diagnostics"]}
    survey = found["surveys"][0]["survey"]
    for rest in (["match", "--output", "out.parquet"], ["lint"], ["explain", "--member", "m1"]):
        options = ["--survey", survey] if rest[0] == "explain" else []
        given = [rest[0], "payload.json", "--panel", "panel.toml", *rest[1:], *options]
        result = command(*given)
        assert result.status == 0
        assert (result.out + result.err).count(said) == 1
    panel = profiles.open_panel("panel.toml", as_of=AS_OF)
    plan = matcher.compile(matcher.load_surveys("payload.json", panel.mapping))
    answer = matcher.Router(plan).match({"member_id": "m1"})
    assert (len(answer.eligible), len(answer.uncertain_surveys(9))) == (0, 2)


COLLECTIONS_IN_JSON: dict[str, list[str]] = {
    "dynata/collection/7.txt": [
        '["00031", 10115]',
        '[{"value": "00031"}, {"value": 10115, "id": 1}]',
        " [31, 10115]".replace("31", '"00031"'),
        "00031\r\n10115",
    ],
    "dynata/invite/7.csv": [
        "respondent_id,expiration\nm1,1861920000\nm2,1577836800\n",
        "respondent_id,expiration\nm1,1861920000000\nm2,1577836800000.0\n",
        " Expiration , Respondent_ID \n2029-01-01,m1\n20200101,m2\n\n",
        '[{"respondent_id": "m1", "expiration": 1861920000000}]',
        '[{"respondent_id": "m1", "expiration": null}, {"respondent_id": "m2", "expiration": 1}]',
        '["m1"]',
        '["id,respondent_id,expiration", "1,m1,2029-01-01T00:00:00Z", "2,m2,1577836800", ""]',
    ],
    "toluna/recontact/7.json": ['["m1"]', '[{"MemberCode": "m1"}]', '{"MemberCodes": ["m1"]}'],
}


@pytest.mark.parametrize(
    ("name", "content"),
    [(name, each) for name, all_ in COLLECTIONS_IN_JSON.items() for each in all_],
)
def test_collections_in_other_forms(name: str, content: str, here: Path) -> None:
    put_asking(here, name, content)
    result = match("payload.json")
    assert (result.status, "unreadable" in result.err) == (0, False)
    assert "collection-" not in result.err
    table = pq.read_table(here / "out.parquet").to_pylist()
    first = min(row["survey_id"] for row in table)
    assert [row["member_id"] for row in table if row["survey_id"] == first] == ["m1"]
