"""A comparison's claim: its changes, applied to the old result, give the new one.

Old and new results are those of the reference evaluator; what is not matched again is shown to be
the same by that, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.comparison import Change, ChangeTally, Comparison, Difference, Fate, compare
from matcher.comparison.rows import MemberChange
from matcher.plan import Plan
from matcher.surveys import ChoiceStrategy, Survey, Verdict, judge
from profiles.panel import Panel
from profiles.schema.panel_file import parse_panel
from profiles.schema.participation import read_participation
from tests.support.edits import HARMLESS, edited
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
from tests.system.test_engines_agree import load

Pairs = Mapping[tuple[Any, str], tuple[str, ...]]


@pytest.fixture(scope="module", autouse=True)
def _small() -> Iterator[None]:
    """Shards of one word or two, few surveys looked into, few rows of all members at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("matcher.engine.shard_size._SMALLEST", 64)
        patch.setattr("matcher.engine.shard_size.SHARD_MEMBERS", 128)
        patch.setattr("matcher.comparison.compare.MOST_EXAMINED", 2)
        patch.setattr("matcher.comparison.evaluate_pairs._TOGETHER", 1 << 11)
        yield


@dataclass(frozen=True)
class Way:
    """How members are matched."""

    how: ChoiceStrategy
    seed: int
    uncertain: bool
    workers: int

    def compare(
        self, old: list[Survey], new: list[Survey], panel: Panel, after: Panel | None = None
    ) -> Comparison:
        return compare(
            Plan(tuple(old)),
            Plan(tuple(new)),
            panel,
            after,
            choose=self.how,
            seed=self.seed,
            uncertain=self.uncertain,
            workers=self.workers,
        )

    def rows(self, reference: Reference) -> Pairs:
        choice = reference.choice(self.how, self.seed)
        found = reference.rows(choice, uncertain=self.uncertain)
        return {(str(row.member_id).strip(), row.survey): row.quota_ids for row in found}


ways = st.builds(
    Way, st.sampled_from(ChoiceStrategy), st.integers(0, 3), st.booleans(), st.sampled_from([1, 2])
)


def check_rows(found: Difference, rows: list[MemberChange], before: Pairs, after: Pairs) -> None:
    """Applied to what was, the changes give what is."""
    result = dict(before)
    renamed = {
        survey.survey: {old[-1]: new[-1] for old, new in survey.renamed} for survey in found.surveys
    }
    seen = set()
    for row in rows:
        pair = str(row.member_id).strip(), row.survey
        assert pair not in seen
        seen.add(pair)
        assert row.before == before.get(pair)
        assert row.after == after.get(pair)
        expected = {
            (False, True): Change.GAINED,
            (True, False): Change.LOST,
            (True, True): Change.MOVED,
        }
        assert row.change is expected[row.before is not None, row.after is not None]
        if row.after is None:
            del result[pair]
        else:
            result[pair] = row.after
    assert result.keys() == after.keys()
    for pair, path in result.items():
        left, came = Counter(path), Counter(after[pair])
        names = renamed.get(pair[1], {})
        assert {names.get(id_) for id_ in left - came} <= set(came - left)
        assert (left - came).total() == (came - left).total()
        if not names and pair not in seen:
            assert left == came


def check_moved(found: Difference, rows: list[MemberChange]) -> None:
    """Who moved is given something else, where quotas are not renamed and ids stand once."""
    renamed = {survey.survey for survey in found.surveys if survey.renamed}
    for row in rows:
        if row.change is Change.MOVED and row.survey not in renamed:
            assert row.before is not None
            assert row.after is not None
            assert Counter(row.before) != Counter(row.after)


def tally(
    name: str,
    before: Pairs,
    after: Pairs,
    doubts: tuple[set[str], set[str]],
    rows: list[MemberChange],
) -> ChangeTally:
    """What is counted of one survey."""
    old, new = ({id_ for id_, survey in pairs if survey == name} for pairs in (before, after))
    moved = sum(row.survey == name and row.change is Change.MOVED for row in rows)
    was, is_now = doubts
    return ChangeTally(
        len(old),
        len(new),
        len(was),
        len(is_now),
        len(new - old),
        len(old - new),
        moved,
        len(is_now - was),
    )


def doubtful(reference: Reference, name: str) -> set[str]:
    """The members who may be admitted, and are not definitely."""
    return {
        str(id_).strip()
        for survey in reference.surveys
        if survey.name == name
        for id_, member in zip(reference.ids, reference.members, strict=True)
        if judge(survey, member).verdict is Verdict.UNCERTAIN
    }


def check(way: Way, found: Comparison, old: Reference, new: Reference) -> Difference:
    """All that a comparison says, against the reference on both sides."""
    rows = list(found)
    difference = found.difference()
    before, after = way.rows(old), way.rows(new)
    check_rows(difference, rows, before, after)
    check_moved(difference, rows)
    named = {survey.survey: survey for survey in difference.surveys}
    for name in {survey.name for survey in (*old.surveys, *new.surveys)}:
        counted = tally(name, before, after, (doubtful(old, name), doubtful(new, name)), rows)
        if name not in named:
            assert counted.none
        elif named[name].evaluated:
            assert named[name].tally == counted
        else:
            assert counted.none
        if name in named:
            check_parts(difference, name, before, after)
    return difference


