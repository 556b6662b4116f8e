"""What a marketplace's file gives to the rest: a shape to know it by, and a way to lower it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    FiniteFloat,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from matcher.support.json_text import Json, escape
from matcher.surveys import Findings
from profiles.errors import did_you_mean
from profiles.schema import as_moment, in_words, wanted

Scalar: TypeAlias = StrictStr | StrictInt | StrictFloat


_RECORD = "an object"


_MANY = 100
"""An object with so many keys is not a misspelt one, and looking for hints would take long."""


_BEFORE_OFFSET = re.compile(r"\s+(?=(?:[+-]\d\d:?\d\d|[Zz])\s*\Z)", re.ASCII)
"""Toluna writes `2018-10-22 19:58:42.99 +00:00`, which no ISO form allows."""


_BEYOND_64_BITS = frozenset({"less_than", "greater_than_equal"})


class Payload(BaseModel):
    """A payload object: keys that are not declared are kept, and reported by `unknown_keys`."""

    model_config = ConfigDict(extra="allow", coerce_numbers_to_str=True)


Model = TypeVar("Model", bound=Payload)


def _none_is_empty(raw: Json) -> Json:
    return [] if raw is None else raw


def _as_id(raw: Json) -> Json:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw)
    if not isinstance(raw, str):
        raise PydanticCustomError("id", "must be text or a whole number")
    if not raw.strip():
        raise PydanticCustomError("id", "must not be empty")
    return raw


def _as_moment(raw: Json) -> Json:
    moment = as_moment(_BEFORE_OFFSET.sub("", raw)) if isinstance(raw, str) else None
    if moment is None:
        raise PydanticCustomError("moment", "must be a date and time (2026-11-21T10:00:00Z)")
    return moment


def _no_truth(raw: Json) -> Json:
    if isinstance(raw, bool):
        raise PydanticCustomError("number", "must be a number")
    return raw


Id: TypeAlias = Annotated[str, BeforeValidator(_as_id)]
"""What names a survey: text or a whole number, never blank."""


_IN_64_BITS = Field(ge=-(1 << 63), lt=1 << 63)


Whole: TypeAlias = Annotated[
    Annotated[StrictInt, _IN_64_BITS] | Annotated[int, BeforeValidator(_no_truth), _IN_64_BITS],
    Field(union_mode="left_to_right"),
]
"""A whole number, or text that reads as one; neither true nor false."""


Number: TypeAlias = Annotated[FiniteFloat, BeforeValidator(_no_truth)]
"""A finite number, or text that reads as one; neither true nor false."""


Moment: TypeAlias = Annotated[float, BeforeValidator(_as_moment)]
"""Seconds since 1970, from an ISO date and time; UTC where it does not say."""


Item = TypeVar("Item")


ListOrNone: TypeAlias = Annotated[
    list[Item], BeforeValidator(_none_is_empty), Field(default_factory=list)
]
"""A list that may be missing or null, which is the same as empty."""


AnswersOrNone: TypeAlias = Annotated[
    list[Item], FailFast(), BeforeValidator(_none_is_empty), Field(default_factory=list)
]
"""The same, of answers: only the first fault is told, because there may be thousands."""


def validate(model: type[Model], raw: dict[str, Json], findings: Findings) -> Model | None:
    """Read an object as a model; None, and one finding for every fault, where it does not fit."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        for pointer, message in _faults(error, raw):
            findings.error("invalid-payload", pointer, message)
        return None


def read(model: type[Model], raw: dict[str, Json]) -> Model | None:
    """Read an object as a model; None where it does not fit."""
    return validate(model, raw, Findings(None))


def _faults(error: ValidationError, raw: Json) -> Iterator[tuple[str, str]]:
    """The pointer and message of each fault.

    Where several types would do, it is one fault; of an object that would do, what is in it counts.
    """
    by_place: dict[tuple[str, ...], list[ErrorDetails]] = {}
    around: set[tuple[str, ...]] = set()
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        steps = _steps(fault, raw)
        by_place.setdefault(steps, []).append(fault)
        around.update(steps[:length] for length in range(len(steps)))
    for steps, found in by_place.items():
        if steps not in around:
            yield "".join(f"/{escape(step)}" for step in steps), _message(found)


def _steps(fault: ErrorDetails, raw: Json) -> tuple[str, ...]:
    """The path to a fault; steps that name the branch of a union do not lead anywhere."""
    steps: list[str] = []
    for step in fault["loc"]:
        try:
            raw = raw[step]
        except (TypeError, LookupError):
            if fault["type"] != "missing":
                continue
        steps.append(str(step))
    return tuple(steps)


def _message(found: list[ErrorDetails]) -> str:
    first = found[0]
    if first["type"] == "extra_forbidden":
        return "a key that is not known"
    if first["type"] in _BEYOND_64_BITS:
        return "a number too large to read"
    types = list(dict.fromkeys(wanted(fault["type"], _RECORD) for fault in found))
    if None in types:
        return in_words(first["type"], first["msg"], _RECORD)
    if "a number" in types and "a whole number" in types:
        types.remove("a whole number")
    *most, last = filter(None, types)
    return f"must be {', '.join(most)} or {last}" if most else f"must be {last}"


def unknown_keys(
    payload: Payload, also_known: frozenset[str], pointer: str, findings: Findings
) -> None:
    """Report the keys of an object that neither its model nor the marketplace's documents have."""
    extra = payload.__pydantic_extra__
    if not extra or extra.keys() <= also_known:
        return
    known = [*type(payload).model_fields, *also_known] if len(extra) < _MANY else []
    for key in extra:
        if key in also_known:
            continue
        findings.info(
            "unknown-key",
            f"{pointer}/{escape(key)}",
            f"the key `{key}` is not known and has no effect",
            did_you_mean(key, known),
        )
