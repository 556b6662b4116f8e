"""Which quota of a survey was which: by id, and those left over by what they ask.

A quota is known by its path (its id, after those it is nested in); of several of one id those that
ask the same go together. Quotas that only have another id are taken for the same where they ask the
same, within quotas that are the same.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from matcher.rules import Simplifier
from matcher.surveys import Group, Quota, Survey, matches_rule

Asks: TypeAlias = Callable[[Quota], Hashable]
"""What a quota asks, to be compared with what another does."""


@dataclass(frozen=True, slots=True)
class PairedQuota:
    """A quota on each side, with its path there; None where it is not there."""

    before: Quota | None
    after: Quota | None
    path_before: tuple[str, ...] | None
    path_after: tuple[str, ...] | None

    @property
    def renamed(self) -> bool:
        """Whether its own id is another."""
        return (
            self.before is not None and self.after is not None and self.before.id != self.after.id
        )

    @property
    def label(self) -> Hashable:
        """What both quotas go by: the path now, or one that nothing has now."""
        return self.path_after or ("gone", self.path_before)


def asks_simplified() -> Asks:
    """What quotas ask, as simplified rules over the panel's attributes."""
    simplifier = Simplifier()
    return lambda quota: simplifier.simplify(matches_rule(quota))


def pair_quotas(
    before: Survey | None,
    after: Survey | None,
    asks_before: Asks | None = None,
    asks_after: Asks | None = None,
) -> tuple[PairedQuota, ...]:
    """Every quota at every depth of both, once; in the order of what is there now, the rest last.

    What quotas ask is compared by `asks_before` and `asks_after`; without them, by rule.
    """
    asks = asks_simplified()
    pairing = _Pairing(asks_before or asks, asks_after or asks)
    groups_before, groups_after = (each.groups if each else () for each in (before, after))
    return tuple(pairing.pairs(groups_before, groups_after, (), ()))


class _Pairing:
    def __init__(self, asks_before: Asks, asks_after: Asks) -> None:
        self._keys: tuple[tuple[Asks, Asks], ...] = (
            (
                lambda quota: (quota.id, asks_before(quota)),
                lambda quota: (quota.id, asks_after(quota)),
            ),
            (lambda quota: quota.id, lambda quota: quota.id),
            (asks_before, asks_after),
        )

    def pairs(
        self,
        before: Iterable[Group],
        after: Iterable[Group],
        path_before: tuple[str, ...] | None,
        path_after: tuple[str, ...] | None,
    ) -> Iterator[PairedQuota]:
        """The quotas of groups that stand at one place, each followed by those nested in it."""
        olds = [quota for group in before for quota in group.quotas]
        news = [quota for group in after for quota in group.quotas]
        for old, new in self._matched(olds, news):
            paths = (_below(path_before, old), _below(path_after, new))
            yield PairedQuota(old, new, *paths)
            yield from self.pairs(old.groups if old else (), new.groups if new else (), *paths)

    def _matched(
        self, olds: Sequence[Quota], news: Sequence[Quota]
    ) -> Iterator[tuple[Quota | None, Quota | None]]:
        partner: list[int | None] = [None] * len(news)
        left = dict.fromkeys(range(len(olds)))
        for key_old, key_new in self._keys:
            free = [place for place, old in enumerate(partner) if old is None]
            if not (left and free):
                break
            waiting: defaultdict[Hashable, deque[int]] = defaultdict(deque)
            for place in left:
                waiting[key_old(olds[place])].append(place)
            for place in free:
                if found := waiting.get(key_new(news[place])):
                    mine = found.popleft()
                    partner[place] = mine
                    del left[mine]
        for new, old in zip(news, partner, strict=True):
            yield None if old is None else olds[old], new
        for place in left:
            yield olds[place], None


def _below(path: tuple[str, ...] | None, quota: Quota | None) -> tuple[str, ...] | None:
    return None if quota is None else (*(path or ()), quota.id)
