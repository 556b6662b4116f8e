"""The matching job done by Polars and by DuckDB, to measure ours against.

The job: for every survey and member the place (1 to 8 in payload order, 0 for none) of the first
open quota whose cells are all true, where all filters are true too; and how many members each
quota gets. Both peers work in the form that was fastest for them: one bit a code in the narrowest
unsigned integer, postal codes looked up once for all the lists that name them, and no nulls. A
missing answer is a value that no test accepts, so unknown never admits, negated or not.

Only the cells and the shape of survey that ``benchmarks.cases.matching`` writes are read. To hold
Polars to one thread, set POLARS_MAX_THREADS=1 before this module is imported.
"""

import tomllib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Any, Literal, TypeVar, assert_never

import duckdb
import numpy as np
import numpy.typing as npt
import orjson
import polars as pl
import pyarrow as pa

QUOTAS = 8
"""How many quotas a survey has."""

POLARS_ROWS = 334_000
"""Members a pass: Polars is fastest where its temporaries are small enough to be reused."""

DUCKDB_SURVEYS = 10
"""Surveys a query; 20 and 40 took the same time."""

Counts = npt.NDArray[np.int64]
"""Members given to each quota: one row a survey, one column a quota."""

Kind = Literal["single", "multi", "number", "text"]


# What the payload asks, in the panel's own words


@dataclass(frozen=True, slots=True)
class Codes:
    """True where the member has any (or ``every``) of the values; ``negate`` turns it around."""

    column: str
    values: tuple[str, ...]
    every: bool
    negate: bool


@dataclass(frozen=True, slots=True)
class Span:
    """True where a number lies between the ends, both included; no end is None."""

    column: str
    low: int | None
    high: int | None


Cell = Codes | Span


@dataclass(frozen=True, slots=True)
class Survey:
    """Cells that must all be true, and the open quotas with their places in the payload."""

    filters: tuple[Cell, ...]
    quotas: tuple[tuple[int, tuple[Cell, ...]], ...]


@dataclass(frozen=True, slots=True)
class Job:
    """The kind of every attribute, and the surveys to match."""

    kinds: dict[str, Kind]
    surveys: list[Survey]

    def cells(self) -> list[Cell]:
        """Return the distinct cells, in order of first use."""
        used: dict[Cell, None] = {}
        for survey in self.surveys:
            used.update(dict.fromkeys(survey.filters))
            for _, cells in survey.quotas:
                used.update(dict.fromkeys(cells))
        return list(used)


def read_job(panel: Path, opportunities: Path) -> Job:
    """Read a panel file and the Dynata opportunities to match against it."""
    document = tomllib.loads(panel.read_text(encoding="utf-8"))
    kinds = {name: attribute["type"] for name, attribute in document["attributes"].items()}
    mapping = document["marketplaces"]["dynata"]["attributes"]
    payload = orjson.loads(opportunities.read_bytes())
    return Job(kinds, [_survey(opportunity, kinds, mapping) for opportunity in payload])


def _survey(
    opportunity: Mapping[str, Any], kinds: Mapping[str, Kind], mapping: Mapping[str, Any]
) -> Survey:
    cells = {cell["tag"]: _cell(cell, kinds, mapping) for cell in opportunity["cells"]}
    filters = [cells[tag] for [one] in opportunity["filters"] for tag in one["cells"]]
    [group] = opportunity["quotas"]
    quotas = [
        (place, tuple(cells[tag] for tag in quota["cells"]))
        for place, quota in enumerate(group, 1)
        if quota["status"] == "OPEN" and quota["count"] > 0
    ]
    return Survey(tuple(filters), tuple(quotas))


def _cell(cell: Mapping[str, Any], kinds: Mapping[str, Kind], mapping: Mapping[str, Any]) -> Cell:
    mapped = mapping[str(cell["attribute_id"])]
    column = mapped["attribute"]
    if kinds[column] == "number":
        ends = cell["range"] if cell["kind"] == "RANGE" else {}
        value = int(cell["value"]) if cell["kind"] == "VALUE" else None
        return Span(column, ends.get("from", value), ends.get("to", value))
    answers = [cell["value"]] if cell["kind"] == "VALUE" else cell["list"]
    values = sorted(mapped.get("answers", {}).get(answer, answer) for answer in answers)
    return Codes(column, tuple(values), cell.get("operator") == "AND", cell["negate"])


