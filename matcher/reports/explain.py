"""What `matcher explain` prints: a tree with excerpts of the payload, or one JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from matcher.explanation import (
    AnswerChange,
    Condition,
    ExplainedGroup,
    ExplainedPart,
    ExplainedQuota,
    Explanation,
    Opening,
)
from matcher.reports.json_document import document
from matcher.reports.markup import shown
from matcher.reports.text import one_line, shorten
from matcher.rules import Truth
from matcher.support.json_text import Json
from matcher.surveys import Diagnostic, Regime, Verdict
from profiles.plural import plural
from profiles.schema import Answers

LONGEST_EXCERPT = 1000
FEW_QUOTAS = 6
"""Quotas of a group that the member does not match, at most, in the tree."""

NO_ANSWER = "no answer"
_STYLE = {Truth.TRUE: "green", Truth.FALSE: "red", Truth.UNKNOWN: "yellow"}
_VERDICT = {Verdict.ELIGIBLE: "green", Verdict.INELIGIBLE: "red", Verdict.UNCERTAIN: "yellow"}
_SHOWN_ITEMS = 5


def explanation_json(as_of: date, found: Explanation, diagnostics: Iterable[Diagnostic]) -> bytes:
    """The document of `explain --json`."""
    outcome = found.outcome
    missed = found.nearest_miss
    return document(
        {
            "as_of": as_of.isoformat(),
            "survey": found.survey,
            "member_id": found.member_id,
            "verdict": found.verdict,
            "reason": found.reason,
            "outcome": outcome and {"code": outcome.code, "text": outcome.text},
            "quota_ids": found.quota_ids,
            "ask": found.ask,
            "nearest_miss": None if missed is None else [_change_json(change) for change in missed],
            "open": found.open,
            "remaining": found.remaining,
            "gate": [
                {"pointer": clause.pointer, "reason": clause.reason, **_part_json(clause.part)}
                for clause in found.gate
            ],
            "groups": [_group_json(group) for group in found.groups],
            "diagnostics": [finding.to_json() for finding in diagnostics],
        }
    )


def _change_json(change: AnswerChange) -> dict[str, Any]:
    if isinstance(change, Opening):
        return {"pointers": [change.pointer], "opens": change.quota_id or "survey"}
    return _condition_json(change)


def _part_json(part: ExplainedPart) -> dict[str, Any]:
    if isinstance(part, Condition):
        return _condition_json(part)
    parts = [_part_json(inner) for inner in part.parts]
    return {"truth": _name(part.truth), "any_of" if part.any_of else "all_of": parts}


def _condition_json(condition: Condition) -> dict[str, Any]:
    return {
        "truth": _name(condition.truth),
        "pointers": condition.pointers,
        "asks": condition.asks,
        "answers": dict(condition.answers),
        "unknown": condition.unknown,
    }


def _group_json(group: ExplainedGroup) -> dict[str, Any]:
    return {
        "pointer": group.pointer,
        "truth": _name(group.truth),
        "regime": group.regime,
        "required": group.required,
        "quotas": [
            {
                "id": quota.id,
                "pointer": quota.pointer,
                "matches": _name(quota.matches),
                "takes": _name(quota.takes),
                "open": quota.open,
                "remaining": quota.remaining,
                "rule": _part_json(quota.part),
                "groups": [_group_json(group) for group in quota.groups],
            }
            for quota in group.quotas
        ],
    }


def _name(truth: Truth) -> str:
    return truth.name.lower()


class Tree:
    """The lines of an explanation for people: truth, place, condition, answer.

    `payload`: the survey's own object. Its text at a place is shown once, under a condition that is
    not true.
    """

    def __init__(self, payload: Json) -> None:
        self._payload = payload
        self._excerpts: set[str] = set()
        self.table = Table(box=None, header_style="bold", pad_edge=False)
        self.table.add_column("", no_wrap=True)
        self.table.add_column("place", no_wrap=True, style="dim")
        self.table.add_column("asks", overflow="fold")
        self.table.add_column("answer", overflow="fold", max_width=36)

    def add(self, found: Explanation) -> None:
        """All parts of an explanation, in the order in which they are judged."""
        seats = "" if found.remaining is None else f", {plural(found.remaining, 'seat')} left"
        status = "open" if found.live else "closed"
        self._line(Truth.TRUE if found.open else Truth.FALSE, "", 0, f"survey: {status}{seats}")
        for clause in found.gate:
            part = clause.part
            if isinstance(part, Condition) and clause.pointer in part.pointers:
                self._part(part, clause.pointer, 0)
            else:
                self._line(clause.truth, clause.pointer, 0, _filter(part))
                self._parts(part, 1)
        for group in found.groups:
            self._group(group, 0)

    def _group(self, group: ExplainedGroup, depth: int) -> None:
        asks = "a matching quota that is open" if depth == 0 else "a matching subquota that is open"
        if group.regime is Regime.ALL_OPEN:
            also = "; an open one must match" if group.required else ""
            asks = f"no closed quota may match{also}"
        self._line(group.truth, group.pointer, depth, asks)
        left_out = FEW_QUOTAS - sum(quota.matches is Truth.FALSE for quota in group.quotas)
        seen = 0
        for quota in group.quotas:
            seen += quota.matches is Truth.FALSE
            if quota.matches is not Truth.FALSE or seen <= FEW_QUOTAS:
                self._quota(quota, depth + 1)
        if left_out < 0:
            more = f"… and {plural(-left_out, 'quota')} more that do not match: --json has all"
            self.table.add_row("", "", f"{'  ' * (depth + 1)}[dim]{more}[/dim]")

    def _quota(self, quota: ExplainedQuota, depth: int) -> None:
        seats = f"{plural(quota.remaining, 'seat')} left" if quota.remaining else "full"
        status = seats if quota.live else f"closed, {seats}"
        style = "" if quota.open else "[bold]"
        asks = f"quota {shown(shorten(quota.id))}: {style}{status}{'[/bold]' if style else ''}"
        self._line(quota.matches, quota.pointer, depth, asks, markup=True)
        self._parts(quota.part, depth + 1)
        for group in quota.groups:
            self._group(group, depth + 1)

    def _parts(self, part: ExplainedPart, depth: int) -> None:
        """The parts below a line that says whether all of them must hold, or any."""
        if isinstance(part, Condition):
            self._part(part, "", depth)
            return
        for inner in part.parts:
            self._part(inner, "", depth)

    def _part(self, part: ExplainedPart, at: str, depth: int) -> None:
        if not isinstance(part, Condition):
            self._line(part.truth, at, depth, "any of" if part.any_of else "all of")
            for inner in part.parts:
                self._part(inner, "", depth + 1)
        elif part.asks != "anyone":
            first, *others = part.pointers
            more = f" +{len(others)}" if others else ""
            self._line(part.truth, first + more, depth, part.asks, _answers(part))
            if part.truth is not Truth.TRUE:
                self._excerpt(first, depth + 1)

    def _excerpt(self, pointer: str, depth: int) -> None:
        if pointer not in self._excerpts:
            self._excerpts.add(pointer)
            text = "  " * depth + one_line(excerpt(self._payload, pointer))
            self.table.add_row("", "", Text(text, "dim", no_wrap=True, overflow="ellipsis"))

    def _line(
        self,
        truth: Truth,
        at: str,
        depth: int,
        asks: str,
        answer: str = "",
        *,
        markup: bool = False,
    ) -> None:
        style = _STYLE[truth]
        self.table.add_row(
            f"[{style}]{_name(truth)}[/{style}]",
            shown(at),
            "  " * depth + (asks if markup else shown(asks)),
            shown(answer),
        )


def _filter(part: ExplainedPart) -> str:
    if isinstance(part, Condition):
        return "filter"
    return "filter: any of" if part.any_of else "filter: all of"


def _answers(condition: Condition) -> str:
    texts = [_answer(answers) for _, answers in condition.answers]
    return "; ".join((*texts, *condition.unknown))


def _answer(answers: Answers | None) -> str:
    if answers is None:
        return NO_ANSWER
    texts = [answer if isinstance(answer, str) else f"{answer:.15g}" for answer in answers]
    more = f" and {len(texts) - _SHOWN_ITEMS} more" if len(texts) > _SHOWN_ITEMS else ""
    return ", ".join(texts[:_SHOWN_ITEMS]) + more if texts else "none of these"


def excerpt(payload: Json, pointer: str) -> str:
    """A payload's value at a JSON pointer, on one line, shortened; blank where there is none."""
    found = payload
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        try:
            found = found[int(key)] if isinstance(found, list) else found[key]
        except (LookupError, TypeError, ValueError):
            return ""
    text = json.dumps(_short(found), ensure_ascii=False, separators=(",", ":"))
    return text[:LONGEST_EXCERPT]


