"""Panels: what members have answered, how marketplaces name it, and columns of it in memory.

>>> import profiles
>>> panel = profiles.open_panel("fixtures/demo/panel.toml", "2026-11-21")
>>> panel.known_members
20000

Knows nothing of surveys. Every name is loaded when it is first asked for.
"""

TYPE_CHECKING = False  # not from `typing`: whatever is imported here delays every command
if TYPE_CHECKING:
    from typing import Any

    from profiles.errors import InputError
    from profiles.history import MemberHistory
    from profiles.panel import Panel, open_panel
    from profiles.schema import Attribute, Kind, PanelMapping, Schema

__all__ = [
    "Attribute",
    "InputError",
    "Kind",
    "MemberHistory",
    "Panel",
    "PanelMapping",
    "Schema",
    "open_panel",
]

_HOMES = {
    "profiles.errors": ("InputError",),
    "profiles.history": ("MemberHistory",),
    "profiles.panel": ("Panel", "open_panel"),
    "profiles.schema": ("Attribute", "Kind", "PanelMapping", "Schema"),
}


def __getattr__(name: str) -> "Any":
    from importlib import import_module

    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module `profiles` has no attribute `{name}`")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