# Tests on encoded columns


@dataclass(frozen=True, slots=True)
class Mask:
    """A test on the bits of a column that ``mask`` covers.

    ``some``: any of them is set; ``none``: none is; ``all``: all are; ``not all``: one is not,
    and the column is not ``missing``.
    """

    column: str
    mask: int
    wanted: Literal["some", "none", "all", "not all"]
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Between:
    """A column lies between two integers, both included."""

    column: str
    low: int
    high: int


Test = Mask | Between


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """A column to be made from a text column: ``words`` holds 64 tests a place, one a bit."""

    name: str
    column: str
    words: npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Column:
    """How a column is encoded, and the integer that stands for a missing answer.

    single: one bit, 0 if missing. multi: a bit for each, and one more if missing. number: itself,
    one more than the highest if missing. text: the place in ``values``, which is their number if
    missing. ``values`` are sorted, and empty for numbers.
    """

    kind: Kind
    values: Sequence[str]
    missing: int

    def width(self) -> int:
        """Return the width of the narrowest unsigned integer that holds the column."""
        largest = 1 << (len(self.values) - 1) if self.kind == "single" else self.missing
        return next(width for width in (8, 16, 32, 64) if largest < 1 << width)

    def places(self, values: Iterable[str]) -> list[int]:
        """Return the places of those values that any member has."""
        found = ((value, bisect_left(self.values, value)) for value in values)
        return [place for value, place in found if value in self.values[place : place + 1]]


def _coded(kind: Kind, values: Sequence[str]) -> Column:
    """Return the encoding of an attribute that is not a number."""
    missing = {"single": 0, "multi": 1 << len(values), "text": len(values)}
    return Column(kind, values, missing[kind])


def translate(
    cells: Iterable[Cell], columns: Mapping[str, Column]
) -> tuple[dict[Cell, Test], list[Lookup]]:
    """Return the test for every cell, and the lookups that tests on text columns need."""
    tests: dict[Cell, Test] = {}
    texts: dict[str, list[Codes]] = {}
    for cell in cells:
        match cell:
            case Span(name):
                tests[cell] = _between(cell, columns[name])
            case Codes(name) if columns[name].kind == "text":
                texts.setdefault(name, []).append(cell)
            case Codes(name):
                tests[cell] = _bits(cell, columns[name])
            case _:
                assert_never(cell)
    lookups = []
    for name, lists in texts.items():
        for start in range(0, len(lists), 64):
            batch = lists[start : start + 64]
            lookup = _lookup(f"{name}_{start}", batch, columns[name])
            lookups.append(lookup)
            tests |= {cell: Mask(lookup.name, 1 << bit, "some") for bit, cell in enumerate(batch)}
    return tests, lookups


def _lookup(name: str, cells: Sequence[Codes], column: Column) -> Lookup:
    words = np.zeros(len(column.values) + 1, np.uint64)
    for bit, cell in enumerate(cells):
        met = np.zeros(len(column.values), np.bool_)
        met[column.places(cell.values)] = True
        words[:-1] |= (met ^ cell.negate).astype(np.uint64) << np.uint64(bit)
    return Lookup(name, cells[0].column, words)


def _between(cell: Span, column: Column) -> Test:
    last = column.missing - 1
    high = last if cell.high is None else min(cell.high, last)
    return Between(cell.column, cell.low or 0, high)


def _bits(cell: Codes, column: Column) -> Test:
    mask = sum(1 << place for place in column.places(cell.values))
    if cell.every:
        return Mask(cell.column, mask, "not all" if cell.negate else "all", column.missing)
    if cell.negate and column.kind == "multi":
        return Mask(cell.column, mask | column.missing, "none")
    if cell.negate:
        mask ^= (1 << len(column.values)) - 1
    if column.kind == "single" and mask.bit_count() == 1:
        return Between(cell.column, mask, mask)
    return Mask(cell.column, mask, "some")


def _count(places: npt.NDArray[np.int8]) -> Counts:
    """Return how many members have each place, from 1 to 8."""
    counts = [np.count_nonzero(places == place) for place in range(1, QUOTAS + 1)]
    return np.array(counts, np.int64)


# Polars


