"""Which quota a member is given: what each choice prefers, and how draws fall."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.engine.draws import draw_all
from matcher.rules import TRUE
from matcher.surveys import (
    Balanced,
    Choice,
    ChoiceStrategy,
    First,
    Group,
    Quota,
    Survey,
    make_choice,
)
from matcher.surveys.choice import MostOpen, Scarcest
from profiles.hashing import hash_id


def group_of(*remaining: int) -> Group:
    """A group of quotas that take everyone, with so many seats left each."""
    quotas = (
        Quota(f"q{number}", TRUE, seats > 0, seats, f"/quotas/0/{number}")
        for number, seats in enumerate(remaining)
    )
    return Group(tuple(quotas), "/quotas/0")


def survey_of(group: Group, name: str = "1") -> Survey:
    return Survey("dynata", name, True, (), (group,))


def picked(choice: Choice, group: Group, member: str = "m") -> str:
    return choice.pick(survey_of(group), group, group.quotas, member).id


def test_first_is_first_in_the_payload() -> None:
    assert picked(First(), group_of(1, 9, 9)) == "q0"


def test_most_open_has_the_most_seats_left_and_then_is_first() -> None:
    assert picked(MostOpen(), group_of(1, 9, 9)) == "q1"


@pytest.mark.parametrize(
    ("remaining", "eligible", "expected"),
    [
        ((10, 10), (50, 40), "q1"),
        ((10, 2), (50, 40), "q0"),
        ((10, 20), (50, 100), "q0"),
        ((10, 21), (50, 100), "q1"),
        ((10, 10), (50, 0), "q1"),
    ],
)
def test_scarcest_has_the_fewest_eligible_members_a_seat_and_then_is_first(
    remaining: tuple[int, ...], eligible: tuple[int, ...], expected: str
) -> None:
    group = group_of(*remaining)
    counted = {
        ("dynata:1", quota.pointer): members
        for quota, members in zip(group.quotas, eligible, strict=True)
    }
    assert picked(Scarcest(counted), group) == expected


def draws(choice: Choice, group: Group, survey: str = "1") -> list[str]:
    of = survey_of(group, survey)
    return [choice.pick(of, group, group.quotas, f"m{member}").id for member in range(6000)]


def test_balanced_draws_in_proportion_to_seats() -> None:
    found = Counter(draws(Balanced(), group_of(1, 2, 3)))
    assert found["q0"] == pytest.approx(1000, rel=0.1)
    assert found["q1"] == pytest.approx(2000, rel=0.1)
    assert found["q2"] == pytest.approx(3000, rel=0.1)


def test_balanced_draws_stay_in_proportion_with_more_seats_than_a_word_holds() -> None:
    found = Counter(draws(Balanced(), group_of(1 << 40, 1 << 40)))
    assert found["q0"] == pytest.approx(3000, rel=0.1)


def test_draws_of_surveys_groups_and_seeds_are_apart() -> None:
    """Two draws of one member agree as often as chance has it."""
    group = group_of(1, 1)
    other_group = Group(group.quotas, "/quotas/1")
    first = draws(Balanced(), group)
    for other in (
        draws(Balanced(), group, "2"),
        draws(Balanced(), other_group),
        draws(Balanced(1), group),
    ):
        same = sum(one == two for one, two in zip(first, other, strict=True))
        assert same == pytest.approx(3000, rel=0.1)


@given(
    seats=st.lists(st.integers(1, 1 << 34), min_size=1, max_size=5),
    takes=st.lists(st.lists(st.booleans(), min_size=5, max_size=5), max_size=20),
    seed=st.integers(0, 9),
)
def test_draws_all_at_once_are_those_one_by_one(
    seats: list[int], takes: list[list[bool]], seed: int
) -> None:
    group = group_of(*seats)
    survey, choice = survey_of(group), Balanced(seed)
    some = [row[: len(seats)] for row in takes if any(row[: len(seats)])]
    ids = [f"m{number}" for number in range(len(some))]
    one_by_one = [
        choice.pick(
            survey, group, [q for q, ok in zip(group.quotas, row, strict=True) if ok], member
        )
        for row, member in zip(some, ids, strict=True)
    ]
    hashes = np.array([hash_id(member) for member in ids], np.uint64)
    table = np.array(some, np.bool_).reshape(len(some), len(seats)).T
    given_ = draw_all(choice, survey, group, table, hashes)
    assert [group.quotas[place] for place in given_] == one_by_one


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        (ChoiceStrategy.FIRST, First),
        (ChoiceStrategy.MOST_OPEN, MostOpen),
        (ChoiceStrategy.SCARCEST, Scarcest),
        (ChoiceStrategy.BALANCED, Balanced),
    ],
)
def test_every_choice_has_a_name(how: ChoiceStrategy, kind: type) -> None:
    assert isinstance(make_choice(how, 0), kind)


@pytest.mark.parametrize("choice", [First(), MostOpen(), Scarcest({})])
def test_an_order_prefers_what_is_picked(choice: First | MostOpen | Scarcest) -> None:
    group = group_of(3, 1, 9, 9)
    survey = survey_of(group)
    order = choice.order(survey, group)
    assert sorted(quota.id for quota in order) == ["q0", "q1", "q2", "q3"]
    for start in range(4):
        left = [quota for quota in group.quotas if quota in order[start:]]
        assert choice.pick(survey, group, left, "m") is order[start]
