"""What a marketplace's file provides: how its surveys are recognised and lowered, its codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from matcher.marketplaces.lowering import Lowering
from matcher.marketplaces.options import Options
from matcher.support.json_text import Json
from matcher.surveys import Findings, Reason, Survey, Update
from profiles.schema import Collections, IdList, IdListReader, Kind


@dataclass(frozen=True, slots=True)
class RejectionCode:
    """What a marketplace answers to a member whom a survey does not take: its code, in words."""

    code: str
    text: str


class Disposition(StrEnum):
    """What an answer of a marketplace to a member who was sent says of the member."""

    COMPLETE = "complete"
    ENTERED = "entered"
    """Let into the survey itself, however that ended."""

    NOT_TARGETED = "not-targeted"
    """Turned away, because the survey is not for such members."""

    QUOTA_FULL = "quota-full"
    TAKEN = "taken"
    """Took part in this survey, or in one whose participants it excludes."""

    QUALITY = "quality"
    CLOSED = "closed"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class DispositionCode:
    """A code that a marketplace answers with when a member was sent: in words, and its meaning."""

    text: str
    meaning: Disposition


def _no_lists(collections: Collections, name: str) -> IdList | None:
    del collections, name
    return None


@dataclass(frozen=True, slots=True)
class Marketplace:
    """One marketplace.

    `recognises` a document (or an element of an array) by its shape; `survey_objects` gives the
    survey objects in it, each with its JSON pointer; `name_of` a survey object's id, where it has
    one; `lower` makes a survey, or notes why not in the lowering's findings and gives None.
    `questions` gives the attribute id of each question of a survey object, and what kind of
    attribute the question would be put to, as far as it shows; nothing for a malformed object.

    `link` gives back the surveys, in their order, with what the one has to do with the other: for
    surveys that were linked before, with whatever others, just what it gives for the unlinked.
    `link_keys` gives the keys by which a survey hangs together with others: `link` changes nothing
    between surveys that have no key in common.

    `is_notification` tells an object that is a notice of one quota, or of a survey's status, from a
    survey; `read_notification` reads it, or notes why not in the findings and gives None; `name_of`
    gives the id of its survey, too.

    `read_id_list` reads a list of ids that the marketplace publishes, by its name. `options` has
    the keys that its table of the panel file may have beside those of every marketplace.

    `rejection_codes` has the code that it answers with, by what decided that a member is out;
    `dispositions` what it means, by code.
    """

    name: str
    recognises: Callable[[dict[str, Json]], bool]
    survey_objects: Callable[[dict[str, Json]], Iterator[tuple[str, Json]]]
    name_of: Callable[[dict[str, Json]], str | None]
    lower: Callable[[dict[str, Json], Lowering], Survey | None]
    questions: Callable[[dict[str, Json]], Iterator[tuple[str, Kind | None]]] = lambda _: iter(())
    link: Callable[[Sequence[Survey]], Sequence[Survey]] = lambda surveys: surveys
    link_keys: Callable[[Survey], frozenset[str]] = lambda _: frozenset()
    is_notification: Callable[[dict[str, Json]], bool] = lambda _: False
    read_notification: Callable[[dict[str, Json], Findings], Update | None] = lambda _, __: None
    read_id_list: IdListReader = _no_lists
    options: type[Options] = Options
    rejection_codes: Mapping[Reason, RejectionCode] = field(default_factory=dict)
    dispositions: Mapping[str, DispositionCode] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Marketplace({self.name})"
