"""Reads `panel.toml`: what the panel knows, where it stands, how marketplaces name it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from profiles.errors import InputError, did_you_mean
from profiles.idlists import Collections
from profiles.mapping import (
    AttributeMapping,
    MarketplaceMapping,
    PanelMapping,
    Target,
    read_target,
)
from profiles.schema import Attribute, Kind, Schema
from profiles.values import UnreadableError, as_code

Scalar = str | int | float | bool
MarketplaceName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _PanelTable(_Table):
    source: str
    member_id: str = "member_id"


class _AttributeTable(_Table):
    type: Annotated[Kind, BeforeValidator(lambda raw: Kind(raw) if raw in list(Kind) else raw)]
    column: str | None = None
    separator: Annotated[str, Field(min_length=1)] = "|"


class _AnswersTable(_Table):
    attribute: str
    answers: dict[str, Scalar | list[Scalar]] | None = None


class _DeviceSupport(_Table):
    unknown: int = 0
    yes: int = 1
    no: int = 2


class _MarketplaceTable(_Table):
    attributes: dict[str, _AnswersTable] = {}
    respondent_id: str | None = None
    device_support: _DeviceSupport = _DeviceSupport()


class _CollectionsTable(_Table):
    folder: str


class _File(_Table):
    panel: _PanelTable
    attributes: dict[str, _AttributeTable]
    constants: dict[str, Scalar] = {}
    marketplaces: dict[MarketplaceName, _MarketplaceTable] = {}
    collections: _CollectionsTable | None = None
    history: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class PanelFile:
    """A panel file, read and checked: the source's address and what to make of its columns."""

    path: Path
    source: str
    schema: Schema
    mapping: PanelMapping


def read_panel_file(path: Path) -> PanelFile:
    """Read and check a panel file; raises InputError naming the file and the key at fault."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such panel file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}".lower()) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not TOML: {error}") from None
    return parse_panel(tables, path)


def parse_panel(tables: Mapping[str, Any], path: Path) -> PanelFile:
    """Check the tables of a panel file that stands (or would stand) at `path`."""
    try:
        file = _File.model_validate(tables)
    except ValidationError as error:
        raise InputError(f"{path}: {_first_fault(error)}") from None
    if file.history is not None:
        raise InputError(
            f"{path}: history: participation history is not supported yet; "
            "without it members could be sent where they have already been"
        )
    schema = Schema(
        {
            name: Attribute(name, table.type, table.column or name, table.separator)
            for name, table in file.attributes.items()
        },
        {name: as_code(value) for name, value in file.constants.items()},
        file.panel.member_id,
    )
    if both := sorted(set(schema.attributes) & set(schema.constants)):
        raise InputError(f"{path}: constants.{both[0]}: declared as an attribute too")
    folder = path.parent / file.collections.folder if file.collections else None
    if folder is not None and not folder.is_dir():
        raise InputError(f"{path}: collections.folder: no such folder `{folder}`")
    marketplaces = {
        name: _marketplace(name, table, schema, path) for name, table in file.marketplaces.items()
    }
    mapping = PanelMapping(schema, marketplaces, Collections(folder))
    return PanelFile(path, file.panel.source, schema, mapping)


def _marketplace(
    name: str, table: _MarketplaceTable, schema: Schema, path: Path
) -> MarketplaceMapping:
    attributes = {
        as_code(key): _attribute(f"{path}: marketplaces.{name}.attributes.{key}", entry, schema)
        for key, entry in table.attributes.items()
    }
    return MarketplaceMapping(
        name, attributes, table.respondent_id, table.device_support.model_dump()
    )


def _attribute(place: str, table: _AnswersTable, schema: Schema) -> AttributeMapping:
    if table.attribute not in schema:
        known = [*schema.attributes, *schema.constants]
        hint = did_you_mean(table.attribute, known)
        raise InputError(
            f"{place}: the panel has no attribute `{table.attribute}`"
            + (f"; {hint}" if hint else "")
        )
    attribute = schema.attribute(table.attribute)
    if table.answers is None:
        return AttributeMapping(attribute)
    answers: dict[str, Target] = {}
    for answer, written in table.answers.items():
        targets = written if isinstance(written, list) else [written]
        try:
            read = [part for target in targets for part in read_target(attribute, target)]
        except UnreadableError as error:
            raise InputError(f"{place}.answers.{answer}: {error}") from None
        answers[as_code(answer)] = tuple(read)  # type: ignore[assignment]
    return AttributeMapping(attribute, answers)


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    parts = [
        str(part) for part in fault["loc"] if not re.match(r"str|int|float|bool|list\[", str(part))
    ]
    place = ".".join(parts)
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if fault["type"] == "missing":
        return f"{place}: missing{more}"
    if fault["type"] == "extra_forbidden":
        known = list(_known_keys(fault["loc"]))
        hint = did_you_mean(parts[-1], known)
        return f"{place}: no such key" + (f"; {hint}" if hint else "") + more
    if fault["type"] == "enum":
        return f"{place}: `{fault['input']}` is not a type ({', '.join(Kind)}){more}"
    return f"{place}: {fault['msg'][0].lower()}{fault['msg'][1:]}{more}"


def _known_keys(location: tuple[int | str, ...]) -> set[str]:
    tables: dict[int, type[BaseModel]] = {1: _File}
    if len(location) == 2 and location[0] == "panel":
        tables[2] = _PanelTable
    if len(location) == 3:
        tables[3] = _AttributeTable if location[0] == "attributes" else _MarketplaceTable
    if len(location) == 5:
        tables[5] = _AnswersTable
    table = tables.get(len(location))
    return set(table.model_fields) if table else set()
