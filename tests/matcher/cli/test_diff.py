"""`matcher diff`: what may be compared, what is written and printed, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import matcher
from profiles.panel import open_panel
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
from tests.support.corpus import ROOT

DEMO = ROOT / "fixtures" / "demo"
COMMON = ("--panel", "panel.toml", "--as-of", AS_OF)
BROKEN = {**ADULT_MEN, "id": "2", "filters": [[{"cells": ["nobody"]}]]}
CLOSED = {**ADULT_MEN, "status": "CLOSED"}
MEN_ONLY = {**ADULT_MEN, "filters": [[{"cells": ["adults", "men"]}]]}
"""Takes m2 (a woman) out, and leaves m4 (whose sex is not known) uncertain."""

WOMEN_FIRST = {
    **ADULT_MEN,
    "cells": [
        {"tag": "men", "kind": "VALUE", "attribute_id": "1", "value": "2"},
        ADULT_MEN["cells"][1],
    ],
}
"""The first quota is one of women, by the name of the tag `men`: m1 and m2 change places."""

RETOLD = {
    "status": "OPEN",
    "id": "1",
    "quotas": [
        [
            {"id": "new-1", "cells": ["m"], "count": 3, "status": "OPEN"},
            {"id": "new-2", "cells": [], "count": 5, "status": "OPEN"},
        ]
    ],
    "filters": [[{"cells": ["a"]}]],
    "cells": [
        {"kind": "RANGE", "tag": "a", "range": {"to": 99, "from": 18}, "attribute_id": "80"},
        {"kind": "VALUE", "tag": "m", "attribute_id": 1, "value": "1"},
    ],
}
"""`ADULT_MEN` with other tags, other quota ids, and in another order."""

KEYS = [
    *("as_of", "members", "given", "uncertain", "gained", "lost", "moved", "newly_uncertain"),
    *("unchanged", "surveys", "concentrations", "mapping", "work", "diagnostics"),
]
SURVEY_KEYS = [
    *("survey", "fate", "status", "evaluated", "given", "uncertain", "gained", "lost", "moved"),
    *("newly_uncertain", "quotas", "flows", "renamed", "clauses", "concentrations"),
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a panel and some payloads."""
    monkeypatch.chdir(tmp_path)
    put_panel(tmp_path)
    put(tmp_path, "old.json", ADULT_MEN)
    put(tmp_path, "men.json", MEN_ONLY)
    put(tmp_path, "women.json", WOMEN_FIRST)
    put(tmp_path, "retold.json", RETOLD)
    put(tmp_path, "broken.json", [ADULT_MEN, BROKEN])
    return tmp_path


def diff(*arguments: str | Path, stdin: bytes = b"") -> Result:
    return command("diff", *arguments, *COMMON, stdin=stdin)


def document(*arguments: str | Path, stdin: bytes = b"") -> Any:
    result = diff(*arguments, "--json", stdin=stdin)
    assert (result.status, result.err) == (0, "")
    return result.document


def counts(found: Any) -> tuple[int, int, int, int]:
    return found["lost"], found["gained"], found["moved"], found["newly_uncertain"]


def rows(*arguments: str | Path) -> list[tuple[Any, ...]]:
    assert diff(*arguments, "-o", "changes.parquet").status == 0
    return [tuple(row.values()) for row in pq.read_table("changes.parquet").to_pylist()]


def save_plan(name: str, payload: str, panel: str = "panel.toml") -> str:
    surveys = matcher.load_surveys([payload], open_panel(panel).mapping)
    Path(name).write_bytes(matcher.compile(surveys).to_bytes())
    return name


# --- what may be compared


def test_files_folders_and_standard_input(here: Path) -> None:
    put(here, "before/a.json", ADULT_MEN)
    put(here, "after/b.jsonl", json.dumps(MEN_ONLY))
    expected = counts(document("old.json", "men.json"))
    assert expected == (2, 0, 0, 1)
    assert counts(document("before", "after")) == expected
    assert counts(document("-", "men.json", stdin=json.dumps(ADULT_MEN).encode())) == expected
    assert counts(document("old.json", "-", stdin=json.dumps(MEN_ONLY).encode())) == expected


