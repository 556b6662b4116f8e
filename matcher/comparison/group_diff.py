"""How the groups of quotas of a survey changed: their quotas, their order, how they are judged.

Groups have no names: they are known by the quotas in them, and those left over by their place.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from matcher.comparison.quota_pairs import PairedQuota
from matcher.comparison.result import ClauseChange, ClauseText, Path
from matcher.comparison.rule_diff import Unordered
from matcher.surveys import Group, Quota, Regime, Survey


@dataclass(frozen=True, slots=True)
class _Placed:
    """A group; the pointer and the path of the quota that it is nested in (None: in none)."""

    group: Group
    within: str | None
    path: Path | None


def without_equal_groups(
    before: Survey, after: Survey, unordered: Unordered
) -> tuple[Survey, Survey]:
    """Both versions, without the groups of quotas that are the same in both."""
    olds, news = (
        Counter(_form(group, unordered) for group in survey.groups) for survey in (before, after)
    )
    same = olds & news
    return _without(before, same, unordered), _without(after, same, unordered)


def _without(survey: Survey, forms: Counter[Hashable], unordered: Unordered) -> Survey:
    left = forms.copy()
    kept = []
    for group in survey.groups:
        form = _form(group, unordered)
        if left[form]:
            left[form] -= 1
        else:
            kept.append(group)
    return replace(survey, groups=tuple(kept))


def _form(group: Group, unordered: Unordered) -> Hashable:
    """All that a group says, in any order; except for the order of its open quotas."""
    quotas = [
        (
            quota.id,
            unordered.of(quota.rule),
            quota.live,
            quota.remaining,
            frozenset(Counter(_form(inner, unordered) for inner in quota.groups).items()),
        )
        for quota in group.quotas
    ]
    in_order = tuple(form for form, quota in zip(quotas, group.quotas, strict=True) if quota.open)
    return _judged(group), in_order, frozenset(Counter(quotas).items())


def group_changes(
    before: Survey, after: Survey, pairs: Sequence[PairedQuota]
) -> Iterator[ClauseChange]:
    """Groups judged differently, added or removed, and quotas in another order or another group."""
    grouping = _Grouping(
        list(_placed(before.groups, None, None)), list(_placed(after.groups, None, None)), pairs
    )
    yield from grouping.changes()
    yield from grouping.moved()


def _placed(groups: Iterable[Group], within: str | None, path: Path | None) -> Iterator[_Placed]:
    for group in groups:
        yield _Placed(group, within, path)
        for quota in group.quotas:
            yield from _placed(quota.groups, quota.pointer, (*(path or ()), quota.id))


class _Grouping:
    """Which group was which; quotas and groups are known by their pointers, on either side."""

    def __init__(
        self, olds: Sequence[_Placed], news: Sequence[_Placed], pairs: Sequence[PairedQuota]
    ) -> None:
        self._olds = olds
        self._news = news
        self._kept = [
            (pair.before, pair.after, pair.path_after)
            for pair in pairs
            if pair.before is not None and pair.after is not None
        ]
        self._now = {old.pointer: new.pointer for old, new, _ in self._kept}
        self._group_before = _groups_of(olds)
        self._group_after = _groups_of(news)
        self._partner: dict[str, _Placed] = {}
        self._paired: set[str] = set()
        self._pair_by_quotas()
        self._pair_left(lambda placed: bool(placed.group.quotas))
        self._pair_left(lambda _: None)

    def _pair_by_quotas(self) -> None:
        """Those that share most quotas."""
        shared = Counter(
            (self._group_before[old.pointer], self._group_after[new.pointer])
            for old, new, _ in self._kept
        )
        by_pointer = {placed.group.pointer: placed for placed in self._olds}
        for (old, new), _ in shared.most_common():
            self._pair(by_pointer[old], new)

    def _pair_left(self, alike: Callable[[_Placed], Hashable]) -> None:
        """Those within the same quota that are alike, in their order."""
        waiting: defaultdict[Hashable, deque[_Placed]] = defaultdict(deque)
        for old in self._left():
            if old.within is None or old.within in self._now:
                within = None if old.within is None else self._now[old.within]
                waiting[within, alike(old)].append(old)
        for new in self._news:
            if new.group.pointer not in self._partner and waiting[new.within, alike(new)]:
                self._pair(waiting[new.within, alike(new)].popleft(), new.group.pointer)

    def _pair(self, old: _Placed, new: str) -> None:
        if new not in self._partner and old.group.pointer not in self._paired:
            self._partner[new] = old
            self._paired.add(old.group.pointer)

    def _left(self) -> list[_Placed]:
        return [old for old in self._olds if old.group.pointer not in self._paired]

    def changes(self) -> Iterator[ClauseChange]:
        """What differs in each group, except within quotas that were added or removed."""
        kept = {None, *self._now.values()}
        for new in self._news:
            old = self._partner.get(new.group.pointer)
            if old is not None:
                yield from self._changed(old.group, new)
            elif new.within in kept:
                yield ClauseChange("group", new.path, None, _whole(new.group))
        for old in self._left():
            if old.within is None or old.within in self._now:
                yield ClauseChange("group", old.path, _whole(old.group), None)

    def _changed(self, old: Group, new: _Placed) -> Iterator[ClauseChange]:
        at = old.pointer, new.group.pointer
        judged = _judged(old), _judged(new.group)
        if judged[0] != judged[1]:
            yield ClauseChange("group", new.path, *map(ClauseText, at, judged))
        order = self._order(old, new.group)
        if order[0] != order[1]:
            yield ClauseChange("order", new.path, *map(ClauseText, at, order))

    def _order(self, old: Group, new: Group) -> tuple[str, str]:
        """The quotas that are in a group and open on both sides, as far as their order changed."""
        by_pointer = {quota.pointer: quota for quota in new.quotas if quota.open}
        stayed = [
            (quota, by_pointer[self._now[quota.pointer]])
            for quota in old.quotas
            if quota.open and self._now.get(quota.pointer) in by_pointer
        ]
        places = {quota.pointer: place for place, quota in enumerate(new.quotas)}
        now = sorted(stayed, key=lambda pair: places[pair[1].pointer])
        moved = [place for place, pair in enumerate(stayed) if pair is not now[place]]
        if not moved:
            return "", ""
        span = slice(moved[0], moved[-1] + 1)
        return _ids(quota for quota, _ in stayed[span]), _ids(quota for _, quota in now[span])

    def moved(self) -> Iterator[ClauseChange]:
        """Quotas that are judged together with other quotas than before."""
        for old, new, path in self._kept:
            was = self._partner.get(self._group_after[new.pointer])
            if was is None or was.group.pointer != self._group_before[old.pointer]:
                before, after = _beside(old, self._olds), _beside(new, self._news)
                yield ClauseChange("group", path, before, after)


def _groups_of(placed: Iterable[_Placed]) -> dict[str, str]:
    """The pointer of the group that each quota is in."""
    return {quota.pointer: at.group.pointer for at in placed for quota in at.group.quotas}


def _beside(quota: Quota, placed: Iterable[_Placed]) -> ClauseText:
    """The group that a quota is in: `in /quotas/1, with q2, q3`."""
    group = next(at.group for at in placed if quota in at.group.quotas)
    others = _ids(other for other in group.quotas if other.pointer != quota.pointer)
    return ClauseText(
        quota.pointer, f"in {group.pointer}, {f'with {others}' if others else 'alone'}"
    )


def _ids(quotas: Iterable[Quota]) -> str:
    return ", ".join(quota.id for quota in quotas)


def _judged(group: Group) -> str:
    """How quotas are judged together."""
    if group.regime is Regime.ANY_OPEN:
        return "one open quota must be matched"
    if group.required:
        return "no closed quota may be matched, and an open one must be"
    return "no closed quota may be matched"


def _whole(group: Group) -> ClauseText:
    """A group as a whole: `of the quotas q1, q2: one open quota must be matched`."""
    text = f"of the quotas {_ids(group.quotas)}" if group.quotas else "of no quotas"
    return ClauseText(group.pointer, f"{text}: {_judged(group)}")
