"""How one raw value reads: codes, texts, numbers, ranges, birth dates, children and ids."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from math import inf, nan
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from profiles.encoding import BadValueError, hash_ids, id_array, mix_all
from profiles.encoding.encode import ages_on
from profiles.errors import InputError
from profiles.hashing import hash_id, mix
from profiles.schema import (
    Answers,
    Attribute,
    Kind,
    UnreadableError,
    as_code,
    as_number,
    as_text,
    number_in,
    parse_range,
    read_answers,
)
from profiles.schema.values import age_on
from profiles.sources import UniqueIds, open_source

AS_OF = date(2026, 2, 28)


# --- codes, texts, numbers


def test_codes_compare_as_text_after_trimming() -> None:
    """Semantics: 1, "1" and " 1 " are the same code; "01" is not."""
    assert {as_code(raw) for raw in (1, "1", " 1 ", 1.0)} == {"1"}
    assert as_code("01") == "01"


@given(raw=st.text(max_size=20))
def test_reading_a_code_or_a_text_again_changes_nothing(raw: str) -> None:
    assert as_code(as_code(raw)) == as_code(raw)
    assert as_text(as_text(raw)) == as_text(raw)


@pytest.mark.parametrize("raw", ["ec1a 1bb", " EC1A1BB ", "Ec1A\t1Bb"])
def test_texts_compare_without_case_and_spaces(raw: str) -> None:
    """Semantics: matched after upper-casing and removing spaces."""
    assert as_text(raw) == "EC1A1BB"


@given(number=st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_plain_decimal_numbers_are_read_as_they_are_written(number: float) -> None:
    written = f"{number:.20f}"
    assert as_number(written) == float(written)
    assert number_in(written) == float(written)


@pytest.mark.parametrize(
    "raw", ["1e5", "0x10", "1,000", "٣", "", "five", "--1", "1.", ".5", "1_0", "9" * 301, "inf"]
)
def test_what_only_looks_like_a_number_is_none(raw: str) -> None:
    assert number_in(raw) is None
    with pytest.raises(UnreadableError, match="is not a number"):
        as_number(raw)


@pytest.mark.parametrize("raw", [True, inf, -inf, 10**400, None, date(2026, 1, 1)])
def test_what_is_no_finite_number_is_refused(raw: object) -> None:
    with pytest.raises(UnreadableError):
        as_number(raw)


# --- answers


def attribute(kind: Kind) -> Attribute:
    return Attribute("a", kind, "a")


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("raw", [None, nan, "", "  ", "\t"])
def test_null_and_blank_are_no_answer(kind: Kind, raw: object) -> None:
    assert read_answers(attribute(kind), raw, AS_OF) is None


@pytest.mark.parametrize("kind", [Kind.MULTI, Kind.CHILDREN])
@pytest.mark.parametrize("raw", [[], (), "[]", " [] ", [None], [" "]])
def test_an_empty_list_is_an_answer(kind: Kind, raw: object) -> None:
    """Semantics: an empty list is an answer ("none of these"); null is no answer."""
    assert read_answers(attribute(kind), raw, AS_OF) == ()


READ: list[tuple[Kind, Any, Answers]] = [
    (Kind.SINGLE, " M ", ("M",)),
    (Kind.SINGLE, 1.0, ("1",)),
    (Kind.SINGLE, True, ("true",)),
    (Kind.SINGLE, Decimal("1.50"), ("1.5",)),
    (Kind.SINGLE, "[]", ("[]",)),
    (Kind.TEXT, "ec1a 1bb", ("EC1A1BB",)),
    (Kind.TEXT, 10115, ("10115",)),
    (Kind.MULTI, "1| 2 ||3", ("1", "2", "3")),
    (Kind.MULTI, '["7", 9, 8.0, null]', ("7", "9", "8")),
    (Kind.MULTI, "['7', 'it\\'s', None]", ("7", "it's")),
    (Kind.MULTI, "[a, b]", ("a", "b")),
    (Kind.MULTI, ' {7,NULL,"a, \\"b\\""} ', ("7", 'a, "b"')),
    (Kind.MULTI, "{}", ()),
    (Kind.MULTI, "[ ]", ()),
    (Kind.MULTI, "{7|9", ("{7", "9")),
    (Kind.CHILDREN, '["M:3"]', ("M:3", "*:3")),
    (Kind.CHILDREN, "{M:3,F:2020-02-28}", ("M:3", "*:3", "F:6", "*:6")),
    (Kind.MULTI, ["1", None, " 2 ", ""], ("1", "2")),
    (Kind.MULTI, 7, ("7",)),
    (Kind.NUMBER, " 24.5 ", (24.5,)),
    (Kind.NUMBER, Decimal("-5.00"), (-5.0,)),
    (Kind.NUMBER, [1, "2", nan], (1.0, 2.0)),
    (Kind.BIRTH_DATE, "2000-03-01", (25.0,)),
    (Kind.BIRTH_DATE, datetime(2000, 2, 28, 23), (26.0,)),
    (Kind.CHILDREN, "M:3|F:2020-02-28", ("M:3", "*:3", "F:6", "*:6")),
    (Kind.CHILDREN, ["F:2027-01-01"], ()),
]


@pytest.mark.parametrize(("kind", "raw", "answers"), READ)
def test_an_answer_reads(kind: Kind, raw: object, answers: Answers) -> None:
    assert read_answers(attribute(kind), raw, AS_OF) == answers


UNREADABLE: list[tuple[Kind, Any]] = [
    (Kind.SINGLE, ["M"]),
    (Kind.SINGLE, date(2000, 1, 1)),
    (Kind.TEXT, ["10115"]),
    (Kind.NUMBER, "many"),
    (Kind.NUMBER, True),
    (Kind.BIRTH_DATE, "01.02.2000"),
    (Kind.BIRTH_DATE, 36),
    (Kind.BIRTH_DATE, ["2000-01-01"]),
    (Kind.CHILDREN, "3"),
    (Kind.MULTI, "[7 9]"),
    (Kind.MULTI, "[[7], [9]]"),
    (Kind.MULTI, "{{7,9},{8,9}}"),
    (Kind.MULTI, '{"7": 1}'),
    (Kind.MULTI, "{7,}"),
    (Kind.MULTI, "[7]|[9]"),
    (Kind.MULTI, "[" * 100_000 + "]"),
    (Kind.CHILDREN, "M:soon"),
]


@pytest.mark.parametrize(("kind", "raw"), UNREADABLE)
def test_what_does_not_fit_is_refused_in_one_line(kind: Kind, raw: object) -> None:
    with pytest.raises(UnreadableError, match=r"\A[^\n]+\Z"):
        read_answers(attribute(kind), raw, AS_OF)


@pytest.mark.parametrize(
    ("name", "raw", "code"),
    [("country", "us", "US"), ("language", "EN", "en"), ("device", "TV", "tv")],
)
def test_codes_of_the_gates_compare_without_case(name: str, raw: str, code: str) -> None:
    assert read_answers(Attribute(name, Kind.SINGLE, name), raw, AS_OF) == (code,)


# --- ages


def test_29_february_is_reached_on_1_march() -> None:
    """Semantics: 29 February counts as reached on 1 March."""
    born = date(2008, 2, 29)
    assert age_on(born, date(2026, 2, 28)) == 17
    assert age_on(born, date(2026, 3, 1)) == 18
    assert age_on(born, date(2028, 2, 28)) == 19
    assert age_on(born, date(2028, 2, 29)) == 20


@given(born=st.dates(date(1900, 1, 1)), lived=st.integers(0, 45000))
@example(born=date(2008, 2, 29), lived=366)
def test_ages_grow_by_one_on_birthdays_only(born: date, lived: int) -> None:
    try:
        today = born + timedelta(days=lived)
        tomorrow = today + timedelta(days=1)
    except OverflowError:
        return
    leap = born.month == 2 and born.day == 29
    birthdays = {(2, 29), (3, 1)} if leap else {(born.month, born.day)}
    grown = age_on(born, tomorrow) - age_on(born, today)
    assert grown in (0, 1)
    if grown:
        assert (tomorrow.month, tomorrow.day) in birthdays
    assert age_on(born, born) == 0


@given(births=st.lists(st.dates(), max_size=20), as_of=st.dates())
@example(births=[date(2008, 2, 29), date(2008, 3, 1)], as_of=date(2026, 2, 28))
def test_many_ages_are_those_of_each(births: list[date], as_of: date) -> None:
    ordinals = np.array([born.toordinal() for born in births], np.float64)
    assert ages_on(ordinals, as_of).tolist() == [age_on(born, as_of) for born in births]


def test_nobody_is_of_an_age_before_birth() -> None:
    assert read_answers(attribute(Kind.BIRTH_DATE), date(2026, 3, 1), AS_OF) is None


# --- ranges

RANGES = [
    ("18-24", 18, 24),
    (" 18 - 24 ", 18, 24),
    ("18\u201324", 18, 24),
    ("65-", 65, inf),
    ("65+", 65, inf),
    ("-17", -inf, 17),
    ("25", 25, 25),
    ("0", 0, 0),
    ("0-0", 0, 0),
    ("1.5-2.5", 1.5, 2.5),
    ("24-18", 24, 18),
]


@pytest.mark.parametrize(("text", "low", "high"), RANGES)
def test_a_range_reads(text: str, low: float, high: float) -> None:
    assert parse_range(text) == (low, high)


@pytest.mark.parametrize(
    "text",
    [
        *["", "-", " ", "+", "+65", "18 24", "18+24", "18-24-30", "--17", "18,24"],
        *["a-b", "1e5-", "٣-٤", "9" * 400, f"{'9' * 400}-", f"-{'9' * 400}"],
    ],
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(UnreadableError, match="is not a range"):
        parse_range(text)


@given(low=st.integers(0, 10**9), high=st.integers(0, 10**9))
def test_a_written_range_reads_as_its_ends(low: int, high: int) -> None:
    assert parse_range(f"{low}-{high}") == (low, high)
    assert parse_range(f"{low}-") == (low, inf)
    assert parse_range(f"-{high}") == (-inf, high)


@given(text=st.text(st.sampled_from("0189 -+.\u2013x"), max_size=12))
def test_a_text_is_a_finite_range_or_refused(text: str) -> None:
    try:
        low, high = parse_range(text)
    except UnreadableError:
        return
    assert -inf <= low < inf
    assert -inf < high <= inf


# --- ids

ids = st.lists(st.text(max_size=40), max_size=20)


@given(texts=ids)
@example(texts=["", "a" * 7, "a" * 8, "a" * 9, "a" * 16, "a" * 17, "é" * 4, "é" * 5])
def test_ids_hash_alike_one_by_one_and_all_at_once(texts: list[str]) -> None:
    expected = [hash_id(text) for text in texts]
    for kind in (pa.string(), pa.large_string()):
        assert hash_ids(pa.array(texts, kind)).tolist() == expected
        padded = pa.array(["x" * 11, *texts, "y"], kind)
        assert hash_ids(padded.slice(1, len(texts))).tolist() == expected


@given(numbers=st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=20))
def test_integer_ids_hash_as_the_text_they_are_written_in(numbers: list[int]) -> None:
    expected = [hash_id(str(number)) for number in numbers]
    assert hash_ids(pa.array(numbers, pa.int64())).tolist() == expected


@given(numbers=st.lists(st.integers(0, (1 << 64) - 1), max_size=20))
def test_numbers_mix_alike_one_by_one_and_all_at_once(numbers: list[int]) -> None:
    assert mix_all(np.array(numbers, np.uint64)).tolist() == [mix(each) for each in numbers]


def test_hashes_of_ids_hardly_collide() -> None:
    texts = [f"m{number}" for number in range(20_000)] + ["\0" * size for size in range(40)]
    assert len(set(hash_ids(pa.array(texts)).tolist())) == len(texts)


@pytest.mark.parametrize(
    ("written", "held"),
    [
        (pa.array(["a", "b"]), pa.string()),
        (pa.array(["a", "b"], pa.large_string()), pa.large_string()),
        (pa.array(["a", "b"]).dictionary_encode(), pa.string()),
        (pa.array([1, 2], pa.int8()), pa.int64()),
        (pa.array([1, 2], pa.uint64()), pa.int64()),
    ],
)
def test_ids_are_held_as_text_or_64_bits(written: pa.Array, held: pa.DataType) -> None:
    found = id_array(pa.chunked_array([written, written]))
    assert found.type == held
    assert found.to_pylist() == written.to_pylist() * 2


@pytest.mark.parametrize(
    ("written", "row"),
    [
        (pa.array(["a", None]), 1),
        (pa.array([1.0, 2.0]), 0),
        (pa.array([True]), 0),
        (pa.array([1, 1 << 63], pa.uint64()), 1),
    ],
)
def test_ids_that_are_none_are_refused_with_their_row(written: pa.Array, row: int) -> None:
    with pytest.raises(BadValueError) as caught:
        id_array(pa.chunked_array([written]))
    assert caught.value.row == row


def unique_ids(folder: Path, files: list[list[Any]], rows: int) -> UniqueIds:
    """Has seen the ids of some files, so many at a time."""
    for number, each in enumerate(files):
        pq.write_table(pa.table({"id": each}), folder / f"{number}.parquet")
    source = open_source(folder)
    unique = UniqueIds(source, "id")
    for each in files:
        for start in range(0, len(each), rows):
            unique.add(pa.array(each[start : start + rows]))
    return unique


TWICE: list[tuple[list[list[Any]], str]] = [
    ([["a", "b", "b"]], r"0.parquet: row 3: member id `b` .*/0.parquet: row 2\Z"),
    ([["b", "a", "b"]], r"0.parquet: row 3: member id `b` .*/0.parquet: row 1\Z"),
    ([["a", "b"], ["b", "c"]], r"1.parquet: row 1: member id `b` .*/0.parquet: row 2\Z"),
    ([["a", "c"], ["b", "a"]], r"1.parquet: row 2: member id `a` .*/0.parquet: row 1\Z"),
    ([[3, 1], [2, 3]], r"1.parquet: row 2: member id `3` .*/0.parquet: row 1\Z"),
]


@pytest.mark.parametrize(("files", "message"), TWICE)
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_an_id_that_appears_twice_is_found_with_both_places(
    files: list[list[Any]], message: str, rows: int, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        unique_ids(tmp_path, files, rows).check()


@pytest.mark.parametrize("ordered", [True, False])
def test_ids_that_are_all_different_pass(ordered: bool, tmp_path: Path) -> None:
    members = [f"m{number:05}" for number in range(3000)]
    if not ordered:
        Random(1).shuffle(members)
    unique_ids(tmp_path, [members[:1000], members[1000:]], 256).check()


# --- what the panel file declares to be no answer

WORDS = frozenset({"NULL", "-99"})


@pytest.mark.parametrize(
    ("kind", "raw", "answers"),
    [
        (Kind.SINGLE, " NULL ", None),
        (Kind.SINGLE, "null", ("null",)),
        (Kind.SINGLE, -99, None),
        (Kind.SINGLE, -99.0, None),
        (Kind.TEXT, "NULL", None),
        (Kind.NUMBER, "NULL", None),
        (Kind.NUMBER, -99, None),
        (Kind.NUMBER, [5, -99], (5.0,)),
        (Kind.BIRTH_DATE, "NULL", None),
        (Kind.MULTI, "NULL", None),
        (Kind.MULTI, "a|NULL", ("a",)),
        (Kind.MULTI, ["NULL"], ()),
        (Kind.CHILDREN, "NULL", None),
    ],
)
def test_null_values_are_no_answer(kind: Kind, raw: object, answers: Answers | None) -> None:
    declared = Attribute("a", kind, "a", null_values=WORDS)
    assert read_answers(declared, raw, AS_OF) == answers
