"""Panels: what members have answered, how marketplaces name it, and columns of it in memory.

Knows nothing of surveys. `open_panel` reads a panel file and gives the `Panel`. What needs
pyarrow is loaded when it is first asked for.
"""

from typing import TYPE_CHECKING, Any

from profiles.errors import InputError
from profiles.mapping import PanelMapping
from profiles.schema import Attribute, Kind, Schema

if TYPE_CHECKING:
    from profiles.panel import Panel, open_panel

__all__ = ["Attribute", "InputError", "Kind", "Panel", "PanelMapping", "Schema", "open_panel"]


def __getattr__(name: str) -> Any:
    if name in ("Panel", "open_panel"):
        from profiles import panel

        return getattr(panel, name)
    raise AttributeError(f"module `profiles` has no attribute `{name}`")
