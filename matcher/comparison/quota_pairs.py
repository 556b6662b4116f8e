"""Which quota of a survey was which: by id, and those left over by what they require.

A quota is known by its path (its id, after those it is nested in); of several with one id, those
that require the same are paired. Quotas of different ids are the same quota, renamed, where they
require the same within quotas that are the same.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from matcher.rules import Simplifier
from matcher.surveys import Group, Quota, Survey, matches_rule

QuotaCondition: TypeAlias = Callable[[Quota], Hashable]
"""What a quota requires, as a value that is compared with that of another."""


@dataclass(frozen=True, slots=True)
class PairedQuota:
    """A quota on each side, with its path; None where it is not on that side."""

    before: Quota | None
    after: Quota | None
    path_before: tuple[str, ...] | None
    path_after: tuple[str, ...] | None

    @property
    def renamed(self) -> bool:
        """Whether its own id differs."""
        return (
            self.before is not None and self.after is not None and self.before.id != self.after.id
        )

    @property
    def label(self) -> Hashable:
        """What both quotas are known by: the path after, or one that no quota has after."""
        return self.path_after or ("gone", self.path_before)


def simplified_condition() -> QuotaCondition:
    """What quotas require, as simplified rules over the panel's attributes."""
    simplifier = Simplifier()
    return lambda quota: simplifier.simplify(matches_rule(quota))


def pair_quotas(
    before: Survey | None,
    after: Survey | None,
    condition_before: QuotaCondition | None = None,
    condition_after: QuotaCondition | None = None,
) -> tuple[PairedQuota, ...]:
    """Every quota at every depth of both, once; in the order of the new side, what is gone last.

    What quotas require is compared by `condition_before` and `condition_after`; without them, by
    rule.
    """
    condition = simplified_condition()
    pairing = _Pairing(condition_before or condition, condition_after or condition)
    groups_before, groups_after = (survey.groups if survey else () for survey in (before, after))
    return tuple(pairing.pairs(groups_before, groups_after, (), ()))


class _Pairing:
    def __init__(self, condition_before: QuotaCondition, condition_after: QuotaCondition) -> None:
        self._keys: tuple[tuple[QuotaCondition, QuotaCondition], ...] = (
            (
                lambda quota: (quota.id, condition_before(quota)),
                lambda quota: (quota.id, condition_after(quota)),
            ),
            (lambda quota: quota.id, lambda quota: quota.id),
            (condition_before, condition_after),
        )

    def pairs(
        self,
        before: Iterable[Group],
        after: Iterable[Group],
        path_before: tuple[str, ...] | None,
        path_after: tuple[str, ...] | None,
    ) -> Iterator[PairedQuota]:
        """The quotas of groups at one place, each followed by those nested in it."""
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
                if candidates := waiting.get(key_new(news[place])):
                    old_place = candidates.popleft()
                    partner[place] = old_place
                    del left[old_place]
        for new, old in zip(news, partner, strict=True):
            yield None if old is None else olds[old], new
        for place in left:
            yield olds[place], None


def _below(path: tuple[str, ...] | None, quota: Quota | None) -> tuple[str, ...] | None:
    return None if quota is None else (*(path or ()), quota.id)