def test_saved_plans_on_one_side_or_both() -> None:
    old, new = save_plan("old.plan", "old.json"), save_plan("new.plan", "men.json")
    expected = document("old.json", "men.json")
    for sides in (("old.json", new), (old, "men.json"), (old, new)):
        found = document(*sides)
        assert {**found, "diagnostics": {}} == {**expected, "diagnostics": {}}
    assert document(old, "old.json")["surveys"] == []


def test_one_payload_under_another_mapping(here: Path) -> None:
    """The codes of men and women stand the wrong way round."""
    put(here, "other.toml", PANEL.replace('1 = "M", 2 = "F"', '1 = "F", 2 = "M"', 1))
    found = document("old.json", "--panel-new", "other.toml")
    assert counts(found) == (0, 0, 2, 0)
    place = "marketplaces.dynata.attributes.1.answers"
    assert found["mapping"] == [
        {"place": f"{place}.1", "before": "M", "after": "F"},
        {"place": f"{place}.2", "before": "F", "after": "M"},
    ]


def test_another_state_of_the_panel(here: Path) -> None:
    """m4 left, m2 has become a man, m5 joined, and all stand in another order."""
    (here / "later").mkdir()
    put_panel(
        here / "later",
        members={
            **{name: values[1:] + values[:1] for name, values in MEMBERS.items()},
            "member_id": ["m2", "m3", "m5", "m1"],
            "sex": ["M", "F", "F", "M"],
        },
    )
    flags = ("--panel-new", "later/panel.toml")
    found = document("old.json", *flags)
    assert found["members"] == {"before": 4, "after": 4, "joined": 1, "left": 1}
    assert rows("old.json", *flags) == [
        ("m2", "dynata:1", "moved", ["q2"], ["q1"]),
        ("m4", "dynata:1", "lost", ["q2"], None),
        ("m5", "dynata:1", "gained", None, ["q2"]),
    ]
    assert "4 members (1 joined, 1 left)" in diff("old.json", *flags).out


def test_an_index_is_a_panel() -> None:
    assert command("index", "--panel", "panel.toml", "-o", "index").status == 0
    expected = document("old.json", "women.json")
    assert counts(expected) == (0, 0, 2, 0)
    for flags in (
        ("--panel-new", "index"),
        ("--panel-new", "panel.toml"),
    ):
        found = document("old.json", "women.json", *flags)
        assert counts(found) == counts(expected)
        assert found["surveys"] == expected["surveys"]
    result = command(
        "diff", "old.json", "women.json", "--panel", "index", "--as-of", AS_OF, "--json"
    )
    assert result.document["surveys"] == expected["surveys"]


def test_what_is_told_otherwise_has_no_effect() -> None:
    found = document("old.json", "retold.json")
    (survey,) = found["surveys"]
    assert (survey["fate"], survey["evaluated"], found["work"]["evaluated"]) == (
        "no-effect",
        False,
        0,
    )
    assert survey["renamed"] == [
        {"before": ["q1"], "after": ["new-1"]},
        {"before": ["q2"], "after": ["new-2"]},
    ]
    result = diff("old.json", "retold.json", "--max-lost", "0", "--max-moved", "0%")
    assert result.status == 0
    assert result.out.splitlines()[:2] == [
        "nobody is lost, gained or moved",
        "surveys: 1 no effect, 0 unchanged",
    ]


