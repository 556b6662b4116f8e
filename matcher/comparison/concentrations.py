"""Which answers members who gained, lost or moved have in common, counted block by block."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from matcher.comparison.blocks import MemberBlock, Side
from matcher.comparison.counting import Rowset
from matcher.comparison.result import Change
from matcher.concentration import Concentration, Histogram, strongest
from profiles.encoding import BitRow
from profiles.panel import Shard


class Concentrations:
    """Which answers members who changed hold more often than those given the survey on both sides.

    Those who lost it are looked up in the panel before, all others in the panel after.
    """

    def __init__(self, before: Side, after: Side, attributes: frozenset[str]) -> None:
        names_before, names_after = (
            before.attributes & attributes,
            after.attributes & attributes,
        )
        self._one_panel = before.panel is after.panel
        self._kept_before = Histogram(names_before)
        self._kept_after = self._kept_before if self._one_panel else Histogram(names_after)
        self._changed = {
            change: Histogram(names_before if change is Change.LOST else names_after)
            for change in Change
        }
        self._among_kept = {
            change: Histogram(names_before if change is Change.LOST else names_after)
            for change in Change
        }

    def on_side(self, rows: Rowset, *, before: bool) -> list[Change]:
        """The changes that are looked up in the panel before, or after; of one panel, before."""
        return [
            change
            for change, row in rows.changed.items()
            if row.any() and (before if self._one_panel else before is (change is Change.LOST))
        ]

    def add(
        self, shard: Shard, rows: Sequence[BitRow], changes: Sequence[Change], *, before: bool
    ) -> None:
        """Count members of a shard; `rows`: given on both sides, then one row a change."""
        kept, *changed = rows
        if before or not self._one_panel:
            (self._kept_before if before else self._kept_after).add(shard, kept)
        for change, row in zip(changes, changed, strict=True):
            self._changed[change].add(shard, row)
            among = row & kept
            if among.any():
                self._among_kept[change].add(shard, among)

    def top(self) -> dict[Change, tuple[Concentration, ...]]:
        """The strongest answers, by change."""
        found = {}
        for change, changed in self._changed.items():
            kept = self._kept_before if change is Change.LOST else self._kept_after
            answers = strongest(changed, kept.without(self._among_kept[change]))
            if answers:
                found[change] = answers
        return found


def concentrate(block: MemberBlock, wanted: Sequence[tuple[Concentrations, Rowset]]) -> None:
    """Count the members of a block for several concentrations, in one pass over each side."""
    for split, before in ((block.split_before, True), (block.split_after, False)):
        changes = [found.on_side(rows, before=before) for found, rows in wanted]
        together = [
            row
            for (_, rows), of_survey in zip(wanted, changes, strict=True)
            for row in (rows.both, *(rows.changed[change] for change in of_survey))
        ]
        for shard, parts in split(together):
            left = iter(parts)
            for (found, _), of_survey in zip(wanted, changes, strict=True):
                found.add(shard, [*islice(left, 1 + len(of_survey))], of_survey, before=before)
