"""Which answers are behind the surprises: held by those of them, and not by the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from matcher.concentration import Concentration, Histograms, Value, g_statistic, holders
from matcher.reconciliation.judged import Flags, Judged, compared
from matcher.reconciliation.result import (
    AnsweredCode,
    Asking,
    Suspect,
    SuspectKind,
)
from matcher.rules import Answered, Not, Or, Rule, Wording, attributes_of, in_ranges, one_of
from matcher.surveys import Survey
from profiles.encoding import flags_of, pack
from profiles.schema import PanelMapping

MOST = 5
"""So many suspects are named for each marketplace and kind of surprise, of so many surveys each."""

LEAST = 5
"""An answer that fewer of the surprises rest on is no suspect: it may be chance."""


def find_suspects(
    judged: Sequence[Judged],
    surveys: Sequence[Survey],
    codes: Sequence[AnsweredCode],
    mapping: PanelMapping,
    asking: Mapping[str, Flags],
) -> list[Suspect]:
    """The suspects of each marketplace and kind of surprise, the most telling first.

    `asking`: by attribute that decides anything, which surveys ask for it.
    """
    found: list[tuple[float, Suspect]] = []
    for marketplace in dict.fromkeys(survey.marketplace for survey in surveys):
        for kind in SuspectKind:
            search = _Search(judged, surveys, codes, mapping, asking, marketplace, kind)
            some = list(search.suspects())
            # One found later is among fewer rows, and comes after those found before it.
            telling = accumulate((g_statistic(each.held) for each in some), min)
            found += zip(telling, some, strict=True)
    return [suspect for _, suspect in sorted(found, key=lambda each: -each[0])]


@dataclass
class _Compared:
    """Rows that were a surprise, and those of which both said the same, so far unexplained."""

    judged: Judged
    some: Flags
    others: Flags


class _Search:
    """Looks for suspects one by one: what one explains is left out when the next is looked for.

    An answer counts where what we say rests on it, so that what few surveys ask for compares with
    what many do.
    """

    def __init__(
        self,
        judged: Sequence[Judged],
        surveys: Sequence[Survey],
        codes: Sequence[AnsweredCode],
        mapping: PanelMapping,
        asking: Mapping[str, Flags],
        marketplace: str,
        kind: SuspectKind,
    ) -> None:
        self._surveys = surveys
        self._codes = codes
        self._mapping = mapping.marketplace(marketplace)
        self._kind = kind
        ours = np.array([each.marketplace == marketplace for each in surveys], np.bool_)
        self._asking = {name: asks for name, asks in asking.items() if (asks & ours).any()}
        self._rows = []
        for each in judged:
            some, others = compared(each, codes, kind)
            here = ours[each.survey]
            if (here & (some | others)).any():
                self._rows.append(_Compared(each, here & some, here & others))

    def suspects(self) -> Iterator[Suspect]:
        """At most so many, best first."""
        for _ in range(MOST):
            histograms = Histograms(self._asking)
            for each in self._rows:
                histograms.add(
                    each.judged.shard, pack(each.some), pack(each.others), each.judged.rests
                )
            best = next(iter(histograms.top(1)), None)
            if best is None or best.holding < LEAST:
                return
            yield self._suspect(best)

    def _suspect(self, held: Concentration) -> Suspect:
        """The suspect, whose rows are left out from now on."""
        rows: Counter[tuple[int, int]] = Counter()
        holding: Counter[tuple[int, int]] = Counter()
        for each in self._rows:
            asking = self._asking[held.attribute][each.judged.survey]
            shard = each.judged.shard
            held_by = holders(shard, held.attribute, held.values)
            holds = flags_of(held_by & each.judged.rests[held.attribute], shard.size)
            rows.update(_pairs(each.judged, asking & each.some))
            holding.update(_pairs(each.judged, holds & each.some))
            each.some = each.some & ~holds
            each.others = each.others & ~holds
        most = sorted(holding, key=lambda pair: (-holding[pair], -rows[pair], pair))[:MOST]
        mapped = self._mapping.attributes.items()
        return Suspect(
            self._mapping.name,
            self._kind,
            held,
            tuple(id_ for id_, each in mapped if each.attribute.name == held.attribute),
            Wording(self._mapping).of(_rule(held.attribute, held.values)),
            tuple(
                Asking(
                    self._surveys[survey].name,
                    self._codes[code],
                    rows[survey, code],
                    holding[survey, code],
                    _pointers(self._surveys[survey], held.attribute),
                )
                for survey, code in most
            ),
        )


def _pairs(judged: Judged, flags: Flags) -> Iterator[tuple[int, int]]:
    """The survey and code of each marked row."""
    return zip(judged.survey[flags].tolist(), judged.code[flags].tolist(), strict=True)


def _pointers(survey: Survey, attribute: str) -> tuple[str, ...]:
    """Where a survey asks for an attribute."""
    gates = [(clause.rule, clause.pointer) for clause in survey.gate]
    found = [pointer for rule, pointer in survey.origins if attribute in attributes_of([rule])]
    found = found or [pointer for rule, pointer in gates if attribute in attributes_of([rule])]
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
