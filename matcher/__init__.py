"""Survey marketplace targeting, compiled to bitmaps and matched against a panel of members.

>>> import matcher, profiles
>>> panel = profiles.open_panel("fixtures/demo/panel.toml", "2026-11-21")
>>> surveys = matcher.load_surveys("fixtures/demo/payloads", panel.mapping)
>>> matches = matcher.compile(surveys).match(panel)
>>> matches.counts().members
20000

Every name is loaded when it is first asked for: a plan is read and routed on without what reads
payloads and panels.
"""

from matcher.version import __version__ as __version__

TYPE_CHECKING = False  # not from `typing`: whatever is imported here delays every command
if TYPE_CHECKING:
    from typing import Any

    from matcher.comparison import Comparison, Difference, compare
    from matcher.engine import Match, Matches, PanelCounts
    from matcher.explanation import Explanation
    from matcher.linting import lint
    from matcher.loading import load_surveys
    from matcher.plan import Plan, compile  # noqa: A004
    from matcher.reconciliation import Reconciled, Reconciliation, reconcile
    from matcher.routing import Reservation, Routed, Router, open_router
    from matcher.routing import explain_member as explain
    from matcher.surveys import (
        ChoiceStrategy,
        Diagnostic,
        Level,
        Reason,
        Survey,
        Surveys,
        Verdict,
    )
    from profiles import InputError

__all__ = [
    "ChoiceStrategy",
    "Comparison",
    "Diagnostic",
    "Difference",
    "Explanation",
    "InputError",
    "Level",
    "Match",
    "Matches",
    "PanelCounts",
    "Plan",
    "Reason",
    "Reconciled",
    "Reconciliation",
    "Reservation",
    "Routed",
    "Router",
    "Survey",
    "Surveys",
    "Verdict",
    "compare",
    "compile",
    "explain",
    "lint",
    "load_surveys",
    "open_router",
    "reconcile",
]

_HOMES = {
    "matcher.comparison": ("Comparison", "Difference", "compare"),
    "matcher.engine": ("Match", "Matches", "PanelCounts"),
    "matcher.explanation": ("Explanation",),
    "matcher.linting": ("lint",),
    "matcher.loading": ("load_surveys",),
    "matcher.plan": ("Plan", "compile"),
    "matcher.reconciliation": ("Reconciled", "Reconciliation", "reconcile"),
    "matcher.routing": ("Reservation", "Routed", "Router", "open_router"),
    "matcher.surveys": (
        *("ChoiceStrategy", "Diagnostic", "Level", "Reason", "Survey", "Surveys", "Verdict"),
    ),
    "profiles": ("InputError",),
}


def __getattr__(name: str) -> "Any":
    from importlib import import_module

    if (
        name == "explain"
    ):  # of a member of a panel: what explains a survey alone has that name inside
        return import_module("matcher.routing").explain_member
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module `matcher` has no attribute `{name}`")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
