"""What lowering does alike for every marketplace: the mapping's answers become rules.

A marketplace's file calls these for one survey; each finding has its pointer. Whatever the
mapping does not name is unknown, never silently true or false.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from sys import intern
from typing import TypeAlias, TypeVar

from matcher.marketplaces.options import AnyOptions, Options, read_options
from matcher.rules import (
    UNKNOWN,
    And,
    Answered,
    InIds,
    Not,
    Or,
    Rule,
    StartsWith,
    TookPart,
    in_ranges,
    one_of,
    took_part,
)
from matcher.surveys import Clause, Diagnostic, Findings, Level, Reason
from profiles.errors import did_you_mean
from profiles.schema import (
    OUTCOMES,
    AttributeMapping,
    IdListReader,
    PanelMapping,
    Target,
    UnreadableError,
    as_code,
    as_text,
)

DEVICES = ("desktop", "mobile", "tablet")


_HISTORY = "history"
_FOUR_DIGITS = re.compile(r"\d{4}\Z", re.ASCII)
_FIVE_DIGITS = re.compile(r"\d{5}\Z", re.ASCII)


Places: TypeAlias = Sequence[int | None] | None
"""Where in the payload's list each answer is; None: nowhere in a list. No list: in order."""


@dataclass(frozen=True, slots=True)
class LoweringSizes:
    """How much is remembered; what reads changes for months must not keep all that it ever read."""

    remembered: int = 1 << 16
    """The most of each sort of thing; once there are more, all of them are forgotten."""


DEFAULT_SIZES = LoweringSizes()


class Memo:
    """What is remembered from one survey to the next; every field of a subclass is a dict."""

    def forget(self, most: int) -> None:
        """Forget each sort of thing of which more are remembered than `most`."""
        for remembered in vars(self).values():
            if len(remembered) > most:
                remembered.clear()


AnyMemo = TypeVar("AnyMemo", bound=Memo)


