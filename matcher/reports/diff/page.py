"""What `matcher diff --html` writes: one page for people that needs no network and no script."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, TypeAlias

from matcher.comparison import Difference, Fate, QuotaDifference, SurveyDifference
from matcher.reports.diff import overview
from matcher.reports.diff.flow_chart import End, draw
from matcher.reports.diff.overview import (
    CHANGES,
    FATES,
    STATUSES,
    Effect,
    assignment_name,
)
from matcher.reports.text import one_line
from profiles.errors import InputError
from profiles.plural import plural

if TYPE_CHECKING:
    from jinja2 import Environment

PAGE_SURVEYS = 50
"""Surveys in the table, those most affected."""

PAGE_DETAILS = 12
"""Surveys of them with flows, quotas and clauses, the first `PAGE_UNFOLDED` unfolded."""

PAGE_UNFOLDED = 3

PAGE_LINES = 20
"""Quotas, clauses or flows shown of one survey, and changes of the panel file."""

PAGE_NAMES = 60
"""Surveys named for each fate."""

SIGNS = {
    Effect.LOST: "\N{MINUS SIGN}",
    Effect.GAINED: "+",
    Effect.MOVED: "→",
    Effect.NEWLY_UNCERTAIN: "?",
    Effect.RULED_OUT: "\N{MULTIPLICATION SIGN}",
    Effect.STAYED: "=",
}
_NOTES = {
    Fate.SET_ASIDE: "an error in the payload",
    Fate.RESTORED: "set aside before",
    Fate.NO_EFFECT: "their text changed, but no member is affected",
}
_WORD = re.compile(r"\w+(?:[.,]\w+)*|\s+|[^\w\s]")

Parts: TypeAlias = list[tuple[str, bool]]
"""A text in parts, each with whether it is on this side only."""


def difference_html(
    found: Difference, *, before: str, after: str, title: str = "Rule changes"
) -> str:
    """The report: one HTML document, the same for the same difference.

    `before` and `after` say in a few words what was compared. Of many surveys the most affected are
    shown, so that the size does not grow with the others. Raises InputError where the extra
    `report` is missing.
    """
    page = html_environment().get_template("report.html")
    return page.render(
        found=found,
        title=title,
        labels=(before, after),
        fates=overview.fates(found),
        surveys=overview.most_affected(found),
        named=_named(found),
        findings=_findings(found),
    )


def html_environment() -> Environment:
    """The renderer of the page; raises InputError where the extra `report` is missing."""
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise InputError(
            "`--html` needs the extra `report`: pip install 'quota-matcher[report]'"
        ) from None
    environment = Environment(
        loader=PackageLoader("matcher.reports.diff"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    environment.filters |= {
        "number": "{:,}".format,
        "assignment": _assignment,
        "ellipsis": _ellipsis,
    }
    environment.globals |= {
        "CHANGES": CHANGES,
        "FATES": FATES,
        "STATUSES": STATUSES,
        "SIGNS": {effect.name.lower(): sign for effect, sign in SIGNS.items()},
        "EFFECTS": {effect.name.lower(): effect.value for effect in Effect},
        "PAGE_SURVEYS": PAGE_SURVEYS,
        "PAGE_DETAILS": PAGE_DETAILS,
        "PAGE_UNFOLDED": PAGE_UNFOLDED,
        "PAGE_LINES": PAGE_LINES,
        "PAGE_NAMES": PAGE_NAMES,
        "changes_of": overview.largest_changes,
        "concentration_line": overview.concentration_line,
        "draw": draw,
        "effect": overview.effect,
        "filled": _filled,
        "full": _full,
        "marked": _marked,
        "most_changed": _most_changed,
        "others": overview.others,
        "percent": overview.percent,
        "plural": plural,
    }
    return environment


def _printable(value: object) -> object:
    """Text of a payload as one printable line; markup of the templates is left alone."""
    return one_line(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _assignment(end: End) -> str:
    return end if isinstance(end, str) else assignment_name(end)


def _full(end: End) -> str:
    return end if isinstance(end, str) else " · ".join(end)


def _ellipsis(name: str) -> str:
    """A survey's name; a long one with its end cut."""
    return name if len(name) <= 48 else f"{name[:40]}…{name[-6:]}"


def _filled(survey: SurveyDifference) -> str:
    """The share of a survey's open seats that can be filled: `100 % → 87 %`."""
    sides = (
        [quota.before for quota in survey.quotas if quota.before],
        [quota.after for quota in survey.quotas if quota.after],
    )
    shares = [overview.percent(*overview.fillable(side)) for side in sides]
    return " → ".join(dict.fromkeys(shares))


def _most_changed(quotas: Sequence[QuotaDifference]) -> list[QuotaDifference]:
    """The quotas with the largest changes, where there are many, in their own order."""
    largest = sorted(
        range(len(quotas)),
        key=lambda place: (
            -sum((quotas[place].gained, quotas[place].lost, quotas[place].came, quotas[place].left))
        ),
    )
    return [quotas[place] for place in sorted(largest[:PAGE_LINES])]


def _marked(before: str | None, after: str | None) -> tuple[Parts | None, Parts | None]:
    """Both texts in parts that are common or on one side only; None where there is no text."""
    if before is None or after is None:
        return (
            None if before is None else [(before, False)],
            None if after is None else [(after, False)],
        )
    old, new = (_WORD.findall(one_line(text)) for text in (before, after))
    steps = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return (
        [("".join(old[start:end]), step != "equal") for step, start, end, _, _ in steps],
        [("".join(new[start:end]), step != "equal") for step, _, _, start, end in steps],
    )


def _named(found: Difference) -> list[tuple[str, str, list[str]]]:
    """Names of surveys by fate, without those that only changed."""
    names: dict[Fate, list[str]] = {}
    for survey in found.surveys:
        names.setdefault(survey.fate, []).append(survey.survey)
    return [
        (word, _NOTES.get(fate, ""), names[fate])
        for fate, word in FATES.items()
        if fate in names and fate is not Fate.CHANGED
    ]


def _findings(found: Difference) -> list[tuple[str, str, int, int]]:
    """Level and code of the findings, and how many there are on each side; worst first."""
    before, after = (
        Counter((-each.level, each.level.name.lower(), each.code) for each in side)
        for side in (found.diagnostics_before, found.diagnostics_after)
    )
    return [(key[1], key[2], before[key], after[key]) for key in sorted(before | after)]
