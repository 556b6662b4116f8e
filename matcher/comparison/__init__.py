"""Who is affected by a change of rules, mapping or panel, and how."""

from matcher.comparison.compare import Comparison, compare
from matcher.comparison.limits import ComparisonLimits
from matcher.comparison.result import (
    Assignment,
    Change,
    ChangeTally,
    ClauseChange,
    ClauseText,
    Difference,
    Fate,
    Flow,
    MappingChange,
    Path,
    QuotaDifference,
    QuotaState,
    Status,
    SurveyDifference,
    Work,
)
from matcher.comparison.rows import MemberChange
from matcher.comparison.thresholds import Threshold, read_threshold

__all__ = [
    "Assignment",
    "Change",
    "ChangeTally",
    "ClauseChange",
    "ClauseText",
    "Comparison",
    "ComparisonLimits",
    "Difference",
    "Fate",
    "Flow",
    "MappingChange",
    "MemberChange",
    "Path",
    "QuotaDifference",
    "QuotaState",
    "Status",
    "SurveyDifference",
    "Threshold",
    "Work",
    "compare",
    "read_threshold",
]
