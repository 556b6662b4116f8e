"""`matcher route`: members and operations by the line, over a pipe that stays open."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matcher.surveys import ChoiceStrategy
from tests.matcher.cli.test_app import (
    BROKEN,
    DEMO,
    DEMO_ARGUMENTS,
    RFG,
    TOLUNA,
)
from tests.support.commandline import (
    ADULT_MEN,
    AS_OF,
    INTERRUPTED,
    MEMBERS,
    PANEL,
    Result,
    command,
    finish,
    process,
    put,
    put_panel,
    wait_until_it_listens,
)

COMMON = ("--panel", "panel.toml", "--as-of", AS_OF)
ROWS = [
    {name: values[place] for name, values in MEMBERS.items()}
    for place in range(len(MEMBERS["member_id"]))
]
MAN, WOMAN, AGELESS, _ = ROWS
GERMAN = {**ADULT_MEN, "id": "6", "locale": {"country": "DE"}}
WITH_COUNTRY = f'{PANEL}\n[attributes.country]\ntype = "single"\n'


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a panel and payloads of all marketplaces."""
    monkeypatch.chdir(tmp_path)
    put_panel(tmp_path)
    put(tmp_path, "payload.json", ADULT_MEN)
    put(tmp_path, "all.json", [ADULT_MEN, TOLUNA, RFG])
    return tmp_path


def route(
    *lines: Any, flags: Sequence[str] = ("--quiet",), payload: str = "payload.json"
) -> Result:
    """Route lines, each text as it stands or anything else as JSON."""
    text = "".join(f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in lines)
    return command("route", payload, *COMMON, *flags, stdin=text.encode("utf-8", "surrogatepass"))


def answers(result: Result, status: int = 0) -> list[Any]:
    """The answers of a run that had nothing to say to people."""
    assert (result.status, result.err) == (status, "")
    return [json.loads(line) for line in result.out.splitlines()]