class PolarsPeer:
    """The job in Polars, on Series, pass by pass: its fastest form."""

    def __init__(self, panel: Path, opportunities: Path) -> None:
        self._job = read_job(panel, opportunities)
        self._columns: dict[str, Column] = {}
        self._frame = pl.DataFrame()

    def encode(self, source: Path) -> None:
        """Read the members and encode their answers."""
        members = pl.read_parquet(source, columns=list(self._job.kinds))
        encoded = []
        for name, kind in self._job.kinds.items():
            self._columns[name], series = _POLARS_ENCODE[kind](kind, members[name])
            encoded.append(series.alias(name))
        self._frame = pl.DataFrame(encoded)

    def run(self) -> tuple[pl.DataFrame, Counts]:
        """Return a column of places (Int8) for each survey, and the counts."""
        return self.divide(self.predicates())

    def predicates(self) -> Iterator[dict[Cell, pl.Series]]:
        """Return where every distinct cell holds, pass by pass."""
        tests, frame = self._prepare()
        for part in frame.iter_slices(POLARS_ROWS):
            yield {cell: _holds(part[test.column], test) for cell, test in tests.items()}

    def divide(self, passes: Iterable[Mapping[Cell, pl.Series]]) -> tuple[pl.DataFrame, Counts]:
        """Do what ``run`` does, with the predicates given."""
        counts = np.zeros((len(self._job.surveys), QUOTAS), np.int64)
        parts = []
        for truths in passes:
            places = [_first(survey, truths, PLACES, _choose) for survey in self._job.surveys]
            for row, column in zip(counts, places, strict=True):
                row += _count(column.to_numpy())
            parts.append(pl.DataFrame({str(place): column for place, column in enumerate(places)}))
        return pl.concat(parts, rechunk=False), counts

    def _prepare(self) -> tuple[dict[Cell, Test], pl.DataFrame]:
        """Return a test for every distinct cell, and the columns that the tests are about."""
        tests, lookups = translate(self._job.cells(), self._columns)
        words = [
            pl.Series(lookup.name, lookup.words).gather(self._frame[lookup.column])
            for lookup in lookups
        ]
        return tests, self._frame.with_columns(words)


class PolarsLazyPeer(PolarsPeer):
    """The job in Polars as one lazy query: a when/then chain a survey, over the same columns."""

    def run(self) -> tuple[pl.DataFrame, Counts]:
        """Return a column of places (Int8) for each survey, and the counts."""
        tests, frame = self._prepare()
        truths = {cell: _holds(pl.col(test.column), test) for cell, test in tests.items()}
        chains = [
            _first(survey, truths, LAZY_PLACES, _when).alias(str(number))
            for number, survey in enumerate(self._job.surveys)
        ]
        places = frame.lazy().select(chains).collect()
        counts = [_count(column.to_numpy()) for column in places.iter_columns()]
        return places, np.array(counts, np.int64)


Operand = TypeVar("Operand", pl.Series, pl.Expr)

PLACES = [pl.Series([place], dtype=pl.Int8) for place in range(QUOTAS + 1)]
LAZY_PLACES = [pl.lit(place, dtype=pl.Int8) for place in range(QUOTAS + 1)]


def _first(
    survey: Survey,
    truths: Mapping[Cell, Operand],
    place_of: Sequence[Operand],
    choose: Callable[[Operand, Operand, Operand], Operand],
) -> Operand:
    """Return the place of the first quota met, by writing the last one first."""
    places = place_of[0]
    for place, cells in reversed(survey.quotas):
        places = choose(reduce(and_, [truths[cell] for cell in cells]), place_of[place], places)
    admitted = reduce(and_, [truths[cell] for cell in survey.filters])
    return choose(admitted, places, place_of[0])


def _choose(condition: pl.Series, then: pl.Series, otherwise: pl.Series) -> pl.Series:
    return then.zip_with(condition, otherwise)


def _when(condition: pl.Expr, then: pl.Expr, otherwise: pl.Expr) -> pl.Expr:
    return pl.when(condition).then(then).otherwise(otherwise)


def _holds(column: Operand, test: Test) -> Operand:
    """Return where a test holds."""
    match test:
        case Between(_, low, high) if low == high:
            return column == low
        case Between(_, low, high) if low <= 0:
            return column <= high
        case Between(_, low, high):
            return (column >= low) & (column <= high)
        case Mask(_, mask, "some"):
            return (column & mask) != 0
        case Mask(_, mask, "none"):
            return (column & mask) == 0
        case Mask(_, mask, "all"):
            return (column & mask) == mask
        case Mask(_, mask, "not all", missing):
            return ((column & mask) != mask) & (column != missing)
        case _:
            raise AssertionError(test)


