"""The flows of one survey as a picture: assignments before on the left, after on the right.

Heights are in pixels. Widths are in percent, so that a page can stretch the ribbons between labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from matcher.comparison import Assignment, Flow, Path
from matcher.reports.diff.overview import Effect, effect, largest_changes
from matcher.surveys import Verdict

ALL_MEMBERS = 220
"""The height of all members together; less where there are few ribbons."""

ONE_RIBBON = 60
"""The height of a single ribbon; two together are twice as high."""

LABEL = 15
"""The least height of a labelled ribbon."""

_THIN = 2
_MOST_QUOTAS = 6
_MOST_LABELS = 20
_ROOM = 36
_GAP = 10

OTHERS = "other quotas"
End: TypeAlias = Path | Verdict | str
"""An assignment, or `OTHERS`."""

_LAST = (OTHERS, Verdict.UNCERTAIN, Verdict.INELIGIBLE)


class Link(NamedTuple):
    """What a ribbon joins."""

    before: End
    after: End
    effect: Effect


@dataclass(frozen=True, slots=True)
class Node:
    """One assignment: a bar from `top` on, with its label about `middle`."""

    end: End
    members: int
    top: float
    height: float
    middle: float


@dataclass(frozen=True, slots=True)
class Ribbon:
    """Members who went from one node to another: an outline of SVG in a box 100 wide.

    `middle`: of its left end, where the label is, if it has one.
    """

    link: Link
    members: int
    outline: str
    middle: float
    labelled: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """Two columns of nodes and the ribbons between them, those that stay first."""

    height: float
    before: tuple[Node, ...]
    after: tuple[Node, ...]
    ribbons: tuple[Ribbon, ...]


def draw(flows: Iterable[Flow]) -> Picture | None:
    """The picture of a survey's flows; None where there are no members.

    Of many quotas those with the largest changes are shown, the others together. Ribbons
    are to scale, except that the largest changes are as high as their label, and none is too thin.
    """
    members = _links([flow for flow in flows if flow.members])
    if not members:
        return None
    heights = _heights(members)
    before = _order_before(members)
    after = _order_after(members, before)
    columns = [
        _column(before, {end: _height(heights, 0, end) for end in before}),
        _column(after, {end: _height(heights, 1, end) for end in after}),
    ]
    height = max(bottom for _, bottom in columns)
    tops = [
        {end: top + (height - bottom) / 2 for end, top in places.items()}
        for places, bottom in columns
    ]
    return Picture(
        height,
        tuple(_nodes(members, heights, 0, tops[0])),
        tuple(_nodes(members, heights, 1, tops[1])),
        tuple(_ribbons(members, heights, tops)),
    )


def _links(flows: Sequence[Flow]) -> Counter[Link]:
    """Members of each ribbon, with all but the most changed quotas taken together."""
    kept: tuple[set[Assignment], set[Assignment]] = (set(), set())
    for flow in largest_changes(flows):
        for assignment, side in zip((flow.before, flow.after), kept, strict=True):
            if not isinstance(assignment, Verdict) and len(side) < _MOST_QUOTAS:
                side.add(assignment)
    for flow in sorted(flows, key=lambda flow: -flow.members):
        if flow.same and not isinstance(flow.before, Verdict):
            named = flow.before in kept[0] or flow.after in kept[1]
            if named or max(map(len, kept)) < _MOST_QUOTAS:
                kept[0].add(flow.before)
                kept[1].add(flow.after)
    members: Counter[Link] = Counter()
    for flow in flows:
        before, after = (
            assignment if isinstance(assignment, Verdict) or assignment in side else OTHERS
            for assignment, side in zip((flow.before, flow.after), kept, strict=True)
        )
        members[Link(before, after, effect(flow))] += flow.members
    return members


def _heights(members: Counter[Link]) -> dict[Link, float]:
    scale = min(ALL_MEMBERS, ONE_RIBBON * len(members)) / members.total()
    labelled = _labelled(members)
    return {
        link: max(scale * count, LABEL if link in labelled else _THIN)
        for link, count in members.items()
    }


def _labelled(members: Counter[Link]) -> set[Link]:
    """The largest changes."""
    changes = [link for link, _ in members.most_common() if link.effect is not Effect.STAYED]
    return set(changes[:_MOST_LABELS])


def _height(heights: Mapping[Link, float], side: int, end: End) -> float:
    return sum(height for link, height in heights.items() if link[side] == end)


def _order_before(members: Counter[Link]) -> list[End]:
    """Quotas with most members first, then other quotas, then no quota."""
    sizes: Counter[End] = Counter()
    for link, count in members.items():
        sizes[link.before] += count
    return sorted(sizes, key=lambda end: (_rank(end), -sizes[end], str(end)))


def _order_after(members: Counter[Link], before: Sequence[End]) -> list[End]:
    """In the order of those on the left that are the same, or from which most members came."""
    source: dict[End, tuple[bool, int, int]] = {}
    for link, count in members.items():
        place = before.index(link.before) if _rank(link.before) == 0 else len(before)
        found = (link.effect is not Effect.STAYED, -count, place)
        source[link.after] = min(source.get(link.after, found), found)
    return sorted(source, key=lambda end: (_rank(end), source[end][2], source[end], str(end)))


def _rank(end: End) -> int:
    return 1 + _LAST.index(end) if isinstance(end, str) else 0


def _column(ends: Sequence[End], heights: Mapping[End, float]) -> tuple[dict[End, float], float]:
    """Where the bar of each node begins, one below the other, and where the column ends."""
    tops: dict[End, float] = {}
    at = 0.0
    for end in ends:
        room = max(heights[end], _ROOM)
        tops[end] = at + (room - heights[end]) / 2
        at += room + _GAP
    return tops, at - _GAP


def _nodes(
    members: Counter[Link], heights: Mapping[Link, float], side: int, tops: Mapping[End, float]
) -> Iterator[Node]:
    for end, top in tops.items():
        height = _height(heights, side, end)
        count = sum(count for link, count in members.items() if link[side] == end)
        yield Node(end, count, top, height, top + height / 2)


def _ribbons(
    members: Counter[Link], heights: Mapping[Link, float], tops: Sequence[Mapping[End, float]]
) -> Iterator[Ribbon]:
    """Ribbons leave a node in the order in which they arrive, so that few cross."""
    places = [{end: place for place, end in enumerate(side)} for side in tops]
    at = [dict(side) for side in tops]
    starts: dict[Link, float] = {}
    for link in sorted(members, key=lambda link: (places[1][link.after], link.effect)):
        starts[link] = at[0][link.before]
        at[0][link.before] += heights[link]
    ends: dict[Link, float] = {}
    for link in sorted(members, key=lambda link: (places[0][link.before], link.effect)):
        ends[link] = at[1][link.after]
        at[1][link.after] += heights[link]
    labelled = _labelled(members)
    for link in sorted(members, key=lambda link: (link.effect is not Effect.STAYED, starts[link])):
        start, end, height = starts[link], ends[link], heights[link]
        shown = link in labelled or height >= LABEL
        outline = _outline(start, end, height)
        yield Ribbon(link, members[link], outline, start + height / 2, shown)


def _outline(start: float, end: float, height: float) -> str:
    top = f"M0,{start:.1f}C50,{start:.1f} 50,{end:.1f} 100,{end:.1f}"
    below, above = end + height, start + height
    return f"{top}V{below:.1f}C50,{below:.1f} 50,{above:.1f} 0,{above:.1f}Z"
