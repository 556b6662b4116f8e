"""How two panel files differ in the panel's attributes and in what marketplaces call them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from matcher.comparison.result import MappingChange
from matcher.marketplaces import options_of
from matcher.rules import spelt_range
from profiles.plural import plural
from profiles.schema import AttributeMapping, MarketplaceMapping, PanelMapping, Target

Entry: TypeAlias = tuple[tuple[str, ...], str]
"""The keys that lead to something in a panel file, and how the file spells it."""

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def mapping_changes(before: PanelMapping, after: PanelMapping) -> tuple[MappingChange, ...]:
    """What differs, by dotted key: `marketplaces.dynata.attributes.785.answers.4`.

    In the order of the new file, what is gone last. An attribute that is on one side only takes one
    line. Where members are read from is not part of a mapping.
    """
    olds, news = dict(_entries(before, after)), dict(_entries(after, before))
    return tuple(
        MappingChange(".".join(map(_key, keys)), olds.get(keys), news.get(keys))
        for keys in {**news, **olds}
        if olds.get(keys) != news.get(keys)
    )


def _entries(mapping: PanelMapping, other: PanelMapping) -> Iterator[Entry]:
    """What a panel file says, in as much detail as it is compared with another."""
    yield ("panel", "member_id"), mapping.schema.member_id
    for name, attribute in mapping.schema.attributes.items():
        at = ("attributes", name)
        if name not in other.schema.attributes:
            yield at, attribute.kind.value
            continue
        yield (*at, "type"), attribute.kind.value
        yield (*at, "column"), attribute.column
        yield (*at, "separator"), attribute.separator
    for name, value in mapping.schema.constants.items():
        yield ("constants", name), value
    if mapping.history:
        yield ("history",), "given"
    folder, others = mapping.collections.folder, other.collections.folder
    if folder is not None and (others is None or folder.resolve() != others.resolve()):
        yield ("collections", "folder"), str(folder)
    for name in {**mapping.marketplaces, **other.marketplaces}:
        at = ("marketplaces", name)
        yield from _options(at, options_of(mapping, name).model_dump())
        yield from _marketplace(at, mapping.marketplace(name), other.marketplace(name))


def _options(at: tuple[str, ...], options: Mapping[str, Any]) -> Iterator[Entry]:
    for key, value in options.items():
        if isinstance(value, dict):
            yield from _options((*at, key), value)
        else:
            yield (*at, key), str(value)


def _marketplace(
    at: tuple[str, ...], marketplace: MarketplaceMapping, other: MarketplaceMapping
) -> Iterator[Entry]:
    if marketplace.respondent_id is not None:
        yield (*at, "respondent_id"), marketplace.respondent_id
    for attribute_id, mapped in marketplace.attributes.items():
        yield from _mapped(
            (*at, "attributes", attribute_id), mapped, other.attributes.get(attribute_id)
        )


def _mapped(
    at: tuple[str, ...], mapped: AttributeMapping, other: AttributeMapping | None
) -> Iterator[Entry]:
    """One attribute of a marketplace; its answers one by one where the other side has some too."""
    many = "" if mapped.answers is None else plural(len(mapped.answers), "answer")
    if other is None:
        yield at, ", ".join(filter(None, (mapped.attribute.name, many)))
        return
    yield (*at, "attribute"), mapped.attribute.name
    if mapped.answers is not None and other.answers is None:
        yield (*at, "answers"), many
        return
    for code, target in (mapped.answers or {}).items():
        yield (*at, "answers", code), _spelt(target)


def _spelt(target: Target) -> str:
    parts = (part if isinstance(part, str) else spelt_range(*part) for part in target)
    return ", ".join(sorted(parts))


def _key(key: str) -> str:
    """A key as TOML spells it: quoted, where it is not bare."""
    return key if _BARE.match(key) else json.dumps(key, ensure_ascii=False)
