"""The same value is the same answer, whatever type and source it comes in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from adbc_driver_postgresql import dbapi

from profiles.encoding import decode_column, encode_column
from profiles.errors import InputError
from profiles.panel import open_members
from profiles.schema import Collections, Location, PanelMapping, Schema, read_answers
from profiles.schema.panel_file import parse_panel
from profiles.schema.schema import Attribute, Kind
from profiles.sources import ShardReader, Source, open_location
from tests.support.stores import put_duckdb, put_postgres

UUIDS = ("b5c5d1a4-0000-4000-8000-000000000001", "00000000-0000-0000-0000-00000000000a")
Lists = list[list[Any] | None]


@dataclass(frozen=True)
class Case:
    """What two members have answered, and a third has not: in Arrow, in CSV, in types of SQL.

    `arrow`: the arrays that a Parquet or Arrow file may hold it in. `sql`: for either database the
    types that its text may be cast to.
    """

    kind: Kind
    answers: list[Any]
    arrow: list[pa.Array]
    csv: list[str | None]
    duckdb: tuple[str, ...] = ()
    postgresql: tuple[str, ...] = ()


def dictionary(index: pa.DataType, texts: pa.DataType) -> pa.Array:
    numbers = pa.array([1, 0, None], index)
    return pa.DictionaryArray.from_arrays(numbers, pa.array(["b", "a"], texts))


def decimals(values: list[str], kind: pa.DataType) -> pa.Array:
    return pa.array([*map(Decimal, values), None], kind)


def run_ends(values: pa.Array) -> pa.Array:
    return pa.RunEndEncodedArray.from_arrays(pa.array([1, 2, 3], pa.int32()), values)


TEXTS = ["a", "b", None]
CODES: list[Any] = [7, 12, None]
LISTS: Lists = [[7, 9], [12, 9], None]
INDICES = (
    pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64(),
    pa.uint64(),
)  # fmt: skip
CASES = {
    "text": Case(
        Kind.SINGLE,
        TEXTS,
        [
            pa.array(TEXTS, pa.string()),
            pa.array(TEXTS, pa.large_string()),
            pa.array(TEXTS, pa.string_view()),
            run_ends(pa.array(TEXTS)),
            *(dictionary(index, pa.string()) for index in INDICES),
            dictionary(pa.uint32(), pa.string_view()),
            dictionary(pa.int32(), pa.large_string()),
        ],
        TEXTS,
        ("VARCHAR", "ENUM('b', 'a')"),
        ("TEXT", "VARCHAR(5)", "CHAR(3)", "pet"),
    ),
    "code": Case(
        Kind.SINGLE,
        ["7", "12", None],
        [
            *(
                pa.array(CODES, kind)
                for kind in (pa.int8(), pa.uint8(), pa.int32(), pa.uint64(), pa.float32())
            ),
            pa.array([7.0, 12.0, None], pa.float64()),
            pa.array(CODES, pa.int32()).dictionary_encode(),
            decimals(["7.00", "12.00"], pa.decimal128(6, 2)),
            decimals(["7", "12"], pa.decimal128(38, 0)),
            decimals(["7.0", "12.0"], pa.decimal256(50, 1)),
            decimals(["7.0", "12.0"], pa.decimal32(5, 1)),
            pa.array(["7", " 12 ", None]),
        ],
        ["7", "12", None],
        ("TINYINT", "BIGINT", "HUGEINT", "DOUBLE", "DECIMAL(6,2)", "DECIMAL(30,4)"),
        ("SMALLINT", "BIGINT", "DOUBLE PRECISION", "NUMERIC", "NUMERIC(6,2)"),
    ),
    "part": Case(
        Kind.SINGLE,
        ["7.5", "-0.25", None],
        [
            pa.array([7.5, -0.25, None], pa.float64()),
            decimals(["7.50", "-0.25"], pa.decimal128(6, 2)),
        ],
        ["7.5", "-0.25", None],
        ("DOUBLE", "DECIMAL(6,3)"),
        ("DOUBLE PRECISION", "NUMERIC(6,3)"),
    ),
    "number": Case(
        Kind.NUMBER,
        [7.0, 12.5, None],
        [
            pa.array([7, 12.5, None], pa.float32()),
            decimals(["7.00", "12.50"], pa.decimal128(6, 2)),
            pa.array(["7.00", "12.5", None], pa.string_view()),
        ],
        ["7", "12.50", None],
        ("DOUBLE", "DECIMAL(6,2)", "VARCHAR"),
        ("DOUBLE PRECISION", "NUMERIC(6,2)", "TEXT"),
    ),
    "truth": Case(
        Kind.SINGLE,
        ["true", "false", None],
        [pa.array([True, False, None])],
        ["true", "false", None],
        ("BOOLEAN",),
        ("BOOLEAN",),
    ),
    "uuid": Case(
        Kind.SINGLE,
        [*UUIDS, None],
        [pa.array([*(UUID(text).bytes for text in UUIDS), None], pa.uuid())],
        [*UUIDS, None],
        ("UUID",),
        ("UUID",),
    ),
    "lists": Case(
        Kind.MULTI,
        [["7", "9"], ["12", "9"], None],
        [
            *(
                pa.array(LISTS, of(pa.int16()))
                for of in (pa.list_, pa.large_list, pa.list_view, pa.large_list_view)
            ),
            pa.array(LISTS, pa.list_(pa.uint8(), 2)),
            pa.array([["7", "9"], ["12", "9"], None], pa.list_(pa.string_view())),
            pa.array([["7", "9"], ["12", "9"], None], pa.large_list(pa.large_string())),
            pa.array([[Decimal(7), Decimal(9)], [Decimal(12), Decimal(9)], None],
                     pa.list_(pa.decimal128(6, 2))),
            pa.ListArray.from_arrays(
                pa.array([0, 2, 4, 4], pa.int32()),
                pa.DictionaryArray.from_arrays(
                    pa.array([0, 1, 2, 1], pa.uint32()), pa.array(["7", "9", "12"])
                ),
                mask=pa.array([False, False, True]),
            ),
        ],
        ["7|9", "12|9", None],
        ("INTEGER[]", "INTEGER[2]", "VARCHAR[]", "DECIMAL(6,2)[]", "ENUM('7', '9', '12')[]"),
        ("INTEGER[]", "TEXT[]", "NUMERIC(6,2)[]"),
    ),
}  # fmt: skip


def rows() -> Iterator[Any]:
    for name, case in CASES.items():
        for number, array in enumerate(case.arrow):
            for source in ("parquet", "arrow", "stream"):
                yield pytest.param(case, source, array, id=f"{name}-{source}-{number}")
        yield pytest.param(case, "csv", pa.array(case.csv), id=f"{name}-csv")
        yield from (pytest.param(case, "duckdb", sql, id=f"{name}-{sql}") for sql in case.duckdb)
        for sql in case.postgresql:
            yield pytest.param(case, "postgresql", sql, id=f"{name}-postgresql-{sql}")


@pytest.mark.parametrize(("case", "source", "given"), list(rows()))
def test_one_value_is_one_answer(
    case: Case, source: str, given: pa.Array | str, tmp_path: Path, postgres: str
) -> None:
    opened = PUT[source](case, given, tmp_path, postgres)
    attribute = Attribute("v", case.kind, "v")
    (shard,) = ShardReader(mapping_of({"v": attribute}), opened).read(["v"])
    column = shard.columns["v"]
    read = decode_column(attribute, column, shard.size).to_pylist()
    assert [sorted(items) if isinstance(items, list) else items for items in read] == [
        sorted(items) if isinstance(items, list) else items for items in case.answers
    ]
    assert shard.ids["member_id"].to_pylist() == ["m1", "m2", "m3"]


def mapping_of(attributes: Mapping[str, Attribute]) -> PanelMapping:
    return PanelMapping(Schema(attributes, {}), {}, Collections(None))


def table(column: pa.Array) -> pa.Table:
    return pa.table({"member_id": ["m1", "m2", "m3"], "v": column})


def put_parquet(_: Case, given: Any, folder: Path, _url: str) -> Source:
    members = table(given)
    try:
        pq.write_table(members, folder / "m.parquet")
    except pa.ArrowNotImplementedError as error:
        pytest.skip(str(error))
    return open_location(Location("m.parquet"), folder)


def put_arrow(_: Case, given: Any, folder: Path, _url: str) -> Source:
    members = table(given)
    with pa.ipc.new_file(folder / "m.arrow", members.schema) as writer:
        writer.write(members)
    return open_location(Location("m.arrow"), folder)


def put_stream(_: Case, given: Any, folder: Path, _url: str) -> Source:
    members = table(given)
    with pa.ipc.new_stream(folder / "m.arrow", members.schema) as writer:
        writer.write(members)
    return open_location(Location("m.arrow"), folder)


def put_csv(_: Case, given: Any, folder: Path, _url: str) -> Source:
    pa.csv.write_csv(table(given), folder / "m.csv")
    return open_location(Location("m.csv"), folder)


def in_duckdb(case: Case, sql: str, folder: Path, _url: str) -> Source:
    put_duckdb({"members": table(literals(case, "[]"))}, folder / "m.duckdb")
    with duckdb.connect(folder / "m.duckdb") as connection:
        connection.execute(f"ALTER TABLE members ALTER v TYPE {sql} USING v::{sql}")
    return open_location(Location("duckdb:///m.duckdb", "members"), folder, "member_id")


def in_postgres(case: Case, sql: str, folder: Path, url: str) -> Source:
    put_postgres({"of_types": table(literals(case, "{}"))}, url)
    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TYPE IF EXISTS pet")
        cursor.execute("CREATE TYPE pet AS ENUM ('b', 'a')")
        cursor.execute(f"ALTER TABLE of_types ALTER v TYPE {sql} USING v::{sql}")
        connection.commit()
    return open_location(Location(url, query="SELECT * FROM of_types"), folder, "member_id")


def literals(case: Case, brackets: str) -> pa.Array:
    """The texts that a database casts, with lists as it writes them."""
    if case.kind is not Kind.MULTI:
        return pa.array(case.csv)
    texts = [text and f"{brackets[0]}{text.replace('|', ', ')}{brackets[1]}" for text in case.csv]
    return pa.array(texts)


PUT: dict[str, Callable[[Case, Any, Path, str], Source]] = {
    "parquet": put_parquet,
    "arrow": put_arrow,
    "stream": put_stream,
    "csv": put_csv,
    "duckdb": in_duckdb,
    "postgresql": in_postgres,
}


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (pa.array([7, 8, 9], pa.uint8()), [7, 8, 9]),
        (pa.array([Decimal("7.00"), Decimal(8), Decimal(9)], pa.decimal128(6, 2)), [7, 8, 9]),
        (pa.array(["a", "b", "c"], pa.string_view()), ["a", "b", "c"]),
        (pa.array(["a", "b", "c"]).dictionary_encode(), ["a", "b", "c"]),
        (pa.array([UUID(text).bytes for text in (*UUIDS, UUIDS[0])], pa.uuid()),
         [*UUIDS, UUIDS[0]]),
        (pa.array([Decimal("7.5"), Decimal(8), Decimal(9)], pa.decimal128(6, 2)),
         "row 1, column `member_id`: `7.50` is not a whole number"),
        (pa.array([Decimal(8), Decimal(10**30), Decimal(9)], pa.decimal128(38, 0)),
         "row 2, column `member_id`: an id that does not fit in 64 bits"),
        (pa.array([Decimal(8), None, Decimal(9)], pa.decimal128(38, 0)),
         "row 2, column `member_id`: no member id"),
    ],
)  # fmt: skip
def test_member_ids_of_every_type(tmp_path: Path, ids: pa.Array, expected: object) -> None:
    pq.write_table(pa.table({"member_id": ids}), tmp_path / "m.parquet")
    source = open_location(Location("m.parquet"), tmp_path)
    reader = ShardReader(mapping_of({}), source)
    if isinstance(expected, str):
        with pytest.raises(InputError, match=r"m\.parquet: ") as caught:
            list(reader.read([]))
        assert str(caught.value).endswith(expected)
        return
    (shard,) = reader.read([])
    assert shard.ids["member_id"].to_pylist() == expected


NULL_VALUES = frozenset({"-99", "NULL", "01"})


@pytest.mark.parametrize(
    "numbers",
    [
        pa.array([5, -99, None, 6], pa.int8()),
        pa.array([5, -99, None, 6_000_000], pa.int64()),
        pa.array([5.0, -99.0, float("nan"), 6.5]),
        pa.array([5, 1, None, 99], pa.uint8()),
        pa.array(["5", "-99", "NULL", "6"]),
        pa.array([Decimal(5), Decimal(-99), None, Decimal(6)], pa.decimal128(6, 2)),
    ],
)
@pytest.mark.parametrize("dense_above", [0, 100])
def test_null_values_of_numbers_are_the_same_however_they_are_encoded(
    numbers: pa.Array, dense_above: int
) -> None:
    attribute = Attribute("v", Kind.NUMBER, "v", null_values=NULL_VALUES)
    column = encode_column(attribute, pa.chunked_array([numbers]), dense_above)
    expected = [read_answers(attribute, raw, date(2026, 1, 1)) for raw in numbers.to_pylist()]
    assert decode_column(attribute, column, len(numbers)).to_pylist() == [
        answers and answers[0] for answers in expected
    ]


@pytest.mark.parametrize("source", ["wide.csv", "long.csv", "wide.parquet"])
def test_null_values_and_written_lists_in_every_source(tmp_path: Path, source: str) -> None:
    texts = ["7", "NULL", "{7,9}", '["9",7]']
    if source == "long.csv":
        rows = pa.table(
            {"member_id": ["a", "a", "b", "c", "d"], "attribute": ["v"] * 5,
             "value": ["NULL", *texts]}
        )  # fmt: skip
    else:
        rows = pa.table({"member_id": ["a", "b", "c", "d"], "v": texts})
    path = tmp_path / source
    (pq.write_table if path.suffix == ".parquet" else pa.csv.write_csv)(rows, path)
    tables = {
        "panel": {
            "source": source,
            "layout": "long" if source == "long.csv" else "wide",
            "null_values": ["NULL", -99],
        },
        "attributes": {"v": {"type": "multi"}},
    }
    file = parse_panel(tables, tmp_path / "panel.toml")
    (shard,) = ShardReader(file.mapping, open_members(file)).read(["v"])
    read = decode_column(file.schema.attributes["v"], shard.columns["v"], shard.size).to_pylist()
    assert [answers and sorted(answers) for answers in read] == [
        ["7"], None, ["7", "9"], ["7", "9"]
    ]  # fmt: skip
