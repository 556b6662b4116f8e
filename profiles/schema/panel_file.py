"""Reads `panel.toml`: what the panel knows, where that is, how marketplaces name it."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from profiles.errors import InputError, did_you_mean, system_reason
from profiles.schema.fault_words import in_words
from profiles.schema.id_collections import Collections
from profiles.schema.location import CsvFormat, Location
from profiles.schema.mapping import (
    AttributeMapping,
    MarketplaceMapping,
    PanelMapping,
    Target,
    read_target,
)
from profiles.schema.schema import Attribute, Kind, Schema
from profiles.schema.values import UnreadableError, as_code

Scalar = str | int | float | bool
Name = Annotated[str, Field(min_length=1)]
Layout: TypeAlias = Literal["wide", "long"]
MarketplaceName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]

_WORDS = {
    "string_pattern_mismatch": "names of marketplaces are lower case",
    "literal_error": "must be `wide` or `long`",
}


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _CsvTable(_Table):
    separator: Name | None = None
    encoding: Name | None = None
    decimal: Literal[".", ","] = "."


class _SourceTable(_Table):
    source: Name
    table: Name | None = None
    query: Name | None = None
    csv: _CsvTable = _CsvTable()

    def location(self, place: str) -> Location:
        """Where the rows are; raises InputError where the keys do not go together."""
        csv = self._csv_format(f"{place}.csv")
        location = Location(self.source, self.table, self.query, csv)
        given = [key for key in ("table", "query") if getattr(self, key) is not None]
        if location.scheme is None and given:
            raise InputError(f"{place}.{given[0]}: only databases have one")
        if location.scheme is not None and len(given) != 1:
            why = "give one of them, not both" if given else "a database needs one of them"
            raise InputError(f"{place}.table, {place.rpartition(' ')[2]}.query: {why}")
        return location

    def _csv_format(self, place: str) -> CsvFormat:
        """How CSV files are written; raises InputError for what cannot be read."""
        separator, encoding = self.csv.separator, self.csv.encoding
        if separator is not None and (len(separator.encode()) != 1 or separator in '"\r\n'):
            raise InputError(f"{place}.separator: must be one ASCII character")
        try:
            encoding = None if encoding is None else codecs.lookup(encoding).name
        except (LookupError, ValueError):
            raise InputError(f"{place}.encoding: no such encoding `{encoding}`") from None
        return CsvFormat(separator, encoding)


class _PanelTable(_SourceTable):
    member_id: Name = "member_id"
    layout: Literal["wide", "long"] = "wide"
    updated_at: Name | None = None
    null_values: list[Scalar] = []


class _HistoryTable(_SourceTable):
    pass


class _AttributeTable(_Table):
    type: Annotated[Kind, BeforeValidator(lambda raw: Kind(raw) if raw in list(Kind) else raw)]
    column: Name | None = None
    separator: Name = "|"


class _AnswersTable(_Table):
    attribute: str
    answers: dict[str, Scalar | list[Scalar]] | None = None


class _MarketplaceTable(_Table):
    """Other keys are options of the marketplace, which knows them."""

    model_config = ConfigDict(extra="allow", strict=True)

    attributes: dict[str, _AnswersTable] = {}
    respondent_id: Name | None = None


class _CollectionsTable(_Table):
    folder: Name


class _File(_Table):
    panel: _PanelTable
    attributes: dict[str, _AttributeTable]
    constants: dict[str, Scalar] = {}
    marketplaces: dict[MarketplaceName, _MarketplaceTable] = {}
    collections: _CollectionsTable | None = None
    history: _HistoryTable | None = None


@dataclass(frozen=True, slots=True)
class PanelFile:
    """A panel file, read and checked: where members are, and what to make of their columns.

    `layout`: one row a member (`wide`), or one row an answer (`long`). `updated_at` is the column
    that says when a row was last changed. `tables` is the file as it was written.
    """

    path: Path
    location: Location
    layout: Layout
    updated_at: str | None
    history: Location | None
    schema: Schema
    mapping: PanelMapping
    tables: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"PanelFile({self.path})"


def read_panel_file(path: Path) -> PanelFile:
    """Read and check a panel file; raises InputError naming the file and the key at fault."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such panel file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {system_reason(error)}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text at byte {error.start + 1}") from None
    except tomllib.TOMLDecodeError as error:
        why = str(error)
        raise InputError(f"{path}: not TOML: {why[:1].lower()}{why[1:]}") from None
    except RecursionError:
        raise InputError(f"{path}: not TOML: nested too deeply") from None
    return parse_panel(tables, path)


