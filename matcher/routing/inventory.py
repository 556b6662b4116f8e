"""The inventory at one moment: segments, the surveys in them as they are now, and what is open.

An inventory does not change: who reads one sees all of a batch of changes, or none. The next one
shares with it all but what has changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TypeAlias, cast

from matcher.routing.attribute_conditions import BitSet, ConditionClassifier
from matcher.routing.disjuncts import DisjunctCompiler, SurveyDisjuncts
from matcher.routing.segment import Names, Segment
from matcher.routing.sizes import RouterSizes
from matcher.rules import OneOf
from matcher.surveys import Group, Reason, Survey, all_quotas
from profiles.schema import Answers

Rank: TypeAlias = tuple[bool, float, int]
"""Surveys in order of worth: whether it is unknown, its negative, and the order of arrival."""

Locale: TypeAlias = tuple[str | None, str | None]
"""The one country and the one language that a survey's gate requires; None: any, or several."""

LocaleAnswer: TypeAlias = Answers | None
"""Answers to one attribute; None: there is none."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A segment with its surveys as they are now; None: one that has been replaced.

    All are of one `locale`. `live`: by block, the disjuncts whose survey and quotas are open.
    `ranks`: by survey. `pages`: the surveys, `page` of them in each.
    """

    locale: Locale
    segment: Segment
    numbers: Mapping[str, int]
    ranks: Sequence[Rank]
    pages: tuple[tuple[Survey | None, ...], ...]
    live: tuple[BitSet, ...]
    page: int

    @property
    def size(self) -> int:
        """How many surveys its segment has."""
        return len(self.ranks)

    def survey(self, number: int) -> Survey | None:
        """A survey by its number in the segment."""
        return self.pages[number // self.page][number % self.page]

    def find(self, name: str) -> int | None:
        """The number of a survey that has not been replaced."""
        number = self.numbers.get(name)
        return None if number is None or self.survey(number) is None else number

    @property
    def disjuncts(self) -> int:
        """How many disjuncts the surveys have that have not been replaced."""
        firsts = self.segment.firsts
        return sum(
            firsts[number + 1] - firsts[number]
            for number in self.numbers.values()
            if self.survey(number) is not None
        )

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
            place, within = divmod(number, self.page)
            edited.setdefault(place, list(pages[place]))[within] = survey
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
    """Set the bits of a survey's disjuncts, in the row of a block that begins with `first`."""
    closed: frozenset[int] | None = None
    if survey is not None and survey.open:
        quotas = enumerate(all_quotas(survey.groups))
        closed = frozenset(number for number, quota in quotas if not quota.open)
    for disjunct in range(segment.firsts[number], segment.firsts[number + 1]):
        at, bit = (disjunct - first) >> 3, 1 << ((disjunct - first) & 7)
        if closed is not None and closed.isdisjoint(segment.quotas[disjunct]):
            row[at] |= bit
        else:
            row[at] &= ~bit


class LayerMaker:
    """Makes layers of surveys, remembering what rules and recent surveys were made into."""

    def __init__(self, names: Names, sizes: RouterSizes) -> None:
        self._names = names
        self.sizes = sizes
        self._classifier = ConditionClassifier()
        self._compiler = DisjunctCompiler(sizes)
        self._recent: dict[str, tuple[Survey, SurveyDisjuncts]] = {}

    def layer(self, locale: Locale, surveys: Iterable[tuple[Rank, Survey]]) -> Layer:
        """A layer of surveys of one locale, in the order of their ranks."""
        ordered = sorted(surveys, key=lambda pair: pair[0])
        found = [survey for _, survey in ordered]
        compiled = [self._compiled(survey) for survey in found]
        segment = Segment(compiled, self._names, self._classifier, self.sizes)
        rows = [bytearray((block.size + 7) // 8) for block in segment.blocks]
        for number, survey in enumerate(found):
            first = segment.firsts[number]
            if first < segment.firsts[number + 1]:
                place = segment.block_of(first)
                _write_live(segment, number, survey, segment.blocks[place].first, rows[place])
        page = self.sizes.page
        pages = (tuple(found[at : at + page]) for at in range(0, len(found), page))
        return Layer(
            locale,
            segment,
            {survey.name: number for number, survey in enumerate(found)},
            [rank for rank, _ in ordered],
            tuple(pages),
            tuple(int.from_bytes(row, "little") for row in rows),
            page,
        )

    def _compiled(self, survey: Survey) -> SurveyDisjuncts:
        """The disjuncts of a survey; those of recent ones are kept for the next merge."""
        known = self._recent.get(survey.name)
        if known is not None and _same_but_for_seats(known[0], survey):
            return known[1]
        found = self._compiler.compile(survey)
        if len(self._recent) >= self.sizes.recent_surveys:
            self._recent.clear()
        self._recent[survey.name] = survey, found
        return found


def locale_of(survey: Survey) -> Locale:
    """The country and the language that a survey's gate requires."""
    found: dict[Reason, str] = {}
    for clause in survey.gate:
        match clause.rule:
            case OneOf(_, (value,)):
                found[clause.reason] = value
    return found.get(Reason.COUNTRY), found.get(Reason.LANGUAGE)


class Inventory:
    """Layers, the oldest of each locale first; every survey is in one of them."""

    __slots__ = ("_by_locale", "layers")

    def __init__(self, layers: Iterable[Layer]) -> None:
        self.layers = tuple(layers)
        self._by_locale: defaultdict[Locale, list[Layer]] = defaultdict(list)
        for layer in self.layers:
            self._by_locale[layer.locale].append(layer)

    def near(self, locale: Callable[[], tuple[LocaleAnswer, LocaleAnswer]]) -> Sequence[Layer]:
        """The layers that may admit a member of this country and language."""
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
            for pair in product((None, *countries), (None, *languages))
            for layer in self._by_locale.get(cast("Locale", pair), ())
        ]

    def __len__(self) -> int:
        """How many surveys there are."""
        return sum(1 for layer in self.layers for _ in layer.surveys())

    @property
    def disjuncts(self) -> int:
        """How many disjuncts the surveys have."""
        return sum(layer.disjuncts for layer in self.layers)

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
        self,
        surveys: Mapping[str, Survey],
        rank: Callable[[Survey], Rank],
        maker: LayerMaker,
    ) -> Inventory:
        """The inventory with some surveys new or changed.

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
            if _same_but_for_seats(before, survey):
                edits[place][number] = survey
            else:
                edits[place][number] = None
                fresh.append(((*rank(survey)[:2], layer.ranks[number][2]), survey))
        layers = self._edited(edits)
        by_locale: defaultdict[Locale, list[tuple[Rank, Survey]]] = defaultdict(list)
        for ranked in fresh:
            by_locale[locale_of(ranked[1])].append(ranked)
        for locale, ranked_surveys in by_locale.items():
            for place in reversed(range(len(layers))):
                if layers[place].locale == locale:
                    if layers[place].size >= maker.sizes.layer_ratio * len(ranked_surveys):
                        break
                    ranked_surveys += layers.pop(place).surveys()
            layers.append(maker.layer(locale, ranked_surveys))
        return Inventory(layers)

    def reseated(self, names: Iterable[str], as_left: Callable[[Survey], Survey]) -> Inventory:
        """The inventory with other seats left in some surveys, where they are there."""
        edits: defaultdict[int, dict[int, Survey | None]] = defaultdict(dict)
        for name in names:
            found = self.find(name)
            if found is not None:
                place, number = found
                survey = self.layers[place].survey(number)
                assert survey is not None, "a survey that is found is there"
                edits[place][number] = as_left(survey)
        return Inventory(self._edited(edits))

    def _edited(self, edits: Mapping[int, Mapping[int, Survey | None]]) -> list[Layer]:
        """The layers with some surveys, by layer and number, as they are from now on."""
        layers = list(self.layers)
        for place, edited in edits.items():
            layers[place] = layers[place].changed(edited)
        return layers

    def surveys(self) -> tuple[Survey, ...]:
        """All surveys as they are now, in the order of arrival."""
        found = [pair for layer in self.layers for pair in layer.surveys()]
        return tuple(survey for _, survey in sorted(found, key=lambda pair: pair[0][2]))


def _may_be(required: str | None, answers: LocaleAnswer) -> bool:
    return required is None or answers is None or required in answers


def _same_but_for_seats(one: Survey, other: Survey) -> bool:
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
            quota.id == its.id
            and quota.rule is its.rule
            and quota.pointer == its.pointer
            and _same_groups(quota.groups, its.groups)
            for quota, its in zip(one.quotas, other.quotas, strict=True)
        )
        for one, other in zip(some, others, strict=True)
    )
