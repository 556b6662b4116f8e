"""What a change of rules, mapping or panel does to whom."""

from matcher.comparison.compare import Comparison, compare
from matcher.comparison.result import (
    Assignment,
    Change,
    ChangeTally,
    ClauseChange,
    ClauseText,
    Difference,
    Fate,
    Flow,
    Path,
    QuotaDifference,
    QuotaState,
    Status,
    SurveyDifference,
)
from matcher.comparison.thresholds import Threshold, read_threshold

__all__ = [
    "Assignment",
    "Change",
    "ChangeTally",
    "ClauseChange",
    "ClauseText",
    "Comparison",
    "Difference",
    "Fate",
    "Flow",
    "Path",
    "QuotaDifference",
    "QuotaState",
    "Status",
    "SurveyDifference",
    "Threshold",
    "compare",
    "read_threshold",
]
