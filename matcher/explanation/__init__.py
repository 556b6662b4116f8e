"""Why one member may or may not take one survey."""

from matcher.explanation.explain import explain
from matcher.explanation.explanation import (
    Change,
    Condition,
    ExplainedGroup,
    ExplainedQuota,
    Explanation,
    Opening,
    Part,
)

__all__ = [
    "Change",
    "Condition",
    "ExplainedGroup",
    "ExplainedQuota",
    "Explanation",
    "Opening",
    "Part",
    "explain",
]