class Talk:
    """A process that is answered a line, and answers before it is answered the next."""

    def __init__(self, *arguments: str | Path) -> None:
        self.process = process("route", *arguments)

    def send(self, line: Any) -> Any:
        """What one line is answered with."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(line).encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture
def talk(here: Path) -> Iterator[Talk]:
    del here
    talk = Talk("payload.json", *COMMON, "--quiet")
    yield talk
    talk.process.kill()
    talk.process.communicate()


@pytest.mark.usefixtures("here")
def test_each_member_is_answered_with_the_surveys_that_take_him() -> None:
    answered = answers(route(*ROWS, payload="all.json"))
    assert answered[:3] == [
        {
            "member_id": "m1",
            "eligible": [{"survey": "dynata:1", "quota_ids": ["q1"]}],
            "uncertain": [],
        },
        {
            "member_id": "m2",
            "eligible": [
                {"survey": "dynata:1", "quota_ids": ["q2"]},
                {"survey": "toluna:7/8", "quota_ids": ["70", "71"]},
                {"survey": "rfg:9", "quota_ids": []},
            ],
            "uncertain": [],
        },
        {
            "member_id": "m3",
            "eligible": [{"survey": "rfg:9", "quota_ids": []}],
            "uncertain": [
                {"survey": "dynata:1", "ask": ["age"]},
                {"survey": "toluna:7/8", "ask": ["age"]},
            ],
        },
    ]


@pytest.mark.usefixtures("here")
def test_what_is_limited_and_given_to_the_uncertain() -> None:
    _, woman, ageless = answers(
        route(*ROWS[:3], payload="all.json", flags=["--limit", "1", "--uncertain", "--quiet"])
    )
    assert [each["survey"] for each in woman["eligible"]] == ["dynata:1"]
    assert ageless["uncertain"] == [{"survey": "dynata:1", "ask": ["age"], "quota_ids": ["q2"]}]


def test_a_line_is_answered_before_the_next_is_read(talk: Talk) -> None:
    """Seats run out, are given back and change; members of the same process see it at once."""
    seat = {"survey": "dynata:1", "quota_ids": ["q1"]}
    assert talk.send(MAN)["eligible"] == [seat]
    first, second = {**seat, "member_id": "m1"}, {**seat, "member_id": "m9"}
    held = talk.send({"reserve": {**first, "ttl": 600}})["reserve"]
    assert held == {**first, "id": "1", "expires": held["expires"]}
    assert talk.send({"apply": {**seat, "remaining": 1}})["apply"]["changed"] == ["dynata:1"]
    assert talk.send({"reserve": {**second, "ttl": 600}}) == {"reserve": None}
    assert talk.send(MAN)["eligible"] == [{**seat, "quota_ids": ["q2"]}]
    assert talk.send({"release": held["id"]}) == {"release": True}
    assert talk.send({"release": held["id"]}) == {"release": False}
    assert talk.send(MAN)["eligible"] == [seat]
    held = talk.send({"reserve": {**first, "ttl": 600}})["reserve"]
    assert talk.send({"reverse": held["id"]}) == {"reverse": False}
    assert talk.send({"complete": held["id"]}) == {"complete": True}
    assert talk.send({"reserve": {**first, "ttl": 600}}) == {"reserve": None}
    assert talk.send({"reverse": held["id"]}) == {"reverse": True}
    question = talk.send({"next_question": AGELESS})["next_question"]
    assert (question["attribute"], question["surveys"]) == ("age", ["dynata:1"])
    assert talk.send({"next_question": MAN}) == {"next_question": None}
    result = finish(talk.process)
    assert (result.status, result.out) == (0, "")


def test_every_quota_that_a_member_matches_loses_a_seat_where_all_must_be_open(talk: Talk) -> None:
    quotas = [{"id": id_, "datapoints": [], "limit": seats} for id_, seats in (("a", 9), ("b", 1))]
    project = {"pid": 5, "state": 2, "country": "US", "datapoints": [], "quotas": quotas}
    assert talk.send({"apply": project})["apply"]["added"] == ["rfg:5"]
    offer = {"survey": "rfg:5", "quota_ids": ["a"], "seats": [["b"]]}
    assert offer in talk.send(MAN)["eligible"]
    held = talk.send({"reserve": {**offer, "member_id": "m1", "ttl": 600}})["reserve"]
    assert held == {**offer, "member_id": "m1", "id": "1", "expires": held["expires"]}
    assert offer not in talk.send(MAN)["eligible"]
    assert talk.send({"release": "1"}) == {"release": True}
    assert offer in talk.send(MAN)["eligible"]


def test_the_inventory_changes(talk: Talk) -> None:
    woman = {**ADULT_MEN, "id": "4", "status": "PAUSED"}
    nothing = {"repeated": 0, "stale": 0, "unknown": 0}
    batch = [woman, BROKEN, {"survey": "rfg:1", "remaining": 1}]
    answered = talk.send({"apply": batch})["apply"]
    found = [(each["level"], each["code"]) for each in answered.pop("diagnostics")]
    assert ("error", "undefined-tag") in found
    assert answered == {
        "added": ["dynata:4"], "changed": [], "set_aside": ["dynata:2"], **nothing, "unknown": 1
    }  # fmt: skip
    answered = talk.send({"apply": [{**woman, "status": "OPEN"}, TOLUNA]})["apply"]
    assert answered == {
        "added": ["toluna:7/8"],
        "changed": ["dynata:4"],
        "set_aside": [],
        **nothing,
        "diagnostics": answered["diagnostics"],
    }
    assert {each["level"] for each in answered["diagnostics"]} <= {"info"}
    names = [each["survey"] for each in talk.send(WOMAN)["eligible"]]
    assert names == ["dynata:1", "dynata:4", "toluna:7/8"]
    answered = talk.send({"apply": [ADULT_MEN], "refresh": ["dynata"]})["apply"]
    assert (answered["changed"], answered["repeated"]) == (["dynata:4"], 1)
    names = [each["survey"] for each in talk.send(WOMAN)["eligible"]]
    assert names == ["dynata:1", "toluna:7/8"]
    late = {"apply": {"survey": "dynata:1", "status": "closed"}, "at": 5}
    assert talk.send(late)["apply"]["stale"] == 1
    notice = {"apply": {"QuotaID": 70, "SurveyID": 7, "WaveID": 8, "IsLive": False}}
    assert talk.send({**notice, "marketplace": "toluna"})["apply"]["changed"] == ["toluna:7/8"]
    closed = {"apply": {"SurveyID": 7, "WaveId": 8, "Status": "Closed", "SurveyRef": "7-US"}}
    assert talk.send(closed)["apply"]["changed"] == ["toluna:7/8"]


MALFORMED: dict[str, str] = {
    "nope": "not JSON: column 1: a value is expected here",
    '{"member_id": "m1"': "not JSON: column 19: cut off",
    "[1]": "must be an object",
    "{}": "no `member_id`, and none of `apply`, `reserve`, `complete`, `release`, `reverse`, "
    "`next_question`",
    '{"member_id": null}': "no `member_id`",
    '{"member_id": " "}': "no `member_id`",
    '{"member_id": 1.5}': "member_id: must be text or a whole number",
    '{"member_id": true}': "member_id: must be text or a whole number",
    '{"member_id": 9223372036854775808}': "member_id: a number too large to read",
    '{"member_id": "m1", "member_id": "m2"}': "/member_id: the key `member_id` appears twice",
    '{"member_id": "\\ud800"}': "/member_id: a text with half a surrogate pair",
    '{"member_id": "m1", "income": NaN}': "/income: NaN is not a number",
    '{"member_id": "m1", "dob": "soon"}': "dob: `soon` is not a date (YYYY-MM-DD)",
    '{"member_id": "m1", "income": "1e5"}': "income: `1e5` is not a number",
    '{"member_id": "m1", "context": 5}': "context: must be an object",
    '{"member_id": "m1", "context": {"gendr": "M"}}': (
        "context: the panel has no attribute `gendr`; did you mean `gender`?"
    ),
    '{"apply": [], "refersh": ["dynata"]}': "/refersh: a key that is not known",
    '{"apply": [], "refresh": ["dynatta"]}': "no marketplace `dynatta`; did you mean `dynata`?",
    '{"apply": [], "refresh": "dynata"}': "/refresh: must be a list",
    '{"apply": [], "marketplace": "x"}': "no marketplace `x`; known: dynata, toluna, rfg",
    '{"apply": [], "at": "soon"}': "/at: must be a number",
    '{"reserve": {"member_id": "m1", "survey": "dynata:1", "ttl": 5}}': (
        "/reserve/quota_ids: missing"
    ),
    '{"reserve": {"member_id": "m1", "survey": "dynata:1", "quota_ids": [], "ttl": 0}}': (
        "seats are held for more than 0 seconds, and not for ever: `0.0`"
    ),
    '{"release": null}': "/release: must be text or a whole number",
    '{"complete": "1", "release": "1"}': "/release: a key that is not known",
    '{"next_question": {"sex": "M"}}': "no `member_id`",
}


@pytest.mark.usefixtures("here")
def test_a_malformed_line_is_told_in_its_place_and_the_rest_goes_on() -> None:
    lines = [MAN, "", *MALFORMED, "  ", MAN]
    first, *answered, last = answers(route(*lines))
    assert first == last == answers(route(MAN))[0]
    expected = [
        {"error": why, "line": number} for number, why in enumerate(MALFORMED.values(), start=3)
    ]
    assert answered == expected
    assert (
        len(answers(route(*lines, flags=["--strict", "--quiet"]), status=1)) == len(MALFORMED) + 2
    )
    assert answers(route(MAN, flags=["--strict", "--quiet"])) == [first]


@pytest.mark.usefixtures("here")
def test_strict_fails_where_a_change_is_set_aside() -> None:
    lines = {"apply": BROKEN}, MAN
    assert answers(route(*lines))[0]["apply"]["set_aside"] == ["dynata:2"]
    assert route(*lines, flags=["--strict", "--quiet"]).status == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)
KEYS = st.sampled_from(
    [*MEMBERS, "context", "apply", "refresh", "at", "reserve", "complete", "next_question"]
)
NESTED = st.dictionaries(
    KEYS | st.sampled_from(["survey", "quota_ids", "ttl", "remaining"]), JSON, max_size=4
)

MEMBER = st.fixed_dictionaries(
    {"member_id": st.sampled_from(["m1", 7])},
    optional={name: JSON for name in (*MEMBERS, "context") if name != "member_id"},
)
LINE = MEMBER | st.dictionaries(KEYS, JSON | NESTED | MEMBER, max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(lines=st.lists(LINE, max_size=20))
@pytest.mark.usefixtures("here")
def test_every_line_has_one_answer_whatever_is_in_it(lines: list[Any]) -> None:
    result = route(*lines)
    answered = answers(result)
    assert len(answered) == len(lines)
    for number, (line, answer) in enumerate(zip(lines, answered, strict=True), start=1):
        if "error" in answer:
            assert answer["line"] == number
            assert answer["error"].strip()
        else:
            [key] = {"member_id", "apply", "reserve", "complete", "next_question"} & answer.keys()
            assert key in line


def test_context_goes_before_the_members_own(here: Path) -> None:
    put(here, "panel.toml", WITH_COUNTRY)
    put(here, "payload.json", GERMAN)
    put_panel(here, WITH_COUNTRY, {**MEMBERS, "country": ["US"] * 4})
    lines = [
        {**MAN, "country": "US"},
        {**MAN, "country": "US", "context": {"country": "de"}},
        {**MAN, "context": None},
        {"next_question": {**MAN, "context": {"country": "de"}}},
    ]
    at_home, away, nowhere, question = answers(route(*lines))
    assert (at_home["eligible"], at_home["uncertain"]) == ([], [])
    assert away["eligible"] == [{"survey": "dynata:6", "quota_ids": ["q1"]}]
    assert nowhere["uncertain"] == [{"survey": "dynata:6", "ask": ["country"]}]
    assert question == {"next_question": None}


def test_a_column_that_is_named_context_is_a_column(here: Path) -> None:
    text = PANEL.replace('column = "sex"', 'column = "context"')
    members = {("context" if name == "sex" else name): each for name, each in MEMBERS.items()}
    put_panel(here, text, members)
    [answered] = answers(route({"member_id": "m1", "dob": "1990-02-03", "context": "M"}))
    assert answered["eligible"] == [{"survey": "dynata:1", "quota_ids": ["q1"]}]


@pytest.mark.usefixtures("here")
def test_a_key_that_is_no_column_is_told_once() -> None:
    result = route(
        {"member_id": 7, "gender": "M", "incom": 5}, {"member_id": 8, "gender": "F"}, flags=[]
    )
    assert result.err.splitlines()[1:] == [
        "info: line 1: the panel has no column `gender`; it has no effect [unknown-key] "
        "(its column is `sex`)",
        "info: line 1: the panel has no column `incom`; it has no effect [unknown-key] "
        "(did you mean `income`?)",
    ]
    assert [json.loads(line)["member_id"] for line in result.out.splitlines()] == [7, 8]
    assert route({"member_id": 7, "gender": "M"}).err == ""


def test_history_keeps_out(here: Path) -> None:
    put(here, "panel.toml", f'[history]\nsource = "history.csv"\n{PANEL}')
    put(here, "history.csv", "member_id,marketplace,survey_id,outcome\nm1,dynata,1,complete\n")
    man, woman = answers(route(MAN, WOMAN))
    assert (man["eligible"], man["uncertain"]) == ([], [])
    assert woman["eligible"] == [{"survey": "dynata:1", "quota_ids": ["q2"]}]


@pytest.mark.parametrize("how", ChoiceStrategy)
@pytest.mark.usefixtures("here")
def test_the_quotas_are_those_that_match_gives(how: ChoiceStrategy) -> None:
    choose = ("--choose", how, "--seed", "3", "--quiet")
    assert command("match", "all.json", *COMMON, *choose, "-o", "pairs.parquet").status == 0
    assert routed_pairs(route(*ROWS, payload="all.json", flags=choose)) == pairs(
        "pairs.parquet", ROWS
    )


Pairs = dict[tuple[str, str], list[tuple[str, list[str]]]]
"""By member and verdict, the surveys that they are given, by name, with the quotas of each."""


def pairs(path: str | Path, rows: list[dict[str, Any]]) -> Pairs:
    """The pairs of some members that `matcher match -o` has written."""
    found: Pairs = defaultdict(list)
    ids = [row["member_id"] for row in rows]
    for row in pq.read_table(path, filters=[("member_id", "in", ids)]).to_pylist():
        name = f"{row['marketplace']}:{row['survey_id']}"
        found[row["member_id"], row["verdict"]].append((name, row["quota_ids"]))
    return {key: sorted(each) for key, each in found.items()}


def routed_pairs(result: Result) -> Pairs:
    """The pairs that `matcher route` gives; the uncertain, where they are given quotas."""
    assert result.status == 0
    found: Pairs = {}
    for line in result.out.splitlines():
        answered = json.loads(line)
        for verdict in ("eligible", "uncertain"):
            given = [(each["survey"], each.get("quota_ids")) for each in answered[verdict]]
            if given and given[0][1] is not None:
                found[answered["member_id"], verdict] = sorted(given)
    return found


def demo_rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(DEMO / "members.parquet").to_pylist()
    return rows


def test_the_demo_is_routed_as_it_is_matched(tmp_path: Path) -> None:
    """With the uncertain, for every fiftieth member."""
    assert_as_matched(tmp_path, demo_rows()[::50], "--uncertain")


@pytest.mark.slow
def test_all_of_the_demo_is_routed_as_it_is_matched(tmp_path: Path) -> None:
    assert_as_matched(tmp_path, demo_rows())


def assert_as_matched(folder: Path, rows: list[dict[str, Any]], *flags: str) -> None:
    out = folder / "pairs.parquet"
    assert command("match", *DEMO_ARGUMENTS, "--quiet", *flags, "-o", out).status == 0
    lines = "".join(f"{json.dumps(row, default=str)}\n" for row in rows)
    routed = command("route", *DEMO_ARGUMENTS, "--quiet", *flags, stdin=lines.encode())
    assert len(routed.out.splitlines()) == len(rows)
    assert routed_pairs(routed) == pairs(out, rows)


@pytest.mark.usefixtures("here")
def test_what_is_wrong_with_the_arguments_is_said() -> None:
    result = command("route", "payload.json", "-", *COMMON)
    message = "`-`: members come from standard input; payloads must be files or folders"
    assert (result.status, result.out, result.err) == (2, "", f"matcher: {message}\n")
    result = route(MAN, flags=["--limit", "0"])
    assert (result.status, result.err) == (2, "matcher: `--limit 0`: must be at least 1\n")


@pytest.mark.usefixtures("here")
def test_findings_are_told_before_the_first_line() -> None:
    put(Path(), "payload.json", [ADULT_MEN, BROKEN])
    result = route(MAN, flags=["--json"])
    assert result.status == 0
    assert result.err.startswith("error: payload.json /1 dynata:2")
    assert json.loads(result.out)["member_id"] == "m1"
    assert route(MAN, flags=["--strict", "--quiet"]).status == 1


@pytest.mark.usefixtures("here")
def test_standard_input_that_is_closed() -> None:
    shell = ["sh", "-c", 'exec "$0" "$@" <&-']
    result = finish(process("route", "payload.json", *COMMON, wrap=shell))
    assert (result.status, result.err) == (2, "matcher: standard input is closed\n")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.usefixtures("here")
def test_standard_input_that_cannot_be_read() -> None:
    with Path("/proc/self/mem").open("rb") as memory:
        result = finish(process("route", "payload.json", *COMMON, "--quiet", stdin=memory))
    message = "matcher: standard input cannot be read: input/output error\n"
    assert (result.status, result.out, result.err) == (2, "", message)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_in_one_line(talk: Talk, number: signal.Signals) -> None:
    wait_until_it_listens(talk.process)
    assert talk.send(MAN)["member_id"] == "m1"
    talk.process.send_signal(number)
    assert_ended(talk.process, *INTERRUPTED[number])


def test_an_end_that_is_closed_ends_it_quietly(talk: Talk) -> None:
    assert talk.send(MAN)["member_id"] == "m1"
    assert talk.process.stdout is not None
    talk.process.stdout.close()
    talk.process.stdout = None
    assert talk.process.stdin is not None
    talk.process.stdin.write(json.dumps(MAN).encode() + b"\n")
    talk.process.stdin.flush()
    assert_ended(talk.process, 2, "")


def assert_ended(ended: subprocess.Popen[bytes], status: int, message: str) -> None:
    """It ends by itself, while its standard input is open."""
    assert ended.wait(30) == status
    assert ended.stderr is not None
    assert ended.stderr.read().decode() == message
