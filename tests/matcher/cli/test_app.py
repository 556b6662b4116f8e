"""The command line: what goes where, how it ends, and what it leaves behind."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from matcher.cli.interrupts import tell_unless_interrupt
from tests.support.commandline import (
    ADULT_MEN,
    AS_OF,
    INTERRUPTED,
    MEMBERS,
    PANEL,
    command,
    finish,
    listing,
    process,
    put,
    put_panel,
)
from tests.support.corpus import ROOT

DEMO = ROOT / "fixtures" / "demo"
DEMO_ARGUMENTS: list[str | Path] = [
    DEMO / "payloads",
    "--panel",
    DEMO / "panel.toml",
    "--as-of",
    AS_OF,
]
COMMON = ("--panel", "panel.toml", "--as-of", AS_OF)
BROKEN = {**ADULT_MEN, "id": "2", "filters": [[{"cells": ["nothing"]}]]}
CLOSED = {**ADULT_MEN, "id": "3", "status": "CLOSED"}
TOLUNA = {
    "SurveyID": 7,
    "WaveID": 8,
    "Quotas": [
        {
            "QuotaID": 70,
            "EstimatedCompletesRemaining": 2,
            "Layers": [
                {
                    "SubQuotas": [
                        {
                            "SubQuotaID": 71,
                            "CurrentCompletes": 1,
                            "MaxTargetCompletes": 2,
                            "QuestionsAndAnswers": [
                                {"QuestionID": 1001538, "AnswerIDs": [2006352, 2006361]}
                            ],
                        }
                    ]
                }
            ],
        }
    ],
}
RFG = {"pid": "9", "state": 2, "datapoints": [{"name": "Gender", "values": [2]}], "quotas": []}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a panel and a payload of one open survey."""
    monkeypatch.chdir(tmp_path)
    put_panel(tmp_path)
    put(tmp_path, "payload.json", ADULT_MEN)
    put(tmp_path, "all.json", [ADULT_MEN, BROKEN, CLOSED])
    return tmp_path


