"""Encoded columns hold what the scalar definition reads, whatever Arrow type it comes in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from profiles.encoding import (
    BadValueError,
    Column,
    ConstantColumn,
    NumberColumn,
    all_members,
    column_on,
    pack,
    positions,
    row_of,
    words,
)
from profiles.encoding import encode_column as encode_lasting
from profiles.encoding.columns import narrow
from profiles.encoding.encode import DENSE_ABOVE
from profiles.schema import Answers, Attribute, Kind, UnreadableError, read_answers

AS_OF = date(2026, 2, 28)


def encode_column(
    attribute: Attribute, column: pa.ChunkedArray, as_of: date, dense_above: int = DENSE_ABOVE
) -> Column:
    return column_on(attribute, encode_lasting(attribute, column, dense_above), as_of)


pytestmark = pytest.mark.usefixtures("engine")
"""The encoders' loops in numpy, and compiled."""


# --- raw values by Arrow type

TEXTS = st.sampled_from(
    ["1", " 1 ", "01", "-5", "+2", "2.50", "a", "A", "é", "a b", "1e5", "", " ", "x" * 40]
)
LISTED = st.sampled_from(["1", "1|2", " 1 | a |", "|", "[]", " [] ", "a;b", "-5|1", "", "[]|1"])
NUMERIC = st.sampled_from(["1", " 24.5 ", "-5", "+2", "0", "", "00018"])
CHILDREN = st.sampled_from(["M:3", "F:2020-02-29", " M : 0 ", "F:2027-01-01", "", "*:7"])
DATES = st.sampled_from(
    ["2008-02-29", " 2008-02-28 ", "2008-03-01", "1926-02-28T10:00:00", "2026-03-01", ""]
)
DAYS = st.dates(date(1900, 1, 1), date(2030, 1, 1)) | st.sampled_from(
    [date(2008, 2, 29), date(2008, 2, 28), date(2008, 3, 1), date(1, 1, 1), date(9999, 12, 31)]
)
TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2030, 1, 1)) | st.sampled_from(
    [datetime(1969, 12, 31, 23, 59, 59), datetime(2008, 2, 28, 23, 59, 59), datetime(2008, 3, 1)]
)
MOMENTS = st.datetimes(
    datetime(1900, 1, 1), datetime(2030, 1, 1), timezones=st.just(ZoneInfo("UTC"))
)
FLOATS = st.sampled_from([0.0, -0.0, 1.0, 2.5, -5.0, 18.0, 1e15, 1e300, float("nan")])
SMALL_FLOATS = st.sampled_from([0.0, 1.0, 2.5, -5.0, 18.0, float("nan")])
DECIMALS = st.sampled_from([Decimal("1.00"), Decimal("-5.00"), Decimal("24.50"), Decimal(0)])


def integers(kind: pa.DataType) -> SearchStrategy[int]:
    """Few values, and the least and greatest that the type holds."""
    signed = pa.types.is_signed_integer(kind)
    least = -(1 << (kind.bit_width - 1)) if signed else 0
    most = (1 << (kind.bit_width - signed)) - 1
    near = [least, least + 1, most - 253, most - 1, most]
    few = [0, 1, 2, 18, 24] + [-5] * signed
    return st.one_of(
        st.sampled_from(few), st.sampled_from([*few, *near]), st.integers(most - 100, most)
    )


INTEGERS = [
    pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()
]  # fmt: skip
Typed = tuple[pa.DataType, SearchStrategy[Any]]


def as_text(values: SearchStrategy[str]) -> list[Typed]:
    """Text in every type in which Arrow holds it."""
    return [
        (pa.string(), values),
        (pa.large_string(), values),
        (pa.dictionary(pa.int8(), pa.string()), values),
        (pa.dictionary(pa.int32(), pa.large_string()), values),
    ]


