"""Which answers are behind the surprises: held by those of them, and not by the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TypeAlias

import numpy as np

from matcher.comparison.histograms import Histograms, holders
from matcher.comparison.result import Concentration, Value
from matcher.comparison.telling import g_statistic
from matcher.possible import leaves_of
from matcher.reconciliation.judged import Flags, Judged, compared
from matcher.reconciliation.result import Asking, Code, Kind, Suspect
from matcher.reconciliation.targeting import targeting_of
from matcher.rule import Answered, InIds, Not, OneOf, Or, Rule, TookPart, in_ranges, one_of
from matcher.survey import Group, Survey
from matcher.wording import Wording
from profiles.bits import flags_of, pack
from profiles.columns import Column, ConstantColumn, RowsColumn
from profiles.mapping import PanelMapping
from profiles.panel import Shard

Asked: TypeAlias = frozenset[str] | None
"""The values of an attribute that a survey asks for; None: any may count."""

_FEW = 256
MOST = 5
"""So many suspects are named for each marketplace and kind of surprise, of so many surveys each."""


def find_suspects(
    judged: Sequence[Judged],
    surveys: Sequence[Survey],
    codes: Sequence[Code],
    mapping: PanelMapping,
    attributes: frozenset[str],
) -> list[Suspect]:
    """The suspects of each marketplace and kind of surprise, the most telling first.

    `attributes`: those that decide anything, of all that the surveys ask for.
    """
    asked = [_asked(survey, attributes) for survey in surveys]
    found: list[tuple[float, Suspect]] = []
    for marketplace in dict.fromkeys(survey.marketplace for survey in surveys):
        for kind in Kind:
            search = _Search(judged, surveys, codes, mapping, asked, marketplace, kind)
            some = list(search.suspects())
            # One found later is among fewer rows, and comes after those found before it.
            telling = accumulate((g_statistic(each.held) for each in some), min)
            found += zip(telling, some, strict=True)
    return [suspect for _, suspect in sorted(found, key=lambda each: -each[0])]


@dataclass
class _Compared:
    """Rows that were a surprise, and those of which both said the same, so far unexplained.

    Of the answers in `shard` only those are left that the row's survey asks for.
    """

    judged: Judged
    shard: Shard
    some: Flags
    others: Flags


class _Search:
    """Looks for suspects one by one: what one explains is left out when the next is looked for.

    An answer counts where its holder's survey asks for it (of many values, or numbers: where it
    asks for the attribute), so that what few surveys ask for compares with what many do.
    """

    def __init__(
        self,
        judged: Sequence[Judged],
        surveys: Sequence[Survey],
        codes: Sequence[Code],
        mapping: PanelMapping,
        asked: Sequence[Mapping[str, Asked]],
        marketplace: str,
        kind: Kind,
    ) -> None:
        self._surveys = surveys
        self._codes = codes
        self._mapping = mapping.marketplace(marketplace)
        self._kind = kind
        ours = np.array([each.marketplace == marketplace for each in surveys], np.bool_)
        self._asked = asked
        self._wanted: dict[tuple[str, str], Flags] = {}
        names = {name for at in np.flatnonzero(ours).tolist() for name in asked[at]}
        self._asking = {
            name: np.array([name in each for each in asked], np.bool_) for name in sorted(names)
        }
        self._rows = []
        for each in judged:
            some, others = compared(each, codes, kind)
            here = ours[each.survey]
            if (here & (some | others)).any():
                shard = replace(
                    each.shard, columns={name: self._narrowed(each, name) for name in self._asking}
                )
                self._rows.append(_Compared(each, shard, here & some, here & others))

    def _narrowed(self, judged: Judged, attribute: str) -> Column:
        """The answers that surveys ask for, where there are few to choose from."""
        column = judged.shard.columns[attribute]
        values = column.vocabulary
        if (
            not isinstance(values, tuple)
            or isinstance(column, ConstantColumn)
            or len(values) > _FEW
        ):
            return column
        rows = np.zeros((len(values), len(judged.shard.everyone)), np.uint64)
        for place, value in enumerate(values):
            wanted = np.arange(len(values)) == place
            rows[place] = column.holding(wanted) & pack(
                self._wanting(attribute, value)[judged.survey]
            )
        return RowsColumn(rows, values, column.answered)

    def _wanting(self, attribute: str, value: str) -> Flags:
        """Which surveys ask for a value."""
        known = self._wanted.get((attribute, value))
        if known is None:
            asked = (each.get(attribute, frozenset()) for each in self._asked)
            known = np.array([values is None or value in values for values in asked], np.bool_)
            self._wanted[attribute, value] = known
        return known

    def suspects(self) -> Iterator[Suspect]:
        """At most so many, best first."""
        for _ in range(MOST):
            histograms = Histograms(self._asking)
            for each in self._rows:
                among = {
                    name: pack(asks[each.judged.survey]) for name, asks in self._asking.items()
                }
                histograms.add(each.shard, pack(each.some), pack(each.others), among)
            for held in histograms.top(1):
                yield self._suspect(held)
                break
            else:
                return

    def _suspect(self, held: Concentration) -> Suspect:
        """The suspect, whose rows are left out from now on."""
        rows: Counter[tuple[int, int]] = Counter()
        holding: Counter[tuple[int, int]] = Counter()
        for each in self._rows:
            asking = self._asking[held.attribute][each.judged.survey]
            held_by = holders(each.shard, held.attribute, held.values)
            holds = asking & flags_of(held_by, each.shard.size)
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


def _asked(survey: Survey, attributes: frozenset[str]) -> dict[str, Asked]:
    """What a survey's targeting asks for, of some attributes."""
    targeting = targeting_of(survey)
    asked: dict[str, Asked] = {}
    for leaf in leaves_of([*(clause.rule for clause in targeting.gate), *_rules(targeting.groups)]):
        if isinstance(leaf, InIds | TookPart) or leaf.attribute not in attributes:
            continue
        before = asked.get(leaf.attribute, frozenset())
        if isinstance(leaf, OneOf) and before is not None:
            asked[leaf.attribute] = before.union(leaf.values)
        else:
            asked[leaf.attribute] = None
    return asked


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
