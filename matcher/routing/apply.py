"""What a batch of changes makes of the surveys: of each part the newest report counts.

A survey is as its marketplace last reported it as a whole, but for quotas (or the survey's own
status and seats) of which something newer has been reported alone. All of this is done beside the
inventory; the result goes into it in one step.
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

    Surveys by name: those `added` and `changed`, and in `set_aside` those of which something
    malformed was sent, so that they stay as they were. Counted: updates without anything new
    (`repeated`), updates older than what is known (`stale`), and updates of surveys and quotas that
    are not in the inventory (`unknown`).
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()
    repeated: int = 0
    stale: int = 0
    unknown: int = 0
    diagnostics: tuple[Diagnostic, ...] = ()

    def __repr__(self) -> str:
        counts = {
            "added": len(self.added),
            "changed": len(self.changed),
            "set aside": len(self.set_aside),
            "repeated": self.repeated,
            "stale": self.stale,
            "unknown": self.unknown,
        }
        shown = (f"{count:,} {name}" for name, count in counts.items() if count)
        return f"Applied({', '.join(shown)})"


@dataclass(frozen=True, slots=True)
class UpdatedInventory:
    """What a batch changes: surveys, as they were reported, and overlays, by survey."""

    surveys: Mapping[str, Survey]
    overlays: Mapping[str, Overlay]
    applied: Applied


class Updater:
    """Reads batches of changes, and works out what the surveys are then. For one thread."""

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
        overlays: Mapping[str, Overlay],
        at: float,
    ) -> UpdatedInventory:
        """What a batch makes of an inventory, which is left as it is.

        Raises InputError where there is no marketplace of a name in `refreshed`.
        """
        for name in refreshed:
            named(name)
        batch = _Batch(inventory, ledger, overlays, at)
        for update in changes.said:
            match update:
                case SurveyUpdate(survey):
                    batch.update_survey(survey)
                case QuotaUpdate():
                    batch.update_quota(update)
                case SeatUpdate():
                    batch.update_seats(update)
                case Rejected(name):
                    batch.set_aside[name] = None
        if not changes.unread:
            batch.close_others(refreshed, changes)
        self._link(batch)
        before = batch.before
        staged = {
            name: survey for name, survey in batch.staged.items() if survey is not before[name]
        }
        new = [
            name for name, survey in staged.items() if not _same_but_for_time(before[name], survey)
        ]
        applied = Applied(
            tuple(name for name in new if before[name] is None),
            tuple(name for name in new if before[name] is not None),
            tuple(batch.set_aside),
            batch.repeated,
            batch.stale,
            batch.unknown,
            changes.diagnostics,
        )
        return UpdatedInventory(staged, batch.overlays, applied)

    def _link(self, batch: _Batch) -> None:
        """Link the surveys that changed, and those that share something with them, anew."""
        keys = {key for name in batch.staged for key in self._keys_of(batch.before[name])}
        keys |= {key for survey in batch.staged.values() for key in self._share(survey)}
        names = self._with_any(keys)
        around = {key for name in names for key in self._keys_of(batch.known(name))}
        found = (batch.known(name) for name in sorted(self._with_any(around)))
        by_marketplace: defaultdict[str, list[Survey]] = defaultdict(list)
        for survey in found:
            if survey is not None:
                by_marketplace[survey.marketplace].append(survey)
        for marketplace, surveys in sorted(by_marketplace.items()):
            for linked in marketplaces()[marketplace].link(surveys):
                if linked.name in names:
                    batch.staged[linked.name] = linked

    def _with_any(self, keys: Iterable[tuple[str, str]]) -> set[str]:
        return {name for key in keys for name in self._sharing[key]}

    def _share(self, survey: Survey) -> list[tuple[str, str]]:
        """Remember the keys that a survey shares with others."""
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
    """What one batch has made of the surveys so far; all of them as they were reported."""

    def __init__(
        self, inventory: Inventory, ledger: Ledger, overlays: Mapping[str, Overlay], at: float
    ) -> None:
        self._inventory = inventory
        self._ledger = ledger
        self._overlays = overlays
        self._at = at
        self.overlays: dict[str, Overlay] = {}
        self.before: dict[str, Survey | None] = {}
        self.staged: dict[str, Survey] = {}
        self.set_aside: dict[str, None] = {}
        self.repeated = self.stale = self.unknown = 0

    def update_survey(self, survey: Survey) -> None:
        """Take in a survey that was reported as a whole."""
        if survey.updated_at is None:
            survey = replace(survey, updated_at=self._at)
        known = self.known(survey.name)
        if known is not None and updated_at(survey) < updated_at(known):
            self.stale += 1
            return
        overlay = newer_overlay(self._overlay_of(survey.name), survey)
        self.overlays[survey.name] = overlay
        survey = with_overlay(survey, overlay)
        self.repeated += known is not None and _same_but_for_time(_unlinked(known), survey)
        self.staged[survey.name] = survey

    def update_quota(self, update: QuotaUpdate) -> None:
        """Take in what was reported of one quota; without a survey's id, of all that have it."""
        names = [f"{update.marketplace}:{update.survey_id}"]
        if update.survey_id is None:
            surveys = (s for s in self._all() if s.marketplace == update.marketplace)
            names = [survey.name for survey in surveys if named_quota(survey, update.quota_ids)]
        for name in names:
            known = self.known(name)
            seat = None if known is None else named_quota(known, update.quota_ids)
            if known is None or seat is None:
                self.unknown += 1
            else:
                self._update_part(known, seat, update.live, update.remaining, update.at)
        self.unknown += not names

    def update_seats(self, update: SeatUpdate) -> None:
        """Take in what was reported of a survey's own status or seats."""
        known = self.known(update.name)
        if known is None:
            self.unknown += 1
        else:
            self._update_part(known, (), update.live, update.remaining, update.at)

    def close_others(self, refreshed: Collection[str], changes: Changes) -> None:
        """Close the surveys of some marketplaces that are not in the batch."""
        if not refreshed:
            return
        updates = (update for update in changes.said if isinstance(update, SurveyUpdate))
        reported = {update.survey.name for update in updates} | self.set_aside.keys()
        for survey in self._all():
            if survey.marketplace in refreshed and survey.live and survey.name not in reported:
                self._update_part(survey, (), False, None, self._at)

    def _all(self) -> list[Survey]:
        """All surveys as they were reported up to now."""
        names = dict.fromkeys(survey.name for survey in self._inventory.surveys())
        known = map(self.known, names | self.staged)
        return [survey for survey in known if survey is not None]

    def known(self, name: str) -> Survey | None:
        """A survey as it was reported up to now."""
        if name not in self.before:
            found = self._inventory.survey(name)
            self.before[name] = None if found is None else self._ledger.as_reported(found)
        return self.staged.get(name) or self.before[name]

    def _update_part(
        self,
        known: Survey,
        seat: Seat,
        live: bool | None,
        remaining: int | None,
        at: float | None,
    ) -> None:
        at = self._at if at is None else at
        overlay = self._overlay_of(known.name)
        before = overlay.get(seat, NOTHING)
        partial = before if at < updated_at(known) else before.updated(live, remaining, at)
        if partial is before:
            self.stale += 1
            return
        self.overlays[known.name] = {**overlay, seat: partial}
        changed = with_overlay(known, {seat: partial})
        self.repeated += changed == known
        self.staged[known.name] = changed

    def _overlay_of(self, name: str) -> Overlay:
        """What was reported of parts of a survey alone up to now."""
        found = self.overlays.get(name)
        return self._overlays.get(name, {}) if found is None else found


def _same_but_for_time(one: Survey | None, other: Survey) -> bool:
    """Whether two reports of a survey differ in nothing but their times."""
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
    """A survey as it is read, without what it shares with others."""
    return marketplaces()[survey.marketplace].link([survey])[0]