def as_lists(items: SearchStrategy[Any], kind: pa.DataType) -> list[Typed]:
    """Lists, with nulls among their items."""
    lists = st.lists(st.none() | items, max_size=4)
    return [(pa.list_(kind), lists), (pa.large_list(kind), lists)]


CODES: list[Typed] = [
    *as_text(TEXTS),
    *[(kind, integers(kind)) for kind in INTEGERS],
    (pa.float64(), FLOATS),
    (pa.float32(), SMALL_FLOATS),
    (pa.bool_(), st.booleans()),
    (pa.decimal128(9, 2), DECIMALS),
    (pa.null(), st.none()),
]
BY_KIND: dict[Kind, list[Typed]] = {
    Kind.SINGLE: [*CODES, *as_text(DATES)],
    Kind.TEXT: CODES,
    Kind.MULTI: [
        *CODES,
        *as_text(LISTED),
        *as_lists(TEXTS, pa.string()),
        *as_lists(TEXTS, pa.large_string()),
        *as_lists(TEXTS, pa.dictionary(pa.int16(), pa.string())),
        *as_lists(integers(pa.int8()), pa.int8()),
        *as_lists(integers(pa.uint64()), pa.uint64()),
        *as_lists(SMALL_FLOATS, pa.float64()),
    ],
    Kind.NUMBER: [
        *as_text(NUMERIC),
        *CODES,
        *as_lists(integers(pa.int32()), pa.int32()),
        *as_lists(FLOATS, pa.float64()),
        *as_lists(NUMERIC, pa.string()),
    ],
    Kind.BIRTH_DATE: [
        *as_text(DATES),
        (pa.date32(), DAYS),
        (pa.date64(), DAYS),
        (pa.timestamp("s"), TIMES.map(lambda time: time.replace(microsecond=0))),
        (pa.timestamp("ms"), TIMES.map(lambda time: time.replace(microsecond=0))),
        (pa.timestamp("us"), TIMES),
        (pa.timestamp("ns"), TIMES),
        (pa.timestamp("us", "America/New_York"), MOMENTS),
        (pa.int32(), integers(pa.int32())),
        (pa.null(), st.none()),
    ],
    Kind.CHILDREN: [
        *as_text(CHILDREN),
        *as_text(st.lists(CHILDREN, max_size=3).map("|".join)),
        *as_lists(CHILDREN, pa.string()),
        *as_lists(CHILDREN, pa.dictionary(pa.int8(), pa.string())),
    ],
}
TYPED = [
    pytest.param(kind, typed, id=f"{kind}-{typed[0]}")
    for kind, several in BY_KIND.items()
    for typed in several
]


@st.composite
def chunked(draw: st.DrawFn, typed: Typed) -> pa.ChunkedArray:
    """A column of several chunks, one of them a slice of a longer array."""
    kind, values = typed
    raws = draw(st.lists(st.none() | values, max_size=70))
    cut = draw(st.integers(0, len(raws)))
    longer = pa.array([None, *raws[:cut], None], kind)
    return pa.chunked_array([longer.slice(1, cut), pa.array(raws[cut:], kind)], kind)


# --- the claim


def read_all(attribute: Attribute, column: pa.ChunkedArray) -> list[Answers | None]:
    """What the scalar definition reads of every member."""
    return [read_answers(attribute, raw, AS_OF) for raw in column.to_pylist()]


def unreadable_rows(attribute: Attribute, column: pa.ChunkedArray) -> dict[int, str]:
    """The rows that the scalar definition refuses, and why."""
    refused: dict[int, str] = {}
    for row, raw in enumerate(column.to_pylist()):
        try:
            read_answers(attribute, raw, AS_OF)
        except UnreadableError as error:
            refused[row] = str(error)
    return refused


def holders(read: Sequence[Answers | None], wanted: set[Any]) -> list[int]:
    return [row for row, answers in enumerate(read) if wanted & set(answers or ())]


def held(column: Column, wanted: set[Any]) -> list[int]:
    mask = np.array([value in wanted for value in column.vocabulary], np.bool_)
    row = column.row_for(mask)
    assert row.dtype == np.uint64
    return [int(place) for place in positions(row)]


