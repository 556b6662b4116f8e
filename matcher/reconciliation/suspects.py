"""Which answers explain the surprises: held in those rows, and not in the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from matcher.concentration import AnswerValue, Concentration, Histograms, g_statistic, holders
from matcher.reconciliation.judged import Flags, Judged, compared
from matcher.reconciliation.result import (
    AnsweredCode,
    Suspect,
    SuspectKind,
    SuspectSurvey,
)
from matcher.rules import Answered, Not, Or, Rule, Wording, attributes_of, in_ranges, one_of
from matcher.surveys import Survey
from profiles.encoding import flags_of, pack
from profiles.schema import PanelMapping

MOST = 5
"""Suspects named for each marketplace and kind of surprise, and surveys for each suspect."""

LEAST = 5
"""An answer that fewer surprises depend on is no suspect: it may be chance."""


def find_suspects(
    judged: Sequence[Judged],
    surveys: Sequence[Survey],
    codes: Sequence[AnsweredCode],
    mapping: PanelMapping,
    asked_by: Mapping[str, Flags],
) -> list[Suspect]:
    """The suspects of each marketplace and kind of surprise, the strongest first.

    `asked_by`: by attribute that decides anything, which surveys ask for it.
    """
    found: list[tuple[float, Suspect]] = []
    for marketplace in dict.fromkeys(survey.marketplace for survey in surveys):
        for kind in SuspectKind:
            search = _Search(judged, surveys, codes, mapping, asked_by, marketplace, kind)
            suspects = list(search.suspects())
            # One found later is among fewer rows, and comes after those found before it.
            strengths = accumulate((g_statistic(suspect.held) for suspect in suspects), min)
            found += zip(strengths, suspects, strict=True)
    return [suspect for _, suspect in sorted(found, key=lambda pair: -pair[0])]


@dataclass
class _Compared:
    """Rows that are surprises, and those in which both agree, not yet explained."""

    judged: Judged
    some: Flags
    others: Flags


class _Search:
    """Looks for suspects one by one: rows that one explains are left out when looking for the next.

    An answer counts only where our verdict depends on it, so that attributes that few surveys ask
    for compare with those that many ask for.
    """

    def __init__(
        self,
        judged: Sequence[Judged],
        surveys: Sequence[Survey],
        codes: Sequence[AnsweredCode],
        mapping: PanelMapping,
        asked_by: Mapping[str, Flags],
        marketplace: str,
        kind: SuspectKind,
    ) -> None:
        self._surveys = surveys
        self._codes = codes
        self._mapping = mapping.marketplace(marketplace)
        self._kind = kind
        here = np.array([survey.marketplace == marketplace for survey in surveys], np.bool_)
        self._asked_by = {
            name: asking for name, asking in asked_by.items() if (asking & here).any()
        }
        self._rows = []
        for part in judged:
            some, others = compared(part, codes, kind)
            in_market = here[part.survey]
            if (in_market & (some | others)).any():
                self._rows.append(_Compared(part, in_market & some, in_market & others))

    def suspects(self) -> Iterator[Suspect]:
        """At most so many, best first."""
        for _ in range(MOST):
            histograms = Histograms(self._asked_by)
            for rows in self._rows:
                judged = rows.judged
                histograms.add(judged.shard, pack(rows.some), pack(rows.others), judged.depends)
            best = next(iter(histograms.top(1)), None)
            if best is None or best.holding < LEAST:
                return
            yield self._suspect(best)

    def _suspect(self, held: Concentration) -> Suspect:
        """The suspect; the rows that it explains are left out from now on."""
        rows_asked: Counter[tuple[int, int]] = Counter()
        holding: Counter[tuple[int, int]] = Counter()
        for rows in self._rows:
            judged = rows.judged
            asking = self._asked_by[held.attribute][judged.survey]
            held_by = holders(judged.shard, held.attribute, held.values)
            holds = flags_of(held_by & judged.depends[held.attribute], judged.shard.size)
            rows_asked.update(_pairs(judged, asking & rows.some))
            holding.update(_pairs(judged, holds & rows.some))
            rows.some = rows.some & ~holds
            rows.others = rows.others & ~holds
        most = sorted(holding, key=lambda pair: (-holding[pair], -rows_asked[pair], pair))[:MOST]
        mapped = self._mapping.attributes.items()
        return Suspect(
            self._mapping.name,
            self._kind,
            held,
            tuple(id_ for id_, answers in mapped if answers.attribute.name == held.attribute),
            Wording(self._mapping).of(_rule(held.attribute, held.values)),
            tuple(
                SuspectSurvey(
                    self._surveys[survey].name,
                    self._codes[code],
                    rows_asked[survey, code],
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


def _rule(attribute: str, values: Sequence[AnswerValue]) -> Rule:
    """The rule that holds for members with any of the values."""
    rules: list[Rule] = []
    if texts := [value for value in values if isinstance(value, str)]:
        rules.append(one_of(attribute, texts))
    if ranges := [value for value in values if isinstance(value, tuple)]:
        rules.append(in_ranges(attribute, ranges))
    if None in values:
        rules.append(Not(Answered(attribute)))
    return rules[0] if len(rules) == 1 else Or(tuple(rules))
