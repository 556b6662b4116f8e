"""The inventory at one moment: segments, the surveys in them as they are now, and what is open.

An inventory does not change: whoever holds one sees all of a batch of changes, or none. The next
one shares with it all but what has changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TypeAlias, cast

from matcher.routing.attribute_rows import BitSet, ConditionClassifier
from matcher.routing.disjuncts import DisjunctCompiler, SurveyDisjuncts
from matcher.routing.segment import Names, Segment
from matcher.rules import OneOf
from matcher.surveys import Group, Reason, Survey, all_quotas
from profiles.schema import Answers

Rank: TypeAlias = tuple[bool, float, int]
"""Surveys in order of worth: whether it is unknown, its negative, and when it first came."""

_MOST_RECENT = 1 << 11

Locale: TypeAlias = tuple[str | None, str | None]
"""The one country and the one language that a survey's gate asks for; None: any, or several."""

LocaleAnswer: TypeAlias = Answers | None
"""Answers to one attribute; None: there is none."""

_PAGE = 1 << 8
_RATIO = 2
"""A layer is at least so many times as large as the next, or they are merged."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A segment with its surveys as they are now; None stands for one that has been replaced.

    All of them are of one `locale`. `live`: by block, the ways whose survey and quotas are open.
    `ranks`: by survey.
    """

    locale: Locale
    segment: Segment
    numbers: Mapping[str, int]
    ranks: Sequence[Rank]
    pages: tuple[tuple[Survey | None, ...], ...]
    live: tuple[BitSet, ...]

    @property
    def size(self) -> int:
        """How many surveys its segment has."""
        return len(self.ranks)

    def survey(self, number: int) -> Survey | None:
        """A survey by its number in the segment."""
        return self.pages[number // _PAGE][number % _PAGE]

    def find(self, name: str) -> int | None:
        """The number of a survey that has not been replaced."""
        number = self.numbers.get(name)
        return None if number is None or self.survey(number) is None else number

    def surveys(self) -> Iterator[tuple[Rank, Survey]]:
        """The surveys that have not been replaced, with their ranks."""
        flat = (survey for page in self.pages for survey in page)
        return (
            (rank, survey)
            for rank, survey in zip(self.ranks, flat, strict=True)
            if survey is not None
        )

    def changed(self, surveys: Mapping[int, Survey | None]) -> Layer:
        """The layer with some surveys, by number, as they are from now on."""
        pages = list(self.pages)
        edited: dict[int, list[Survey | None]] = {}
        by_block: dict[int, list[int]] = {}
        for number, survey in surveys.items():
            page = edited.setdefault(number // _PAGE, list(pages[number // _PAGE]))
            page[number % _PAGE] = survey
            first, end = self.segment.firsts[number], self.segment.firsts[number + 1]
            if first < end:
                by_block.setdefault(self.segment.block_of(first), []).append(number)
        for number, page in edited.items():
            pages[number] = tuple(page)
        live = list(self.live)
        for place, numbers in by_block.items():
            block = self.segment.blocks[place]
            row = bytearray(live[place].to_bytes((block.size + 7) // 8, "little"))
            for number in numbers:
                _write_live(self.segment, number, surveys[number], block.first, row)
            live[place] = int.from_bytes(row, "little")
        return replace(self, pages=tuple(pages), live=tuple(live))


def _write_live(
    segment: Segment, number: int, survey: Survey | None, first: int, row: bytearray
) -> None:
    """Set the bits of a survey's ways, in the row of a block that begins with way `first`."""
    closed: frozenset[int] | None = None
    if survey is not None and survey.open:
        quotas = enumerate(all_quotas(survey.groups))
        closed = frozenset(number for number, quota in quotas if not quota.open)
    for way in range(segment.firsts[number], segment.firsts[number + 1]):
        at, bit = (way - first) >> 3, 1 << ((way - first) & 7)
        if closed is not None and closed.isdisjoint(segment.quotas[way]):
            row[at] |= bit
        else:
            row[at] &= ~bit


class LayerMaker:
    """Makes layers of surveys, remembering what rules and recent surveys were made into."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._sorter = ConditionClassifier()
        self._compiler = DisjunctCompiler()
        self._recent: dict[str, tuple[Survey, SurveyDisjuncts]] = {}

    def layer(self, locale: Locale, surveys: Iterable[tuple[Rank, Survey]]) -> Layer:
        """A layer of surveys of one locale, in the order of their ranks."""
        ordered = sorted(surveys, key=lambda pair: pair[0])
        found = [survey for _, survey in ordered]
        segment = Segment([self._compiled(each) for each in found], self._names, self._sorter)
        rows = [bytearray((block.size + 7) // 8) for block in segment.blocks]
        for number, survey in enumerate(found):
            first = segment.firsts[number]
            if first < segment.firsts[number + 1]:
                place = segment.block_of(first)
                _write_live(segment, number, survey, segment.blocks[place].first, rows[place])
        pages = (tuple(found[at : at + _PAGE]) for at in range(0, len(found), _PAGE))
        return Layer(
            locale,
            segment,
            {survey.name: number for number, survey in enumerate(found)},
            [rank for rank, _ in ordered],
            tuple(pages),
            tuple(int.from_bytes(row, "little") for row in rows),
        )

    def _compiled(self, survey: Survey) -> SurveyDisjuncts:
        """The ways into a survey; those of recent ones are at hand when small layers are merged."""
        known = self._recent.get(survey.name)
        if known is not None and _same_ways(known[0], survey):
            return known[1]
        found = self._compiler.compile(survey)
        if len(self._recent) >= _MOST_RECENT:
            self._recent.clear()
        self._recent[survey.name] = survey, found
        return found


def locale_of(survey: Survey) -> Locale:
    """The country and the language that a survey's gate asks for."""
    found: dict[Reason, str] = {}
    for clause in survey.gate:
        match clause.rule:
            case OneOf(_, (value,)):
                found[clause.reason] = value
    return found.get(Reason.COUNTRY), found.get(Reason.LANGUAGE)


class Inventory:
    """Layers, the oldest of each locale first; every survey stands in one of them."""

    __slots__ = ("_by_locale", "layers")

    def __init__(self, layers: Iterable[Layer]) -> None:
        self.layers = tuple(layers)
        self._by_locale: defaultdict[Locale, list[Layer]] = defaultdict(list)
        for layer in self.layers:
            self._by_locale[layer.locale].append(layer)

    def near(self, locale: Callable[[], tuple[LocaleAnswer, LocaleAnswer]]) -> Sequence[Layer]:
        """The layers that may be open to a member whose country and language are given so."""
        if len(self._by_locale) == 1:
            return self.layers
        countries, languages = locale()
        if countries is None or languages is None:
            return [
                layer
                for (country, language), layers in self._by_locale.items()
                if _may_be(country, countries) and _may_be(language, languages)
                for layer in layers
            ]
        return [
            layer
            for each in product((None, *countries), (None, *languages))
            for layer in self._by_locale.get(cast("Locale", each), ())
        ]

    def find(self, name: str) -> tuple[int, int] | None:
        """The layer of a survey, and its number in it."""
        for place in reversed(range(len(self.layers))):
            number = self.layers[place].find(name)
            if number is not None:
                return place, number
        return None

    def survey(self, name: str) -> Survey | None:
        """A survey as it is now."""
        found = self.find(name)
        return None if found is None else self.layers[found[0]].survey(found[1])

    def changed(
        self, surveys: Mapping[str, Survey], rank: Callable[[Survey], Rank], maker: LayerMaker
    ) -> Inventory:
        """The inventory with some surveys new or otherwise.

        Those of which only the seats or the status differ stay where they are; the others go into
        a new layer, with which layers that are not much larger are merged.
        """
        edits: defaultdict[int, dict[int, Survey | None]] = defaultdict(dict)
        fresh: list[tuple[Rank, Survey]] = []
        for name, survey in surveys.items():
            found = self.find(name)
            if found is None:
                fresh.append((rank(survey), survey))
                continue
            place, number = found
            layer = self.layers[place]
            before = layer.survey(number)
            assert before is not None, "a survey that is found is there"
            if _same_ways(before, survey):
                edits[place][number] = survey
            else:
                edits[place][number] = None
                fresh.append(((*rank(survey)[:2], layer.ranks[number][2]), survey))
        layers = list(self.layers)
        for place, edited in edits.items():
            layers[place] = layers[place].changed(edited)
        by_locale: defaultdict[Locale, list[tuple[Rank, Survey]]] = defaultdict(list)
        for each in fresh:
            by_locale[locale_of(each[1])].append(each)
        for locale, mine in by_locale.items():
            for place in reversed(range(len(layers))):
                if layers[place].locale == locale:
                    if layers[place].size >= _RATIO * len(mine):
                        break
                    mine += layers.pop(place).surveys()
            layers.append(maker.layer(locale, mine))
        return Inventory(layers)

    def surveys(self) -> tuple[Survey, ...]:
        """All surveys as they are now, in the order in which they first came."""
        found = [pair for layer in self.layers for pair in layer.surveys()]
        return tuple(survey for _, survey in sorted(found, key=lambda pair: pair[0][2]))


def _may_be(wanted: str | None, answers: LocaleAnswer) -> bool:
    return wanted is None or answers is None or wanted in answers


def _same_ways(one: Survey, other: Survey) -> bool:
    """Whether two versions of a survey differ in nothing but status, seats and time."""
    return (
        one.pay == other.pay
        and one.gate == other.gate
        and one.origins == other.origins
        and _same_groups(one.groups, other.groups)
    )


def _same_groups(some: tuple[Group, ...], others: tuple[Group, ...]) -> bool:
    if some is others:
        return True
    return len(some) == len(others) and all(
        one.regime is other.regime
        and one.required is other.required
        and one.pointer == other.pointer
        and len(one.quotas) == len(other.quotas)
        and all(
            mine.id == its.id
            and mine.rule is its.rule
            and mine.pointer == its.pointer
            and _same_groups(mine.groups, its.groups)
            for mine, its in zip(one.quotas, other.quotas, strict=True)
        )
        for one, other in zip(some, others, strict=True)
    )
