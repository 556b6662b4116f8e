"""Participation history: what is read of it is what its rows say, whatever they stand in."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import matcher
from profiles.errors import InputError
from profiles.history import History
from profiles.panel import Panel, open_panel
from profiles.schema import (
    OUTCOMES,
    SCOPES,
    AskedParticipation,
    Location,
    Participation,
    UnreadableError,
    as_code,
    took_part_in,
)
from profiles.schema.participation import read_participation
from tests.support.commandline import (
    ADULT_MEN,
    PANEL,
    command,
    put,
    put_panel,
)
from tests.support.panels import Row
from tests.support.strategies import Members, members_with_history

AS_OF = date(2026, 11, 21)
IDS = {
    "survey": ("1", "2", "2.5", "3", "nobody's"),
    "wave": ("1/1", "2/1", "2/2", "1/9"),
    "project": ("1", "7", "K", ""),
    "category": ("1", "2", "3", "7", "1|7"),
}


def write_parquet(table: pa.Table, folder: Path) -> Path:
    pq.write_table(table, folder / "history.parquet", row_group_size=5)
    return folder / "history.parquet"


def write_arrow(table: pa.Table, folder: Path) -> Path:
    with pa.ipc.new_stream(folder / "history.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=3)
    return folder / "history.arrow"


def write_csv(table: pa.Table, folder: Path) -> Path:
    with (folder / "history.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table.column_names)
        for row in table.to_pylist():
            writer.writerow([_cell(value) for value in row.values()])
    return folder / "history.csv"


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "|".join(map(_cell, value))
    return "" if value is None or value != value else as_code(value)


FILES: dict[str, Callable[[pa.Table, Path], Path]] = {
    "parquet": write_parquet,
    "arrow": write_arrow,
    "csv": write_csv,
}


def open_history(path: Path) -> History:
    return History(Location(path.name), path.parent)


def participants(history: History, wanted: AskedParticipation) -> set[str]:
    return {history.participants[number].as_py() for number in history.who(*wanted)}


def expected(rows: Sequence[Participation], wanted: AskedParticipation) -> set[str]:
    return {row.member_id for row in rows if took_part_in([row], *wanted)}


asked_of = st.sampled_from(SCOPES).flatmap(
    lambda scope: st.tuples(
        st.sampled_from(["dynata", "rfg", "toluna"]),
        st.just(scope),
        st.lists(st.sampled_from(IDS[scope]), unique=True).map(tuple),
        st.lists(st.sampled_from(OUTCOMES), unique=True).map(tuple),
    )
)


@pytest.mark.parametrize("kind", FILES)
@given(people=members_with_history(), plans=st.lists(st.lists(asked_of), min_size=1, max_size=3))
def test_what_is_read_is_what_the_rows_say(
    kind: str,
    people: tuple[Members, Members],
    plans: list[list[AskedParticipation]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Plan after plan: what an earlier one needed is still known."""
    table = people[1].table()
    path = FILES[kind](table, tmp_path_factory.getbasetemp())
    history = History(Location(path.name), path.parent, rows_at_once=4)
    rows = [read_participation(row) for row in people[1].rows]
    so_far: list[AskedParticipation] = []
    for plan in plans:
        history.read(plan)
        so_far += plan
        for wanted in so_far:
            assert participants(history, wanted) == expected(rows, wanted)


def write(folder: Path, rows: Sequence[Row]) -> Path:
    names = dict.fromkeys(name for row in rows for name in row)
    return write_parquet(
        pa.table({name: [row.get(name) for row in rows] for name in names}), folder
    )


GOOD = {"member_id": "m1", "marketplace": "dynata", "survey_id": "1", "outcome": "complete"}


def test_what_is_known_is_not_read_again(tmp_path: Path) -> None:
    path = write(tmp_path, [GOOD])
    history = open_history(path)
    history.read([("dynata", "survey", ("1", "2"), ("complete",))])
    path.unlink()
    history.read([("dynata", "survey", ("1",), ("started",)), ("dynata", "survey", ("2",), ())])
    assert participants(history, ("dynata", "survey", ("1",), OUTCOMES)) == {"m1"}


def test_what_was_not_wanted_is_not_known(tmp_path: Path) -> None:
    history = open_history(write(tmp_path, [GOOD]))
    history.read([("dynata", "survey", ("1",), OUTCOMES)])
    with pytest.raises(KeyError):
        history.who("dynata", "survey", ("1", "2"), OUTCOMES)


