"""Marketplaces of other packages: what fails in them is named, and ends no work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from typing import TypeVar

from matcher.marketplaces.adapter import Marketplace
from matcher.marketplaces.lowering import Lowering
from matcher.rules import UNKNOWN
from matcher.support.json_text import Json
from matcher.surveys import Clause, Findings, Reason, Survey, Update
from profiles.errors import InputError
from profiles.schema import Collections, IdList, Kind

_UNLINKED = Clause(UNKNOWN, Reason.FILTER, "")

Result = TypeVar("Result")
Faults = MutableMapping[str, str]
"""By marketplace: the first thing that failed."""


def load_guarded(entry: EntryPoint, faults: Faults) -> Marketplace | None:
    """The marketplace that an entry point names; None, and a fault, where it cannot be loaded."""
    try:
        found = entry.load()
    except Exception as error:
        faults[entry.name] = f"it cannot be loaded: {_why(error)}"
        return None
    if not isinstance(found, Marketplace):
        faults[entry.name] = f"`{entry.value}` is no marketplace"
        return None
    return guarded(found, faults)


def guarded(marketplace: Marketplace, faults: Faults) -> Marketplace:
    """A marketplace none of whose functions raises; what fails is noted, the first time.

    A survey that cannot be lowered is set aside; surveys that cannot be linked are unknown.
    """
    guard = _Guard(marketplace, faults)
    return replace(
        marketplace,
        recognises=guard.recognises,
        survey_objects=guard.survey_objects,
        name_of=guard.name_of,
        lower=guard.lower,
        questions=guard.questions,
        link=guard.link,
        link_keys=guard.link_keys,
        is_notification=guard.is_notification,
        read_notification=guard.read_notification,
        read_id_list=guard.read_id_list,
    )


@dataclass(frozen=True, slots=True)
class _Guard:
    """The functions of a marketplace, none of which raises but InputError."""

    _of: Marketplace
    _faults: Faults

    def recognises(self, document: dict[str, Json]) -> bool:
        return self._attempt(lambda: bool(self._of.recognises(document)), "recognising", False)

    def survey_objects(self, document: dict[str, Json]) -> Iterator[tuple[str, Json]]:
        nothing: list[tuple[str, Json]] = [("", None)]

        def read() -> list[tuple[str, Json]]:
            return [(str(at), raw) for at, raw in self._of.survey_objects(document)]

        return iter(self._attempt(read, "finding surveys", nothing))

    def name_of(self, raw: dict[str, Json]) -> str | None:
        def read() -> str | None:
            name = self._of.name_of(raw)
            return None if name is None else str(name)

        return self._attempt(read, "naming a survey", None)

    def lower(self, raw: dict[str, Json], lowering: Lowering) -> Survey | None:
        try:
            return self._of.lower(raw, lowering)
        except InputError:
            raise
        except Exception as error:
            self._report(lowering.findings, error)
            return None

    def questions(self, raw: dict[str, Json]) -> Iterator[tuple[str, Kind | None]]:
        nothing: list[tuple[str, Kind | None]] = []
        return iter(
            self._attempt(lambda: list(self._of.questions(raw)), "listing questions", nothing)
        )

    def link(self, surveys: Sequence[Survey]) -> Sequence[Survey]:
        bare = [
            replace(survey, gate=tuple(clause for clause in survey.gate if clause != _UNLINKED))
            for survey in surveys
        ]
        unknown: Sequence[Survey] = [
            replace(survey, gate=(*survey.gate, _UNLINKED)) for survey in bare
        ]
        return self._attempt(lambda: self._of.link(bare), "linking surveys", unknown)

    def link_keys(self, survey: Survey) -> frozenset[str]:
        nothing: frozenset[str] = frozenset()
        return self._attempt(lambda: self._of.link_keys(survey), "linking surveys", nothing)

    def is_notification(self, document: dict[str, Json]) -> bool:
        return self._attempt(lambda: bool(self._of.is_notification(document)), "recognising", False)

    def read_notification(self, raw: dict[str, Json], findings: Findings) -> Update | None:
        try:
            return self._of.read_notification(raw, findings)
        except Exception as error:
            self._report(findings, error)
            return None

    def read_id_list(self, collections: Collections, name: str) -> IdList | None:
        try:
            return self._of.read_id_list(collections, name)
        except InputError:
            raise
        except Exception as error:
            why = f"marketplace `{self._of.name}` fails at reading `{name}`: {_why(error)}"
            raise InputError(why) from error

    def _attempt(self, work: Callable[[], Result], what: str, otherwise: Result) -> Result:
        try:
            return work()
        except Exception as error:
            self._faults.setdefault(self._of.name, f"it fails at {what}: {_why(error)}")
            return otherwise

    def _report(self, findings: Findings, error: Exception) -> None:
        why = f"marketplace `{self._of.name}` fails at it: {_why(error)}"
        findings.error("marketplace-fault", "", why)


def _why(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "it does not say why"
