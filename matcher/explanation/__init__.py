"""Why one member may or may not take one survey."""

from matcher.explanation.explain import explain
from matcher.explanation.explanation import (
    AnswerChange,
    Condition,
    ExplainedGroup,
    ExplainedPart,
    ExplainedQuota,
    Explanation,
    Opening,
)

__all__ = [
    "AnswerChange",
    "Condition",
    "ExplainedGroup",
    "ExplainedPart",
    "ExplainedQuota",
    "Explanation",
    "Opening",
    "explain",
]
