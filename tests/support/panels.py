"""Writes members to disk in the layouts that a panel may come in, each with other Arrow types."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from profiles.index.index import is_index
from profiles.panel import Panel, open_panel
from profiles.schema import Attribute, Kind, Schema, as_code
from profiles.schema.panel_file import PanelFile
from profiles.sources import open_source

Row: TypeAlias = Mapping[str, Any]
_LISTS = (Kind.MULTI, Kind.CHILDREN)
_TYPES = {
    Kind.SINGLE: pa.string(),
    Kind.TEXT: pa.string(),
    Kind.MULTI: pa.list_(pa.string()),
    Kind.CHILDREN: pa.list_(pa.string()),
    Kind.NUMBER: pa.float64(),
    Kind.BIRTH_DATE: pa.date32(),
}


def write_parquet(schema: Schema, members: Sequence[Row], folder: Path) -> Path:
    """Plain types: numbers as numbers, dates as dates, lists as lists."""
    path = folder / "members.parquet"
    pq.write_table(plain_table(schema, members), path)
    return path


def plain_table(schema: Schema, members: Sequence[Row]) -> pa.Table:
    """Numbers as numbers, dates as dates, lists as lists."""
    return _table(schema, members, _plain)


def write_arrow(schema: Schema, members: Sequence[Row], folder: Path) -> Path:
    """Large and dictionary-encoded text for everything, in two record batches."""
    path = folder / "members.arrow"
    table = _table(schema, members, _as_texts)
    half = len(members) // 2
    with pa.ipc.new_file(path, table.schema) as writer:
        for batch in table.slice(0, half).to_batches() + table.slice(half).to_batches():
            writer.write_batch(batch)
    return path


def write_csv(schema: Schema, members: Sequence[Row], folder: Path) -> Path:
    """Text, with the attribute's separator between answers."""
    path = folder / "members.csv"
    separators = {each.column: each.separator for each in schema.attributes.values()}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        names = column_names(schema, members)
        writer.writerow(names)
        for row in members:
            writer.writerow([_cell(row.get(name), separators.get(name, "|")) for name in names])
    return path


def write_index(file: PanelFile, members: Sequence[Row], folder: Path) -> Path:
    """An index of Parquet."""
    source = open_source(write_parquet(file.schema, members, folder))
    Panel(file, source, date.min).write_index(folder / "index")
    return folder / "index"


LAYOUTS: dict[str, Callable[[PanelFile, Sequence[Row], Path], Path]] = {
    "parquet": lambda file, members, folder: write_parquet(file.schema, members, folder),
    "arrow": lambda file, members, folder: write_arrow(file.schema, members, folder),
    "csv": lambda file, members, folder: write_csv(file.schema, members, folder),
    "index": write_index,
}


def open_members(file: PanelFile, path: Path, as_of: date) -> Panel:
    """The panel of a panel file, with its members read from `path`, or the panel of an index."""
    return open_panel(path, as_of) if is_index(path) else Panel(file, open_source(path), as_of)


def column_names(schema: Schema, members: Sequence[Row]) -> list[str]:
    """The member id, the declared columns, and what other columns members have."""
    declared = [each.column for each in schema.attributes.values()]
    return list(
        dict.fromkeys([schema.member_id, *declared, *(key for row in members for key in row)])
    )


def _table(
    schema: Schema, members: Sequence[Row], make: Callable[[Attribute | None, list[Any]], pa.Array]
) -> pa.Table:
    by_column = {each.column: each for each in schema.attributes.values()}
    return pa.table(
        {
            name: make(by_column.get(name), [row.get(name) for row in members])
            for name in column_names(schema, members)
        }
    )


def _plain(attribute: Attribute | None, values: list[Any]) -> pa.Array:
    if attribute is None:
        return pa.array(values) if any(each is not None for each in values) else _no_text(values)
    if attribute.kind is Kind.BIRTH_DATE:
        values = [date.fromisoformat(each) if isinstance(each, str) else each for each in values]
    present = [each for each in values if each is not None]
    if not present or all(each == [] for each in present):
        return pa.array(values, _TYPES[attribute.kind])
    return pa.array(values)


def _no_text(values: list[Any]) -> pa.Array:
    return pa.array(values, pa.string())


def _as_texts(attribute: Attribute | None, values: list[Any]) -> pa.Array:
    if attribute is not None and attribute.kind in _LISTS:
        return pa.array([_codes(each) for each in values], pa.large_list(pa.large_string()))
    texts = [None if each is None else as_code(each) for each in values]
    return pa.array(texts, pa.large_string()).dictionary_encode()


def _codes(value: list[Any] | None) -> list[str | None] | None:
    if value is None:
        return None
    return [None if each is None else as_code(each) for each in value]


def _cell(value: Any, separator: str) -> str:
    if isinstance(value, list):
        return separator.join(as_code(each) for each in value) if value else "[]"
    return "" if value is None else as_code(value)
