"""One member by id: their row reads to the answers that were written, wherever it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.rules.evaluate import read_member
from profiles.errors import InputError
from profiles.panel import Panel, open_panel
from profiles.schema import Kind, as_code, id_columns, is_missing
from profiles.schema.panel_file import PanelFile, parse_panel
from profiles.schema.values import as_date, is_no_answer, split_list
from profiles.sources import open_source
from tests.support.commandline import PANEL, command, put_panel
from tests.support.panels import LAYOUTS, open_members
from tests.support.stores import STORES, store
from tests.support.strategies import (
    AS_OF,
    Members,
    Variation,
    members,
    variations,
    write_collections,
)

NAMES = map("found{}".format, count())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("found")
    write_collections(folder / "collections")
    return folder


def panel_file(variation: Variation, folder: Path) -> PanelFile:
    return parse_panel(variation.tables(), folder / "panel.toml")


def assert_found(panel: Panel, rows: Sequence[Mapping[str, Any]]) -> None:
    """Every member, by their id as it is written; and nobody by another."""
    mapping = panel.mapping
    wanted = {*id_columns(mapping), *(each.column for each in mapping.schema.attributes.values())}
    for row in rows[:12]:
        found = panel.find(str(row["member_id"]))
        assert found is not None
        assert set(found) == wanted
        assert answers_of(panel, found) == answers_of(panel, row)
        for column in id_columns(mapping):
            assert id_of(found[column]) == id_of(row[column])
    assert panel.find("no such member") is None


def answers_of(panel: Panel, row: Mapping[str, object]) -> dict[str, frozenset[object]]:
    """An index keeps neither their order nor how often one is given."""
    answers = read_member(panel.mapping, row, AS_OF).answers
    return {name: frozenset(each) for name, each in answers.items()}


def id_of(raw: object) -> str | None:
    return None if is_missing(raw) else as_code(raw)


@given(variation=variations, of=members())
def test_a_member_is_found_in_a_file_of_any_types(
    variation: Variation, of: Members, folder: Path
) -> None:
    pq.write_table(of.table(), folder / "members.parquet", row_group_size=7)
    file = panel_file(variation, folder)
    assert_found(open_members(file, folder / "members.parquet", AS_OF), of.rows)


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=20)
@given(variation=variations, of=members())
def test_a_member_is_found_in_every_layout(
    layout: str, variation: Variation, of: Members, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp(layout)
    write_collections(folder / "collections")
    file = panel_file(variation, folder)
    rows = [plain(file, row) for row in of.rows]
    assert_found(open_members(file, LAYOUTS[layout](file, rows, folder), AS_OF), rows)


def plain(file: PanelFile, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON would have it, which every layout can hold."""
    values = {name: None if is_missing(value) else value for name, value in row.items()}
    for attribute in file.schema.attributes.values():
        value = values[attribute.column]
        if value is None or is_no_answer(attribute, value):
            values[attribute.column] = None
            continue
        if attribute.kind is Kind.BIRTH_DATE:
            values[attribute.column] = as_date(value).isoformat()
        elif attribute.kind in (Kind.MULTI, Kind.CHILDREN) and isinstance(value, str):
            value = split_list(value, attribute.separator)
        if isinstance(value, list):
            items = [item for item in value if not is_no_answer(attribute, item)]
            several = attribute.kind is not Kind.NUMBER
            values[attribute.column] = items if several else next(iter(items), None)
    return values


@pytest.mark.parametrize("name", STORES)
@settings(max_examples=2)
@given(panels=st.lists(st.tuples(variations, members()), min_size=6, max_size=6))
def test_a_member_is_found_in_every_store(
    name: str, panels: list[tuple[Variation, Members]], folder: Path, postgres: str
) -> None:
    tables = {
        next(NAMES): (panel_file(variation, folder), storable(of.table()))
        for variation, of in panels
    }
    stored = store(name, tables, folder, postgres)
    for (_, of), (table, (file, _)) in zip(panels, tables.items(), strict=True):
        assert_found(Panel(file, stored[table], AS_OF), of.rows)


