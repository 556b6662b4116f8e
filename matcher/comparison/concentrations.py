"""Where those are concentrated who gained, lost or moved: counted on blocks, both sides."""

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
    """Which answers those who changed have more often than those who are given it on both sides.

    Those who lost something are looked up in the panel before, all others in the panel after.
    """

    def __init__(self, before: Side, after: Side, attributes: frozenset[str]) -> None:
        olds, news = before.asked & attributes, after.asked & attributes
        self._one_panel = before.panel is after.panel
        self._kept_before = Histogram(olds)
        self._kept_after = self._kept_before if self._one_panel else Histogram(news)
        self._changed = {
            change: Histogram(olds if change is Change.LOST else news) for change in Change
        }
        self._among_kept = {
            change: Histogram(olds if change is Change.LOST else news) for change in Change
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
        """Count those of a shard who are given it on both sides, and who changed, in that order."""
        kept, *changed = rows
        if before or not self._one_panel:
            (self._kept_before if before else self._kept_after).add(shard, kept)
        for change, row in zip(changes, changed, strict=True):
            self._changed[change].add(shard, row)
            among = row & kept
            if among.any():
                self._among_kept[change].add(shard, among)

    def top(self) -> dict[Change, tuple[Concentration, ...]]:
        """The most telling answers, by change."""
        found = {}
        for change, changed in self._changed.items():
            kept = self._kept_before if change is Change.LOST else self._kept_after
            telling = strongest(changed, kept.without(self._among_kept[change]))
            if telling:
                found[change] = telling
        return found


def concentrate(block: MemberBlock, wanted: Sequence[tuple[Concentrations, Rowset]]) -> None:
    """Count the members of a block for several concentrations, in one pass over each side."""
    for apart, before in ((block.of_before, True), (block.of_after, False)):
        changes = [each.on_side(rows, before=before) for each, rows in wanted]
        together = [
            row
            for (_, rows), mine in zip(wanted, changes, strict=True)
            for row in (rows.both, *(rows.changed[change] for change in mine))
        ]
        for shard, parts in apart(together):
            left = iter(parts)
            for (each, _), mine in zip(wanted, changes, strict=True):
                each.add(shard, [*islice(left, 1 + len(mine))], mine, before=before)