class Lowering:
    """Lowers the parts of one survey after the other, for one marketplace and panel mapping.

    What does not depend on the survey is remembered: most surveys ask the same things.
    """

    def __init__(
        self, marketplace: str, mapping: PanelMapping, sizes: LoweringSizes = DEFAULT_SIZES
    ) -> None:
        self.panel = mapping
        self.marketplace = mapping.marketplace(marketplace)
        self._options: Options | None = None
        self.findings = Findings(None)
        self.origins: dict[tuple[Rule, str], None] = {}
        self.notices: dict[str, Diagnostic] = {}
        self._sizes = sizes
        self._memo: Memo | None = None
        self._rules: dict[Hashable, Rule] = {}
        self._targets: dict[int, dict[object, Target | None]] = {}

    def __repr__(self) -> str:
        return f"Lowering({self.marketplace.name}, {len(self._rules):,} rules remembered)"

    def options(self, kind: type[AnyOptions]) -> AnyOptions:
        """What the panel file says of the marketplace in keys that it declares; read once."""
        if not isinstance(self._options, kind):
            self._options = read_options(kind, self.marketplace, self.panel.file)
        return self._options

    def memo(self, kind: type[AnyMemo]) -> AnyMemo:
        """What the marketplace remembers; empty at first."""
        if not isinstance(self._memo, kind):
            self._memo = kind()
        return self._memo

    def start(self, survey: str | None) -> Findings:
        """Begin a new survey; its findings are collected in what is given back."""
        self.findings = Findings(survey)
        self.origins = {}
        for remembered in (self._rules, self._targets):
            if len(remembered) > self._sizes.remembered:
                remembered.clear()
        if self._memo is not None:
            self._memo.forget(self._sizes.remembered)
        return self.findings

    def record_origin(self, rule: Rule, pointer: str) -> Rule:
        """Note where a condition of the survey comes from; gives back its rule."""
        self.origins[rule, intern(pointer)] = None
        return rule

    def cached_rule(self, key: Hashable | None, lower: Callable[[], Rule]) -> Rule:
        """The rule of a condition that reads alike in many surveys, lowered once.

        One that gave rise to a finding is lowered anew, so that every place is reported; and one
        without a key, which reads like no other.
        """
        rule = None if key is None else self._rules.get(key)
        if rule is None:
            before = len(self.findings.all)
            rule = lower()
            if key is not None and len(self.findings.all) == before:
                self._rules[key] = rule
        return rule

    def cached_rules(self, keys: Iterable[Hashable | None]) -> Iterable[Rule | None]:
        """The remembered rule of each key; None: there is none."""
        return map(self._rules.get, keys)

    def attribute(self, attribute_id: str, pointer: str) -> AttributeMapping | None:
        """The panel's attribute for a marketplace's; None, and a finding, where unmapped."""
        mapped = self.marketplace.attributes.get(attribute_id)
        if mapped is None:
            known = list(self.marketplace.attributes)
            self.findings.warning(
                "unmapped-attribute",
                pointer,
                f"the panel file maps no {self.marketplace.name} attribute `{attribute_id}`; "
                "members whom it concerns are uncertain",
                did_you_mean(attribute_id, known) if not attribute_id.lstrip("-").isdigit() else "",
            )
        return mapped

    def any_of(
        self, mapped: AttributeMapping, raws: Sequence[object], pointer: str, places: Places = None
    ) -> Rule:
        """Holds any of the answers; unknown for who does not, where some answers are unmapped."""
        targets, complete = self._read(mapped, raws, pointer, places)
        rule = _holds(mapped, [part for target in targets for part in target])
        return rule if complete else Or((rule, UNKNOWN))

    def all_of(
        self, mapped: AttributeMapping, raws: Sequence[object], pointer: str, places: Places = None
    ) -> Rule:
        """Holds all of the answers; an empty list asks only for an answer."""
        targets, complete = self._read(mapped, raws, pointer, places)
        if not raws:
            return Or((Answered(mapped.attribute.name), UNKNOWN))
        rules = tuple(_holds(mapped, list(target)) for target in targets)
        return And(rules if complete else (*rules, UNKNOWN))

    def ranges(self, mapped: AttributeMapping, bounds: list[tuple[float, float]]) -> Rule:
        """Holds a number in one of the ranges; of mapped codes, those of the range count."""
        attribute = mapped.attribute
        if attribute.numeric or mapped.answers is None:
            return in_ranges(attribute.name, bounds)
        inside: list[str] = []
        unmapped = False
        for low, high in bounds:
            whole = 0
            for code, target in mapped.answers.items():
                if code.isascii() and code.isdigit() and low <= int(code) <= high:
                    inside.extend(str(value) for value in target)
                    whole += 1
            unmapped |= low <= high and whole != high - low + 1
        rule = one_of(attribute.name, inside)
        return Or((rule, UNKNOWN)) if unmapped else rule

    def prefixes(self, mapped: AttributeMapping, raws: Iterable[object]) -> Rule:
        """Holds a text that begins with one of the values; blank values match nobody."""
        texts = {mapped.attribute.fold(as_text(raw)) for raw in raws} - {""}
        return StartsWith(mapped.attribute.name, tuple(sorted(texts)))

    def report_lost_zeros(self, raws: Sequence[object], pointer: str, places: Places) -> None:
        """Report postal codes of four digits among five-digit ones, which are matched as written.

        They were probably written as numbers.
        """
        codes = [as_code(raw) for raw in raws]
        short = [number for number, code in enumerate(codes) if _FOUR_DIGITS.match(code)]
        if not short or not any(map(_FIVE_DIGITS.match, codes)):
            return
        first, place = codes[short[0]], short[0] if places is None else places[short[0]]
        self.findings.warning(
            "lost-leading-zero",
            pointer if place is None else f"{pointer}/{place}",
            f"{len(short)} of {len(codes)} postal codes have four digits among five-digit ones, "
            f"such as `{first}`; they are matched as written",
            f"probably `0{first}`, written as a number",
        )

    def id_list(self, name: str, pointer: str, read: IdListReader) -> Rule:
        """Is on a list of ids; a finding where it has not been downloaded."""
        if self.panel.collections.ids(name, read) is None:
            self.report_missing(name, pointer, f"list of ids `{name}`")
        return InIds(self.marketplace.name, name)

    def report_missing(self, name: str, pointer: str, what: str) -> None:
        """Report a collection that is not there, at its place.

        Where its file holds something else that is a notice: once, however many ask for it.
        """
        fault = self.panel.collections.fault(name)
        if fault is None:
            self.findings.warning(
                "collection-missing",
                pointer,
                f"the {what} has not been downloaded; everyone is uncertain of it",
                "download it into the panel's collections folder",
            )
            return
        where = f"first asked for by {self.findings.survey} {pointer}"
        self.notices.setdefault(
            name,
            Diagnostic(
                Level.WARNING,
                "collection-unreadable",
                f"{fault}; it counts as not downloaded, so everyone is uncertain of it ({where})",
                hint="download it again",
            ),
        )

    def gate(
        self, attribute: str, codes: Sequence[str], reason: Reason, pointer: str
    ) -> list[Clause]:
        """A locale or device gate; none, and one notice, where the panel knows nothing of it."""
        if attribute not in self.panel.schema:
            self.notices.setdefault(
                attribute,
                Diagnostic(
                    Level.INFO,
                    "gate-not-applied",
                    f"the panel declares no attribute or constant `{attribute}`: "
                    "surveys are not restricted by it",
                ),
            )
            return []
        key = ("gate", attribute, *codes)
        rule = self._rules.get(key)
        if rule is None:
            fold = self.panel.schema.attribute(attribute).fold
            rule = one_of(attribute, [fold(as_code(code)) for code in codes])
            self._rules[key] = rule
        return [Clause(rule, reason, pointer)]

    def devices(self, names: Sequence[str | None], pointer: str) -> list[Clause]:
        """The device gate; None stands for a device that the engine does not know."""
        clauses = self.gate("device", [name for name in names if name], Reason.DEVICE, pointer)
        if not names:
            means = "matches nobody" if clauses else "not applied, as the panel has no `device`"
            self.findings.warning("empty-list", pointer, f"no device is allowed: {means}")
        if not all(names):
            self.findings.warning(
                "unknown-device", pointer, f"a device other than {', '.join(DEVICES)}"
            )
            clauses = [Clause(Or((c.rule, UNKNOWN)), c.reason, c.pointer) for c in clauses]
        return clauses

    def took_part(
        self, scope: str, ids: Iterable[object], outcomes: Iterable[str] = OUTCOMES
    ) -> TookPart:
        """Has taken part in one of the ids, with one of the outcomes."""
        return took_part(self.marketplace.name, scope, map(as_code, ids), outcomes)

    def excluded(
        self, rule: Rule, reason: Reason, pointer: str, excludes: str = ""
    ) -> list[Clause]:
        """The gate that keeps out who took part so; none, and one notice, without a history.

        `excludes` says what the payload excludes; blank: what every survey does.
        """
        if self.panel.history:
            return [Clause(Not(rule), reason, pointer)]
        notice = self.notices.get(_HISTORY)
        if notice is None or (excludes and notice.level is Level.INFO):
            message = "the panel file names no history, so nobody is kept out for having taken part"
            where = f" ({excludes}, first in {self.findings.survey} {pointer})" if excludes else ""
            level = Level.WARNING if excludes else Level.INFO
            self.notices[_HISTORY] = Diagnostic(level, "history-not-applied", message + where)
        return []

    def _read(
        self, mapped: AttributeMapping, raws: Sequence[object], pointer: str, places: Places
    ) -> tuple[list[Target], bool]:
        """The panel's values of each answer, and whether every answer has some."""
        if not raws:
            self.findings.warning("empty-list", pointer, "an empty list of answers")
        targets: list[Target] = []
        unmapped: list[tuple[int, object]] = []
        known = self._targets.setdefault(id(mapped), {})
        for number, raw in enumerate(raws):
            try:
                target = known[raw]
            except KeyError:
                target = known[raw] = _target(mapped, raw)
            if target is None:
                unmapped.append((number, raw))
            else:
                targets.append(target)
        if unmapped:
            number = unmapped[0][0]
            place = number if places is None else places[number]
            at = pointer if place is None else f"{pointer}/{place}"
            self._report_unmapped(mapped, unmapped, at)
        return targets, not unmapped

    def _report_unmapped(
        self, mapped: AttributeMapping, unmapped: list[tuple[int, object]], pointer: str
    ) -> None:
        raw = unmapped[0][1]
        more = f" and {len(unmapped) - 1} more" if len(unmapped) > 1 else ""
        why = (
            f"has no answer `{raw}`{more}"
            if mapped.answers is not None
            else f"cannot hold `{raw}`{more}"
        )
        self.findings.warning(
            "unmapped-answer",
            pointer,
            f"the mapping of `{mapped.attribute.name}` {why}; members without a mapped answer "
            "of the list are uncertain",
            did_you_mean(as_code(raw), list(mapped.answers or ())) if isinstance(raw, str) else "",
        )


def _target(mapped: AttributeMapping, raw: object) -> Target | None:
    try:
        return mapped.target(raw)
    except UnreadableError:
        return None


def _holds(mapped: AttributeMapping, parts: list[object]) -> Rule:
    attribute = mapped.attribute
    if attribute.numeric:
        return in_ranges(attribute.name, parts)  # type: ignore[arg-type]
    return one_of(attribute.name, parts)  # type: ignore[arg-type]
