"""Survey marketplace targeting, compiled to bitmaps and matched against a panel of members.

panel = profiles.open_panel("panel.toml")
surveys = matcher.load_surveys(["opportunities.json"], panel.mapping)
matches = matcher.compile(surveys).match(panel)

Every name is loaded when it is first asked for: a plan is read and routed on without what reads
payloads and panels.
"""

TYPE_CHECKING = False  # not from `typing`: whatever is imported here delays every command
if TYPE_CHECKING:
    from typing import Any

    from matcher.comparison import compare
    from matcher.loading import load_surveys
    from matcher.plan import Plan, compile  # noqa: A004
    from matcher.routing import Router
    from matcher.surveys import Diagnostic, Level, Survey, Surveys

__all__ = [
    "Diagnostic",
    "Level",
    "Plan",
    "Router",
    "Survey",
    "Surveys",
    "compare",
    "compile",
    "load_surveys",
]
__version__ = "0.1.0"

_MODULES = {
    "Diagnostic": "surveys",
    "Level": "surveys",
    "Plan": "plan",
    "Router": "routing",
    "Survey": "surveys",
    "Surveys": "surveys",
    "compare": "comparison",
    "compile": "plan",
    "load_surveys": "loading",
}


def __getattr__(name: str) -> "Any":
    if name not in _MODULES:
        raise AttributeError(f"module `matcher` has no attribute `{name}`")
    from importlib import import_module

    return getattr(import_module(f"matcher.{_MODULES[name]}"), name)