def _polars_type(column: Column) -> pl.DataType:
    types = {8: pl.UInt8(), 16: pl.UInt16(), 32: pl.UInt32(), 64: pl.UInt64()}
    return types[column.width()]


def _polars_number(kind: Kind, answers: pl.Series) -> tuple[Column, pl.Series]:
    highest = answers.max()
    assert isinstance(highest, int)
    column = Column(kind, (), highest + 1)
    return column, answers.fill_null(column.missing).cast(_polars_type(column))


def _polars_coded(kind: Kind, answers: pl.Series) -> tuple[Column, pl.Series]:
    column, places = _polars_places(kind, answers)
    dtype = _polars_type(column)
    if kind == "single":
        bits = pl.Series([1 << place for place in range(len(column.values))], dtype=dtype)
        return column, bits.gather(places).fill_null(column.missing)
    return column, places.cast(dtype).fill_null(column.missing)


def _polars_places(kind: Kind, answers: pl.Series) -> tuple[Column, pl.Series]:
    """Return the encoding, and the places of the answers in the sorted values."""
    values = answers.drop_nulls().unique().sort()
    return _coded(kind, values.to_list()), answers.cast(pl.Enum(values)).to_physical()


def _polars_multi(kind: Kind, answers: pl.Series) -> tuple[Column, pl.Series]:
    """Add up the bits of each member's answers, as differences of one running total."""
    column, places = _polars_places(kind, answers.explode(empty_as_null=False, keep_nulls=False))
    bits = pl.Series([1 << place for place in range(len(column.values))], dtype=pl.UInt64)
    totals = pl.concat([pl.Series([0], dtype=pl.UInt64), bits.gather(places).cum_sum()])
    ends = totals.gather(answers.list.len().fill_null(0).cum_sum())
    masks = (ends - ends.shift(1, fill_value=0)).cast(_polars_type(column))
    missing = pl.Series([column.missing], dtype=masks.dtype)
    return column, missing.zip_with(answers.is_null(), masks)


_POLARS_ENCODE = {
    "single": _polars_coded,
    "multi": _polars_multi,
    "number": _polars_number,
    "text": _polars_coded,
}


# DuckDB


class DuckDBPeer:
    """The job in DuckDB: one CASE a survey, nested so that quotas see only admitted members."""

    def __init__(self, panel: Path, opportunities: Path, threads: int = 1) -> None:
        self._job = read_job(panel, opportunities)
        self._columns: dict[str, Column] = {}
        self._database = duckdb.connect()
        self._database.execute(f"SET threads = {threads}")

    def encode(self, source: Path) -> None:
        """Read the members and encode their answers into a table in memory."""
        relation = f"read_parquet('{source}')"
        encoded = []
        for name, kind in self._job.kinds.items():
            self._columns[name] = self._column(name, kind, relation)
            encoded.append(f"{_encoded(name, self._columns[name])} AS {name}")
        self._database.execute(
            f"CREATE OR REPLACE TABLE members AS SELECT {', '.join(encoded)} FROM {relation}"
        )

    def _column(self, name: str, kind: Kind, relation: str) -> Column:
        """Find the values of an attribute, and make an ENUM of them if it is not a number."""
        if kind == "number":
            [highest] = self._one(f"SELECT max({name}) FROM {relation}")
            return Column(kind, (), highest + 1)
        answer = f"unnest({name})" if kind == "multi" else name
        answers = f"SELECT DISTINCT {answer} AS answer FROM {relation}"
        self._database.execute(f"DROP TYPE IF EXISTS {name}_code")
        self._database.execute(
            f"CREATE TYPE {name}_code AS ENUM (SELECT answer FROM ({answers}) "
            "WHERE answer IS NOT NULL ORDER BY answer)"
        )
        [values] = self._one(f"SELECT enum_range(NULL::{name}_code)")
        return _coded(kind, values)

    def _one(self, query: str) -> tuple[Any, ...]:
        row: tuple[Any, ...] | None = self._database.execute(query).fetchone()
        assert row is not None
        return row

    def run(self) -> tuple[list[pa.Table], Counts]:
        """Return tables with a column of places (int8) for each survey, and the counts."""
        tests, lookups = translate(self._job.cells(), self._columns)
        self._look_up(lookups)
        types = self._types()
        conditions = {cell: _condition(test, types) for cell, test in tests.items()}
        surveys = [_case(survey, conditions) for survey in self._job.surveys]
        tables = []
        for start in range(0, len(surveys), DUCKDB_SURVEYS):
            cases = enumerate(surveys[start : start + DUCKDB_SURVEYS], start)
            selected = ", ".join(f'{case} AS "{number}"' for number, case in cases)
            query = f"SELECT {selected} FROM wide"
            tables.append(self._database.sql(query).to_arrow_table())
        columns = [column for table in tables for column in table.columns]
        counts = [sum(_count(chunk.to_numpy()) for chunk in column.chunks) for column in columns]
        return tables, np.array(counts, np.int64)

    def _look_up(self, lookups: Sequence[Lookup]) -> None:
        """Make the table ``wide``: the members' columns and those of the lookups."""
        joins, added = [], ["members.*"]
        for lookup in lookups:
            places = np.arange(len(lookup.words), dtype=np.uint32)
            table = pa.table({"place": places, "word": lookup.words})
            self._database.register(lookup.name, table)
            joins.append(f"JOIN {lookup.name} ON {lookup.column} = {lookup.name}.place")
            added.append(f"{lookup.name}.word AS {lookup.name}")
        self._database.execute(
            f"CREATE OR REPLACE TEMP TABLE wide AS SELECT {', '.join(added)} "
            f"FROM members {' '.join(joins)} ORDER BY members.rowid"
        )

    def _types(self) -> dict[str, str]:
        """Return the type of every column of ``wide``, for literals of the same type."""
        described = self._database.execute("DESCRIBE wide").fetchall()
        return {name: dtype for name, dtype, *_ in described}


