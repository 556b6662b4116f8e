"""What is wrong or suspicious in rules, mapping and panel."""

from matcher.linting.inferred_mapping import open_mapping
from matcher.linting.lint import (
    NEEDS_PANEL,
    history_diagnostics,
    lint_panel,
    lint_surveys,
    panel_diagnostics,
)

__all__ = [
    "NEEDS_PANEL",
    "history_diagnostics",
    "lint_panel",
    "lint_surveys",
    "open_mapping",
    "panel_diagnostics",
]
