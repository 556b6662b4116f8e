"""Routers for the members of a panel, and why one of them may or may not take a survey."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from matcher.plan import compile as compile_plan
from matcher.routing.names import unknown_survey
from matcher.routing.router import Router
from matcher.surveys import ChoiceStrategy, Surveys
from profiles.as_of import AsOf
from profiles.errors import InputError

if TYPE_CHECKING:
    from matcher.explanation import Explanation
    from matcher.routing.respondent import MemberRow
    from profiles.panel import Panel


def open_router(
    surveys: Surveys,
    panel: Panel,
    *,
    choose: ChoiceStrategy | str = ChoiceStrategy.FIRST,
    seed: int = 0,
    as_of: AsOf | None = None,
    workers: int = 1,
) -> Router:
    """A router of surveys for the members of a panel, with its history where it names one.

    For the scarcest choice the panel is counted first, with so many threads. `as_of` is that of
    `Router`: None is today, and tomorrow the next day.

    >>> import matcher, profiles
    >>> panel = profiles.open_panel("fixtures/demo/panel.toml", "2026-11-21")
    >>> surveys = matcher.load_surveys(["fixtures/demo/payloads"], panel.mapping)
    >>> router = open_router(surveys, panel, as_of=panel.as_of)
    >>> router.match(panel.find("m0000003"))
    Routed(m0000003, 4 eligible)
    """
    plan = compile_plan(surveys)
    matches = plan.match(panel, choose=choose, seed=seed, workers=workers)
    history = panel.member_history()
    return Router(
        plan,
        choose=matches.choice(),
        as_of=as_of,
        history=history.of if history else None,
    )


def explain_member(
    surveys: Surveys,
    panel: Panel,
    *,
    member: str | MemberRow,
    survey: str,
    choose: ChoiceStrategy | str = ChoiceStrategy.FIRST,
    seed: int = 0,
    uncertain: bool = False,
    workers: int = 1,
) -> Explanation:
    """Why a member of a panel may or may not take a survey, clause by clause.

    `member` is an id, or a row: values by panel column. With `uncertain` a member who only may be
    eligible is given quotas, too. Raises InputError where there is no such member or survey, or the
    survey is set aside.

    >>> import matcher, profiles
    >>> panel = profiles.open_panel("fixtures/demo/panel.toml", "2026-11-21")
    >>> surveys = matcher.load_surveys(["fixtures/demo/payloads"], panel.mapping)
    >>> explain_member(surveys, panel, member="m0000003", survey="dynata:20101")
    Explanation(m0000003, dynata:20101: ineligible, device)
    """
    if survey in surveys.rejected:
        raise InputError(f"`{survey}` is set aside because of its errors; it takes nobody")
    by_name = {known.name: known for known in surveys.surveys}
    if survey not in by_name:
        raise unknown_survey(survey, [*by_name, *surveys.rejected], " in the payloads")
    only = replace(surveys, surveys=(by_name[survey],))
    router = open_router(only, panel, choose=choose, seed=seed, as_of=panel.as_of, workers=workers)
    if not isinstance(member, str):
        return router.explain(member, survey, uncertain=uncertain)
    row = panel.find(member)
    if row is None:
        raise InputError(f"{panel.source.name}: no member `{member}`")
    try:
        return router.explain(row, survey, uncertain=uncertain)
    except InputError as error:
        raise InputError(f"{panel.source.name}: member `{member}`: {error}") from None