def _encoded(name: str, column: Column) -> str:
    """Return the SQL that encodes an attribute."""
    dtype = {8: "UTINYINT", 16: "USMALLINT", 32: "UINTEGER", 64: "UBIGINT"}[column.width()]
    match column.kind:
        case "number":
            answer = name
        case "text":
            answer = f"enum_code({name}::{name}_code)"
        case "single":
            answer = f"1::UBIGINT << enum_code({name}::{name}_code)"
        case "multi":
            bits = "lambda answer: 1::UBIGINT << enum_code(answer)"
            masks = f"list_transform({name}::{name}_code[], {bits})"
            answer = f"CASE WHEN {name} IS NOT NULL THEN coalesce(list_bit_or({masks}), 0) END"
        case _:
            assert_never(column.kind)
    return f"coalesce({answer}, {column.missing})::{dtype}"


def _condition(test: Test, types: Mapping[str, str]) -> str:
    """Return a test in SQL, with literals of the column's own type so that nothing is cast."""
    name = test.column
    dtype = types[name]
    match test:
        case Between(_, low, high) if low == high:
            return f"{name} = {low}::{dtype}"
        case Between(_, low, high) if low <= 0:
            return f"{name} <= {high}::{dtype}"
        case Between(_, low, high):
            return f"{name} BETWEEN {low}::{dtype} AND {high}::{dtype}"
        case Mask(_, mask, "some"):
            return f"({name} & {mask}::{dtype}) <> 0::{dtype}"
        case Mask(_, mask, "none"):
            return f"({name} & {mask}::{dtype}) = 0::{dtype}"
        case Mask(_, mask, "all"):
            return f"({name} & {mask}::{dtype}) = {mask}::{dtype}"
        case Mask(_, mask, "not all", missing):
            not_all = f"({name} & {mask}::{dtype}) <> {mask}::{dtype}"
            return f"({not_all} AND {name} <> {missing}::{dtype})"
        case _:
            raise AssertionError(test)


def _case(survey: Survey, conditions: Mapping[Cell, str]) -> str:
    """Return the SQL of a survey's column of places."""
    met = [
        f"WHEN {_all(cells, conditions)} THEN {place}::TINYINT" for place, cells in survey.quotas
    ]
    quotas = f"CASE {' '.join(met)} ELSE 0::TINYINT END"
    return f"CASE WHEN {_all(survey.filters, conditions)} THEN {quotas} ELSE 0::TINYINT END"


def _all(cells: Iterable[Cell], conditions: Mapping[Cell, str]) -> str:
    return " AND ".join(f"({conditions[cell]})" for cell in cells)