SEE_HELP = "--help lists what there is"
HOW = "first, most-open, scarcest, balanced"
USAGE: dict[str, str] = {
    "cuont": "no command `cuont`; did you mean `count`?",
    "xyz": f"no command `xyz`; {SEE_HELP}",
    "--json": f"no command `--json`; {SEE_HELP}",
    "match": "match: no payload is given; --help shows how",
    "count --panel panel.toml": "count: no payload is given; --help shows how",
    "match payload.json": "match: `--panel` is missing",
    "count payload.json": "count: `--panel` is missing",
    "count payload.json --panel": "`--panel` needs a value",
    "count payload.json --panell panel.toml": "no flag `--panell`; did you mean `--panel`?",
    "count payload.json --panel panel.toml --asof 2026-01-01": (
        "no flag `--asof`; did you mean `--as-of`?"
    ),
    "count payload.json --panel panel.toml -x": f"no flag `-x`; {SEE_HELP}",
    "count payload.json --panel panel.toml --no-json": (
        "no flag `--no-json`; did you mean `--json`?"
    ),
    "count payload.json --panel panel.toml --json=maybe": "`--json` takes no value",
    "count payload.json --panel panel.toml --json yes": (
        "`yes` is out of place: payloads stand together, before or after the flags"
    ),
    "count payload.json --panel panel.toml --panel panel.toml": "`--panel` is given twice",
    "count payload.json --panel panel.toml --as-of 2026-13-01": (
        "`--as-of`: `2026-13-01` is not a date (YYYY-MM-DD)"
    ),
    "count payload.json --panel panel.toml --as-of today": (
        "`--as-of`: `today` is not a date (YYYY-MM-DD)"
    ),
    "count payload.json --panel panel.toml --choose frist": (
        f"`--choose`: `frist` is none of {HOW}; did you mean `first`?"
    ),
    "count payload.json --panel panel.toml --choose x": f"`--choose`: `x` is none of {HOW}",
    "count payload.json --panel panel.toml --seed x": "`--seed`: `x` is not a whole number",
    "count payload.json --panel panel.toml --seed 1.5": "`--seed`: `1.5` is not a whole number",
    "match payload.json --panel panel.toml --max-surveys-per-member 0": (
        "`--max-surveys-per-member 0`: must be at least 1"
    ),
    "match payload.json --panel panel.toml --max-surveys-per-member x": (
        "`--max-surveys-per-member`: `x` is not a whole number"
    ),
    "count payload.json --panel panel.toml --workers 0": "`--workers 0`: must be at least 1",
    "count payload.json --panel panel.toml --workers -3": "`--workers -3`: must be at least 1",
    "count payload.json --panel panel.toml --workers=x": "`--workers`: `x` is not a whole number",
    "count payload.json --panel panel.toml --marketplace dynta": (
        "no marketplace `dynta`; did you mean `dynata`?"
    ),
    "count payload.json --panel panel.toml --marketplace toluna": (
        "payload.json: no survey found: at /SurveyID: missing (and 1 more)"
    ),
    "count payload.json --panel panel.toml -o x.parquet": f"no flag `-o`; {SEE_HELP}",
    "count payload.json --panel nope.toml": "nope.toml: no such panel file",
    "count nope.json --panel panel.toml": "nope.json: no such file",
    "count payload.json - --panel panel.toml": "standard input: not JSON: empty",
    "count --panel panel.toml -- --quiet": "--quiet: no such file",
    "match payload.json --panel panel.toml -o": "`-o` needs a value",
    "match payload.json --panel panel.toml -o -": "-: the output must be a .parquet file",
    "match payload.json --panel panel.toml -o out.csv": (
        "out.csv: the output must be a .parquet file"
    ),
    "match payload.json --panel panel.toml -o .": ".: the output must be a .parquet file",
    "match payload.json --panel panel.toml -o no/out.parquet": (
        "no/out.parquet: no such folder `no`"
    ),
    "match payload.json --panel panel.toml -o panel.toml/out.parquet": (
        "panel.toml/out.parquet: no such folder `panel.toml`"
    ),
    "match payload.json --panel panel.toml -o folder.parquet": (
        "folder.parquet: cannot be written: it is a folder"
    ),
    "match payload.json --panel panel.toml -o members.parquet": (
        "members.parquet: the output would replace the panel's members"
    ),
    "match payload.json --panel panel.toml -o a.parquet -o b.parquet": "`-o` is given twice",
    f"match payload.json --panel panel.toml -o {'x' * 300}.parquet": (
        f"{'x' * 300}.parquet: cannot be written: file name too long"
    ),
}


@pytest.mark.parametrize("line", USAGE)
def test_a_command_that_cannot_be_done_says_why_in_one_line(line: str, here: Path) -> None:
    (here / "folder.parquet").mkdir()
    before = listing(here)
    result = command(*line.split())
    assert (result.status, result.out, result.err) == (2, "", f"matcher: {USAGE[line]}\n")
    assert listing(here) == before


@pytest.mark.parametrize("line", ["", "--help", "match --help", "count -h", "lint --help"])
def test_help_goes_to_standard_output(line: str) -> None:
    result = command(*line.split())
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith("Usage: matcher")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.usefixtures("here")
def test_a_place_that_takes_no_files() -> None:
    result = command("match", "payload.json", *COMMON, "-o", "/proc/out.parquet")
    expected = "/proc/out.parquet: cannot be written: no such file or directory"
    assert (result.status, result.err) == (2, f"matcher: {expected}\n")


