"""What is suspicious in a panel."""

from profiles.check.check import check_panel, number_lists

__all__ = ["check_panel", "number_lists"]
