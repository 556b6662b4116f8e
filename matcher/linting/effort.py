"""How much work linting may be; beyond it questions stay undecided, and nothing is reported."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LintEffort:
    """Bounds of the search for a member who meets given rules."""

    steps: int = 20_000
    """Alternatives that are tried for one question."""

    survey_steps: int = 200_000
    """Alternatives that are tried for all questions about one survey."""

    pairs: int = 300_000
    """Pairs of an answer and a predicate that are evaluated for one attribute."""


DEFAULT_EFFORT = LintEffort()