@pytest.mark.parametrize("name", ["match", "count"])
@pytest.mark.parametrize(
    ("payload", "flags", "status"),
    [
        ("payload.json", [], 0),
        ("payload.json", ["--strict"], 0),
        ("all.json", [], 0),
        ("all.json", ["--strict"], 1),
        ("all.json", ["--strict", "--json"], 1),
        ("all.json", ["--strict", "--quiet"], 1),
    ],
)
def test_exit_status(name: str, payload: str, flags: list[str], status: int, here: Path) -> None:
    """0 done; 1 done, with surveys set aside under --strict."""
    assert command(name, payload, *COMMON, *flags).status == status
    assert listing(here) == ["all.json", "members.parquet", "panel.toml", "payload.json"]


@pytest.mark.usefixtures("here")
def test_tables_go_to_standard_output_and_findings_to_standard_error() -> None:
    match = command("match", "all.json", *COMMON)
    lines = match.out.splitlines()
    assert lines[0].split() == [
        *("survey", "status", "eligible", "uncertain", "quotas", "seats", "fillable")
    ]
    assert [line.split()[:5] for line in lines[1:4]] == [
        ["dynata:1", "open", "3", "1", "2/2"],
        ["dynata:3", "closed", "-", "-", "2/2"],
        ["dynata:2", "rejected", "-", "-", "-"],
    ]
    assert lines[5].startswith(
        "4 members · 1 survey open, 1 closed, 1 rejected · 3 eligible pairs · "
    )
    assert match.err.startswith(
        "error: all.json /1 dynata:2 /filters/0/0/cells/0: no cell has the tag `nothing` "
        "[undefined-tag]\n"
    )


@pytest.mark.usefixtures("here")
def test_count_shows_each_quota() -> None:
    lines = command("count", "all.json", *COMMON).out.splitlines()
    assert lines[1].split() == ["dynata:1", "open", "3", "1"]
    assert lines[2].split() == ["q1", "open", "1", "3", "0.3"]
    assert lines[3].split() == ["q2", "open", "3", "5", "0.6"]


@pytest.mark.parametrize("name", ["match", "count"])
@pytest.mark.usefixtures("here")
def test_quiet_says_only_what_is_wrong(name: str) -> None:
    assert command(name, "payload.json", *COMMON, "--quiet").err == ""
    result = command(name, "all.json", *COMMON, "--quiet")
    assert result.out == ""
    assert [line.partition(" ")[0] for line in result.err.splitlines()] == ["error:"]


@pytest.mark.parametrize("name", ["match", "count"])
@pytest.mark.usefixtures("here")
def test_the_json_document(name: str) -> None:
    """The keys of the interface, with what was added to them since."""
    result = command(name, "all.json", *COMMON, "--json")
    assert (result.status, result.err) == (0, "")
    document = result.document
    assert list(document) == ["as_of", "members", "surveys", "diagnostics"]
    assert (document["as_of"], document["members"]) == (AS_OF, 4)
    assert document["surveys"] == [
        {
            "survey": "dynata:1",
            "status": "open",
            "eligible": 3,
            "uncertain": 1,
            "given": 3,
            "quotas": [
                {"ids": ["q1"], "matched": 1, "assigned": 1, "remaining": 3, "open": True},
                {"ids": ["q2"], "matched": 3, "assigned": 2, "remaining": 5, "open": True},
            ],
        },
        {
            "survey": "dynata:3",
            "status": "closed",
            "eligible": 0,
            "uncertain": 0,
            "given": 0,
            "quotas": [
                {"ids": ["q1"], "matched": 1, "assigned": 0, "remaining": 3, "open": True},
                {"ids": ["q2"], "matched": 3, "assigned": 0, "remaining": 5, "open": True},
            ],
        },
        {
            "survey": "dynata:2",
            "status": "rejected",
            "eligible": 0,
            "uncertain": 0,
            "given": 0,
            "quotas": [],
        },
    ]
    errors = [each for each in document["diagnostics"] if each["level"] == "error"]
    assert errors == [
        {
            "level": "error",
            "code": "undefined-tag",
            "survey": "dynata:2",
            "pointer": "/filters/0/0/cells/0",
            "message": "no cell has the tag `nothing`",
            "hint": "",
            "file": "all.json",
            "at": "/1",
        }
    ]
    assert {each["level"] for each in document["diagnostics"]} == {"error", "info"}