def test_surveys_that_come_go_open_close_or_are_set_aside(here: Path) -> None:
    def named(id_: str, **other: Any) -> Any:
        return {**ADULT_MEN, "id": id_, **other}

    broken = {"filters": [[{"cells": ["nobody"]}]]}
    closed = {"status": "CLOSED"}
    put(
        here,
        "a.json",
        [
            *(named("gone"), named("shut"), named("opens", **closed), named("fails")),
            *(named("heals", **broken), named("still", **broken), named("idle", **closed)),
        ],
    )
    put(
        here,
        "b.json",
        [
            *(named("came"), named("shut", **closed), named("opens"), named("fails", **broken)),
            *(named("heals"), named("still", **broken), named("idle", **closed)),
        ],
    )
    found = document("a.json", "b.json")
    fates = {
        each["survey"]: (each["fate"], each["lost"], each["gained"]) for each in found["surveys"]
    }
    assert fates == {
        "dynata:came": ("added", 0, 3),
        "dynata:shut": ("closed", 3, 0),
        "dynata:opens": ("opened", 0, 3),
        "dynata:fails": ("set-aside", 3, 0),
        "dynata:heals": ("restored", 0, 3),
        "dynata:gone": ("removed", 3, 0),
    }
    assert found["unchanged"] == 2


@pytest.mark.parametrize("how", ["first", "most-open", "scarcest", "balanced"])
def test_seats_move_members_where_quotas_are_chosen_by_them(how: str, here: Path) -> None:
    """Of the adults m1 alone fits both quotas."""
    quotas: Any = ADULT_MEN["quotas"]
    first, second = quotas[0]
    put(here, "seats.json", {**ADULT_MEN, "quotas": [[{**first, "count": 9}, second]]})
    found = document("old.json", "seats.json", "--choose", how)
    assert found["work"]["evaluated"] == (0 if how == "first" else 2)
    if how == "most-open":
        assert rows("old.json", "seats.json", "--choose", how) == [
            ("m1", "dynata:1", "moved", ["q2"], ["q1"])
        ]


def test_uncertain_members_are_given_out_where_asked() -> None:
    assert counts(document("old.json", "men.json", "--uncertain")) == (2, 0, 0, 1)
    changes = rows("old.json", "men.json", "--uncertain")
    assert [(row[0], row[2], row[3], row[4]) for row in changes] == [
        ("m2", "lost", ["q2"], None),
        ("m3", "lost", ["q2"], None),
    ]


# --- what is written and printed


def test_the_document() -> None:
    found = document("old.json", "women.json")
    assert list(found) == KEYS
    (survey,) = found["surveys"]
    assert list(survey) == SURVEY_KEYS
    assert found["as_of"] == AS_OF
    assert found["members"] == {"before": 4, "after": 4, "joined": 0, "left": 0}
    assert survey["quotas"][0] == {
        "before": {"ids": ["q1"], "assigned": 1, "remaining": 3, "open": True},
        "after": {"ids": ["q1"], "assigned": 1, "remaining": 3, "open": True},
        "gained": 0,
        "lost": 0,
        "came": 1,
        "left": 1,
    }
    flows = [tuple(flow.values()) for flow in survey["flows"]]
    assert sorted(flows, key=str) == [
        ("uncertain", "uncertain", 1, True),
        (["q1"], ["q2"], 1, False),
        (["q2"], ["q1"], 1, False),
        (["q2"], ["q2"], 1, True),
    ]
    assert survey["clauses"] == [
        {
            "what": "condition",
            "quota": ["q1"],
            "before": {"pointer": "/cells/0", "text": "attribute 1 (gender) is 1 (M)"},
            "after": {"pointer": "/cells/0", "text": "attribute 1 (gender) is 2 (F)"},
        }
    ]


def test_the_members_who_changed(here: Path) -> None:
    """Interface: member_id, survey, change (gained, lost, moved), before, after."""
    put(here, "two.json", [WOMEN_FIRST, {**ADULT_MEN, "id": "0"}])
    assert rows("old.json", "two.json") == [
        ("m1", "dynata:1", "moved", ["q1"], ["q2"]),
        ("m1", "dynata:0", "gained", None, ["q1"]),
        ("m2", "dynata:1", "moved", ["q2"], ["q1"]),
        ("m2", "dynata:0", "gained", None, ["q2"]),
        ("m4", "dynata:0", "gained", None, ["q2"]),
    ]
    names = pa.dictionary(pa.int32(), pa.string())
    schema = pq.read_schema("changes.parquet").remove_metadata()
    assert schema == pa.schema(
        [
            ("member_id", pa.string()),
            ("survey", names),
            ("change", names),
            ("before", pa.list_(pa.string())),
            ("after", pa.list_(pa.string())),
        ]
    )


