"""What marketplaces answered, against what we would have said."""

from matcher.reconciliation.reconcile import reconcile
from matcher.reconciliation.result import Asking, Confusion, Reconciliation, Suspect, SuspectKind

__all__ = ["Asking", "Confusion", "Reconciliation", "Suspect", "SuspectKind", "reconcile"]
