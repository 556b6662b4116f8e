"""Who took part in what: for all that a plan asks in one pass, or for one member at a time."""

from profiles.history.by_member import MemberHistory
from profiles.history.history import History, Positions
from profiles.history.rows import HistoryRows

__all__ = ["History", "HistoryRows", "MemberHistory", "Positions"]
