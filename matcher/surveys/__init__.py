"""What every marketplace is lowered to, and the verdict on one member."""

from matcher.surveys.choice import Balanced, Choice, First, How, QuotaKey, make_choice
from matcher.surveys.diagnostic import Diagnostic, Findings, Level
from matcher.surveys.judge import Judgement, Verdict, admits, judge, matches, takes
from matcher.surveys.quota_rules import admits_rule, fits_rule, takes_rule
from matcher.surveys.serialize import is_plan, read_plan, write_plan
from matcher.surveys.survey import Clause, Group, Quota, Reason, Regime, Survey, Surveys, rules_of
from matcher.surveys.unanswered import unanswered, unknown_leaves
from matcher.surveys.updates import QuotaTold, Said, SetAside, SurveySeats, SurveyTold

__all__ = [
    "Balanced",
    "Choice",
    "Clause",
    "Diagnostic",
    "Findings",
    "First",
    "Group",
    "How",
    "Judgement",
    "Level",
    "Quota",
    "QuotaKey",
    "QuotaTold",
    "Reason",
    "Regime",
    "Said",
    "SetAside",
    "Survey",
    "SurveySeats",
    "SurveyTold",
    "Surveys",
    "Verdict",
    "admits",
    "admits_rule",
    "fits_rule",
    "is_plan",
    "judge",
    "make_choice",
    "matches",
    "read_plan",
    "rules_of",
    "takes",
    "takes_rule",
    "unanswered",
    "unknown_leaves",
    "write_plan",
]
