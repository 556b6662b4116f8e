"""The marketplaces: one file each, one line each in this table.

A package of your own adds one by an entry point in the group `matcher.marketplaces` that names a
`Marketplace`.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from matcher.marketplaces.adapter import (
    Disposition,
    DispositionCode,
    Marketplace,
    RejectionCode,
)
from matcher.marketplaces.dynata import DYNATA
from matcher.marketplaces.guarding import load_guarded
from matcher.marketplaces.lowering import DEFAULT_SIZES, Lowering, LoweringSizes, Memo
from matcher.marketplaces.options import Options, place_of, read_options
from matcher.marketplaces.rfg import RFG
from matcher.marketplaces.toluna import TOLUNA
from matcher.surveys import Diagnostic, Level
from profiles.errors import InputError, did_you_mean
from profiles.schema import Collections, IdList, PanelMapping

__all__ = [
    "DEFAULT_SIZES",
    "Disposition",
    "DispositionCode",
    "Lowering",
    "LoweringSizes",
    "Marketplace",
    "Memo",
    "Options",
    "RejectionCode",
    "check_options",
    "marketplace_faults",
    "marketplaces",
    "options_of",
    "read_id_list",
]

_OWN = (DYNATA, TOLUNA, RFG)
_faults: dict[str, str] = {}


@cache
def marketplaces() -> dict[str, Marketplace]:
    """Every known marketplace by name, in the order in which a payload's shape is tried."""
    found = {marketplace.name: marketplace for marketplace in _OWN}
    _faults.clear()
    for entry in entry_points(group="matcher.marketplaces"):
        marketplace = load_guarded(entry, _faults)
        if marketplace is not None:
            found.setdefault(marketplace.name, marketplace)
    return found


def marketplace_faults() -> list[Diagnostic]:
    """What has failed in marketplaces of other packages, so far."""
    return [
        Diagnostic(
            Level.WARNING,
            "marketplace-fault",
            f"the marketplace `{name}` of another package is set aside: {why}"
            if name not in marketplaces()
            else f"the marketplace `{name}` of another package is faulty: {why}",
        )
        for name, why in _faults.items()
    ]


def options_of(mapping: PanelMapping, name: str) -> Options:
    """What the panel file says of a marketplace beside its attributes.

    Raises InputError where the marketplace is not known, or does not declare a key, or not so.
    """
    known = marketplaces()
    if name not in known:
        hint = did_you_mean(name, list(known)) or f"known: {', '.join(known)}"
        raise InputError(
            f"{place_of(mapping.file)}marketplaces.{name}: no such marketplace; {hint}"
        )
    return read_options(known[name].options, mapping.marketplace(name), mapping.file)


def check_options(mapping: PanelMapping) -> None:
    """Raise InputError where the panel file says of marketplaces what none of them knows."""
    marketplaces()
    for name in mapping.marketplaces:
        if name not in _faults or name in marketplaces():
            options_of(mapping, name)


def read_id_list(collections: Collections, name: str) -> IdList | None:
    """A list of ids, as the marketplace writes it that the first part of its name names."""
    marketplace = marketplaces().get(name.partition("/")[0])
    return None if marketplace is None else marketplace.read_id_list(collections, name)
