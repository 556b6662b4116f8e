"""What a batch of changes makes of the surveys: the newest that was said of each part stands.

A survey stands as its marketplace last said, but for quotas (or the survey itself) of which
something newer has been said alone. All of this is done beside the inventory; what comes out goes
into it in one step.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from matcher.loading import ChangeReader, Changes, named
from matcher.marketplaces import marketplaces
from matcher.routing.inventory import Inventory
from matcher.routing.overlay import (
    NOTHING,
    Overlay,
    newer_overlay,
    updated_at,
    with_overlay,
)
from matcher.routing.seats import Ledger, Seat, named_quota
from matcher.surveys import Diagnostic, QuotaUpdate, Rejected, SeatUpdate, Survey, SurveyUpdate
from profiles.schema import PanelMapping


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a batch of changes.

    Surveys that are now otherwise, by name: `added`, `changed`, and in `set_aside` those of which
    something malformed was said, so that the old stands. Counted: what said nothing new
    (`repeated`), what was older than what is known (`stale`), and notices of surveys and quotas
    that are not in the inventory (`unknown`).
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()
    repeated: int = 0
    stale: int = 0
    unknown: int = 0
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class UpdatedInventory:
    """What is otherwise after a batch: surveys, as they were said to be, and notes, by survey."""

    surveys: Mapping[str, Survey]
    notes: Mapping[str, Overlay]
    applied: Applied


class Updater:
    """Reads batches of changes, and works out what the surveys are then. For one at a time."""

    def __init__(self, mapping: PanelMapping, inventory: Inventory) -> None:
        self._reader = ChangeReader(mapping)
        self._sharing: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for survey in inventory.surveys():
            self._share(survey)

    def read(self, changes: object, marketplace: str | None) -> Changes:
        """Read a batch; raises InputError where there is no such marketplace."""
        return self._reader.read(changes, marketplace)

    def update(
        self,
        changes: Changes,
        refreshed: Collection[str],
        inventory: Inventory,
        ledger: Ledger,
        notes: Mapping[str, Overlay],
        at: float,
    ) -> UpdatedInventory:
        """What a batch makes of an inventory, of which nothing is touched.

        Raises InputError where there is no marketplace of a name in `refreshed`.
        """
        for name in refreshed:
            named(name)
        batch = _Batch(inventory, ledger, notes, at)
        for said in changes.updates:
            match said:
                case SurveyUpdate(survey):
                    batch.survey(survey)
                case QuotaUpdate():
                    batch.quota(said)
                case SeatUpdate():
                    batch.seats(said)
                case Rejected(name):
                    batch.set_aside[name] = None
        if not changes.unread:
            batch.close_others(refreshed, changes)
        self._link(batch)
        before = batch.before
        told = {name: each for name, each in batch.staged.items() if each is not before[name]}
        news = [name for name, each in told.items() if not _said_alike(before[name], each)]
        applied = Applied(
            tuple(name for name in news if before[name] is None),
            tuple(name for name in news if before[name] is not None),
            tuple(batch.set_aside),
            batch.repeated,
            batch.stale,
            batch.unknown,
            changes.diagnostics,
        )
        return UpdatedInventory(told, batch.notes, applied)

    def _link(self, batch: _Batch) -> None:
        """Link the surveys that changed, and those that hang together with them, anew."""
        keys = {key for name in batch.staged for key in self._keys_of(batch.before[name])}
        keys |= {key for survey in batch.staged.values() for key in self._share(survey)}
        names = self._with_any(keys)
        around = {key for name in names for key in self._keys_of(batch.known(name))}
        found = (batch.known(name) for name in sorted(self._with_any(around)))
        together = [survey for survey in found if survey is not None]
        for marketplace in sorted({each.marketplace for each in together}):
            mine = [each for each in together if each.marketplace == marketplace]
            for linked in marketplaces()[marketplace].link(mine):
                if linked.name in names:
                    batch.staged[linked.name] = linked

    def _with_any(self, keys: Iterable[tuple[str, str]]) -> set[str]:
        return {name for key in keys for name in self._sharing[key]}

    def _share(self, survey: Survey) -> list[tuple[str, str]]:
        """Note the keys by which a survey hangs together with others."""
        keys = self._keys_of(survey)
        for key in keys:
            self._sharing[key].add(survey.name)
        return keys

    def _keys_of(self, survey: Survey | None) -> list[tuple[str, str]]:
        if survey is None:
            return []
        shared = marketplaces()[survey.marketplace].link_keys(survey)
        return [(survey.marketplace, key) for key in shared]


class _Batch:
    """What one batch has made of the surveys so far; all of them as they were said to be."""

    def __init__(
        self, inventory: Inventory, ledger: Ledger, notes: Mapping[str, Overlay], at: float
    ) -> None:
        self._inventory = inventory
        self._ledger = ledger
        self._notes = notes
        self._at = at
        self.notes: dict[str, Overlay] = {}
        self.before: dict[str, Survey | None] = {}
        self.staged: dict[str, Survey] = {}
        self.set_aside: dict[str, None] = {}
        self.repeated = self.stale = self.unknown = 0

    def survey(self, told: Survey) -> None:
        """A survey was said anew."""
        if told.updated_at is None:
            told = replace(told, updated_at=self._at)
        known = self.known(told.name)
        if known is not None and updated_at(told) < updated_at(known):
            self.stale += 1
            return
        notes = self.notes[told.name] = newer_overlay(self._noted(told.name), told)
        told = with_overlay(told, notes)
        self.repeated += known is not None and _said_alike(_unlinked(known), told)
        self.staged[told.name] = told

    def quota(self, told: QuotaUpdate) -> None:
        """Something was said of one quota; without a survey's id, of the one that has it."""
        names = [f"{told.marketplace}:{told.survey_id}"]
        if told.survey_id is None:
            mine = (s for s in self._all() if s.marketplace == told.marketplace)
            names = [each.name for each in mine if named_quota(each, told.quota_ids)]
        for name in names:
            known = self.known(name)
            seat = None if known is None else named_quota(known, told.quota_ids)
            if known is None or seat is None:
                self.unknown += 1
            else:
                self._note(known, seat, told.live, told.remaining, told.at)
        self.unknown += not names

    def seats(self, told: SeatUpdate) -> None:
        """Something was said of a survey's own status or seats."""
        known = self.known(told.name)
        if known is None:
            self.unknown += 1
        else:
            self._note(known, (), told.live, told.remaining, told.at)

    def close_others(self, refreshed: Collection[str], changes: Changes) -> None:
        """Close the surveys of some marketplaces that the batch says nothing of."""
        if not refreshed:
            return
        spoken = {said.survey.name for said in changes.updates if isinstance(said, SurveyUpdate)}
        spoken |= self.set_aside.keys()
        for survey in self._all():
            if survey.marketplace in refreshed and survey.live and survey.name not in spoken:
                self._note(survey, (), False, None, self._at)

    def _all(self) -> list[Survey]:
        """All surveys as they were said to be up to now."""
        names = dict.fromkeys(each.name for each in self._inventory.surveys())
        known = map(self.known, names | self.staged)
        return [survey for survey in known if survey is not None]

    def known(self, name: str) -> Survey | None:
        """A survey as it was said to be up to now."""
        if name not in self.before:
            found = self._inventory.survey(name)
            self.before[name] = None if found is None else self._ledger.as_told(found)
        return self.staged.get(name) or self.before[name]

    def _note(
        self,
        known: Survey,
        seat: Seat,
        live: bool | None,
        remaining: int | None,
        at: float | None,
    ) -> None:
        at = self._at if at is None else at
        notes = self._noted(known.name)
        before = notes.get(seat, NOTHING)
        note = before if at < updated_at(known) else before.with_news(live, remaining, at)
        if note is before:
            self.stale += 1
            return
        self.notes[known.name] = {**notes, seat: note}
        changed = with_overlay(known, {seat: note})
        self.repeated += changed == known
        self.staged[known.name] = changed

    def _noted(self, name: str) -> Overlay:
        """What was said of parts of a survey alone up to now."""
        found = self.notes.get(name)
        return self._notes.get(name, {}) if found is None else found


def _said_alike(one: Survey | None, other: Survey) -> bool:
    """Whether the same was said of a survey, but for when."""
    return (
        one is not None
        and one.live is other.live
        and one.remaining == other.remaining
        and one.pay == other.pay
        and one.gate == other.gate
        and one.groups == other.groups
        and one.origins == other.origins
    )


def _unlinked(survey: Survey) -> Survey:
    """A survey as it is read, without what it has to do with others."""
    return marketplaces()[survey.marketplace].link([survey])[0]
