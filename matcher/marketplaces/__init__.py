"""The marketplaces: one file each, one line each in this table.

A package of your own adds one by an entry point in the group `matcher.marketplaces` that names a
`Marketplace`.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from importlib.metadata import entry_points

from matcher.marketplaces.adapter import (
    Disposition,
    DispositionCode,
    Json,
    Marketplace,
    RejectionCode,
)
from matcher.marketplaces.dynata import DYNATA
from matcher.marketplaces.lowering import Lowering
from matcher.marketplaces.rfg import RFG
from matcher.marketplaces.toluna import TOLUNA
from profiles.schema import Collections, IdList

__all__ = [
    "Disposition",
    "DispositionCode",
    "Json",
    "Lowering",
    "Marketplace",
    "RejectionCode",
    "marketplaces",
    "read_id_list",
]

_OWN = (DYNATA, TOLUNA, RFG)


@cache
def marketplaces() -> dict[str, Marketplace]:
    """Every known marketplace by name, in the order in which a payload's shape is tried."""
    found = {marketplace.name: marketplace for marketplace in _OWN}
    for entry in entry_points(group="matcher.marketplaces"):
        marketplace = entry.load()
        found.setdefault(marketplace.name, marketplace)
    return found


def read_id_list(collections: Collections, name: str, as_of: date) -> IdList | None:
    """A list of ids, as the marketplace writes it that the first part of its name names."""
    marketplace = marketplaces().get(name.partition("/")[0])
    return None if marketplace is None else marketplace.read_id_list(collections, name, as_of)
