"""What marketplaces answered, against what we would have said."""

from matcher.reconciliation.reconcile import reconcile
from matcher.reconciliation.result import Asking, Confusion, Kind, Reconciliation, Suspect

__all__ = ["Asking", "Confusion", "Kind", "Reconciliation", "Suspect", "reconcile"]
