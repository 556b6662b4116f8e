"""Plans as bytes: JSON of the surveys' structure over one table of their distinct rule nodes, and
of the mapping that they were lowered with.

JSON rather than pickle: a plan may come from another machine, and reading one must not run code.
"""

from __future__ import annotations

from sys import intern
from typing import Any, TypeVar

import orjson

from matcher.rules import (
    INFINITY,
    And,
    Answered,
    Const,
    InIds,
    InRanges,
    Not,
    OneOf,
    Or,
    Rule,
    StartsWith,
    TookPart,
    Truth,
    Unusable,
)
from matcher.surveys.survey import (
    Clause,
    Group,
    Quota,
    Reason,
    Regime,
    Survey,
)
from profiles.envelope import Envelope
from profiles.errors import InputError
from profiles.schema import SCOPES, PanelMapping, read_mapping, write_mapping

_ENVELOPE = Envelope("quota-matcher plan", 4, "a plan")


def is_plan(start: bytes) -> bool:
    """Whether a file that begins so holds a plan, of whatever version."""
    return start.startswith(b'{"format":"' + _ENVELOPE.format.encode() + b'"')


class _Nodes:
    """Numbers rule nodes, children before parents."""

    def __init__(self) -> None:
        self.table: list[list[Any]] = []
        self._number: dict[Rule, int] = {}

    def number(self, rule: Rule) -> int:
        """The number of a node, written into the table when it is new."""
        if rule not in self._number:
            line = self._line(rule)
            self._number[rule] = len(self.table)
            self.table.append(line)
        return self._number[rule]

    def _line(self, rule: Rule) -> list[Any]:
        match rule:
            case And(rules) | Or(rules):
                return [type(rule).__name__, [self.number(part) for part in rules]]
            case Not(inner):
                return ["Not", self.number(inner)]
            case Const(truth):
                return ["Const", int(truth)]
            case InRanges(attribute, ranges):
                ends = [[_finite(low), _finite(high)] for low, high in ranges]
                return ["InRanges", attribute, ends]
            case Answered(attribute):
                return ["Answered", attribute]
            case (
                OneOf(attribute, texts) | StartsWith(attribute, texts) | Unusable(attribute, texts)
            ):
                return [type(rule).__name__, attribute, texts]
            case InIds(marketplace, name):
                return ["InIds", marketplace, name]
            case TookPart(marketplace, scope, ids, outcomes):
                return ["TookPart", marketplace, scope, ids, outcomes]


def _finite(end: float) -> float | None:
    return None if end in (-INFINITY, INFINITY) else end


def write_plan(surveys: tuple[Survey, ...], mapping: PanelMapping | None) -> bytes:
    """Surveys and their mapping as bytes that `read_plan` reads back."""
    nodes = _Nodes()
    lines = [_survey_line(survey, nodes) for survey in surveys]
    return orjson.dumps(
        {
            **_ENVELOPE.head,
            "rules": nodes.table,
            "surveys": lines,
            "mapping": None if mapping is None else write_mapping(mapping),
        }
    )


def _survey_line(survey: Survey, nodes: _Nodes) -> list[Any]:
    gate = [[nodes.number(each.rule), each.reason, each.pointer] for each in survey.gate]
    groups = [_group_line(group, nodes) for group in survey.groups]
    origins = [[nodes.number(rule), pointer] for rule, pointer in survey.origins]
    return [
        survey.marketplace,
        survey.id,
        survey.live,
        gate,
        groups,
        survey.pay,
        survey.remaining,
        survey.updated_at,
        origins,
    ]


def _group_line(group: Group, nodes: _Nodes) -> list[Any]:
    quotas = [
        [
            quota.id,
            nodes.number(quota.rule),
            quota.live,
            quota.remaining,
            quota.pointer,
            [_group_line(nested, nodes) for nested in quota.groups],
        ]
        for quota in group.quotas
    ]
    return [quotas, group.pointer, group.regime, group.required]