def assert_holds(column: Column, read: Sequence[Answers | None], *subsets: set[Any]) -> None:
    """The column answers as what was read does: each value, none, all, and some subsets."""
    values = {value for answers in read for value in answers or ()}
    answered = [row for row, answers in enumerate(read) if answers is not None]
    assert positions(column.answered).tolist() == answered
    assert values <= set(column.vocabulary)
    for wanted in (set(), values, *({value} for value in values), *subsets):
        assert held(column, wanted) == holders(read, wanted)


@pytest.mark.parametrize(("kind", "typed"), TYPED)
@settings(max_examples=settings().max_examples // 6)
@given(data=st.data())
def test_a_column_holds_what_is_read(kind: Kind, typed: Typed, data: st.DataObject) -> None:
    column = data.draw(chunked(typed))
    attribute = Attribute("a", kind, "a")
    refused = unreadable_rows(attribute, column)
    if refused:
        with pytest.raises(BadValueError) as caught:
            encode_column(attribute, column, AS_OF)
        assert caught.value.row in refused
        return
    read = read_all(attribute, column)
    values = sorted({value for answers in read for value in answers or ()})
    some = data.draw(st.sets(st.sampled_from(values)) if values else st.just(set()))
    assert_holds(encode_column(attribute, column, AS_OF), read, some, set(values) - some)


SIZES = [1, 2, 7, 8, 9, 24, 25, 63, 64, 65, 255, 256, 257, 300, 1000]
"""Distinct values: around the widths of a byte, a word, and a byte of codes."""


def subsets(values: Sequence[Any], draw: Random) -> list[set[Any]]:
    """Few and many values, runs of them, and every other one."""
    size = len(values)
    counts = {1, 24, 25, size // 5, size // 2, size - 25, size - 24, size - 1}
    some = [set(draw.sample(values, each)) for each in counts if 0 <= each <= size]
    runs = [set(values[size // 3 : size // 2]), set(values[: size // 2]), set(values[size // 2 :])]
    return [*some, *runs, set(values[::2])]


@pytest.mark.parametrize("size", SIZES)
def test_one_answer_of_many_values(size: int) -> None:
    draw = Random(size)
    raws = [f"v{number:05}" for number in range(size)] * 2 + [None] * 5
    draw.shuffle(raws)
    attribute = Attribute("a", Kind.SINGLE, "a")
    column = encode_column(attribute, pa.chunked_array([pa.array(raws)]), AS_OF)
    values = sorted({raw for raw in raws if raw})
    assert column.vocabulary == tuple(values)
    read = [None if raw is None else (raw,) for raw in raws]
    for wanted in subsets(values, draw):
        assert held(column, wanted) == holders(read, wanted)


@pytest.mark.parametrize("size", SIZES)
def test_several_answers_of_many_values(size: int) -> None:
    draw = Random(size)
    pool = [f"v{number:05}" for number in range(size)]
    raws: list[list[str] | None] = [draw.sample(pool, min(size, draw.randrange(5))) for _ in pool]
    raws += [*([each] for each in pool), [], None, []]
    draw.shuffle(raws)
    attribute = Attribute("a", Kind.MULTI, "a")
    arrow = pa.chunked_array([pa.array(raws, pa.list_(pa.string()))])
    column = encode_column(attribute, arrow, AS_OF)
    assert column.vocabulary == tuple(pool)
    read = [None if raw is None else tuple(raw) for raw in raws]
    for wanted in subsets(pool, draw):
        assert held(column, wanted) == holders(read, wanted)


@pytest.mark.parametrize("least", [-128, -1, 0, 1, (1 << 53) - 300, (1 << 62)])
@pytest.mark.parametrize("size", [1, 253, 254, 255, 256, 300])
def test_integers_that_follow_one_another(least: int, size: int) -> None:
    raws = [least + number for number in range(size)] + [None, least]
    attribute = Attribute("a", Kind.NUMBER, "a")
    arrow = pa.chunked_array([pa.array(raws, pa.int64())])
    assert_holds(encode_column(attribute, arrow, AS_OF), read_all(attribute, arrow))


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32(), pa.int64(), pa.uint64()])
def test_numbers_of_which_most_are_distinct(kind: pa.DataType) -> None:
    """They are kept as they are, without a vocabulary, and hold the same."""
    raws = [number * 1000 for number in range(150)] + [None, 7, 7]
    arrow = pa.chunked_array([pa.array(raws[:70], kind), pa.array(raws[70:], kind)])
    attribute = Attribute("a", Kind.NUMBER, "a")
    column = encode_column(attribute, arrow, AS_OF, dense_above=10)
    assert isinstance(column, NumberColumn)
    assert_holds(column, read_all(attribute, arrow))


def test_a_number_that_is_not_finite_is_refused_with_its_row() -> None:
    attribute = Attribute("a", Kind.NUMBER, "a")
    arrow = pa.chunked_array([pa.array([*map(float, range(20)), float("inf")])])
    for dense_above in (10, 100):
        with pytest.raises(BadValueError, match="not a finite number") as caught:
            encode_column(attribute, arrow, AS_OF, dense_above)
        assert caught.value.row == 20


@pytest.mark.parametrize("kind", [Kind.SINGLE, Kind.TEXT, Kind.BIRTH_DATE])
def test_lists_are_refused_where_there_is_one_answer(kind: Kind) -> None:
    lists = pa.chunked_array([pa.array([["a"], []])])
    with pytest.raises(BadValueError, match="lists of answers"):
        encode_column(Attribute("a", kind, "a"), lists, AS_OF)


@pytest.mark.parametrize("kind", Kind)
def test_structures_are_refused(kind: Kind) -> None:
    structs = pa.chunked_array([pa.array([{"a": 1}])])
    with pytest.raises(BadValueError, match="cannot hold answers"):
        encode_column(Attribute("a", kind, "a"), structs, AS_OF)


def test_the_row_of_a_bad_item_is_its_members_row() -> None:
    attribute = Attribute("a", Kind.NUMBER, "a")
    arrow = pa.chunked_array([pa.array([["1"], [], None]), pa.array([["2", "3"], ["4", "many"]])])
    with pytest.raises(BadValueError, match="`many` is not a number") as caught:
        encode_column(attribute, arrow, AS_OF)
    assert caught.value.row == 4


def test_a_constant_is_held_by_everyone_or_nobody() -> None:
    assert_holds(ConstantColumn("US", 70), [("US",)] * 70)


# --- rows


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 127, 128, 200])
def test_rows_are_bits_of_members_and_nothing_past_the_last(size: int) -> None:
    everyone = all_members(size)
    assert len(everyone) == words(size)
    assert positions(everyone).tolist() == list(range(size))
    some = Random(size).sample(range(size), size // 2)
    assert positions(row_of(np.array(some, np.int64), size)).tolist() == sorted(some)
    flags = np.isin(np.arange(size), some)
    assert np.array_equal(pack(flags), row_of(np.array(some, np.int64), size))


@given(some=st.lists(st.integers(0, 999), max_size=30))
def test_few_positions_make_the_same_row_as_many(some: list[int]) -> None:
    flags = np.isin(np.arange(1000), some)
    assert np.array_equal(row_of(np.array(some, np.int64), 1000), pack(flags))


@pytest.mark.parametrize("size", [0, 1, 254, 255, 256, 65535, 65536])
def test_codes_are_as_narrow_as_they_can_be(size: int) -> None:
    """There is a code for each value, and 0 for no answer."""
    kind = narrow(size)
    assert np.iinfo(kind).max >= size
    assert kind is np.uint8 or np.iinfo(np.dtype(f"u{np.dtype(kind).itemsize // 2}")).max < size
