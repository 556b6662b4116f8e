"""The panel: its members on one day, shard by shard; one of them by id."""

from profiles.panel.find import draw_members
from profiles.panel.panel import Panel, open_members, open_panel
from profiles.panel.point_in_time import SelectedMembers
from profiles.panel.shard import Shard

__all__ = ["Panel", "SelectedMembers", "Shard", "draw_members", "open_members", "open_panel"]
