"""Generated edits of surveys: rules, quotas, seats, order and names, for tests of comparison."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from hypothesis import strategies as st

from matcher.surveys import Group, Quota, Survey

Draw: TypeAlias = st.DrawFn
Edit: TypeAlias = Callable[[Draw, Survey, list[Survey]], Survey]


def _shuffled(draw: Draw, items: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(draw(st.permutations(items))) if len(items) > 1 else items


def _groups(
    survey: Survey, edit: Callable[[Quota], Quota], groups: tuple[Group, ...] | None = None
) -> tuple[Group, ...]:
    """The groups with every quota, at every depth, edited."""
    return tuple(
        replace(
            group,
            quotas=tuple(
                edit(replace(quota, groups=_groups(survey, edit, quota.groups)))
                for quota in group.quotas
            ),
        )
        for group in (survey.groups if groups is None else groups)
    )


def reorder_gate(draw: Draw, survey: Survey, _: list[Survey]) -> Survey:
    return replace(survey, gate=_shuffled(draw, survey.gate))


def reorder_groups(draw: Draw, survey: Survey, _: list[Survey]) -> Survey:
    return replace(survey, groups=_shuffled(draw, survey.groups))


def rename_quotas(draw: Draw, survey: Survey, _: list[Survey]) -> Survey:
    """Some quotas get new ids; those of one id keep one id."""
    names: dict[str, str] = {}

    def rename(quota: Quota) -> Quota:
        if quota.id not in names:
            names[quota.id] = f"new-{quota.id}" if draw(st.booleans()) else quota.id
        return replace(quota, id=names[quota.id])

    return replace(survey, groups=_groups(survey, rename))


def other_seats(draw: Draw, survey: Survey, _: list[Survey]) -> Survey:
    return replace(
        survey,
        groups=_groups(
            survey, lambda quota: replace(quota, remaining=draw(st.sampled_from([0, 1, 2, 50])))
        ),
    )


def reorder_quotas(draw: Draw, survey: Survey, _: list[Survey]) -> Survey:
    return replace(
        survey,
        groups=tuple(
            replace(group, quotas=_shuffled(draw, group.quotas)) for group in survey.groups
        ),
    )


def swap_ids(draw: Draw, survey: Survey, _: list[Survey]) -> Survey:
    ids = [quota.id for group in survey.groups for quota in group.quotas]
    others = dict(zip(ids, _shuffled(draw, tuple(ids)), strict=True))
    return replace(
        survey,
        groups=_groups(survey, lambda quota: replace(quota, id=others.get(quota.id, quota.id))),
    )


def drop_clause(draw: Draw, survey: Survey, _: list[Survey]) -> Survey:
    kept = [clause for clause in survey.gate if draw(st.booleans())]
    return replace(survey, gate=tuple(kept))


def drop_quotas(draw: Draw, survey: Survey, _: list[Survey]) -> Survey:
    return replace(
        survey,
        groups=tuple(
            replace(group, quotas=tuple(quota for quota in group.quotas if draw(st.booleans())))
            for group in survey.groups
        ),
    )


def others_gate(draw: Draw, survey: Survey, others: list[Survey]) -> Survey:
    return replace(survey, gate=draw(st.sampled_from(others)).gate)


def others_groups(draw: Draw, survey: Survey, others: list[Survey]) -> Survey:
    return replace(survey, groups=draw(st.sampled_from(others)).groups)


def toggle(_draw: Draw, survey: Survey, _: list[Survey]) -> Survey:
    return replace(survey, live=not survey.live)


HARMLESS: tuple[Edit, ...] = (reorder_gate, reorder_groups, rename_quotas)
"""Edits that change no result."""

EDITS: tuple[Edit, ...] = (
    *HARMLESS,
    other_seats,
    reorder_quotas,
    swap_ids,
    drop_clause,
    drop_quotas,
    others_gate,
    others_groups,
    toggle,
)


def edited(draw: Draw, surveys: list[Survey], edits: tuple[Edit, ...] = EDITS) -> list[Survey]:
    """Some of the surveys, edited none, once or several times, in another order."""
    result = []
    for survey in surveys:
        for edit in draw(st.lists(st.sampled_from(edits), max_size=2)):
            survey = edit(draw, survey, surveys)
        result.append(survey)
    return result