def test_nothing_is_opened_that_nothing_asks_for(tmp_path: Path) -> None:
    open_history(tmp_path / "none.parquet").read([])


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no member": ({"member_id": None}, "row 2, column `member_id`: no member id"),
    "blank member": ({"member_id": "  "}, "row 2, column `member_id`: no member id"),
    "no marketplace": ({"marketplace": None}, "row 2, column `marketplace`: no marketplace"),
    "blank marketplace": ({"marketplace": " "}, "row 2, column `marketplace`: no marketplace"),
    "no outcome": ({"outcome": None}, "row 2, column `outcome`: no outcome"),
    "blank outcome": ({"outcome": ""}, "row 2, column `outcome`: no outcome"),
    "misspelt outcome": (
        {"outcome": "completed"},
        "row 2, column `outcome`: `completed` is not an outcome; did you mean `complete`?",
    ),
    "unknown outcome": (
        {"outcome": "7"},
        "row 2, column `outcome`: `7` is not an outcome; outcomes are started, complete, "
        "disqualified, over_quota, quality, duplicate, dropout",
    ),
}


@pytest.mark.parametrize(("fault", "why"), BAD.values(), ids=BAD)
def test_a_row_that_says_too_little_is_refused(
    fault: dict[str, Any], why: str, tmp_path: Path
) -> None:
    """Be it of a member, survey and marketplace that nobody asks for; both readers say the same."""
    bad = {**GOOD, "survey_id": "99"} | fault
    for file_of in FILES.values():
        table = pa.Table.from_pylist([GOOD, bad, GOOD, bad])
        path = file_of(table, tmp_path)
        with pytest.raises(InputError) as refused:
            open_history(path).read([("rfg", "survey", ("1",), OUTCOMES)])
        assert str(refused.value) == f"{path}: {why}"
    with pytest.raises(UnreadableError) as unreadable:
        read_participation(bad)
    assert str(unreadable.value) == why.partition(": ")[2]


COLUMNS: dict[str, tuple[pa.Array, str]] = {
    "member_id": (pa.array([1.5]), "ids must be text or integers, not `double`"),
    "marketplace": (pa.array([date(2026, 1, 1)]), "a column of type `date32` cannot hold codes"),
    "survey_id": (pa.array([b"x"]), "a column of type `binary` cannot hold codes"),
    "wave_id": (pa.array([["1"]]), "a column of type `list of string` cannot hold codes"),
    "project_id": (pa.array([{"a": 1}]), "a column of type `struct` cannot hold codes"),
    "category_ids": (
        pa.array([[["1"]]]),
        "a column of type `list of list of string` cannot hold codes",
    ),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_another_kind_is_refused(name: str, tmp_path: Path) -> None:
    column, why = COLUMNS[name]
    path = write_parquet(pa.table({**{k: [v] for k, v in GOOD.items()}, name: column}), tmp_path)
    with pytest.raises(InputError) as refused:
        open_history(path).read([("toluna", scope, ("1", "1/1"), OUTCOMES) for scope in SCOPES])
    assert str(refused.value) == f"{path}: row 1, column `{name}`: {why}"


def test_the_place_of_a_fault_is_in_its_own_file(tmp_path: Path) -> None:
    folder = tmp_path / "history"
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist([GOOD] * 3), folder / "a.parquet")
    pq.write_table(pa.Table.from_pylist([GOOD, {**GOOD, "outcome": "x"}]), folder / "b.parquet")
    with pytest.raises(InputError, match=r"b.parquet: row 2, column `outcome`: `x` is not"):
        open_history(folder).read([("rfg", "survey", ("1",), OUTCOMES)])


# --- with a panel

WITH_HISTORY = PANEL + '[history]\nsource = "history.parquet"\n'


@pytest.fixture
def panel(tmp_path: Path) -> Panel:
    write(tmp_path, [GOOD, {**GOOD, "member_id": " m3 "}, {**GOOD, "member_id": "gone"}])
    return open_panel(put_panel(tmp_path, WITH_HISTORY), AS_OF)


def test_ids_that_differ_in_white_space_alone_are_one_participant(tmp_path: Path) -> None:
    write(tmp_path, [GOOD])
    members = pa.table({"member_id": [" m1", "m2", "m1", "m1 "]})
    text = (
        '[panel]\nsource = "members.parquet"\n[attributes]\n[history]\nsource = "history.parquet"\n'
    )
    panel = open_panel(put_panel(tmp_path, text, members), AS_OF)
    wanted = ("dynata", "survey", ("1",), OUTCOMES)
    (shard,) = panel.shards((), history=[wanted])
    assert sorted(shard.took_part(*wanted)) == [0, 2, 3]


def test_members_know_what_they_took_part_in(panel: Panel) -> None:
    wanted = ("dynata", "survey", ("1",), ("complete", "started"))
    (shard,) = panel.shards((), history=[wanted])
    assert sorted(shard.took_part(*wanted)) == [0, 2]
    other = ("dynata", "survey", ("2",), OUTCOMES)
    with pytest.raises(KeyError):
        shard.took_part(*other)
    (again,) = panel.shards((), history=[other])
    assert list(again.took_part(*other)) == []
    assert sorted(again.took_part(*wanted)) == [0, 2]


