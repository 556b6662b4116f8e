"""Which answers are behind the surprises: held by those of them, and not by the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.comparison.concentration import Histograms, holders
from matcher.comparison.result import Concentration, Value
from matcher.marketplaces.shape import Meaning
from matcher.possible import leaves_of
from matcher.reconciliation.result import Asking, Code, Suspect
from matcher.reconciliation.targeting import targeting_of
from matcher.rule import Answered, InIds, Not, Or, Rule, TookPart, Truth, in_ranges, one_of
from matcher.survey import Group, Survey
from matcher.wording import Wording
from profiles.bits import Row, flags_of, pack
from profiles.codes import Numbers
from profiles.mapping import PanelMapping
from profiles.panel import Shard

MOST = 5
"""So many suspects are named for each marketplace and kind of surprise, of so many surveys each."""

TAKES_IN = frozenset({Meaning.COMPLETE, Meaning.ENTERED})
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Judged:
    """Some rows of the log in the first places of a shard: survey, code and truth by number."""

    shard: Shard
    rows: Numbers
    survey: Numbers
    code: Numbers
    truth: NDArray[np.int8]
    reason: NDArray[np.int8]


class Suspects:
    """Compares rows that were a surprise with those of which both said the same.

    `attributes`: those that decide anything, of all that the surveys ask for.
    """

    def __init__(
        self,
        surveys: Sequence[Survey],
        codes: Sequence[Code],
        mapping: PanelMapping,
        attributes: frozenset[str],
    ) -> None:
        self._surveys = surveys
        self._codes = codes
        self._mapping = mapping
        meanings = [each.meaning for each in codes]
        self._turned_away = np.array([each is Meaning.NOT_TARGETED for each in meanings], np.bool_)
        self._taken = np.array([each in TAKES_IN for each in meanings], np.bool_)
        self._asks = [_asked(survey) & attributes for survey in surveys]

    def surprises(self, judged: Judged, *, turned_away: bool) -> Flags:
        """Rows turned away though they fit; or else taken though they do not."""
        said = Truth.TRUE if turned_away else Truth.FALSE
        return self._answered(judged, said, turned_away=turned_away)

    def surprising(self, judged: Judged) -> Flags:
        """Rows in which the marketplace contradicts us."""
        return self.surprises(judged, turned_away=True) | self.surprises(judged, turned_away=False)

    def _expected(self, judged: Judged, *, turned_away: bool) -> Flags:
        """Rows of which we said the same, and the marketplace said so, too."""
        said = Truth.TRUE if turned_away else Truth.FALSE
        return self._answered(judged, said, turned_away=not turned_away)

    def _answered(self, judged: Judged, said: Truth, *, turned_away: bool) -> Flags:
        answers = self._turned_away if turned_away else self._taken
        return np.asarray((judged.truth == said) & answers[judged.code], np.bool_)

    def find(self, judged: Sequence[Judged]) -> list[Suspect]:
        """The suspects of each marketplace, best first, the kind with more surprises first."""
        found: list[tuple[int, list[Suspect]]] = []
        for marketplace in dict.fromkeys(survey.marketplace for survey in self._surveys):
            for turned_away in (True, False):
                some = self._of_kind(judged, marketplace, turned_away=turned_away)
                found.append((sum(each.held.holding for each in some[:1]), some))
        found.sort(key=lambda each: -each[0])
        return [suspect for _, some in found for suspect in some]

    def _of_kind(
        self, judged: Sequence[Judged], marketplace: str, *, turned_away: bool
    ) -> list[Suspect]:
        ours = np.array([each.marketplace == marketplace for each in self._surveys], np.bool_)
        asked = set().union(*(self._asks[number] for number in np.flatnonzero(ours)))
        asking = {name: self._asking(name) for name in asked}
        histograms = Histograms(asked)
        for each in judged:
            here = ours[each.survey]
            if here.any():
                some = here & self.surprises(each, turned_away=turned_away)
                others = here & self._expected(each, turned_away=turned_away)
                among = {name: _row(each, asking[name][each.survey]) for name in asked}
                histograms.add(each.shard, _row(each, some), _row(each, others), among)
        return [
            self._suspect(judged, marketplace, held, turned_away=turned_away)
            for held in histograms.top(MOST)
        ]

    def _asking(self, attribute: str) -> Flags:
        """Which surveys ask for an attribute."""
        return np.array([attribute in names for names in self._asks], np.bool_)

    def _suspect(
        self,
        judged: Sequence[Judged],
        marketplace: str,
        held: Concentration,
        *,
        turned_away: bool,
    ) -> Suspect:
        rows: Counter[tuple[int, int]] = Counter()
        holding: Counter[tuple[int, int]] = Counter()
        asking = self._asking(held.attribute)
        for each in judged:
            some = asking[each.survey] & self.surprises(each, turned_away=turned_away)
            holds = holders(each.shard, held.attribute, held.values)
            with_it = some & flags_of(holds, each.shard.size)[: len(some)]
            rows.update(_pairs(each, some))
            holding.update(_pairs(each, with_it))
        of_marketplace = [
            pair for pair in rows if self._surveys[pair[0]].marketplace == marketplace
        ]
        of_marketplace.sort(key=lambda pair: (-holding[pair], -rows[pair], pair))
        mapped = self._mapping.marketplace(marketplace)
        return Suspect(
            marketplace,
            turned_away,
            held,
            tuple(
                id_
                for id_, each in mapped.attributes.items()
                if each.attribute.name == held.attribute
            ),
            Wording(mapped).of(_rule(held.attribute, held.values)),
            tuple(
                Asking(
                    self._surveys[survey].name,
                    self._codes[code],
                    rows[survey, code],
                    holding[survey, code],
                    _pointers(self._surveys[survey], held.attribute),
                )
                for survey, code in of_marketplace[:MOST]
                if holding[survey, code]
            ),
        )


def _row(judged: Judged, flags: Flags) -> Row:
    """The marked rows as a row of the shard."""
    whole = np.zeros(judged.shard.size, np.bool_)
    whole[: len(flags)] = flags
    return pack(whole)


def _pairs(judged: Judged, flags: Flags) -> Iterator[tuple[int, int]]:
    """The survey and code of each marked row."""
    return zip(judged.survey[flags].tolist(), judged.code[flags].tolist(), strict=True)


def _asked(survey: Survey) -> frozenset[str]:
    """The attributes that a survey's targeting asks for."""
    targeting = targeting_of(survey)
    rules = [*(clause.rule for clause in targeting.gate), *_rules(targeting.groups)]
    return frozenset(_attributes(*rules))


