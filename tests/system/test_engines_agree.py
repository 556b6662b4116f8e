"""The main claim: the batch engine gives what the reference evaluator gives, for every member.

Generated payloads of all marketplaces are loaded as the program loads them, and generated members
are written to Parquet and read as the program reads them.
"""

from __future__ import annotations

from pathlib import Path

import orjson
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

import matcher
from matcher.engine import Limits
from matcher.surveys import ChoiceStrategy, Survey, Verdict
from profiles.encoding import Engine
from profiles.panel import Panel
from profiles.schema.panel_file import parse_panel
from profiles.schema.participation import read_participation
from tests.support.panels import open_members
from tests.support.reference import Reference
from tests.support.strategies import (
    AS_OF,
    Json,
    Members,
    Variation,
    members_with_history,
    payload,
    variations,
)

SMALL = Limits(most_members=128, least_members=64, kernel_words=1)
"""Shards of two words, which a kernel works on one by one."""


def load(
    folder: Path, variation: Variation, surveys: Json, people: tuple[Members, Members]
) -> tuple[Panel, tuple[Survey, ...], Reference]:
    """What the program makes of a panel file, a payload and members, and the reference beside.

    The history counts in a panel file that names one.
    """
    of, took_part = people
    file = parse_panel(variation.tables(), folder / "panel.toml")
    (folder / "payload.json").write_bytes(orjson.dumps(surveys))
    loaded = matcher.load_surveys([folder / "payload.json"], file.mapping)
    assert len(loaded.surveys) == len(surveys), loaded.diagnostics
    pq.write_table(of.table(), folder / "members.parquet")
    pq.write_table(took_part.table(), folder / "history.parquet")
    known = [read_participation(row) for row in took_part.rows] if variation.history else None
    panel = open_members(file, folder / "members.parquet", AS_OF)
    return panel, loaded.surveys, Reference(loaded.surveys, file.mapping, of.rows, AS_OF, known)


@settings(max_examples=2 * settings().max_examples)
@given(
    how=st.sampled_from(ChoiceStrategy),
    variation=variations,
    surveys=payload(),
    people=members_with_history(),
    seed=st.integers(0, 3),
    most=st.sampled_from([1, 2, None, 3]),
)
def test_rows_and_counts_are_those_of_the_reference(
    folder: Path,
    engine: Engine,
    how: ChoiceStrategy,
    variation: Variation,
    surveys: Json,
    people: tuple[Members, Members],
    seed: int,
    most: int | None,
) -> None:
    panel, lowered, reference = load(folder, variation, surveys, people)
    choice = reference.choice(how, seed)
    plan = matcher.compile(lowered)
    for uncertain in (False, True):
        found = plan.match(
            panel,
            choose=how,
            seed=seed,
            uncertain=uncertain,
            max_surveys=most,
            engine=engine,
            limits=SMALL,
        )
        assert list(found) == reference.rows(choice, uncertain=uncertain, most=most)
        assert found.counts() == reference.counts(choice, uncertain=uncertain, most=most)


@settings(max_examples=2 * settings().max_examples)
@given(variation=variations, surveys=payload(), people=members_with_history())
def test_bitmaps_are_those_of_the_reference(
    folder: Path, variation: Variation, surveys: Json, people: tuple[Members, Members]
) -> None:
    panel, lowered, reference = load(folder, variation, surveys, people)
    found = matcher.compile(lowered).match(panel, limits=SMALL)
    for survey in lowered:
        eligible = reference.places(survey, Verdict.ELIGIBLE)
        uncertain = reference.places(survey, Verdict.UNCERTAIN)
        assert list(found.eligible(survey.name)) == eligible
        assert list(found.uncertain(survey.name)) == uncertain
