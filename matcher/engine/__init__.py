"""Programs on shards of members: bits, counts, rows."""

from matcher.engine.arguments import check_asked
from matcher.engine.bind import bind, combine, empty_rows, possible_rows
from matcher.engine.executor import Assigned, Executor
from matcher.engine.matches import Matches
from matcher.engine.results import Match, PanelCounts, Progress, QuotaCounts, SurveyCounts
from matcher.engine.rows import choices, numbered, schema_for
from matcher.engine.shard_size import Limits, shard_members

__all__ = [
    "Assigned",
    "Executor",
    "Limits",
    "Match",
    "Matches",
    "PanelCounts",
    "Progress",
    "QuotaCounts",
    "SurveyCounts",
    "bind",
    "check_asked",
    "choices",
    "combine",
    "empty_rows",
    "numbered",
    "possible_rows",
    "schema_for",
    "shard_members",
]