@pytest.mark.parametrize("nothing", ["[]", '{"Surveys": []}'])
@pytest.mark.parametrize("where", ["now.json", "now.jsonl", "now", "-"])
def test_nothing_on_offer_takes_the_place_of_yesterday(
    nothing: str, where: str, here: Path
) -> None:
    """In a file, a folder or standard input: an empty result, not an error."""
    (here / "now").mkdir()
    for name in ("now.json", "now.jsonl", "now/0.json"):
        put(here, name, nothing)
    assert command("match", "payload.json", *COMMON, "-o", "out.parquet").status == 0
    before = pq.read_table("out.parquet")
    flags = [where, *COMMON, "-o", "out.parquet", "--json"]
    match = command("match", *flags, stdin=nothing.encode())
    assert match.status == 0
    assert json.loads(match.out)["surveys"] == []
    after = pq.read_table("out.parquet")
    assert (before.num_rows > 0, after.num_rows, after.schema) == (True, 0, before.schema)
    for name in ("count", "lint"):
        assert command(name, where, *COMMON, stdin=nothing.encode()).status == 0


def test_the_parquet_file(here: Path) -> None:
    """A row for each pair of member and survey, by member and then survey."""
    put(here, "toluna.json", {"Surveys": [TOLUNA]})
    put(here, "rfg.json", {"response": RFG})
    payloads = ["payload.json", "toluna.json", "rfg.json"]
    result = command("match", *payloads, *COMMON, "-o", "out.parquet", "--uncertain", "--json")
    assert result.status == 0
    assert result.document["members"] == 4
    names = pa.dictionary(pa.int32(), pa.string())
    table = pq.read_table(here / "out.parquet")
    assert table.schema.remove_metadata() == pa.schema(
        [
            ("member_id", pa.string()),
            ("marketplace", names),
            ("survey_id", names),
            ("quota_ids", pa.list_(pa.string())),
            ("verdict", names),
        ]
    )
    assert [tuple(row.values()) for row in table.to_pylist()] == [
        ("m1", "dynata", "1", ["q1"], "eligible"),
        ("m2", "dynata", "1", ["q2"], "eligible"),
        ("m2", "toluna", "7/8", ["70", "71"], "eligible"),
        ("m2", "rfg", "9", [], "eligible"),
        ("m3", "dynata", "1", ["q2"], "uncertain"),
        ("m3", "toluna", "7/8", ["70", "71"], "uncertain"),
        ("m3", "rfg", "9", [], "eligible"),
        ("m4", "dynata", "1", ["q2"], "eligible"),
        ("m4", "toluna", "7/8", ["70", "71"], "eligible"),
        ("m4", "rfg", "9", [], "uncertain"),
    ]


def test_members_are_given_the_surveys_that_pay_best(here: Path) -> None:
    """Eligible before uncertain, then by price per expected minute, then in payload order."""
    put(here, "toluna.json", TOLUNA | {"Price": {"Amount": 9}, "IR": 50, "LOI": 10})
    put(here, "rfg.json", RFG | {"cpi": "$3.00", "ir": 50, "lengthOfInterview": 3})
    payloads = ["payload.json", "toluna.json", "rfg.json"]
    flags = ["-o", "out.parquet", "--uncertain", "--max-surveys-per-member", "1"]
    result = command("match", *payloads, *COMMON, *flags, "--json")
    rows = pq.read_table(here / "out.parquet").to_pylist()
    assert [(row["member_id"], row["marketplace"], row["verdict"]) for row in rows] == [
        ("m1", "dynata", "eligible"),
        ("m2", "rfg", "eligible"),
        ("m3", "rfg", "eligible"),
        ("m4", "toluna", "eligible"),
    ]
    surveys = result.document["surveys"]
    assert [(each["eligible"], each["given"]) for each in surveys] == [(3, 1), (2, 1), (2, 2)]
    assert [each["assigned"] for each in surveys[0]["quotas"]] == [1, 0]
    output = command("match", *payloads, *COMMON, "--max-surveys-per-member", "1").out
    assert "7 eligible pairs, 4 given at 1 survey a member" in output