def parse_panel(tables: Mapping[str, Any], path: Path) -> PanelFile:
    """Check the tables of a panel file that is (or would be) at `path`."""
    try:
        file = _File.model_validate(tables)
    except ValidationError as error:
        raise InputError(f"{path}: {_first_fault(error)}") from None
    location = file.panel.location(f"{path}: panel")
    history = file.history.location(f"{path}: history") if file.history else None
    for name, value in file.constants.items():
        if not as_code(value) or value != value:
            raise InputError(f"{path}: constants.{name}: must not be empty")
    null_values = frozenset(map(as_code, file.panel.null_values))
    schema = Schema(
        {
            name: Attribute(
                name,
                table.type,
                table.column or name,
                table.separator,
                null_values,
                file.panel.csv.decimal,
            )
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
    mapping = PanelMapping(schema, marketplaces, Collections(folder), history is not None, path)
    return PanelFile(
        path,
        location,
        file.panel.layout,
        file.panel.updated_at,
        history,
        schema,
        mapping,
        tables,
    )


def _marketplace(
    name: str, table: _MarketplaceTable, schema: Schema, path: Path
) -> MarketplaceMapping:
    attributes: dict[str, AttributeMapping] = {}
    for key, entry in table.attributes.items():
        place = f"{path}: marketplaces.{name}.attributes.{key}"
        if as_code(key) in attributes:
            raise InputError(f"{place}: appears twice, but for white space")
        attributes[as_code(key)] = _attribute(place, entry, schema)
    return MarketplaceMapping(name, attributes, table.respondent_id, table.model_extra or {})


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
            if as_code(answer) in answers:
                raise UnreadableError("appears twice, but for white space")
            read = [part for target in targets for part in _target(attribute, target)]
        except UnreadableError as error:
            raise InputError(f"{place}.answers.{answer}: {error}") from None
        answers[as_code(answer)] = tuple(read)  # type: ignore[assignment]
    return AttributeMapping(attribute, answers)


def _target(attribute: Attribute, written: Scalar) -> Target:
    """What one answer stands for; raises UnreadableError for what no member can hold."""
    if written != written:
        raise UnreadableError("`nan` is not a value")
    if not attribute.numeric and not as_code(written):
        raise UnreadableError("an empty text is no answer")
    target = read_target(attribute, written)
    for part in target:
        if isinstance(part, tuple) and part[0] > part[1]:
            raise UnreadableError(f"`{written}` ends before it begins")
    return target


def _first_fault(error: ValidationError) -> str:
    """The first fault, a misspelt key before others; those of one place are one."""
    faults = error.errors(include_url=False)
    fault = min(faults, key=lambda fault: fault["type"] != "extra_forbidden")
    parts = _place(fault["loc"])
    place = ".".join(parts)
    places = {tuple(_place(other["loc"])) for other in faults}
    more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
    if fault["type"] == "extra_forbidden":
        known = list(_known_keys(fault["loc"]))
        hint = did_you_mean(parts[-1], known)
        return f"{place}: no such key" + (f"; {hint}" if hint else "") + more
    if fault["type"] == "is_instance_of":
        if not isinstance(fault["input"], str):
            return f"{place}: must be one of {', '.join(Kind)}{more}"
        hint = did_you_mean(fault["input"], list(Kind))
        why = f"`{fault['input']}` is not a type ({', '.join(Kind)})"
        return f"{place}: {why}" + (f"; {hint}" if hint else "") + more
    here = [other["loc"] for other in faults if _place(other["loc"]) == parts]
    if any(str(step).startswith("list[") for location in here for step in location):
        return f"{place}: must be a value or a list of values{more}"
    if fault["type"] == "string_type" and parts[:1] == ["constants"]:
        return f"{place}: must be a value{more}"
    why = _WORDS.get(fault["type"]) or in_words(fault["type"], fault["msg"], "a table")
    return f"{place}: {why}{more}"


def _place(location: tuple[int | str, ...]) -> list[str]:
    """The keys that lead to a fault, without the branches of a union."""
    branch = re.compile(r"(str|int|float|bool|list\[.*|\[key\])\Z")
    return [str(part) for part in location if isinstance(part, str) and not branch.match(part)]


_SECTIONS: dict[str, type[BaseModel]] = {"panel": _PanelTable, "history": _HistoryTable}


def _known_keys(location: tuple[int | str, ...]) -> set[str]:
    tables: dict[int, type[BaseModel]] = {1: _File}
    if len(location) == 2:
        tables[2] = _SECTIONS.get(str(location[0]), _CollectionsTable)
    if len(location) == 3:
        tables[3] = _CsvTable if location[0] in _SECTIONS else _AttributeTable
    if len(location) == 5:
        tables[5] = _AnswersTable
    table = tables.get(len(location))
    return set(table.model_fields) if table else set()
