"""What every marketplace is lowered to, and the verdict on one member."""

from matcher.surveys.choice import Balanced, Choice, ChoiceStrategy, First, QuotaKey, make_choice
from matcher.surveys.diagnostic import Diagnostic, Findings
from matcher.surveys.judge import (
    Judgement,
    Verdict,
    admits,
    further_seats,
    judge,
    matches,
    refuses,
    takes,
)
from matcher.surveys.quota_rules import admits_rule, matches_rule, takes_rule
from matcher.surveys.serialize import is_plan, read_plan, write_plan
from matcher.surveys.survey import (
    Clause,
    Group,
    Quota,
    Reason,
    Regime,
    Survey,
    Surveys,
    all_quotas,
    all_rules,
)
from matcher.surveys.unanswered import unanswered, unknown_predicates
from matcher.surveys.updates import QuotaUpdate, Rejected, SeatUpdate, SurveyUpdate, Update
from profiles.finding import Level

__all__ = [
    "Balanced",
    "Choice",
    "ChoiceStrategy",
    "Clause",
    "Diagnostic",
    "Findings",
    "First",
    "Group",
    "Judgement",
    "Level",
    "Quota",
    "QuotaKey",
    "QuotaUpdate",
    "Reason",
    "Regime",
    "Rejected",
    "SeatUpdate",
    "Survey",
    "SurveyUpdate",
    "Surveys",
    "Update",
    "Verdict",
    "admits",
    "admits_rule",
    "all_quotas",
    "all_rules",
    "further_seats",
    "is_plan",
    "judge",
    "make_choice",
    "matches",
    "matches_rule",
    "read_plan",
    "refuses",
    "takes",
    "takes_rule",
    "unanswered",
    "unknown_predicates",
    "write_plan",
]