def test_nothing_on_offer_any_more_is_all_lost(here: Path) -> None:
    put(here, "nothing.json", {"Surveys": []})
    found = document("old.json", "nothing.json", "-o", "lost.parquet")
    given = found["given"]["before"]
    assert given > 0
    assert counts(found) == (given, 0, 0, 0)
    assert found["given"] == {"before": given, "after": 0}
    assert {each["fate"] for each in found["surveys"]} == {"removed"}
    assert pq.read_table("lost.parquet").num_rows == given
    assert diff("old.json", "nothing.json", "--max-lost", "0").status == 1
    assert diff("nothing.json", "nothing.json", "--max-lost", "0").status == 0
    assert document("nothing.json", "old.json")["given"] == {"before": 0, "after": given}


def test_no_changes_make_a_file_too() -> None:
    assert rows("old.json", "retold.json") == []


def test_member_ids_stand_nowhere_else(here: Path) -> None:
    put_panel(here, members={**MEMBERS, "member_id": ["secret-a", "secret-b", "secret-c", "d"]})
    flags = ("-o", "changes.parquet", "--html", "report.html")
    pytest.importorskip("jinja2")
    for more in ((), ("--json",)):
        result = diff("old.json", "men.json", *flags, *more)
        assert result.status == 0
        assert "secret" not in result.out + result.err
    assert "secret" not in Path("report.html").read_text("utf-8")
    assert pq.read_table("changes.parquet")["member_id"].to_pylist() == ["secret-b", "d"]


def test_the_report_is_the_same_for_any_number_of_workers() -> None:
    pytest.importorskip("jinja2")
    panel = ("--panel", DEMO / "panel.toml", "--as-of", AS_OF)
    made = []
    for workers in ("1", "2"):
        sides = (DEMO / "payloads", DEMO / "changed")
        flags = ("--html", "report.html", "-o", "changes.parquet", "--json", "--workers", workers)
        result = command("diff", *sides, *panel, *flags)
        assert (result.status, result.err) == (0, "")
        changes = pq.read_table("changes.parquet")
        made.append((result.out, Path("report.html").read_bytes(), changes))
    assert made[0] == made[1]


def test_the_report_says_what_was_compared(here: Path) -> None:
    """Without the folders that lead there."""
    pytest.importorskip("jinja2")
    (here / "later").mkdir()
    later = put_panel(here / "later")
    flags = ("--panel-new", later, "--html", "report.html")
    assert diff("-", "men.json", *flags, stdin=json.dumps(ADULT_MEN).encode()).status == 0
    report = Path("report.html").read_text("utf-8")
    assert "standard input on panel.toml" in report
    assert "men.json on later/panel.toml" in report
    assert str(here) not in report


def test_the_planted_change_of_the_demo_is_found_first() -> None:
    """Opportunity 20105 no longer takes the south."""
    flags = ("--panel", DEMO / "panel.toml", "--as-of", AS_OF)
    result = command("diff", DEMO / "payloads", DEMO / "changed", *flags)
    lines = result.out.splitlines()
    first = next(line for line in lines if line.startswith("dynata:"))
    assert first.split()[:2] == ["dynata:20105", "changed"]
    details = lines[lines.index("dynata:20105") :]
    assert details[1].startswith("  100 % of the lost have region = south: 1,614 of 1,614; ")
    overall = lines[lines.index("in surveys open before and after:") + 1]
    assert overall.startswith("  78 % of the lost have region = south: ")
    no_effect = next(line for line in lines if line.startswith("surveys: "))
    assert ", 3 no effect, " in no_effect