def _short(value: Json) -> Json:
    """The value with long texts and lists cut short."""
    match value:
        case str():
            return shorten(value)
        case list():
            more = [f"… {len(value):,} in all"] if len(value) > _SHOWN_ITEMS else []
            return [*map(_short, value[:_SHOWN_ITEMS]), *more]
        case dict():
            return {key: _short(inner) for key, inner in value.items()}
    return value


def print_explanation(console: Console, found: Explanation, payload: Json) -> None:
    """The verdict, the tree, and at the end what would have to change."""
    style = _VERDICT[found.verdict]
    because = "" if found.verdict is Verdict.ELIGIBLE else f", because of: {found.reason}"
    console.print(
        f"[bold]{shown(found.survey)}[/bold] · member [bold]{shown(found.member_id)}[/bold]: "
        f"[{style}]{found.verdict}[/{style}]{because}\n",
        soft_wrap=True,
    )
    tree = Tree(payload)
    tree.add(found)
    console.print(tree.table)
    console.print()
    for line in _ending(found):
        console.print(line, soft_wrap=True)


def _ending(found: Explanation) -> Iterator[str]:
    if found.quota_ids:
        given = ", ".join(shown(shorten(id_)) for id_ in found.quota_ids)
        yield f"quotas given: {given}"
    if found.verdict is Verdict.ELIGIBLE:
        if not found.quota_ids:
            yield "no quota is given"
        return
    if found.nearest_miss is None:
        yield "nearest miss: none; no change of answers or seats would make the member eligible"
    else:
        yield f"nearest miss: {plural(len(found.nearest_miss), 'change')}"
        yield from (f"  {_change_text(change)}" for change in found.nearest_miss)
    if found.ask:
        yield f"to be asked: {shown(', '.join(found.ask))}"
    if found.outcome is not None:
        yield f"outcome: {found.outcome.code}, {found.outcome.text}"
    elif found.verdict is Verdict.INELIGIBLE:
        yield "outcome: the marketplace has no code for it"


def _change_text(change: AnswerChange) -> str:
    if isinstance(change, Opening):
        what = f"quota {shorten(change.quota_id)} opens" if change.quota_id else "the survey opens"
        return shown(f"{change.pointer} {what}".strip())
    first, *others = change.pointers
    more = f" (and {plural(len(others), 'place')} more)" if others else ""
    texts = [
        NO_ANSWER if answers is None else f"answered {_answer(answers)}"
        for _, answers in change.answers
    ]
    return shown("; ".join((f"{first}{more}: {change.asks}", *texts, *change.unknown)))