@pytest.mark.parametrize(
    ("ids", "written"),
    [
        (pa.array(["a", "b", "c", "d"]), pa.string()),
        (pa.array(["a", "b", "c", "d"], pa.large_string()), pa.large_string()),
        (pa.array(["a", "b", "c", "d"]).dictionary_encode(), pa.string()),
        (pa.array([4, 3, 2, 1]), pa.int64()),
        (pa.array([4, 3, 2, 1], pa.int16()), pa.int64()),
        (pa.array([4, 3, 2, 1], pa.uint64()), pa.int64()),
    ],
)
def test_member_ids_are_as_in_the_panel(ids: pa.Array, written: pa.DataType, here: Path) -> None:
    put_panel(here, members={**MEMBERS, "member_id": ids})
    assert command("match", "payload.json", *COMMON, "-o", "out.parquet").status == 0
    found = pq.read_table(here / "out.parquet")["member_id"]
    assert found.type == written
    assert found.to_pylist() == [ids.to_pylist()[place] for place in (0, 1, 3)]


def test_no_rows_make_a_file_too(here: Path) -> None:
    put(here, "closed.json", CLOSED)
    assert command("match", "closed.json", *COMMON, "-o", "out.parquet").status == 0
    assert pq.read_table(here / "out.parquet").num_rows == 0


@pytest.mark.usefixtures("here")
def test_standard_input_is_a_payload() -> None:
    one = json.dumps(ADULT_MEN).encode()
    two = json.dumps({**ADULT_MEN, "id": "two"}).encode()
    for written, names in (
        (one, ["dynata:1"]),
        (b"[" + one + b"," + two + b"]", ["dynata:1", "dynata:two"]),
        (one + b"\n" + two + b"\n", ["dynata:1", "dynata:two"]),
    ):
        result = command("count", "-", *COMMON, "--json", stdin=written)
        assert [each["survey"] for each in result.document["surveys"]] == names
    assert command("lint", "-", stdin=one).status == 0


def test_payloads_may_stand_after_the_flags(here: Path) -> None:
    put(here, "more/two.JSON", {**ADULT_MEN, "id": "two"})
    result = command("count", *COMMON, "--json", "payload.json", "more")
    names = [each["survey"] for each in result.document["surveys"]]
    assert names == ["dynata:1", "dynata:two"]


def test_the_marketplace_can_be_named(here: Path) -> None:
    put(here, "bare.json", {"id": "5", "status": "OPEN"})
    assert command("count", "bare.json", *COMMON).status == 2
    result = command("count", "bare.json", *COMMON, "--marketplace", "dynata", "--json")
    assert [each["survey"] for each in result.document["surveys"]] == ["dynata:5"]


def test_what_others_wrote_cannot_command_a_terminal(here: Path) -> None:
    """Escape sequences, markup and line breaks of a payload are shown, not obeyed."""
    name = "\x1b[31mred\r\n[bold]x[/bold]"
    put(here, "red.json", [{**ADULT_MEN, "id": name}, {**BROKEN, "id": "[/]" + name}])
    for command_name in ("match", "count", "lint"):
        result = command(command_name, "red.json", *COMMON)
        printed = result.out + result.err
        assert printed.count("\\x1b[31mred\\r\\n[bold]x[/bold]") >= 2
        assert all(char.isprintable() or char == "\n" for char in printed)
    document = command("count", "red.json", *COMMON, "--json").document
    assert document["surveys"][0]["survey"] == f"dynata:{name}"