def storable(table: pa.Table) -> pa.Table:
    """The table without lists of dictionaries, which DuckDB cannot always take in."""
    plain = [
        each.with_type(pa.large_list(pa.string())) if pa.types.is_large_list(each.type) else each
        for each in table.schema
    ]
    return table.cast(pa.schema(plain))


IDS = PANEL.partition("[attributes")[0] + "[attributes]\n"


def found_in(folder: Path, ids: pa.Array, member_id: str) -> object:
    panel = open_panel(put_panel(folder, IDS, pa.table({"member_id": ids})), AS_OF)
    row = panel.find(member_id)
    return None if row is None else row["member_id"]


@pytest.mark.parametrize(
    ("ids", "wanted", "found"),
    [
        (["m1", "m2"], " m2 ", "m2"),
        (["m1", " m2\t"], "m2", " m2\t"),
        ([" m1", "m1", "m1 "], "m1", "m1"),
        ([" m1", "m1", "m1 "], "m1 ", "m1 "),
        ([" m1", "m1", "m1 "], "  m1", " m1"),
        ([7, 8], " 8 ", 8),
        ([7, 8], "8.0", None),
        (["07", "7"], "7", "7"),
        ([None, "m1"], "m1", "m1"),
        ([None, "", " "], "", ""),
        ([], "m1", None),
    ],
)
def test_ids_compare_as_text_after_trimming(
    ids: list[Any], wanted: str, found: object, tmp_path: Path
) -> None:
    kind = pa.int64() if 7 in ids else pa.string()
    assert found_in(tmp_path, pa.array(ids, kind), wanted) == found
    if kind == pa.string():
        assert found_in(tmp_path, pa.array(ids, pa.string()).dictionary_encode(), wanted) == found


def test_ids_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        found_in(tmp_path, pa.array([1.5]), "1.5")
    why = "row 1, column `member_id`: ids must be text or integers, not `double`"
    assert str(refused.value) == f"{tmp_path}/members.parquet: {why}"


def test_a_date_that_python_has_not_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "members.parquet"
    days = pa.array([0, 1 << 30], pa.int32()).cast(pa.date32())
    pq.write_table(pa.table({"member_id": ["m1", "m2"], "dob": days}), path)
    tables = {
        "panel": {"source": "members.parquet"},
        "attributes": {"age": {"type": "birth_date", "column": "dob"}},
    }
    panel = Panel(parse_panel(tables, tmp_path / "panel.toml"), open_source(path), AS_OF)
    assert panel.find("m1") == {"member_id": "m1", "dob": date(1970, 1, 1)}
    with pytest.raises(InputError) as refused:
        panel.find("m2")
    why = "row 2, column `dob`: a date outside the years 1 to 9999"
    assert str(refused.value) == f"{path}: {why}"


def test_who_is_deleted_from_an_index_is_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And who was written anew is found as they are now."""
    monkeypatch.chdir(tmp_path)
    table = pq.read_table(put_panel(tmp_path).with_name("members.parquet"))
    assert command("index", "--panel", "panel.toml", "-o", "idx").status == 0
    pq.write_table(table.slice(0, 1).set_column(1, "sex", [["F"]]), "changes.parquet")
    Path("gone.csv").write_text("member_id\nm2\n", encoding="utf-8")
    update = ("index", "--panel", "panel.toml", "-o", "idx", "--update")
    result = command(*update, "--changes", "changes.parquet", "--deleted", "gone.csv")
    assert result.status == 0, result.err
    panel = open_panel(tmp_path / "idx", AS_OF)
    assert panel.find("m2") is None
    changed, kept = panel.find("m1"), panel.find("m3")
    assert changed is not None
    assert kept is not None
    assert (changed["sex"], kept["member_id"]) == ("F", "m3")
