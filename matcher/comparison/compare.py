"""The comparison of two inventories, two mappings or two states of a panel.

A recipe, as `matcher.engine.matches` is: nothing is evaluated until a result is requested,
members stream out block by block, and what did not change is never matched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path as FilePath

import pyarrow as pa

from matcher.comparison.clauses import changed_clauses
from matcher.comparison.evaluate_pairs import MatchSettings, PairEvaluation
from matcher.comparison.limits import ComparisonLimits
from matcher.comparison.mapping_diff import mapping_changes
from matcher.comparison.result import (
    Change,
    ChangeTally,
    ClauseChange,
    Difference,
    SurveyDifference,
    Work,
)
from matcher.comparison.rows import (
    MemberChange,
    NumberedRows,
    change_batches,
    change_schema,
    read_batch,
)
from matcher.comparison.survey_pairs import SideInventory, SurveyPair, SurveyPairing
from matcher.concentration import Concentration
from matcher.engine import Progress, check_asked
from matcher.output import write_parquet
from matcher.plan import Plan
from matcher.rules import TookPart, Wording, attributes_of, predicates_of
from matcher.surveys import ChoiceStrategy, Surveys, all_rules
from profiles.panel import Panel


class Comparison:
    """Who gains, loses or moves between two sides; made by `compare`.

    Iterate over it for `MemberChange` rows, in member order and then survey order. Each iteration
    reads the panel.
    """

    def __init__(
        self,
        before: Surveys | Plan,
        after: Surveys | Plan,
        panel: Panel,
        panel_after: Panel | None,
        settings: MatchSettings,
    ) -> None:
        self._sides = before, after
        self.panel = panel
        self.panel_after = panel_after or panel
        for side, read in ((before, self.panel), (after, self.panel_after)):
            if isinstance(side, Plan):
                _check_plan(side, read)
        inventories = SideInventory.of(before), SideInventory.of(after)
        self._surveys = sum(len(side.surveys) for side in inventories)
        self._in_both = len(inventories[0].surveys.keys() & inventories[1].surveys.keys())
        self._pairs = [
            *SurveyPairing(self.panel, self.panel_after, settings.strategy).pairs(*inventories)
        ]
        self._mappings = before.mapping or panel.mapping, after.mapping or self.panel_after.mapping
        self._settings = settings
        self._found: Difference | None = None

    def __repr__(self) -> str:
        old, new = (len(side.surveys) for side in self._sides)
        changed = sum(not pair.equivalent for pair in self._pairs)
        return f"Comparison({old:,} and {new:,} surveys, {changed:,} to match again)"

    def difference(self) -> Difference:
        """All that is found, without the members one by one."""
        if self._found is None:
            for _ in self._run(named=False):
                pass
        assert self._found is not None
        return self._found

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Rows as Arrow record batches, in the columns of `diff -o`."""
        schema = change_schema(self.panel, self.panel_after)
        names = [pair.name for pair in self._pairs]
        for ids, rows in self._run(named=True):
            yield from change_batches(schema, ids, names, rows)

    def __iter__(self) -> Iterator[MemberChange]:
        for batch in self.batches():
            yield from read_batch(batch)

    def to_parquet(self, path: str | FilePath) -> Difference:
        """Write all rows to a Parquet file, whole or not at all; returns the difference."""
        write_parquet(self.batches(), change_schema(self.panel, self.panel_after), FilePath(path))
        return self.difference()

    def _run(self, *, named: bool) -> Iterator[tuple[pa.Array, list[NumberedRows]]]:
        """Match what has changed, block by block; `_found` is set at the end."""
        most = self._settings.limits.examined
        changed = [number for number, pair in enumerate(self._pairs) if not pair.equivalent]
        whole = self._evaluation(changed, examined=len(changed) <= most)
        for ids, rows in whole.blocks(named=named):
            yield ids, [(changed[number], members) for number, members in rows]
        tallies = dict(zip(changed, (counting.tally for counting in whole.countings), strict=True))
        part, examined = whole, changed
        if len(changed) > most:
            order = sorted(changed, key=lambda number: self._rank(number, tallies[number]))
            examined = order[:most]
            part = self._evaluation(examined, examined=True)
            for _ in part.blocks(named=False):
                pass
        concentrations = {
            number: found.top()
            for number, found in zip(examined, part.by_survey, strict=True)
            if found is not None
        }
        self._found = self._summary(whole, changed, concentrations)

    def _rank(self, number: int, tally: ChangeTally) -> tuple[bool, int]:
        """What is examined first: surveys open on both sides, by how many are affected."""
        return not self._pairs[number].open_in_both, -tally.affected

    def _evaluation(self, numbers: Sequence[int], *, examined: bool) -> PairEvaluation:
        pairs = [self._pairs[number] for number in numbers]
        return PairEvaluation(
            pairs, self.panel, self.panel_after, self._settings, examined=examined
        )

    def _summary(
        self,
        whole: PairEvaluation,
        changed: Sequence[int],
        concentrations: Mapping[int, Mapping[Change, tuple[Concentration, ...]]],
    ) -> Difference:
        counted = dict(zip(changed, whole.countings, strict=True))
        surveys = []
        unchanged = self._in_both - sum(pair.in_both for pair in self._pairs)
        for number, pair in enumerate(self._pairs):
            counting = counted.get(number)
            tally = counting.tally if counting else ChangeTally()
            if pair.identical and not tally.affected:
                unchanged += 1
                continue
            surveys.append(
                SurveyDifference(
                    pair.name,
                    pair.status_before,
                    pair.status_after,
                    counting is not None,
                    tally,
                    counting.quota_differences() if counting else (),
                    counting.flows() if counting else (),
                    pair.renamed,
                    self._clauses(pair),
                    concentrations.get(number, {}),
                )
            )
        separate = self.panel is not self.panel_after
        return Difference(
            self.panel.as_of,
            whole.members_before,
            whole.members_after,
            whole.joined,
            whole.left,
            _sum([survey.tally for survey in surveys]),
            tuple(surveys),
            unchanged,
            whole.overall.top(),
            mapping_changes(self.panel.mapping, self.panel_after.mapping),
            Work(
                self._surveys,
                whole.evaluated,
                whole.predicates,
                whole.members_before + separate * whole.members_after,
            ),
            *(side.diagnostics if isinstance(side, Surveys) else () for side in self._sides),
        )

    def _clauses(self, pair: SurveyPair) -> tuple[ClauseChange, ...]:
        if pair.before is None or pair.after is None:
            return ()
        market = pair.after.marketplace
        words = (Wording(mapping.marketplace(market)) for mapping in self._mappings)
        return changed_clauses(pair.before, pair.after, *words)