def test_long_names_are_cut_where_people_read(here: Path) -> None:
    put(here, "long.json", [ADULT_MEN, {**BROKEN, "id": "7" * 100_000}])
    result = command("match", "long.json", *COMMON)
    assert max(map(len, (result.out + result.err).splitlines())) < 1_100
    document = command("match", "long.json", *COMMON, "--json").document
    assert len(document["surveys"][1]["survey"]) > 100_000


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes there")
def test_a_file_whose_name_is_no_text(here: Path) -> None:
    name = os.fsdecode(b"\xff.json")
    put(here, name, [ADULT_MEN, BROKEN])
    result = command("count", name, *COMMON, "--json")
    (error,) = [each for each in result.document["diagnostics"] if each["level"] == "error"]
    assert error["file"] == name
    assert "\\udcff.json" in command("count", name, *COMMON).err


def test_a_failing_run_leaves_the_old_file(here: Path) -> None:
    put(here, "out.parquet", "old")
    many = {"member_id": list(range(200_000)), "sex": ["M"] * 199_999 + [None]}
    lacking: dict[str, list[Any]] = {name: [None] * 200_000 for name in MEMBERS if name not in many}
    lacking["dob"] = [*["1990-01-01"] * 199_999, "tomorrow"]
    put_panel(here, members={**many, **lacking})
    before = listing(here)
    result = command("match", "payload.json", *COMMON, "-o", "out.parquet")
    expected = "members.parquet: row 200000, column `dob`: `tomorrow` is not a date (YYYY-MM-DD)"
    assert (result.status, result.err) == (2, f"matcher: {expected}\n")
    assert (here / "out.parquet").read_text() == "old"
    assert listing(here) == before


def test_a_full_disk_leaves_the_old_file(here: Path) -> None:
    put(here, "out.parquet", "old")
    before = listing(here)

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3, 3))

    started = process("match", "payload.json", *COMMON, "-o", "out.parquet", preexec_fn=little_room)
    result = finish(started)
    expected = "out.parquet: cannot be written: file too large"
    assert (result.status, result.err) == (2, f"matcher: {expected}\n")
    assert (here / "out.parquet").read_text() == "old"
    assert listing(here) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_work_leaves_nothing(number: signal.Signals, here: Path) -> None:
    members = 600_000
    rng = np.random.default_rng(7)
    days = rng.integers(0, 20_000, members).astype("datetime64[D]").astype(str)
    rows = "".join(f"m{place},M,{day},,,,\n" for place, day in enumerate(days))
    put_panel(here, PANEL.replace("members.parquet", "members.csv"))
    put(here, "members.csv", "member_id,sex,dob,income,pets,zip,children\n" + rows)
    put(here, "out.parquet", "old")
    before = listing(here)
    started = process("match", "payload.json", *COMMON, "-o", "out.parquet")
    deadline = time.monotonic() + 30
    while listing(here) == before and time.monotonic() < deadline:
        time.sleep(0.001)
    started.send_signal(number)
    result = finish(started)
    assert (result.status, result.err, result.out) == (*INTERRUPTED[number], "")
    assert (here / "out.parquet").read_text() == "old"
    assert listing(here) == before


@pytest.mark.usefixtures("here")
def test_a_reader_that_has_gone() -> None:
    started = process("count", *DEMO_ARGUMENTS, "--json", bufsize=0)
    assert started.stdout is not None
    started.stdout.close()
    started.stdout = None
    result = finish(started)
    assert (result.status, result.err) == (2, "")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
@pytest.mark.usefixtures("here")
def test_standard_output_that_takes_nothing() -> None:
    full = "standard output cannot be written: no space left on device"
    for redirect, expected in ((">/dev/full", full), (">&-", "standard output is closed")):
        shell = ["sh", "-c", f'exec "$0" "$@" {redirect}']
        result = finish(process("count", "payload.json", *COMMON, "--json", wrap=shell))
        assert (result.status, result.err) == (2, f"matcher: {expected}\n")


