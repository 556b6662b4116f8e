"""What the panel file says of a marketplace beside its attributes: the keys that it declares."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from profiles.errors import InputError, did_you_mean
from profiles.schema import MarketplaceMapping, in_words


class Options(BaseModel):
    """The keys that a marketplace declares, and their types; by itself none."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


AnyOptions = TypeVar("AnyOptions", bound=Options)

_OTHER_KEYS = ("attributes", "respondent_id")


def read_options(
    options: type[AnyOptions], mapping: MarketplaceMapping, file: Path | None
) -> AnyOptions:
    """The options of a marketplace; InputError, with the panel file and the key at fault."""
    try:
        return options.model_validate(mapping.options)
    except ValidationError as error:
        faults = error.errors(include_url=False)
    fault = min(faults, key=lambda fault: fault["type"] != "extra_forbidden")
    keys = [str(key) for key in fault["loc"]]
    why = in_words(fault["type"], fault["msg"], "a table")
    if fault["type"] == "extra_forbidden":
        hint = did_you_mean(keys[-1], _known_keys(options, keys[:-1]))
        why = "no such key" + (f"; {hint}" if hint else "")
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    place = ".".join(["marketplaces", mapping.name, *keys])
    raise InputError(f"{place_of(file)}{place}: {why}{more}")


def place_of(file: Path | None) -> str:
    """The panel file, where it is known, as messages begin with it."""
    return "" if file is None else f"{file}: "


def _known_keys(options: type[BaseModel], inside: list[str]) -> list[str]:
    """The keys of a table of options: of the marketplace's own, or of one in it."""
    table = options
    for key in inside:
        inner = table.model_fields[key].annotation
        assert isinstance(inner, type)
        assert issubclass(inner, BaseModel)
        table = inner
    return [*table.model_fields, *(() if inside else _OTHER_KEYS)]