def check_parts(found: Difference, name: str, before: Pairs, after: Pairs) -> None:
    """Flows and quotas add up to what is counted of the survey."""
    survey = next(each for each in found.surveys if each.survey == name)
    counted = survey.tally
    given = [
        (flow, not isinstance(flow.before, Verdict), not isinstance(flow.after, Verdict))
        for flow in survey.flows
    ]
    assert sum(flow.members for flow, was, now in given if was and not now) == counted.lost
    assert sum(flow.members for flow, was, now in given if now and not was) == counted.gained
    moved = [flow for flow, was, now in given if was and now and not flow.same]
    assert sum(flow.members for flow in moved) == counted.moved
    if survey.evaluated:
        for pairs, side in ((before, 0), (after, 1)):
            flows: Counter[Any] = Counter()
            for flow, *is_given in given:
                if is_given[side]:
                    flows[(flow.before, flow.after)[side]] += flow.members
            assert flows == Counter(path for (_, each), path in pairs.items() if each == name)
    paths = Counter(quota.before.ids for quota in survey.quotas if quota.before)
    paths |= Counter(quota.after.ids for quota in survey.quotas if quota.after)
    if max(paths.values(), default=0) > 1:
        return  # members between quotas of one id have not moved
    for quota in survey.quotas:
        was = quota.before.assigned if quota.before else 0
        now = quota.after.assigned if quota.after else 0
        assert now - was == quota.gained - quota.lost + quota.came - quota.left


def reference_of(panel: Panel, surveys: list[Survey], people: tuple[Members, Members]) -> Reference:
    of, took_part = people
    known = [read_participation(row) for row in took_part.rows] if panel.history else None
    return Reference(surveys, panel.mapping, of.rows, AS_OF, known)


@given(
    way=ways, variation=variations, surveys=payload(), people=members_with_history(), data=st.data()
)
def test_changes_applied_to_the_old_result_give_the_new_one(
    folder: Path,
    way: Way,
    variation: Variation,
    surveys: Json,
    people: tuple[Members, Members],
    data: st.DataObject,
) -> None:
    panel, lowered, old = load(folder, variation, surveys, people)
    gone = data.draw(st.sampled_from([*lowered, None]))
    came = data.draw(st.sampled_from([*lowered, None]))
    before = [survey for survey in lowered if survey is not came]
    after = [
        survey
        for survey in data.draw(st.composite(lambda draw: edited(draw, list(lowered)))())
        if gone is None or survey.name != gone.name
    ]
    found = check(
        way,
        way.compare(before, after, panel),
        reference_of(panel, before, people),
        reference_of(panel, after, people),
    )
    assert found.work.evaluated <= len(before) + len(after)
    del old


@given(
    seed=st.integers(0, 3),
    uncertain=st.booleans(),
    how=st.sampled_from([ChoiceStrategy.FIRST, ChoiceStrategy.MOST_OPEN, ChoiceStrategy.SCARCEST]),
    variation=variations,
    surveys=payload(),
    people=members_with_history(),
    data=st.data(),
)
def test_what_only_has_another_order_or_name_is_never_matched(
    folder: Path,
    seed: int,
    uncertain: bool,
    how: ChoiceStrategy,
    variation: Variation,
    surveys: Json,
    people: tuple[Members, Members],
    data: st.DataObject,
) -> None:
    panel, lowered, _ = load(folder, variation, surveys, people)
    after = data.draw(st.composite(lambda draw: edited(draw, list(lowered), HARMLESS))())
    way = Way(how, seed, uncertain, 1)
    found = check(
        way,
        way.compare(list(lowered), after, panel),
        reference_of(panel, list(lowered), people),
        reference_of(panel, after, people),
    )
    assert found.work.evaluated == 0
    assert found.tally.none
    assert all(survey.fate is Fate.NO_EFFECT for survey in found.surveys)


@settings(max_examples=settings().max_examples // 2)
@given(
    way=ways,
    variation=variations,
    other=variations,
    surveys=payload(),
    people=members_with_history(),
    data=st.data(),
)
def test_another_mapping_and_another_state_of_the_panel(
    folder: Path,
    way: Way,
    variation: Variation,
    other: Variation,
    surveys: Json,
    people: tuple[Members, Members],
    data: st.DataObject,
) -> None:
    panel, lowered, old = load(folder, variation, surveys, people)
    of, took_part = people
    rows = data.draw(st.permutations(of.rows)) if data.draw(st.booleans()) else [*of.rows]
    now = replace(of, rows=tuple(row for row in rows if data.draw(st.integers(0, 3))))
    file = parse_panel(other.tables(), folder / "other.toml")
    pq.write_table(now.table(), folder / "now.parquet")
    after = open_members(file, folder / "now.parquet", AS_OF)
    import matcher

    again = matcher.load_surveys([folder / "payload.json"], file.mapping).surveys
    found = check(
        way,
        way.compare(list(lowered), list(again), panel, after),
        old,
        reference_of(after, list(again), (now, took_part)),
    )
    ids = [{str(row["member_id"]).strip() for row in each.rows} for each in (of, now)]
    assert (found.members_before, found.members_after) == tuple(map(len, ids))
    assert (found.joined, found.left) == (len(ids[1] - ids[0]), len(ids[0] - ids[1]))