@pytest.mark.usefixtures("here")
def test_a_table_that_cannot_be_written() -> None:
    """To a full disk, to a closed output, and to a reader that has seen enough."""
    full = "matcher: standard output cannot be written: no space left on device\n"
    closed = "matcher: standard output is closed\n"
    for redirect, expected in ((">/dev/full", full), (">&-", closed), ("| true", "")):
        shell = ["sh", "-c", f'"$0" "$@" {redirect}']
        result = finish(process("count", *DEMO_ARGUMENTS, wrap=shell))
        assert (result.status, result.out) == (0 if "|" in redirect else 2, "")
        assert result.err.endswith(expected)
        assert "Traceback" not in result.err
        assert "Exception" not in result.err


@pytest.mark.usefixtures("here")
def test_letters_that_standard_output_does_not_have_are_replaced() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    result = finish(process("count", *DEMO_ARGUMENTS, env=environment))
    assert result.status == 0
    assert "dynata:20101" in result.out
    assert result.out.isascii()


@pytest.mark.usefixtures("here")
def test_standard_input_that_is_closed() -> None:
    shell = ["sh", "-c", 'exec "$0" "$@" <&-']
    result = finish(process("count", "-", *COMMON, wrap=shell))
    assert (result.status, result.err) == (2, "matcher: standard input is closed\n")


@pytest.mark.parametrize(
    ("fault", "status", "expected"),
    [
        (
            lambda: RuntimeError("boom"),
            2,
            "internal error: RuntimeError: boom (MATCHER_TRACEBACK=1 shows where)",
        ),
        (MemoryError, 2, "out of memory"),
        (KeyboardInterrupt, 130, "interrupted"),
    ],
)
@pytest.mark.usefixtures("here")
def test_no_traceback_gets_out(
    fault: Callable[[], BaseException], status: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise fault()

    monkeypatch.setattr("matcher.cli.inputs.load_surveys", fail)
    result = command("count", "payload.json", *COMMON)
    assert (result.status, result.err) == (status, f"matcher: {expected}\n")


@pytest.mark.parametrize(("kind", "reported"), [(KeyboardInterrupt, 0), (ValueError, 1)])
def test_of_what_python_drops_interrupts_alone_are_not_reported(
    kind: type[BaseException], reported: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []
    monkeypatch.setattr(sys, "__unraisablehook__", seen.append)
    dropped = SimpleNamespace(exc_type=kind)
    tell_unless_interrupt(dropped)
    assert seen == [dropped] * reported


def test_the_demo_says_the_same_twice(tmp_path: Path) -> None:
    documents = []
    for seed in "12":
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        out = tmp_path / f"{seed}.parquet"
        flags: list[str | Path] = ["--json", "--uncertain", "-o", out]
        result = finish(process("match", *DEMO_ARGUMENTS, *flags, env=environment))
        assert (result.status, result.err) == (0, "")
        documents.append((result.out, out.read_bytes()))
    assert documents[0] == documents[1]
    statuses = {each["status"] for each in json.loads(documents[0][0])["surveys"]}
    assert statuses == {"open", "closed", "rejected"}


FROM_PYTHON = """
import matcher, profiles

panel = profiles.open_panel("panel.toml")
surveys = matcher.load_surveys(["payload.json"], panel.mapping)
plan = matcher.compile(surveys)
matches = plan.match(panel)
for match in matches:
    print(match.member_id, match.survey, *match.quota_ids, match.verdict)
print(matches.counts().surveys[0].eligible, list(matches.eligible("dynata:1")))
matches.to_parquet("out.parquet")
print([finding.code for finding in surveys.diagnostics])
"""


def test_from_python(here: Path) -> None:
    line = [sys.executable, "-W", "error", "-c", FROM_PYTHON]
    done = subprocess.run(line, capture_output=True, check=True, text=True)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "m1 dynata:1 q1 eligible",
        "m2 dynata:1 q2 eligible",
        "m4 dynata:1 q2 eligible",
        "3 [0, 1, 3]",
        "['history-not-applied']",
    ]
    assert pq.read_table(here / "out.parquet").num_rows == 3
