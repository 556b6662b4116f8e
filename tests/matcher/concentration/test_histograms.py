"""The answers in which some members differ from others: exact counts, and the planted one first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from math import inf
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.concentration import (
    AnswerValue,
    Concentration,
    Histograms,
    concentration_words,
    holders,
)
from matcher.concentration.vocabularies import Vocabularies
from profiles.encoding import (
    Column,
    ConstantColumn,
    ListsColumn,
    NumberColumn,
    RowsColumn,
    Vocabulary,
    all_members,
    column_on,
    encode_column,
    pack,
    popcount,
    positions,
)
from profiles.panel import Shard
from profiles.schema import Answers, Attribute, Collections, Kind, read_answers

AS_OF = date(2026, 11, 21)
ATTRIBUTES = {
    attribute.name: attribute
    for attribute in (
        Attribute("region", Kind.SINGLE, "region"),
        Attribute("age", Kind.BIRTH_DATE, "age"),
        Attribute("income", Kind.NUMBER, "income"),
        Attribute("postal_code", Kind.TEXT, "postal_code"),
        Attribute("hobbies", Kind.MULTI, "hobbies"),
        Attribute("rooms", Kind.NUMBER, "rooms"),
    )
}
NUMBERS = ("age", "income", "rooms")
HOBBIES = [f"h{number}" for number in range(90)]
Row = dict[str, Any]
EMPTY: Row = dict.fromkeys(ATTRIBUTES)


def shard_of(members: Sequence[Row]) -> Shard:
    """The members as one shard; attributes that none of them has an answer to are there too."""
    columns: dict[str, Column] = {"country": ConstantColumn("US", len(members))}
    for name, attribute in ATTRIBUTES.items():
        answers = pa.chunked_array([pa.array([member[name] for member in members])])
        columns[name] = column_on(attribute, encode_column(attribute, answers), AS_OF)
    everyone = all_members(len(members))
    ids = pa.array(range(len(members)))
    return Shard(0, len(members), everyone, ids, columns, {}, Collections(None), AS_OF)


def answers_of(member: Row) -> dict[str, Answers | None]:
    return {
        name: read_answers(attribute, member[name], AS_OF) for name, attribute in ATTRIBUTES.items()
    }


def holds(answers: Answers | None, values: Sequence[AnswerValue]) -> bool:
    """The definition: no answer, one of the codes, or a number inside the interval."""
    if answers is None:
        return None in values
    return any(
        value[0] <= float(answer) <= value[1] if isinstance(value, tuple) else answer == value
        for answer in answers
        for value in values
        if value is not None
    )


@st.composite
def members(draw: st.DrawFn, most: int = 160) -> list[Row]:
    """Members with correlated answers, some missing; a part of them with other vocabularies."""
    random = Random(draw(st.integers(0, 1 << 30)))
    places = random.sample(range(10_000), draw(st.integers(1, 40)))
    numbers = random.sample(range(400), draw(st.integers(1, 300)))

    def some(value: Any) -> Any:
        return None if random.random() < 0.15 else value

    return [
        {
            "region": some(random.choice("abcdefg")),
            "age": some(date(random.randint(1930, 2027), random.randint(1, 12), 1)),
            "income": some(random.choice(numbers) / 2),
            "postal_code": some(f"{random.choice(places):05}"),
            "hobbies": some(random.choices(HOBBIES, k=random.randint(0, 4))),
            "rooms": some([float(random.randint(1, 4)) for _ in range(random.randint(0, 2))]),
        }
        for _ in range(draw(st.integers(2, most)))
    ]


def count(
    rows: Sequence[Row], side: Sequence[int], cuts: Sequence[int] = ()
) -> tuple[Concentration, ...]:
    """What the histograms of all attributes find; `side`: 0 some, 1 others, 2 neither."""
    histograms = Histograms([*ATTRIBUTES, "country"])
    bounds = sorted({0, len(rows), *(cut % len(rows) for cut in cuts)})
    for start, stop in pairwise(bounds):
        sides = np.array(side[start:stop])
        histograms.add(shard_of(rows[start:stop]), pack(sides == 0), pack(sides == 1))
    return histograms.top(99)


def brute_force(
    rows: Sequence[Row], side: Sequence[int], attribute: str, values: Sequence[AnswerValue]
) -> list[int]:
    held = [holds(answers_of(row)[attribute], values) for row in rows]
    return [
        sum(which == part and hold for which, hold in zip(side, held, strict=True))
        for part in (0, 1)
    ]


@given(members(), st.integers(0, 1 << 30), st.lists(st.integers(0, 1000), max_size=3))
def test_counts_are_those_of_the_answers(rows: list[Row], seed: int, cuts: list[int]) -> None:
    """Whatever is found: exact counts, a larger share, the same from one shard or several."""
    random = Random(seed)
    likely = random.choice(list(ATTRIBUTES))
    side = [random.choice((hash_of(row[likely]) % 2, 0, 1, 2)) for row in rows]
    found = count(rows, side, cuts)
    assert found == count(rows, side)
    assert len({held.attribute for held in found}) == len(found)
    for held in found:
        assert [held.members, held.others] == [side.count(0), side.count(1)]
        assert [held.holding, held.others_holding] == brute_force(
            rows, side, held.attribute, held.values
        )
        assert held.holding * held.others > held.others_holding * held.members
        assert concentration_words(held).startswith(held.attribute)


@given(members(), st.integers(0, 1 << 30))
def test_among_whom_an_attribute_counts(rows: list[Row], seed: int) -> None:
    """Members outside are compared too, and hold no answer of it; `holders` counts the same."""
    random = Random(seed)
    side = [random.choice((hash_of(row["region"]) % 2, 0, 1)) for row in rows]
    among = [random.random() < 0.7 for _ in rows]
    shard = shard_of(rows)
    sides = np.array(side)
    histograms = Histograms(["region"])
    histograms.add(shard, pack(sides == 0), pack(sides == 1), {"region": pack(np.array(among))})
    for found in histograms.top():
        assert [found.members, found.others] == [side.count(0), side.count(1)]
        counted = [which if is_in else 2 for which, is_in in zip(side, among, strict=True)]
        expected = brute_force(rows, counted, "region", found.values)
        assert [found.holding, found.others_holding] == expected
        held = holders(shard, "region", found.values) & pack(np.array(among))
        assert popcount(held) == sum(expected)


@given(members(40), st.sampled_from(sorted(ATTRIBUTES)), st.data())
def test_holders(rows: list[Row], attribute: str, data: st.DataObject) -> None:
    intervals = st.tuples(st.sampled_from([-inf, 2.0, 20.0]), st.sampled_from([30.0, inf]))
    texts = st.sampled_from([*"abc", *HOBBIES[:30]])
    values = data.draw(st.lists(st.none() | (intervals if attribute in NUMBERS else texts)))
    held = positions(holders(shard_of(rows), attribute, values)).tolist()
    assert held == [at for at, row in enumerate(rows) if holds(answers_of(row)[attribute], values)]


def hash_of(value: object) -> int:
    return sum(map(ord, str(value)))


PLANTED: dict[str, Sequence[AnswerValue]] = {
    "region": ("a", "c"),
    "age": ((30.0, 45.0),),
    "income": ((-inf, 60.0),),
    "hobbies": ("h1",),
    "rooms": ((3.0, 3.0),),
    "postal_code": (None,),
}


@given(st.sampled_from(sorted(PLANTED)), st.integers(0, 1 << 30))
def test_the_planted_answer_comes_first(attribute: str, seed: int) -> None:
    """All who hold it are lost, and a few of the others."""
    random = Random(seed)
    rows = [
        {
            "region": random.choice("abcdefgh"),
            "age": date(random.randint(1940, 2008), 1, 1),
            "income": random.randint(0, 400) / 2,
            "postal_code": random.choice([None, *(f"{place:05}" for place in range(9))]),
            "hobbies": random.choices(HOBBIES[:8], k=random.randint(0, 3)),
            "rooms": [float(random.randint(1, 4)), float(random.randint(1, 4))],
        }
        for _ in range(600)
    ]
    side = [
        0
        if random.random()
        < (0.97 if holds(answers_of(row)[attribute], PLANTED[attribute]) else 0.02)
        else 1
        for row in rows
    ]
    first = count(rows, side, [200])[0]
    assert first.attribute == attribute
    if isinstance(PLANTED[attribute][0], str) or PLANTED[attribute] == (None,):
        assert set(first.values) == set(PLANTED[attribute])
    held = sum(holds(answers_of(row)[attribute], PLANTED[attribute]) for row in rows)
    assert abs(first.holding + first.others_holding - held) <= 0.1 * held


def test_chance_finds_nothing() -> None:
    """One of many postal codes does not win by chance."""
    random = Random(5)
    rows = [
        EMPTY | {"postal_code": f"{random.randrange(2000):05}", "hobbies": ["h1"]}
        for _ in range(6000)
    ]
    assert count(rows, [random.choice((0, 1, 1, 1)) for _ in rows]) == ()


def test_many_vocabularies_are_not_compared_with_each_other() -> None:
    """A log of many days has a small shard for each day, with values of its own."""
    random = Random(3)
    texts = [tuple(sorted(f"{random.randrange(90_000):05}" for _ in range(3))) for _ in range(200)]
    arrays = [np.array(sorted(map(float, values))) for values in texts]
    both: list[Vocabulary] = [*texts, *arrays]
    vocabularies = Vocabularies()
    for _ in range(3):
        for number, vocabulary in enumerate(both):
            assert vocabularies.number(vocabulary) == number
    assert len(vocabularies) == 400
    assert vocabularies.compared < 3 * 400
    for number, values in enumerate(texts):
        assert vocabularies.number((*values[:1], "other", *values[2:])) >= 400
        assert vocabularies.number(arrays[number].copy()) == 200 + number


def test_many_shards_with_values_of_their_own() -> None:
    random = Random(3)
    rows = [EMPTY | {"postal_code": f"{random.randrange(90_000):05}"} for _ in range(600)]
    side = [0, 1] * 300
    assert count(rows, side, range(0, 600, 3)) == count(rows, side)


def test_nobody_to_compare_with() -> None:
    rows = [EMPTY | {"region": "a", "hobbies": ["h1"]} for _ in range(9)]
    assert count(rows, [0] * 9) == count(rows, [1] * 9) == count(rows, [2] * 9) == ()
    assert Histograms(ATTRIBUTES).top() == ()


def test_columns_of_every_form_are_counted() -> None:
    """The generated members above have answers in rows, in lists and as dense numbers."""
    random = Random(1)
    rows = [
        EMPTY
        | {"hobbies": random.choices(HOBBIES, k=6), "rooms": [1.0, 2.0], "income": random.random()}
        for _ in range(6000)
    ]
    columns = shard_of(rows).columns
    assert isinstance(columns["hobbies"], ListsColumn)
    assert isinstance(columns["rooms"], RowsColumn)
    assert isinstance(columns["income"], NumberColumn)
    side = [int("h7" not in row["hobbies"]) for row in rows]
    side = [0 if row["income"] > 0.9 else which for row, which in zip(rows, side, strict=True)]
    found = {held.attribute: held for held in count(rows, side)}
    assert found["hobbies"].values == ("h7",)
    for name in ("hobbies", "income"):
        held = found[name]
        assert [held.holding, held.others_holding] == brute_force(rows, side, name, held.values)
    ((low, high),) = (value for value in found["income"].values if isinstance(value, tuple))
    assert (round(low, 2), high) == (0.9, inf)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (("DE",), "a = DE"),
        (("retired", "unemployed"), "a = retired or unemployed"),
        (("x", "y", None), "a = x, y or no answer"),
        ((None,), "a: no answer"),
        (((55.0, inf),), "a 55 and above"),
        (((-inf, 17.5),), "a up to 17.5"),
        (((18.0, 24.0),), "a 18 to 24"),
        (((18.0, 18.0),), "a = 18"),
    ],
)
def test_in_words(values: tuple[AnswerValue, ...], words: str) -> None:
    assert concentration_words(Concentration("a", values, 1, 1, 1, 0)) == words
