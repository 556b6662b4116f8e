"""The long layout: a row an answer, whose cells read as those of a CSV file do."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

import matcher
from matcher.surveys import ChoiceStrategy
from profiles.errors import InputError
from profiles.panel import Panel, open_panel
from profiles.schema.panel_file import parse_panel
from tests.support.commandline import PANEL
from tests.support.reference import Reference
from tests.support.stores import STORES, put_duckdb, store
from tests.support.strategies import (
    AS_OF,
    Json,
    Members,
    Variation,
    members,
    payload,
    variations_without_history,
    write_collections,
)

Answer = tuple[Any, str | None, Any]
LONG = PANEL.replace('"members.parquet"', '"members.parquet"\nlayout = "long"')


def open_answers(
    folder: Path, answers: list[Answer], rows: int = 100, **types: pa.DataType
) -> Panel:
    """A panel of rows of answers, so many of which are read at a time."""
    names = ("member_id", "attribute", "value")
    table = pa.table(
        {name: pa.array([row[place] for row in answers], types.get(name, pa.string()))
         for place, name in enumerate(names)}
    )  # fmt: skip
    pq.write_table(table, folder / "members.parquet", row_group_size=rows)
    (folder / "panel.toml").write_text(LONG)
    return open_panel(folder / "panel.toml", date(2026, 11, 21))


def read(panel: Panel, *columns: str) -> list[dict[str, Any]]:
    batches = panel.source.batches(list(columns))
    return [row for batch in batches for row in batch.data.to_pylist()]


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_rows_become_members(rows: int, tmp_path: Path) -> None:
    """However the rows are cut into batches."""
    panel = open_answers(
        tmp_path,
        [
            ("m1", "sex", "M"),
            ("m1", "pets", "cat"),
            ("m1", "pets", "dog|hen"),
            ("m1", "sex", " M "),
            ("m1", "other", "x"),
            ("m2", None, None),
            ("m3", "pets", "[]"),
            ("m3", "sex", " "),
            ("m4", "pets", None),
            ("m4", "income", "1"),
            ("m4", "income", "2.5"),
        ],
        rows,
    )
    assert read(panel, "member_id", "sex", "pets", "income") == [
        {"member_id": "m1", "sex": " M ", "pets": ["cat", "dog", "hen"], "income": None},
        {"member_id": "m2", "sex": None, "pets": None, "income": None},
        {"member_id": "m3", "sex": None, "pets": [], "income": None},
        {"member_id": "m4", "sex": None, "pets": None, "income": ["1", "2.5"]},
    ]


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [(pa.float64(), 1.0, "1"), (pa.float64(), 2.5, "2.5"), (pa.int8(), 3, "3"),
     (pa.bool_(), True, "true"), (pa.date32(), date(2001, 2, 3), "2001-02-03")],
)  # fmt: skip
def test_values_of_other_types_are_written_out(
    kind: pa.DataType, value: Any, text: str, tmp_path: Path
) -> None:
    panel = open_answers(tmp_path, [("m1", "sex", value)], value=kind)
    assert read(panel, "sex") == [{"sex": text}]


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (
            [("m1", "sex", "M"), ("m1", "sex", "F")],
            "member `m1`: two answers to `sex`, `M` and `F`",
        ),
        ([("m1", "dob", "x")], "member `m1`, column `dob`: `x` is not a date (YYYY-MM-DD)"),
        ([("m1", "income", "x")], "member `m1`, column `income`: `x` is not a number"),
        ([("m1", "sex", "M"), (None, "sex", "M")], "row 2, column `member_id`: no member id"),
        (
            [("m1", "sex", "M"), ("m2", "sex", "F"), ("m1", "zip", "1")],
            "member `m1`: member id `m1` appears twice, first in {file}: member `m1`",
        ),
    ],
)  # fmt: skip
def test_answers_at_fault(answers: list[Answer], why: str, tmp_path: Path) -> None:
    panel = open_answers(tmp_path, answers)
    with pytest.raises(InputError) as caught:
        list(panel.shards(["gender", "age", "income"]))
    file = tmp_path / "members.parquet"
    assert str(caught.value) == f"{file}: {why.format(file=file)}"


def test_columns_of_the_layout_must_be_there(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"member_id": ["m1"], "attribut": ["sex"]}), tmp_path / "members.parquet"
    )
    (tmp_path / "panel.toml").write_text(LONG)
    with pytest.raises(InputError, match="no column `attribute`; did you mean `attribut`"):
        open_panel(tmp_path / "panel.toml")
    with pytest.raises(InputError, match="must be columns of text"):
        read(open_answers(tmp_path, [("m1", "sex", ["M"])], value=pa.list_(pa.string())), "sex")


def test_databases_bring_the_rows_of_a_member_together(tmp_path: Path) -> None:
    table = {
        "member_id": ["b", "B", "b"],
        "attribute": ["sex", "sex", "zip"],
        "value": ["M", "F", "1"],
    }
    put_duckdb({"answers": pa.table(table)}, tmp_path / "panel.duckdb")
    text = LONG.replace('"members.parquet"', '"duckdb:///panel.duckdb"\ntable = "answers"')
    (tmp_path / "panel.toml").write_text(text)
    panel = open_panel(tmp_path / "panel.toml")
    assert read(panel, "member_id", "sex", "zip") == [
        {"member_id": "B", "sex": "F", "zip": None},
        {"member_id": "b", "sex": "M", "zip": "1"},
    ]


@pytest.mark.parametrize("name", STORES)
@settings(max_examples=settings().max_examples // 5)
@given(variation=variations_without_history, surveys=payload(), of=members())
def test_members_stored_otherwise_are_given_what_the_reference_gives(
    name: str,
    postgres: str,
    tmp_path_factory: pytest.TempPathFactory,
    variation: Variation,
    surveys: Json,
    of: Members,
) -> None:
    folder = tmp_path_factory.mktemp(name)
    write_collections(folder / "collections")
    file = parse_panel(variation.tables(), folder / "panel.toml")
    (folder / "payload.json").write_bytes(orjson.dumps(surveys))
    lowered = matcher.load_surveys([folder / "payload.json"], file.mapping).surveys
    ordered = Members(of.types, tuple(sorted(of.rows, key=lambda row: row["member_id"])))
    source = store(name, {"drawn": (file, ordered.table())}, folder, postgres)["drawn"]
    reference = Reference(lowered, file.mapping, ordered.rows, AS_OF)
    found = matcher.compile(lowered).match(Panel(file, source, AS_OF), uncertain=True)
    choice = reference.choice(ChoiceStrategy.FIRST, 0)
    assert [(str(row.member_id), row.survey, row.quota_ids, row.verdict) for row in found] == [
        (str(row.member_id), row.survey, row.quota_ids, row.verdict)
        for row in reference.rows(choice, uncertain=True)
    ]
