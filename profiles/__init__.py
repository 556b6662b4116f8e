"""Panels: what members have answered, how marketplaces name it, and columns of it in memory.

Knows nothing of surveys. `open_panel` reads a panel file and gives the `Panel`. Every name is
loaded when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from profiles.errors import InputError
    from profiles.panel import Panel, open_panel
    from profiles.schema import Attribute, Kind, PanelMapping, Schema

__all__ = ["Attribute", "InputError", "Kind", "Panel", "PanelMapping", "Schema", "open_panel"]

_HOMES = {
    "Attribute": "schema",
    "InputError": "errors",
    "Kind": "schema",
    "Panel": "panel",
    "PanelMapping": "schema",
    "Schema": "schema",
    "open_panel": "panel",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module `profiles` has no attribute `{name}`")
    return getattr(import_module(f"profiles.{_HOMES[name]}"), name)
