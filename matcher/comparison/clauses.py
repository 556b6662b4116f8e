"""How two versions of one survey differ, in the payload's terms, with the places.

Where only order, tags of cells or places differ, nothing has changed; except that the order of
quotas counts, as they are chosen from in order.
"""

from __future__ import annotations

from collections.abc import Iterator

from matcher.comparison.group_diff import group_changes, without_equal_groups
from matcher.comparison.quota_pairs import PairedQuota, pair_quotas
from matcher.comparison.result import ClauseChange, ClauseText, Path
from matcher.comparison.rule_diff import (
    Differ,
    RulePart,
    RuleParts,
    Unordered,
)
from matcher.comparison.rule_wording import WordingPair
from matcher.rules import Wording
from matcher.surveys import Quota, Reason, Survey
from profiles.plural import plural

_FEW_DIGITS, _ALL_DIGITS = 3, 17


def changed_clauses(
    before: Survey, after: Survey, words_before: Wording, words_after: Wording
) -> tuple[ClauseChange, ...]:
    """What differs in a survey itself, its gate, its groups of quotas, and each quota.

    Pointers are from the survey's own object in the payload of that side; a blank one is the object
    itself.
    """
    unordered = Unordered()
    parts = RuleParts(before.origins, unordered), RuleParts(after.origins, unordered)
    words = WordingPair(words_before, words_after)
    remaining = without_equal_groups(before, after, unordered)
    pairs = pair_quotas(*remaining)
    quotas = _Quotas(parts, words)
    return (
        *_of_survey(before, after),
        *_of_gate(before, after, parts, words),
        *group_changes(*remaining, pairs),
        *(change for pair in pairs for change in quotas.changes(pair)),
    )


def _of_survey(before: Survey, after: Survey) -> Iterator[ClauseChange]:
    if before.live != after.live:
        yield _at_survey("status", _status(before.live), _status(after.live))
    if before.remaining != after.remaining:
        seats = (
            None if left is None else _seats(left) for left in (before.remaining, after.remaining)
        )
        yield _at_survey("seats", *seats)
    if before.pay != after.pay:
        yield _at_survey("pay", *_pay(before.pay, after.pay))


def _at_survey(what: str, before: str | None, after: str | None) -> ClauseChange:
    old, new = (None if text is None else ClauseText("", text) for text in (before, after))
    return ClauseChange(what, None, old, new)


def _status(live: bool) -> str:
    return "open" if live else "closed"


def _seats(remaining: int | None) -> str:
    if remaining is None:
        return "seats left are not reported"
    return f"{plural(remaining, 'seat')} left"


def _pay(before: float | None, after: float | None) -> tuple[str | None, str | None]:
    """What is paid, with as few digits as distinguish both."""

    def texts(digits: int) -> tuple[str | None, ...]:
        return tuple(
            None if pay is None else f"{pay:.{digits}g} a minute" for pay in (before, after)
        )

    few = texts(_FEW_DIGITS)
    old, new = texts(_ALL_DIGITS) if few[0] == few[1] else few
    return old, new


def _of_gate(
    before: Survey, after: Survey, parts: tuple[RuleParts, RuleParts], words: WordingPair
) -> Iterator[ClauseChange]:
    """Reason by reason; all but filters are worded as the panel names things."""
    for reason in Reason:
        differ = Differ(words if reason is Reason.FILTER else WordingPair(Wording(), Wording()))
        olds, news = (
            [side.of(part.rule, part.pointer) for part in survey.gate if part.reason is reason]
            for survey, side in zip((before, after), parts, strict=True)
        )
        for old, new in differ.between(olds, news):
            yield ClauseChange(reason.value, None, old, new)


class _Quotas:
    """Compares quotas with what they were; `parts` and `words` are those of either side."""

    def __init__(self, parts: tuple[RuleParts, RuleParts], words: WordingPair) -> None:
        self._parts = parts
        self._words = words
        self._differ = Differ(words)

    def changes(self, pair: PairedQuota) -> Iterator[ClauseChange]:
        """What differs in a quota; all of it, where it is on one side only."""
        path = pair.path_before if pair.path_after is None else pair.path_after
        old, new = pair.before, pair.after
        if old is None or new is None:
            texts = (_whole(old, self._words.before), _whole(new, self._words.after))
            yield ClauseChange("quota", path, *texts)
        else:
            yield from self._changed(path, old, new)

    def _changed(self, path: Path | None, old: Quota, new: Quota) -> Iterator[ClauseChange]:
        texts = {
            "name": (old.id, new.id),
            "status": (_status(old.live), _status(new.live)),
            "seats": (_seats(old.remaining), _seats(new.remaining)),
        }
        for what, (before, after) in texts.items():
            if before != after:
                yield ClauseChange(
                    what, path, ClauseText(old.pointer, before), ClauseText(new.pointer, after)
                )
        rules = (self._rule(side, quota) for side, quota in enumerate((old, new)))
        for text_before, text_after in self._differ.between(*rules):
            yield ClauseChange("condition", path, text_before, text_after)

    def _rule(self, side: int, quota: Quota) -> list[RulePart]:
        return [self._parts[side].of(quota.rule, quota.pointer)]


def _whole(quota: Quota | None, words: Wording) -> ClauseText | None:
    """A quota as a whole: `attribute 1 (gender) is 2 (F); 40 seats left`."""
    if quota is None:
        return None
    closed = () if quota.live else (_status(quota.live),)
    return ClauseText(
        quota.pointer, "; ".join((words.of(quota.rule), _seats(quota.remaining), *closed))
    )