def test_no_number_is_cut_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    flags = ("--panel", DEMO / "panel.toml", "--as-of", AS_OF)
    for width in ("80", "60"):
        monkeypatch.setenv("COLUMNS", width)
        lines = command("diff", DEMO / "payloads", DEMO / "changed", *flags).out.splitlines()
        opened = next(line.split() for line in lines if " opened " in line)
        assert opened[2:] == ["0", "1,964", "-", "1,964", "-", "1,231"]


def test_nothing_is_said_with_quiet_but_what_is_wrong() -> None:
    assert diff("old.json", "men.json", "--quiet") == Result(0, "", "")
    result = diff("old.json", "broken.json", "--quiet")
    assert (result.status, result.out) == (0, "")
    assert [line.partition(" ")[0] for line in result.err.splitlines()] == ["error:"]


def test_what_both_sides_say_is_said_once() -> None:
    result = diff("broken.json", "broken.json")
    assert result.err.count("no cell has the tag `nobody`") == 1


# --- how it ends


@pytest.mark.parametrize(
    ("flags", "printed"),
    [
        (("--max-lost", "2"), []),
        (("--max-lost", "1"), ["lost: 2 pairs, more than 1"]),
        (("--max-lost", "0"), ["lost: 2 pairs, more than 0"]),
        (("--max-lost", "66.7%"), []),
        (("--max-lost", "66.6 %"), ["lost: 2 pairs of 3 before, more than 66.6 %"]),
        (("--max-gained", "0", "--max-moved", "0%"), []),
        (("--max-gained", "0", "--max-lost", "0"), ["lost: 2 pairs, more than 0"]),
    ],
)
@pytest.mark.parametrize("more", [(), ("--json",), ("--quiet",)])
def test_thresholds_of_the_lost(
    flags: tuple[str, ...], printed: list[str], more: tuple[str, ...]
) -> None:
    """Of the 3 given before 2 are lost."""
    result = diff("old.json", "men.json", *flags, *more)
    assert result.status == bool(printed)
    assert [line for line in result.err.splitlines() if "more than" in line] == printed
    if "--json" in more:
        assert result.document["lost"] == 2


@pytest.mark.parametrize(
    ("sides", "flag", "most"),
    [
        (("men.json", "old.json"), "--max-gained", 2),
        (("old.json", "women.json"), "--max-moved", 2),
    ],
)
def test_thresholds_of_the_gained_and_the_moved(
    sides: tuple[str, str], flag: str, most: int
) -> None:
    assert diff(*sides, flag, str(most)).status == 0
    assert diff(*sides, flag, str(most - 1)).status == 1


def test_of_none_before_any_percentage_is_exceeded(here: Path) -> None:
    put(here, "closed.json", CLOSED)
    assert diff("closed.json", "old.json", "--max-gained", "100%").status == 1
    assert diff("closed.json", "closed.json", "--max-gained", "0%").status == 0


@pytest.mark.parametrize(
    ("sides", "status"),
    [
        (("old.json", "broken.json"), 1),
        (("broken.json", "old.json"), 1),
        (("old.json", "men.json"), 0),
    ],
)
def test_a_survey_set_aside_on_either_side(sides: tuple[str, str], status: int) -> None:
    assert diff(*sides).status == 0
    assert diff(*sides, "--strict").status == status
    assert diff(*sides, "--strict", "--json").status == status


