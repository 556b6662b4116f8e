"""What a marketplace's file gives to the rest: a shape to know it by, and a way to lower it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from matcher.json_input import escape
from matcher.lowering import Findings, Lowering
from matcher.survey import Survey
from profiles.errors import did_you_mean

Json: TypeAlias = Any
Scalar: TypeAlias = str | int | float


@dataclass(frozen=True, slots=True)
class Marketplace:
    """One marketplace.

    `recognises` a document (or an element of an array) by its shape; `surveys` gives the survey
    objects in it, each with its JSON pointer; `name_of` a survey object's id, where it has one;
    `lower` makes a survey, or notes why not in the lowering's findings and gives None.
    """

    name: str
    recognises: Callable[[dict[str, Json]], bool]
    surveys: Callable[[dict[str, Json]], Iterator[tuple[str, Json]]]
    name_of: Callable[[dict[str, Json]], str | None]
    lower: Callable[[dict[str, Json], Lowering], Survey | None]


class Payload(BaseModel):
    """A payload object: keys that are not declared are kept, and reported by `unknown_keys`."""

    model_config = ConfigDict(extra="allow", coerce_numbers_to_str=True)


Model = TypeVar("Model", bound=Payload)


def _none_is_empty(raw: Json) -> Json:
    return [] if raw is None else raw


Item = TypeVar("Item")
ListOrNone: TypeAlias = Annotated[
    list[Item], BeforeValidator(_none_is_empty), Field(default_factory=list)
]
"""A list that may be missing or null, which is the same as empty."""


def validate(model: type[Model], raw: dict[str, Json], findings: Findings) -> Model | None:
    """Read an object as a model; None, and one finding for every fault, where it does not fit."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_context=False):
            steps = [step for step in fault["loc"] if not _is_union_branch(step)]
            pointer = "".join(f"/{escape(str(step))}" for step in steps)
            message = "missing" if fault["type"] == "missing" else _expected(fault["msg"])
            findings.error("invalid-payload", pointer, message)
        return None


def _is_union_branch(step: int | str) -> bool:
    return step in {"str", "int", "float", "bool"}


def _expected(message: str) -> str:
    return message[0].lower() + message[1:].rstrip(".")


def unknown_keys(
    payload: Payload, also_known: frozenset[str], pointer: str, findings: Findings
) -> None:
    """Report the keys of an object that neither its model nor the marketplace's documents have."""
    extra = payload.__pydantic_extra__
    if not extra or extra.keys() <= also_known:
        return
    fields = type(payload).model_fields
    for key in extra.keys() - also_known:
        findings.info(
            "unknown-key",
            f"{pointer}/{escape(key)}",
            f"the key `{key}` is not known and has no effect",
            did_you_mean(key, [*fields, *also_known]),
        )
