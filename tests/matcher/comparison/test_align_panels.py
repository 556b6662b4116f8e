"""Comparisons on two panels: declared otherwise, other days, other members, updated indexes.

Of panels with the same members only what another panel file, or day, makes different is matched.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import matcher
from matcher.comparison import Change, compare
from matcher.surveys import Surveys
from profiles.panel import Panel, open_panel
from profiles.schema.panel_file import parse_panel
from profiles.schema.participation import read_participation
from profiles.sources import open_source
from tests.matcher.comparison.test_compare import Way, check, ways
from tests.support.commandline import (
    ADULT_MEN,
    MEMBERS,
    PANEL,
    put,
    put_panel,
)
from tests.support.panels import open_members
from tests.support.reference import Reference
from tests.support.strategies import (
    AS_OF,
    IDS,
    Json,
    Members,
    Variation,
    members_with_history,
    payload,
    variations,
    write_collections,
)
from tests.system.test_engines_agree import load

DAY = date(2026, 11, 21)
INVITED = {
    **ADULT_MEN,
    "cells": [
        *ADULT_MEN["cells"],
        {
            "tag": "invited",
            "kind": "INVITE_COLLECTIONS",
            "attribute_id": 238383,
            "invite_collections": ["7"],
            "operator": "OR",
        },
    ],
    "filters": [[{"cells": ["invited"]}]],
}
CLOSED = {**ADULT_MEN, "status": "CLOSED"}
REJECTED = {**ADULT_MEN, "filters": [[{"cells": ["nobody"]}]]}
CHANGED = {**ADULT_MEN, "filters": []}


SINGLES = ("gender", "floor", "band")
LISTS = ("hobbies", "cars")


@dataclass(frozen=True)
class Restated:
    """What another panel file says otherwise of the same members.

    `singles` and `lists`: the attributes whose columns are given in turn to those of their kind;
    `renamed`: attributes that the panel calls by another name.
    """

    variation: Variation
    singles: tuple[str, ...]
    lists: tuple[str, ...]
    renamed: frozenset[str]
    day: date

    def tables(self) -> dict[str, Any]:
        """The panel file."""
        tables = copy.deepcopy(self.variation.tables())
        given = tables["attributes"]
        columns = {name: each.get("column", name) for name, each in given.items()}
        for names, order in ((SINGLES, self.singles), (LISTS, self.lists)):
            for name, other in zip(names, order, strict=True):
                given[name]["column"] = columns[other]
        tables["attributes"] = {
            self.name(name): {"column": columns[name], **each} for name, each in given.items()
        }
        for market in tables["marketplaces"].values():
            for mapped in market["attributes"].values():
                mapped["attribute"] = self.name(mapped["attribute"])
        return tables

    def name(self, attribute: str) -> str:
        return f"my_{attribute}" if attribute in self.renamed else attribute


restated = st.builds(
    Restated,
    variations,
    st.just(SINGLES) | st.permutations(SINGLES).map(tuple),
    st.just(LISTS) | st.permutations(LISTS).map(tuple),
    st.frozensets(st.sampled_from(sorted(IDS))),
    st.sampled_from([AS_OF, AS_OF, date(2026, 2, 28), date(2035, 1, 1)]),
)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        write_collections(Path(name) / "collections")
        yield Path(name)


@given(
    way=ways,
    variation=variations,
    other=restated,
    same=st.booleans(),
    surveys=payload(),
    people=members_with_history(),
)
def test_the_same_members_as_another_panel_file_has_them(
    folder: Path,
    way: Way,
    variation: Variation,
    other: Restated,
    same: bool,
    surveys: Json,
    people: tuple[Members, Members],
) -> None:
    if same:
        other = replace(other, variation=variation)
    panel, lowered, old = load(folder, variation, surveys, people)
    file = parse_panel(other.tables(), folder / "panel.toml")
    after = open_members(file, folder / "members.parquet", other.day)
    again = matcher.load_surveys([folder / "payload.json"], file.mapping).surveys
    of, took_part = people
    known = [read_participation(row) for row in took_part.rows] if after.history else None
    new = Reference(again, file.mapping, of.rows, other.day, known)
    found = check(way, way.compare(list(lowered), list(again), panel, after), old, new)
    renames_alone = (other.singles, other.lists, other.day) == (SINGLES, LISTS, AS_OF)
    if same and renames_alone:
        assert found.work.evaluated == 0


def panel_of(folder: Path, members: Mapping[str, Any] = MEMBERS, text: str = PANEL) -> Panel:
    folder.mkdir(exist_ok=True)
    return open_panel(put_panel(folder, text, members), DAY)


def surveys_of(panel: Panel, folder: Path, *payloads: Any) -> Surveys:
    path = put(folder, "payload.json", [*payloads])
    return matcher.load_surveys([path], panel.mapping)


def members_of(**columns: list[Any]) -> dict[str, Any]:
    return {**MEMBERS, **columns}


def test_on_another_day_members_are_older(tmp_path: Path) -> None:
    """m2 was born on 6 May 2004."""
    file = put_panel(tmp_path)
    days = [open_panel(file, day) for day in (date(2022, 5, 5), date(2022, 5, 6))]
    surveys = surveys_of(days[0], tmp_path, ADULT_MEN)
    (row,) = compare(surveys, surveys, *days)
    assert (row.member_id, row.change, row.after) == ("m2", Change.GAINED, ("q2",))


def test_on_another_day_an_invitation_has_expired(tmp_path: Path) -> None:
    put(
        tmp_path,
        "collections/dynata/invite/7.csv",
        "respondent_id,expiration\nm1,2026-11-21T00:00:00Z\nm2,\n",
    )
    file = put_panel(tmp_path, f'{PANEL}\n[collections]\nfolder = "collections"\n')
    days = [open_panel(file, day) for day in (DAY, date(2026, 11, 22))]
    surveys = surveys_of(days[0], tmp_path, INVITED)
    (row,) = compare(surveys, surveys, *days)
    assert (row.member_id, row.change, row.before) == ("m1", Change.LOST, ("q1",))


def test_on_another_day_what_asks_for_no_day_is_not_matched_again(tmp_path: Path) -> None:
    file = put_panel(tmp_path)
    days = [open_panel(file, day) for day in (DAY, date(2020, 1, 1))]
    surveys = surveys_of(days[0], tmp_path, CHANGED)
    assert compare(surveys, surveys, *days).difference().work.evaluated == 0


@pytest.mark.parametrize("payloads", [[CLOSED], [REJECTED]])
def test_other_members_of_whom_nothing_is_asked(tmp_path: Path, payloads: list[Any]) -> None:
    old = panel_of(tmp_path / "old")
    new = panel_of(tmp_path / "new", {name: column[1:] for name, column in MEMBERS.items()})
    surveys = surveys_of(old, tmp_path, *payloads)
    said: list[tuple[int, int | None]] = []
    found = compare(
        surveys, surveys, old, new, progress=lambda done, total: said.append((done, total))
    ).difference()
    assert (found.members_before, found.members_after, found.left) == (4, 3, 1)
    assert (found.work.evaluated, found.unchanged, found.surveys) == (0, len(payloads), ())
    assert [total for _, total in said] == [4]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 5], [4, 5]),
        ([1, 2, 3, 4], ["1", "2", "3", "x"], ["4", "x"]),
        (["1", "2", "3", "x"], [1, 2, 3, 4], ["x", "4"]),
        ([1, 2, 3, 4], ["1", "2", "3", "04"], ["4", "04"]),
        (["1", " 2", "3", " 4"], [" 5", "1", "2", "3"], [" 4", " 5"]),
    ],
)
def test_ids_of_another_type_are_written_as_text(
    tmp_path: Path, before: list[Any], after: list[Any], expected: list[Any]
) -> None:
    old = panel_of(tmp_path / "old", members_of(member_id=before, dob=["1990-01-01"] * 4))
    new = panel_of(tmp_path / "new", members_of(member_id=after, dob=["1990-01-01"] * 4))
    surveys = surveys_of(old, tmp_path, {**ADULT_MEN, "quotas": []})
    found = compare(surveys, surveys, old, new)
    assert [row.member_id for row in found] == expected
    found.to_parquet(tmp_path / "changes.parquet")
    assert pq.read_table(tmp_path / "changes.parquet")["member_id"].to_pylist() == expected


def test_ids_of_another_type_that_say_the_same_are_the_same(tmp_path: Path) -> None:
    old = panel_of(tmp_path / "old", members_of(member_id=[1, 2, 3, 4]))
    new = panel_of(
        tmp_path / "new", members_of(member_id=["1", "2", "3", "4"], sex=["M", "F", "F", "F"])
    )
    surveys = surveys_of(old, tmp_path, CHANGED)
    assert [row.member_id for row in compare(surveys, surveys, old, new)] == []
    found = compare(surveys, surveys, old, new).difference()
    assert (found.joined, found.left) == (0, 0)


def deleted(folder: Path, *ids: str) -> Any:
    pq.write_table(pa.table({"member_id": pa.array(ids, pa.string())}), folder / "gone.parquet")
    return open_source(folder / "gone.parquet")


def test_an_index_from_which_members_were_deleted(tmp_path: Path) -> None:
    panel = panel_of(tmp_path)
    panel.write_index(tmp_path / "index")
    old = open_panel(tmp_path / "index", DAY)
    panel.update_index(tmp_path / "index", deleted=deleted(tmp_path, "m1"))
    new = open_panel(tmp_path / "index", DAY)
    surveys = surveys_of(panel, tmp_path, CHANGED)
    (row,) = compare(surveys, surveys, old, new)
    assert (row.member_id, row.change) == ("m1", Change.LOST)


def test_an_index_without_members_and_a_panel_without_any(tmp_path: Path) -> None:
    panel = panel_of(tmp_path)
    panel.write_index(tmp_path / "index")
    panel.update_index(tmp_path / "index", deleted=deleted(tmp_path, *MEMBERS["member_id"]))
    nobody = pa.table(MEMBERS).slice(0, 0)
    empty = panel_of(tmp_path / "empty", nobody)
    surveys = surveys_of(panel, tmp_path, CHANGED)
    index = open_panel(tmp_path / "index", DAY)
    for sides in ((index, empty), (empty, index), (index, panel), (panel, empty)):
        found = compare(surveys, surveys, *sides).difference()
        assert found.tally.before == found.left
        assert found.tally.after == found.joined


def test_history_named_from_another_folder_is_the_same(tmp_path: Path) -> None:
    history = {
        "member_id": ["m1"],
        "marketplace": ["dynata"],
        "survey_id": ["1"],
        "project_id": ["p"],
        "outcome": ["complete"],
        "at": ["2026-01-01"],
    }
    pq.write_table(pa.table(history), tmp_path / "history.parquet")
    text = f'{PANEL}\n[history]\nsource = "history.parquet"\n'
    old = panel_of(tmp_path, MEMBERS, text)
    other = text.replace("members.parquet", "../members.parquet")
    other = other.replace("history.parquet", "../history.parquet")
    (tmp_path / "other").mkdir()
    new = open_panel(put(tmp_path / "other", "panel.toml", other), DAY)
    surveys = surveys_of(old, tmp_path, {**ADULT_MEN, "project_id": "p"})
    assert matcher.compile(surveys).history
    assert compare(surveys, surveys, old, new).difference().work.evaluated == 0
