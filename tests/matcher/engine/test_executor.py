"""Counts of shards whose results are not kept: every tile is written over the last one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from matcher.engine import Assigned, Executor, Limits, PanelCounts, bind
from matcher.engine.counting import Counts, count_matched, count_rows, count_taken
from matcher.plan import Plan
from matcher.rules import TRUE, And, Not, Rule, one_of
from matcher.surveys import Clause, First, Group, Quota, Reason, Regime, Survey, make_choice
from matcher.surveys.choice import ChoiceStrategy
from profiles.encoding import WORD
from profiles.panel import Panel
from profiles.schema.panel_file import PanelFile, parse_panel
from tests.support.panels import Row, open_members
from tests.support.reference import Reference

pytest.importorskip("numba")

AS_OF = date(2026, 11, 21)
TABLES = {
    "panel": {"source": "members.parquet"},
    "attributes": {
        "gender": {"type": "single", "column": "gender"},
        "region": {"type": "single", "column": "region"},
        "hobbies": {"type": "multi", "column": "hobbies"},
    },
}
SAMPLE, TIMES = 293, 250
"""Distinct members, and how often each of them is in the panel: three tiles, the last ragged."""

MEN, NORTH, SPORT = one_of("gender", ["M"]), one_of("region", ["n"]), one_of("hobbies", ["1"])


def quota(name: str, rule: Rule, seats: int = 9, groups: tuple[Group, ...] = ()) -> Quota:
    return Quota(name, rule, True, seats, f"/{name}", groups)


def group(*quotas: Quota, regime: Regime = Regime.ANY_OPEN, required: bool = False) -> Group:
    return Group(quotas, f"/group/{quotas[0].id}", regime, required)


def survey(number: int, *groups: Group, gate: Rule = TRUE, live: bool = True) -> Survey:
    return Survey("rfg", str(number), live, (Clause(gate, Reason.FILTER, "/gate"),), groups)


def nested(prefix: str, *, required: bool = False) -> Group:
    """A group whose first quota divides its members again, among two groups."""
    inner = group(quota(f"{prefix}1a", NORTH, 4), quota(f"{prefix}1b", Not(NORTH)))
    other = group(
        quota(f"{prefix}1c", SPORT, 0), quota(f"{prefix}1d", TRUE), regime=Regime.ALL_OPEN
    )
    return group(
        quota(f"{prefix}1", MEN, 3, (inner, other)),
        quota(f"{prefix}2", SPORT, 20),
        quota(f"{prefix}3", NORTH),
        regime=Regime.ALL_OPEN if required else Regime.ANY_OPEN,
        required=required,
    )


SURVEYS = (
    survey(1, group(quota("a", MEN), quota("b", SPORT), quota("c", And((MEN, NORTH)), 50))),
    survey(2, group(quota("d", NORTH, 0), quota("e", SPORT)), gate=Not(MEN)),
    survey(3, nested("f")),
    survey(4, nested("g"), group(quota("h", SPORT, 0), quota("i", NORTH)), gate=Not(SPORT)),
    survey(5, nested("j", required=True), nested("k")),
    survey(6, gate=And((MEN, SPORT))),
    survey(7, group(quota("l", MEN)), live=False),
    survey(8, group(quota("m", MEN)), group(quota("n", SPORT)), live=False),
    survey(9, group(quota("o", TRUE), quota("p", TRUE, 12))),
    survey(10, group(quota("q", MEN)), group(quota("r", SPORT))),
)


@pytest.fixture(scope="module")
def sample() -> list[Row]:
    """Members of whom each answer is missing of some."""
    rng = np.random.default_rng(5)
    genders, regions, hobbies = (
        ["M", "F", None],
        ["n", "s", "w", None],
        [["1"], ["2", "1"], [], None],
    )
    return [
        {
            "gender": genders[rng.integers(len(genders))],
            "region": regions[rng.integers(len(regions))],
            "hobbies": hobbies[rng.integers(len(hobbies))],
            "member_id": f"m{number}",
        }
        for number in range(SAMPLE)
    ]


@pytest.fixture(scope="module")
def file(folder: Path) -> PanelFile:
    return parse_panel(TABLES, folder / "panel.toml")


@pytest.fixture(scope="module")
def panel(file: PanelFile, sample: list[Row], folder: Path) -> Panel:
    """Every member of the sample many times, in an order in which no tile is like another."""
    order = np.random.default_rng(6).permutation(np.repeat(np.arange(SAMPLE), TIMES))
    ids = pa.array([f"m{number}" for number in range(len(order))])
    table = pa.Table.from_pylist(sample).take(pa.array(order)).set_column(3, "member_id", ids)
    pq.write_table(table, folder / "members.parquet")
    return open_members(file, folder / "members.parquet", AS_OF)


@pytest.fixture(scope="module")
def expected(file: PanelFile, sample: list[Row]) -> Callable[[str], PanelCounts]:
    """The reference's counts of the sample, as often as it is in the panel."""
    reference = Reference(SURVEYS, file.mapping, sample, AS_OF)

    def counts(choose: str) -> PanelCounts:
        choice = reference.choice(ChoiceStrategy(choose), 0)
        once = reference.counts(choice, uncertain=False)
        surveys = tuple(
            replace(
                counts,
                eligible=counts.eligible * TIMES,
                uncertain=counts.uncertain * TIMES,
                given=counts.given * TIMES,
                quotas=tuple(
                    replace(each, matched=each.matched * TIMES, assigned=each.assigned * TIMES)
                    for each in counts
                ),
            )
            for counts in once
        )
        return PanelCounts(once.members * TIMES, surveys)

    return counts


