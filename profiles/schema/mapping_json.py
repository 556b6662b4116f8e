"""A panel's mapping as JSON values, to travel with what was compiled from it.

Only what the mapping itself says: not where members or history are, nor how to get there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from profiles.errors import InputError
from profiles.schema.id_collections import Collections
from profiles.schema.mapping import (
    INFINITY,
    AttributeMapping,
    MarketplaceMapping,
    PanelMapping,
    Range,
    Target,
)
from profiles.schema.schema import Attribute, Kind, Schema

T = TypeVar("T")


def write_mapping(mapping: PanelMapping) -> dict[str, Any]:
    """A mapping as JSON values that `read_mapping` reads back, its folder as an absolute path.

    Raises InputError where the path of the folder is not UTF-8 text.
    """
    schema = mapping.schema
    return {
        "member_id": schema.member_id,
        "attributes": {
            name: _write_attribute(attribute) for name, attribute in schema.attributes.items()
        },
        "constants": dict(schema.constants),
        "marketplaces": {
            name: {
                "attributes": {
                    id_: [mapped.attribute.name, _write_answers(mapped.answers)]
                    for id_, mapped in marketplace.attributes.items()
                },
                "respondent_id": marketplace.respondent_id,
                "options": dict(marketplace.options),
            }
            for name, marketplace in mapping.marketplaces.items()
        },
        "collections": _write_folder(mapping.collections.folder),
        "history": mapping.history,
    }


def _write_attribute(attribute: Attribute) -> list[Any]:
    """Its kind, column and separator, and the rest where anything is declared."""
    line: list[Any] = [attribute.kind, attribute.column, attribute.separator]
    if attribute.null_values or attribute.decimal != ".":
        line += [sorted(attribute.null_values), attribute.decimal]
    return line


def _write_answers(answers: Mapping[str, Target] | None) -> dict[str, list[Any]] | None:
    if answers is None:
        return None
    return {code: [_write_part(part) for part in target] for code, target in answers.items()}


def _write_part(part: str | Range) -> str | list[float | None]:
    """A panel code, or a range: None for an end that is infinite."""
    if isinstance(part, str):
        return part
    return [None if end in (-INFINITY, INFINITY) else end for end in part]


def _write_folder(folder: Path | None) -> str | None:
    if folder is None:
        return None
    path = str(folder.absolute())
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InputError("the path of the collections folder is not UTF-8 text") from None
    return path


def read_mapping(document: Any) -> PanelMapping:
    """The mapping that `write_mapping` wrote.

    Raises ValueError, KeyError or TypeError for anything else.
    """
    schema = Schema(
        {
            name: _read_attribute(name, *line)
            for name, line in _typed(dict, document["attributes"]).items()
        },
        {name: _typed(str, value) for name, value in _typed(dict, document["constants"]).items()},
        _typed(str, document["member_id"]),
    )
    marketplaces = {
        name: _read_marketplace(name, body, schema)
        for name, body in _typed(dict, document["marketplaces"]).items()
    }
    folder = _optional_text(document["collections"])
    if folder is not None and not Path(folder).is_absolute():
        raise ValueError(folder)
    return PanelMapping(
        schema,
        marketplaces,
        Collections(None if folder is None else Path(folder)),
        _typed(bool, document["history"]),
    )


def _read_attribute(
    name: str, kind: Any, column: Any, separator: Any, null_values: Any = (), decimal: Any = "."
) -> Attribute:
    return Attribute(
        name,
        Kind(kind),
        _typed(str, column),
        _typed(str, separator),
        frozenset(_typed(str, value) for value in null_values),
        _typed(str, decimal),
    )


def _read_marketplace(name: str, body: Any, schema: Schema) -> MarketplaceMapping:
    return MarketplaceMapping(
        name,
        {
            id_: _read_answers(schema.attribute(attribute), answers)
            for id_, (attribute, answers) in _typed(dict, body["attributes"]).items()
        },
        _optional_text(body["respondent_id"]),
        _typed(dict, body["options"]),
    )


def _read_answers(attribute: Attribute, answers: Any) -> AttributeMapping:
    if answers is None:
        return AttributeMapping(attribute)
    return AttributeMapping(
        attribute,
        {code: _read_target(attribute, raw) for code, raw in _typed(dict, answers).items()},
    )


def _read_target(attribute: Attribute, raw: Any) -> Target:
    if attribute.numeric:
        return tuple(_read_range(*ends) for ends in _typed(list, raw))
    return tuple(_typed(str, code) for code in _typed(list, raw))


def _read_range(low: Any, high: Any) -> Range:
    read = (
        -INFINITY if low is None else _typed(float, low),
        INFINITY if high is None else _typed(float, high),
    )
    if read[0] > read[1]:
        raise ValueError(read)
    return read


def _optional_text(raw: Any) -> str | None:
    return None if raw is None else _typed(str, raw)


def _typed(kind: type[T], raw: Any) -> T:
    if type(raw) is not kind:
        raise ValueError(raw)
    return raw