def test_a_plan_that_asks_for_history_needs_one(panel: Panel, tmp_path: Path) -> None:
    payload = put(tmp_path, "payload.json", ADULT_MEN)
    plan = matcher.compile(matcher.load_surveys([payload], panel.mapping))
    assert plan.history == {("dynata", "survey", ("1",), tuple(sorted(OUTCOMES)))}
    without = open_panel(put_panel(tmp_path), AS_OF)
    with pytest.raises(InputError) as refused:
        plan.match(without)
    assert str(refused.value) == (
        f"{tmp_path}/panel.toml: the plan asks who took part in what, "
        "but the panel file names no history"
    )


def test_surveys_lowered_without_history_match_a_panel_with_it(
    panel: Panel, tmp_path: Path
) -> None:
    without = open_panel(put_panel(tmp_path), AS_OF)
    payload = put(tmp_path, "payload.json", ADULT_MEN)
    plan = matcher.compile(matcher.load_surveys([payload], without.mapping))
    (tmp_path / "history.parquet").unlink()
    (counts,) = plan.match(panel).counts().surveys
    assert counts.eligible == 3


def test_a_history_that_cannot_be_read_ends_the_work(
    panel: Panel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "payload.json", ADULT_MEN)
    path = panel.file.path.with_name("history.parquet")
    faults: dict[str, Callable[[], object]] = {
        "history.parquet: no column `survey_id`, `outcome`, which participation history needs": (
            lambda: write(tmp_path, [{"member_id": "m1", "marketplace": "dynata", "x": 1}])
        ),
        "history.parquet: row 1, column `outcome`: no outcome": (
            lambda: write(tmp_path, [{**GOOD, "outcome": None}])
        ),
        "history.parquet: no such file or folder": path.unlink,
    }
    for why, spoil in faults.items():
        spoil()
        for output in ([], ["-o", "out.parquet"]):
            result = command("match", "payload.json", "--panel", "panel.toml", *output)
            assert (result.status, result.err) == (2, f"matcher: {why}\n")
            assert not list(tmp_path.glob("*out*"))


def test_the_history_is_not_written_over(
    panel: Panel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "payload.json", ADULT_MEN)
    before = (tmp_path / "history.parquet").read_bytes()
    assert panel.history is not None
    result = command("match", "payload.json", "--panel", "panel.toml", "-o", "history.parquet")
    why = "history.parquet: the output would replace the panel's history"
    assert (result.status, result.err) == (2, f"matcher: {why}\n")
    assert (tmp_path / "history.parquet").read_bytes() == before


def test_without_history_one_finding_names_the_survey_that_excludes_by_it(tmp_path: Path) -> None:
    mapping = open_panel(put_panel(tmp_path), AS_OF).mapping
    project = {"pid": 1, "state": 2, "datapoints": [], "quotas": []}
    what = "the panel file names no history, so nobody is kept out for having taken part"
    plain = put(tmp_path, "plain.json", [ADULT_MEN, project])
    (note,) = matcher.load_surveys([plain], mapping).diagnostics
    assert str(note) == f"info: {what} [history-not-applied]"
    excluding = [ADULT_MEN, project, {**ADULT_MEN, "id": "2", "project_exclusions": [5]}]
    asking = put(
        tmp_path, "asking.json", [*excluding, {**project, "pid": 2, "duplicationKey": "K"}]
    )
    (warning,) = matcher.load_surveys([asking], mapping).diagnostics
    where = "(projects are excluded, first in dynata:2 /project_exclusions)"
    assert str(warning) == f"warning: {what} {where} [history-not-applied]"


def test_a_column_that_surveys_need_and_history_has_not_is_reported(
    panel: Panel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "payload.json", [{**ADULT_MEN, "category_exclusions": [7]}])
    assert panel.history is not None
    flags = ("payload.json", "--panel", "panel.toml", "--json")

    def messages() -> list[str]:
        found = json.loads(command("count", *flags).out)["diagnostics"]
        return [each["message"] for each in found if each["code"] == "history-not-applied"]

    write(tmp_path, [{**GOOD, "project_id": "1", "category_ids": ["7"]}])
    assert messages() == []
    write(tmp_path, [GOOD])
    missing = "history.parquet: no column `{}`, so nobody is kept out by it"
    assert messages() == [missing.format("category_ids")]
    put(tmp_path, "payload.json", [{**ADULT_MEN, "project_id": 5}])
    assert messages() == [missing.format("project_id")]
