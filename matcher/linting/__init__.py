"""What is wrong or suspicious in rules, mapping and panel."""

from matcher.linting.effort import LintEffort
from matcher.linting.inferred_mapping import open_mapping
from matcher.linting.lint import (
    history_diagnostics,
    lint,
    lint_panel,
    lint_surveys,
    panel_diagnostics,
)

__all__ = [
    "LintEffort",
    "history_diagnostics",
    "lint",
    "lint_panel",
    "lint_surveys",
    "open_mapping",
    "panel_diagnostics",
]