def _rules(groups: Sequence[Group]) -> Iterator[Rule]:
    for group in groups:
        for quota in group.quotas:
            yield quota.rule
            yield from _rules(quota.groups)


def _attributes(*rules: Rule) -> set[str]:
    leaves = leaves_of(rules)
    return {leaf.attribute for leaf in leaves if not isinstance(leaf, InIds | TookPart)}


def _pointers(survey: Survey, attribute: str) -> tuple[str, ...]:
    """Where a survey asks for an attribute."""
    gates = [(clause.rule, clause.pointer) for clause in survey.gate]
    found = [pointer for rule, pointer in survey.origins if attribute in _attributes(rule)]
    found = found or [pointer for rule, pointer in gates if attribute in _attributes(rule)]
    return tuple(dict.fromkeys(found))


def _rule(attribute: str, values: Sequence[Value]) -> Rule:
    """What those who hold any of the values have in common."""
    rules: list[Rule] = []
    if texts := [value for value in values if isinstance(value, str)]:
        rules.append(one_of(attribute, texts))
    if ranges := [value for value in values if isinstance(value, tuple)]:
        rules.append(in_ranges(attribute, ranges))
    if None in values:
        rules.append(Not(Answered(attribute)))
    return rules[0] if len(rules) == 1 else Or(tuple(rules))