@pytest.mark.parametrize("kernel_words", [512, 100, 1])
@pytest.mark.parametrize("choose", ["first", "most-open", "scarcest"])
def test_counts_of_reused_tiles_are_those_of_the_reference(
    panel: Panel, expected: Callable[[str], PanelCounts], choose: str, kernel_words: int
) -> None:
    limits = Limits(kernel_words=kernel_words)
    found = Plan(SURVEYS).match(panel, choose=choose, engine="numba", limits=limits).counts()
    assert found == expected(choose)
    assert sum(counts.eligible for counts in found) > found.members


@pytest.mark.parametrize("choice", [First(), make_choice(ChoiceStrategy.MOST_OPEN, 0)])
def test_counts_of_reused_tiles_are_those_of_rows_that_are_kept(
    panel: Panel, choice: First
) -> None:
    program = Plan(SURVEYS).program
    [shard] = panel.shards(program.attributes)
    assert shard.size == SAMPLE * TIMES > 2 * 512 * WORD
    bound = bind(program, shard)

    compiled, plain = (Executor(program, choice, engine) for engine in ("numba", "numpy"))
    tile, whole = compiled.room(shard.size, kept=False), plain.room(shard.size, kept=False)
    assert (tile.taken.shape[1], whole.taken.shape[1]) == (512, -(-shard.size // WORD))
    found, counted = Counts.zero(program), Counts.zero(program)
    count_taken(program, compiled.assign(bound, shard, tile), found)
    count_taken(program, plain.assign(bound, shard, whole), counted)

    seen = found.matched >= 0
    assert seen.any()
    assert not seen.all()
    assert (counted.matched == -1).all()
    count_matched(program, bound, shard, counted, "numpy")
    assert (found.matched[seen] == counted.matched[seen]).all()
    assert (found.assigned == counted.assigned).all()
    assert (found.eligible == counted.eligible).all()

    kept = compiled.room(shard.size, kept=True)
    compiled.assign(bound, shard, kept)
    assert (kept.taken == whole.taken).all()
    assert (kept.admitted == whole.admitted).all()


@pytest.mark.parametrize("members", [64, 512, 1024])
def test_a_small_shard_uses_the_room_of_a_large_one(panel: Panel, members: int) -> None:
    """It is worth no compiled kernel by itself, but the room is a tile, which only that fills."""
    program = Plan(SURVEYS).program
    [large] = panel.shards(program.attributes, 1 << 20)
    small = next(iter(panel.shards(program.attributes, members)))
    executor = Executor(program, First(), "auto", Limits(kernel_words=8))
    plain = Executor(program, First(), "numpy")
    room = executor.room(large.size, kept=False)
    assert room.taken.shape[1] == 8
    bound = bind(program, small)
    found, counted = Counts.zero(program), Counts.zero(program)
    count_taken(program, executor.assign(bound, small, room.room_for(members)), found)
    count_taken(program, plain.assign(bound, small, plain.room(members, kept=True)), counted)
    assert (found.assigned == counted.assigned).all()
    assert (found.eligible == counted.eligible).all()


@pytest.mark.parametrize("at_a_time", [1, 3, 8, 100])
def test_rows_are_counted_however_many_at_a_time(at_a_time: int) -> None:
    rows = np.random.default_rng(7).integers(0, 1 << 63, (19, 5), np.uint64)
    expected = [sum(int(word).bit_count() for word in row) for row in rows]
    assert count_rows(rows, at_a_time).tolist() == expected


def test_room_says_for_how_many_members_it_is() -> None:
    assert repr(Assigned.empty(Plan(SURVEYS).program, 100)) == (
        "Assigned(42 slots, room for 128 members)"
    )