def read_plan(data: bytes) -> tuple[tuple[Survey, ...], PanelMapping | None]:
    """The surveys and mapping that `write_plan` wrote; raises InputError for anything else."""
    try:
        document = orjson.loads(data)
        _ENVELOPE.check(document)
        rules: list[Rule] = []
        for line in document["rules"]:
            rules.append(_read_rule(line, rules))
        surveys = tuple(_read_survey(line, rules) for line in document["surveys"])
        mapping = document["mapping"]
        return surveys, None if mapping is None else read_mapping(mapping)
    except (ValueError, KeyError, TypeError, IndexError):
        raise InputError("not a plan") from None


def _read_rule(line: list[Any], rules: list[Rule]) -> Rule:
    match line:
        case ["And", inner]:
            return And(tuple(_rule_at(number, rules) for number in inner))
        case ["Or", inner]:
            return Or(tuple(_rule_at(number, rules) for number in inner))
        case ["Not", number]:
            return Not(_rule_at(number, rules))
        case ["Const", truth]:
            return Const(Truth(_typed(int, truth)))
        case ["InRanges", str(attribute), ends]:
            return InRanges(attribute, tuple(_read_range(*pair) for pair in ends))
        case ["Answered", str(attribute)]:
            return Answered(attribute)
        case ["OneOf", str(attribute), texts]:
            return OneOf(attribute, _read_texts(texts))
        case ["StartsWith", str(attribute), texts]:
            return StartsWith(attribute, _read_texts(texts))
        case ["Unusable", str(attribute), texts]:
            return Unusable(attribute, _read_texts(texts))
        case ["InIds", str(marketplace), str(name)]:
            return InIds(marketplace, name)
        case ["TookPart", str(marketplace), scope, ids, outcomes] if scope in SCOPES:
            return TookPart(marketplace, scope, _read_texts(ids), _read_texts(outcomes))
    raise ValueError(line)


T = TypeVar("T")


def _typed(kind: type[T], raw: Any) -> T:
    if type(raw) is not kind:
        raise ValueError(raw)
    return raw


def _rule_at(number: Any, rules: list[Rule]) -> Rule:
    place = _typed(int, number)
    if place < 0:
        raise ValueError(number)
    return rules[place]


def _read_texts(raw: Any) -> tuple[str, ...]:
    return tuple(_typed(str, text) for text in _typed(list, raw))


def _read_range(low: Any, high: Any) -> tuple[float, float]:
    return (
        -INFINITY if low is None else _typed(float, low),
        INFINITY if high is None else _typed(float, high),
    )


def _read_survey(line: list[Any], rules: list[Rule]) -> Survey:
    marketplace, id_, live, gate, groups, pay, remaining, updated_at, origins = line
    return Survey(
        _typed(str, marketplace),
        _typed(str, id_),
        _typed(bool, live),
        tuple(
            Clause(_rule_at(number, rules), Reason(reason), intern(_typed(str, pointer)))
            for number, reason, pointer in gate
        ),
        tuple(_read_group(group, rules) for group in groups),
        None if pay is None else _typed(float, pay),
        None if remaining is None else _typed(int, remaining),
        None if updated_at is None else _typed(float, updated_at),
        tuple(
            (_rule_at(number, rules), intern(_typed(str, pointer))) for number, pointer in origins
        ),
    )


def _read_group(line: list[Any], rules: list[Rule]) -> Group:
    quotas, pointer, regime, required = line
    return Group(
        tuple(_read_quota(quota, rules) for quota in quotas),
        intern(_typed(str, pointer)),
        Regime(regime),
        _typed(bool, required),
    )


def _read_quota(line: list[Any], rules: list[Rule]) -> Quota:
    id_, number, live, remaining, pointer, groups = line
    return Quota(
        _typed(str, id_),
        _rule_at(number, rules),
        _typed(bool, live),
        _typed(int, remaining),
        intern(_typed(str, pointer)),
        tuple(_read_group(nested, rules) for nested in groups),
    )