TWO_SIDES = (
    "diff: compares two payload files, folders or plans, OLD and NEW (or one, with `--panel-new`)"
)
USAGE: dict[str, str] = {
    "": "diff: no payload is given; --help shows how",
    "old.json": TWO_SIDES,
    "old.json men.json women.json": TWO_SIDES,
    "- -": "diff: standard input can be only one of OLD and NEW",
    "- --panel-new panel.toml": "diff: standard input can be only one of OLD and NEW",
    "old.json no.json": "no.json: no such file",
    "no.json old.json": "no.json: no such file",
    "old.json void.jsonl": "void.jsonl: no survey found",
    "bad.json old.json": "bad.json: not JSON: line 1, column 2: cut off",
    "old.json odd.json": (
        "odd.json: no survey found: not the payload of a known marketplace (--marketplace names it)"
    ),
    "old.json cut.plan": "cut.plan: not a plan",
    "new.plan old.json": "new.plan: a plan of version 99, not 4",
    "old.json men.json --panel-new no.toml": "no.toml: no such panel file",
    "old.json men.json --max-lost some": (
        "`--max-lost`: `some` is not a count or a percentage (100, 0.5%)"
    ),
    "old.json men.json --max-gained -1": (
        "`--max-gained`: `-1` is not a count or a percentage (100, 0.5%)"
    ),
    "old.json men.json --max-moved 1.5": (
        "`--max-moved`: `1.5` is not a count or a percentage (100, 0.5%)"
    ),
    "old.json men.json --max-lost=": "`--max-lost`: `` is not a count or a percentage (100, 0.5%)",
    "old.json men.json --max-lost": "`--max-lost` needs a value",
    "old.json men.json -o out.csv": "out.csv: the output must be a .parquet file",
    "old.json men.json -o no/out.parquet": "no/out.parquet: no such folder `no`",
    "old.json men.json -o members.parquet": (
        "members.parquet: the output would replace the panel's members"
    ),
    "old.json men.json --panel-new later/panel.toml -o later/members.parquet": (
        "later/members.parquet: the output would replace the panel's members"
    ),
    "old.json men.json --html out.htm": "out.htm: the output must be a .html file",
    "old.json men.json --html folder.html": ("folder.html: cannot be written: it is a folder"),
    "old.json men.json --html no/out.html -o out.parquet": "no/out.html: no such folder `no`",
    "old.json men.json --choose last": (
        "`--choose`: `last` is none of first, most-open, scarcest, balanced"
    ),
}


@pytest.mark.parametrize("line", USAGE)
def test_a_comparison_that_cannot_be_made_says_why_in_one_line(line: str, here: Path) -> None:
    put(here, "void.jsonl", "\n")
    put(here, "bad.json", "{")
    put(here, "odd.json", {"a": 1})
    plan = Path(save_plan("cut.plan", "old.json")).read_bytes()
    put(here, "cut.plan", plan[:200])
    put(here, "new.plan", plan.replace(b'"version":4', b'"version":99', 1))
    (here / "later").mkdir()
    put_panel(here / "later")
    (here / "folder.html").mkdir()
    before = listing(here)
    result = diff(*line.split())
    assert result == Result(2, "", f"matcher: {USAGE[line]}\n")
    assert listing(here) == before


def test_a_plan_of_attributes_that_the_panel_does_not_declare(here: Path) -> None:
    save_plan("old.plan", "old.json")
    put(
        here,
        "bare.toml",
        PANEL.replace("attributes.gender", "attributes.sex").replace('"gender"', '"sex"'),
    )
    for after in ("men.json", "old.plan"):
        result = command("diff", "old.plan", after, "--panel", "bare.toml", "--as-of", AS_OF)
        assert result == Result(
            2,
            "",
            "matcher: bare.toml: the plan asks for attributes that the panel does not declare: "
            "`gender`\n",
        )


def test_a_member_who_cannot_be_read_leaves_what_was_there(here: Path) -> None:
    put_panel(here, members={**MEMBERS, "dob": ["1990-02-03", "2004-05-06", "soon", None]})
    put(here, "changes.parquet", "as it was")
    result = diff("old.json", "men.json", "-o", "changes.parquet")
    assert result.status == 2
    assert result.err.startswith("matcher: members.parquet")
    assert result.err.count("\n") == 1
    assert (here / "changes.parquet").read_text() == "as it was"
    assert [name for name in listing(here) if name.endswith(".part")] == []
