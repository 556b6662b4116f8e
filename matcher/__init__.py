"""Survey marketplace targeting, compiled to bitmaps and matched against a panel of members.

panel = profiles.open_panel("panel.toml")
surveys = matcher.load_surveys(["opportunities.json"], panel.mapping)
matches = matcher.compile(surveys).match(panel)
"""

from matcher.diagnostic import Diagnostic, Level
from matcher.payload import Surveys, load_surveys
from matcher.plan import Plan, compile  # noqa: A004
from matcher.survey import Survey

__all__ = ["Diagnostic", "Level", "Plan", "Survey", "Surveys", "compile", "load_surveys"]
__version__ = "0.1.0"
