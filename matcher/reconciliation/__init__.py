"""A log of what marketplaces answered, compared with our own verdicts."""

from matcher.reconciliation.reconcile import Reconciled, reconcile
from matcher.reconciliation.result import (
    AnsweredCode,
    Confusion,
    Reconciliation,
    RejectedRows,
    Suspect,
    SuspectKind,
    SuspectSurvey,
)

__all__ = [
    "AnsweredCode",
    "Confusion",
    "Reconciled",
    "Reconciliation",
    "RejectedRows",
    "Suspect",
    "SuspectKind",
    "SuspectSurvey",
    "reconcile",
]
