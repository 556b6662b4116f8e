"""Errors for surveys and quotas that there are not: each names it, and says what there is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from matcher.routing.seats import has_path, named_quota
from matcher.surveys import Survey, all_quotas
from profiles.errors import InputError, did_you_mean
from profiles.plural import plural

_SHOWN = 3


def unknown_survey(name: str, known: Iterable[str], where: str = "") -> InputError:
    """The error for a survey that is not among those known; `where` these are."""
    names = list(known)
    same_id = [each for each in names if each.partition(":")[2] == name]
    hint = f"did you mean `{same_id[0]}`?" if same_id else did_you_mean(name, names)
    return InputError(f"no survey `{name}`{where}; {hint or _listed('survey', names)}")


def check_quotas(survey: Survey, quota_ids: Sequence[str]) -> None:
    """Raise InputError where no member of a survey is given these quotas, open or not."""
    if has_path(survey, quota_ids):
        return
    known = list(dict.fromkeys(quota.id for quota in all_quotas(survey.groups)))
    for id_ in quota_ids:
        if id_ not in known:
            hint = did_you_mean(id_, known) or _listed("quota", known)
            raise InputError(f"`{survey.name}` has no quota `{id_}`; {hint}")
    given = ", ".join(f"`{id_}`" for id_ in quota_ids) or "none"
    raise InputError(
        f"`{survey.name}`: members are given one quota of each group, not {given}; "
        f"{_listed('quota', known)}"
    )


def check_seats(survey: Survey, seats: Iterable[Sequence[str]]) -> None:
    """Raise InputError where a survey has not all of some quotas, each by its path of ids."""
    for path in seats:
        if named_quota(survey, path) is None:
            shown = ", ".join(f"`{id_}`" for id_ in path) or "without an id"
            known = list(dict.fromkeys(quota.id for quota in all_quotas(survey.groups)))
            raise InputError(f"`{survey.name}` has no quota {shown}; {_listed('quota', known)}")


def _listed(what: str, names: Sequence[str]) -> str:
    """What there is, in a few words."""
    if not names:
        return f"there is no {what}"
    shown = ", ".join(f"`{name}`" for name in names[:_SHOWN])
    if len(names) > _SHOWN:
        return f"there are {plural(len(names), what)}, such as {shown}"
    return f"there {'is' if len(names) == 1 else 'are'} {shown}"
