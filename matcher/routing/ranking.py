"""How surveys are ordered for members, and which quota of a group a member is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from matcher.routing.inventory import Rank
from matcher.surveys import Choice, ChoiceStrategy, Survey, make_choice
from profiles.errors import InputError

Worth: TypeAlias = Callable[[Survey], float | None]
"""What a survey is worth to you; None: not known, which is least."""


class Ranking:
    """Ranks surveys by worth, then in the order of arrival."""

    def __init__(self, worth: Worth | None) -> None:
        self._worth = worth or _pay
        self._arrived = 0

    def __call__(self, survey: Survey) -> Rank:
        """The rank of a survey that arrives now."""
        self._arrived += 1
        worth = self._worth(survey)
        if worth is None or worth != worth:
            return True, 0.0, self._arrived
        return False, -worth, self._arrived


def _pay(survey: Survey) -> float | None:
    return survey.pay


def choice_of(choose: ChoiceStrategy | str | Choice, seed: int) -> Choice:
    """The choice that is meant; raises InputError where a router cannot make it."""
    if not isinstance(choose, str):
        return choose
    strategy = ChoiceStrategy.parse(choose)
    if strategy is ChoiceStrategy.SCARCEST:
        raise InputError("a router cannot choose the scarcest quota: it does not count the panel")
    return make_choice(strategy, seed)
