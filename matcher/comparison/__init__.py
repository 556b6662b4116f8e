"""What a change of rules, mapping or panel does to whom."""

from matcher.comparison.compare import Comparison, compare
from matcher.comparison.result import (
    Change,
    ClauseChange,
    Difference,
    Fate,
    Flow,
    Path,
    QuotaDifference,
    QuotaState,
    Said,
    Standing,
    Status,
    SurveyDifference,
    Tally,
)
from matcher.comparison.thresholds import Threshold, read_threshold

__all__ = [
    "Change",
    "ClauseChange",
    "Comparison",
    "Difference",
    "Fate",
    "Flow",
    "Path",
    "QuotaDifference",
    "QuotaState",
    "Said",
    "Standing",
    "Status",
    "SurveyDifference",
    "Tally",
    "Threshold",
    "compare",
    "read_threshold",
]
