"""The JSON document of `matcher diff --json`: everything that a comparison finds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from math import isfinite
from typing import Any

from matcher.comparison import (
    Assignment,
    Change,
    ChangeTally,
    ClauseText,
    Difference,
    Path,
    QuotaDifference,
    QuotaState,
    SurveyDifference,
)
from matcher.concentration import Concentration, Value
from matcher.reports.json_document import document
from matcher.surveys import Verdict


def difference_json(found: Difference) -> bytes:
    """One JSON object, every key of it always there; docs/guide/diff.md says what they mean."""
    return document(
        {
            "as_of": found.as_of.isoformat(),
            "members": {
                "before": found.members_before,
                "after": found.members_after,
                "joined": found.joined,
                "left": found.left,
            },
            **_tally_json(found.tally),
            "unchanged": found.unchanged,
            "surveys": [_survey_json(survey) for survey in found.surveys],
            "concentrations": _concentrations_json(found.concentrations),
            "mapping": [asdict(change) for change in found.mapping],
            "work": asdict(found.work),
            "diagnostics": {
                "before": [each.to_json() for each in found.diagnostics_before],
                "after": [each.to_json() for each in found.diagnostics_after],
            },
        }
    )


def _tally_json(tally: ChangeTally) -> dict[str, Any]:
    return {
        "given": {"before": tally.before, "after": tally.after},
        "uncertain": {"before": tally.uncertain_before, "after": tally.uncertain_after},
        "gained": tally.gained,
        "lost": tally.lost,
        "moved": tally.moved,
        "newly_uncertain": tally.newly_uncertain,
    }


def _survey_json(survey: SurveyDifference) -> dict[str, Any]:
    return {
        "survey": survey.survey,
        "fate": survey.fate.value,
        "status": {"before": survey.before.value, "after": survey.after.value},
        "evaluated": survey.evaluated,
        **_tally_json(survey.tally),
        "quotas": [_quota_json(quota) for quota in survey.quotas],
        "flows": [
            {
                "before": _standing_json(flow.before),
                "after": _standing_json(flow.after),
                "members": flow.members,
                "same": flow.same,
            }
            for flow in survey.flows
        ],
        "renamed": [
            {"before": list(before), "after": list(after)} for before, after in survey.renamed
        ],
        "clauses": [
            {
                "what": clause.what,
                "quota": _path_json(clause.quota),
                "before": _said_json(clause.before),
                "after": _said_json(clause.after),
            }
            for clause in survey.clauses
        ],
        "concentrations": _concentrations_json(survey.concentrations),
    }


def _quota_json(quota: QuotaDifference) -> dict[str, Any]:
    return {
        "before": _state_json(quota.before),
        "after": _state_json(quota.after),
        "gained": quota.gained,
        "lost": quota.lost,
        "came": quota.came,
        "left": quota.left,
    }


def _state_json(state: QuotaState | None) -> dict[str, Any] | None:
    if state is None:
        return None
    return {
        "ids": list(state.ids),
        "assigned": state.assigned,
        "remaining": state.remaining,
        "open": state.open,
    }


def _standing_json(standing: Assignment) -> str | list[str]:
    return standing.value if isinstance(standing, Verdict) else list(standing)


def _path_json(path: Path | None) -> list[str] | None:
    return None if path is None else list(path)


def _said_json(said: ClauseText | None) -> dict[str, str] | None:
    return None if said is None else {"pointer": said.pointer, "text": said.text}


def _concentrations_json(
    found: Mapping[Change, Iterable[Concentration]],
) -> dict[str, list[dict[str, Any]]]:
    return {
        change.name.lower(): [
            asdict(each) | {"values": [_value_json(value) for value in each.values]}
            for each in found.get(change, ())
        ]
        for change in Change
    }


def _value_json(value: Value) -> str | list[float | None] | None:
    """A range is a list of its ends; one that is open has null there."""
    if isinstance(value, tuple):
        return [end if isfinite(end) else None for end in value]
    return value