def _check_plan(plan: Plan, panel: Panel) -> None:
    """Refuse a plan that needs what the panel does not have, even in surveys not matched again."""
    rules = [rule for survey in plan.surveys for rule in all_rules(survey)]
    history = any(isinstance(predicate, TookPart) for predicate in predicates_of(rules))
    check_asked(attributes_of(rules), history, panel)


def _sum(tallies: Sequence[ChangeTally]) -> ChangeTally:
    return ChangeTally(
        *(sum(getattr(tally, field.name) for tally in tallies) for field in fields(ChangeTally))
    )


def compare(
    before: Surveys | Plan,
    after: Surveys | Plan,
    panel: Panel,
    panel_after: Panel | None = None,
    *,
    choose: ChoiceStrategy | str = "first",
    seed: int = 0,
    uncertain: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
    limits: ComparisonLimits | None = None,
) -> Comparison:
    """Compare two inventories on a panel, or on two: who gains, loses or moves.

    With `panel_after` the surveys after are matched on that panel, and members are the same where
    their ids are. `choose`, `seed` and `uncertain` are those of `Plan.match`; `workers` is the
    number of threads. Nothing is matched until a result is requested, and then only surveys whose
    result may differ. Raises InputError where a panel has no such attribute, or no history.

    >>> import matcher, profiles
    >>> panel = profiles.open_panel("fixtures/demo/panel.toml", "2026-11-21")
    >>> old = matcher.load_surveys(["fixtures/demo/payloads"], panel.mapping)
    >>> new = matcher.load_surveys(["fixtures/demo/changed"], panel.mapping)
    >>> comparison = matcher.compare(old, new, panel)
    >>> comparison.difference()
    Difference(13 surveys changed, 35 unchanged, 3,374 lost, 3,784 gained, 213 moved)
    >>> next(iter(comparison))
    MemberChange('m0000006', dynata:20112, gained)
    """
    settings = MatchSettings(
        ChoiceStrategy(choose),
        seed,
        uncertain,
        max(workers, 1),
        progress,
        limits or ComparisonLimits(),
    )
    return Comparison(
        before,
        after,
        panel,
        panel_after,
        settings,
    )
