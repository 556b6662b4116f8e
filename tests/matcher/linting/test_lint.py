"""Findings: what each is reported for, what it is not, and that what is reported is so."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.linting import LintEffort, lint_panel, lint_surveys
from matcher.linting import lint as lint_all
from matcher.loading import load_surveys
from matcher.rules import (
    TRUE,
    UNKNOWN,
    And,
    InIds,
    Member,
    Not,
    Or,
    Rule,
    Truth,
    in_ranges,
    one_of,
    predicates_of,
)
from matcher.surveys import (
    Clause,
    Diagnostic,
    Group,
    Level,
    Quota,
    Reason,
    Regime,
    Survey,
    Verdict,
    judge,
    matches,
)
from profiles.check import check_panel, number_lists
from profiles.check.check import PanelFinding
from profiles.errors import InputError
from profiles.panel import Panel, open_panel
from profiles.schema import Collections, PanelMapping, Schema
from profiles.schema.panel_file import parse_panel
from profiles.sources import open_source
from tests.matcher.linting.test_solver import (
    COOKS,
    READS,
    SCHEMA,
    F,
    M,
    members,
    rules,
    size,
)
from tests.support.corpus import ROOT

MAPPING = PanelMapping(SCHEMA, {}, Collections())
YOUNG, OLD = in_ranges("age", [(18, 24)]), in_ranges("age", [(65, 99)])


def quota(rule: Rule, place: int = 0, *, seats: int = 1, groups: Sequence[Group] = ()) -> Quota:
    return Quota(f"q{place}", rule, seats > 0, seats, f"/quotas/0/{place}", tuple(groups))


def group(*quotas: Quota, regime: Regime = Regime.ANY_OPEN, required: bool = False) -> Group:
    return Group(quotas, "/quotas/0", regime, required)


def group_of(*rules: Rule) -> Group:
    return group(*(quota(rule, place) for place, rule in enumerate(rules)))


def survey(*groups: Group, filters: Sequence[Rule] = (), open_: bool = True) -> Survey:
    gate = tuple(Clause(rule, Reason.FILTER, f"/filters/{n}") for n, rule in enumerate(filters))
    return Survey("dynata", "1", open_, gate, groups)


def lint(*surveys: Survey) -> list[Diagnostic]:
    return lint_surveys(surveys, MAPPING)


def pointers(found: Sequence[Diagnostic], code: str) -> list[str]:
    return [each.pointer for each in found if each.code == code]


def only(found: Sequence[Diagnostic]) -> Diagnostic:
    (single,) = found
    return single


class TestNoOpenQuota:
    def test_a_group_of_closed_quotas(self) -> None:
        closed = group(quota(M, seats=0), quota(F, 1, seats=0))
        found = only(lint(survey(closed)))
        assert (found.level, found.code, found.pointer) == (
            Level.WARNING,
            "no-open-quota",
            "/quotas/0",
        )

    def test_not_of_a_closed_survey(self) -> None:
        assert not lint(survey(group(quota(M, seats=0)), open_=False))

    def test_not_where_one_is_open_or_where_there_is_none(self) -> None:
        assert not lint(survey(group(quota(M, seats=0), quota(F, 1))))
        assert not lint(survey(group()))

    def test_a_closed_layer_closes_its_quota(self) -> None:
        full = Group((replace(quota(M, 0, seats=0), pointer="/L/0"),), "/L")
        other = quota(READS, 1)
        found = only(lint(survey(group(quota(TRUE, groups=[full])))))
        assert (found.code, found.pointer) == ("no-open-quota", "/quotas/0")
        several = lint(survey(group(quota(F, groups=[full]), other)))
        assert pointers(several, "no-open-quota") == ["/L"]

    def test_of_quotas_that_only_exclude_somebody_may_be_left(self) -> None:
        """ALL_OPEN: no quota that a member matches is closed; where `required`, an open one is."""
        closed = group(quota(M, seats=0), regime=Regime.ALL_OPEN)
        assert not lint(survey(closed))
        assert pointers(lint(survey(replace(closed, required=True))), "no-open-quota")


class TestUnreachable:
    def test_a_quota_against_a_filter_is_named_with_the_filter(self) -> None:
        """S1, opportunity 13231: two quotas on gender 2 under a filter on gender 1."""
        quotas = [And((sex, age)) for sex in (M, F) for age in (YOUNG, OLD)]
        found = lint(survey(group_of(*quotas), filters=[in_ranges("age", [(18, 99)]), M]))
        assert pointers(found, "unreachable-quota") == ["/quotas/0/2", "/quotas/0/3"]
        assert len(found) == 2
        assert found[0].message == "no member can match the quota `q2`: it contradicts `/filters/1`"
        assert found[0].survey == "dynata:1"

    def test_open_or_closed_in_open_and_closed_surveys(self) -> None:
        both = group(quota(M, seats=0), quota(F, 1))
        found = lint(survey(both, filters=[F], open_=False))
        assert pointers(found, "unreachable-quota") == ["/quotas/0/0"]

    def test_its_own_conditions(self) -> None:
        found = only(lint(survey(group_of(M, And((YOUNG, OLD))))))
        assert found.message.endswith("nobody can meet its own conditions")

    def test_another_group(self) -> None:
        first, second = group_of(M, F), replace(group_of(F), pointer="/quotas/1")
        found = only(lint(survey(first, second)))
        assert found.message.endswith("it contradicts `/quotas/1`")

    def test_an_empty_group_is_not_blamed(self) -> None:
        empty = replace(group(), pointer="/quotas/1")
        found = lint(survey(group_of(M, F), empty, filters=[F]))
        assert pointers(found, "unreachable-quota") == ["/quotas/0/0"]

    def test_several_that_only_together_contradict_it(self) -> None:
        filters = [Or((M, YOUNG)), Or((M, OLD))]
        found = only(lint(survey(group_of(M, F), filters=filters)))
        assert found.message.endswith("it contradicts the rest of the survey taken together")

    def test_a_layer_against_another(self) -> None:
        layers = [
            Group((replace(quota(M), pointer="/L/0/0"),), "/L/0"),
            Group(
                (replace(quota(M), pointer="/L/1/0"), replace(quota(F), pointer="/L/1/1")), "/L/1"
            ),
        ]
        found = only(lint(survey(group(quota(TRUE, groups=layers)))))
        assert (found.code, found.pointer) == ("unreachable-quota", "/L/1/1")
        assert "`/L/0`" in found.message

    def test_several_answers_do_not_contradict(self) -> None:
        assert not lint(survey(group_of(READS), filters=[COOKS]))

    def test_what_is_unknown_for_everyone_could_turn_out_either_way(self) -> None:
        """A cell with some answers unmapped, a collection that has not been downloaded."""
        assert not lint(survey(group_of(M), filters=[Or((F, UNKNOWN))]))
        assert not lint(survey(group_of(M), filters=[Not(UNKNOWN), InIds("dynata", "x")]))
        assert lint(survey(group_of(M), filters=[And((F, UNKNOWN))]))

    def test_a_constant_of_the_panel(self) -> None:
        found = only(lint(survey(group_of(M, And((F, one_of("country", ["GB"])))))))
        assert found.pointer == "/quotas/0/1"

    def test_a_gate_that_nobody_passes_is_reported_once(self) -> None:
        found = only(lint(survey(group_of(M, F), filters=[READS, M, F])))
        assert (found.code, found.pointer) == ("unreachable-survey", "/filters/2")
        assert found.message == "contradicts `/filters/1`, so the survey admits nobody"
        abroad = Clause(one_of("country", ["GB"]), Reason.COUNTRY, "/locale/country")
        found = only(lint(replace(survey(group_of(M, F)), gate=(abroad,))))
        assert (found.level, found.pointer) == (Level.INFO, "/locale/country")


class TestShadowed:
    def test_a_narrower_quota_after_a_wider_one(self) -> None:
        found = lint(survey(group_of(M, F, And((M, YOUNG)))))
        assert pointers(found, "shadowed-quota") == ["/quotas/0/2"]
        assert "taken by `/quotas/0/0`" in found[1].message

    def test_not_the_other_way_round(self) -> None:
        found = lint(survey(group_of(And((M, YOUNG)), M)))
        assert [each.code for each in found] == ["overlapping-quotas"]

    def test_not_by_a_closed_quota(self) -> None:
        quotas = quota(M, seats=0), quota(And((M, YOUNG)), 1)
        assert not pointers(lint(survey(group(*quotas))), "shadowed-quota")

    def test_by_several_together(self) -> None:
        ages: list[Rule] = [in_ranges("age", [bounds]) for bounds in ((0, 24), (25, 200))]
        narrow = And((M, in_ranges("age", [(20, 30)])))
        closed = quota(narrow, 3, seats=0)
        open_ = [quota(rule, place) for place, rule in enumerate([*ages, narrow])]
        found = lint(survey(group(closed, *open_)))
        assert pointers(found, "shadowed-quota") == ["/quotas/0/2"]
        assert "taken by 2 quotas before it" in found[1].message

    def test_a_missing_answer_leaves_the_later_one_to_choose(self) -> None:
        """A member may be unknown for the earlier quotas and true for the later."""
        assert not pointers(lint(survey(group_of(M, Not(M), TRUE))), "shadowed-quota")
        assert pointers(lint(survey(group_of(TRUE, M))), "shadowed-quota") == ["/quotas/0/1"]

    def test_an_uncertain_quota_takes_nobody_for_certain(self) -> None:
        assert not pointers(lint(survey(group_of(And((M, UNKNOWN)), M))), "shadowed-quota")

    def test_through_a_full_layer_nobody_is_taken(self) -> None:
        full = Group(
            (replace(quota(F, seats=0), pointer="/L/0"), replace(quota(M), pointer="/L/1")), "/L"
        )
        wide = quota(TRUE, groups=[full])
        found = lint(survey(group(wide, quota(F, 1), quota(And((M, YOUNG)), 2))))
        assert pointers(found, "shadowed-quota") == ["/quotas/0/2"]


class TestOverlapping:
    def test_one_finding_a_group(self) -> None:
        found = only(lint(survey(group_of(M, in_ranges("age", [(0, 20)]), YOUNG))))
        assert (found.level, found.code) == (Level.INFO, "overlapping-quotas")
        assert found.message == (
            "a member can match 3 pairs of quotas together, such as `/quotas/0/0` and `/quotas/0/1`"
        )

    def test_not_where_the_filters_keep_them_apart(self) -> None:
        either = [Or((And((M, YOUNG)), And((F, OLD))))]
        assert lint(survey(group_of(M, OLD)))
        assert not lint(survey(group_of(M, OLD), filters=either))

    def test_not_of_two_lists_of_ids(self) -> None:
        """Recontact lists of two quotas need have no member in common."""
        lists = [InIds("toluna", f"toluna/recontact/{number}") for number in (1, 2)]
        assert not lint(survey(group_of(*lists)))
        assert lint(survey(group_of(lists[0], And((lists[0], M)))))

    def test_not_where_quotas_are_meant_to_overlap(self) -> None:
        found = lint(survey(group(quota(M), quota(YOUNG, 1), regime=Regime.ALL_OPEN)))
        assert not found


@pytest.mark.parametrize("effort", [LintEffort(survey_steps=0), LintEffort(pairs=0)])
def test_what_is_undecided_is_not_reported(effort: LintEffort) -> None:
    suspicious = survey(group_of(M, F, And((M, F))), filters=[F])
    assert lint_surveys([suspicious], MAPPING)
    assert not lint_surveys([suspicious], MAPPING, effort=effort)


quotas = st.tuples(rules, st.booleans())
groups = st.lists(quotas, min_size=1, max_size=4)


def rules_of(made_up: Survey) -> list[Rule]:
    within = [inner.rule for outer in made_up.groups for inner in outer.quotas]
    return [clause.rule for clause in made_up.gate] + within


def made(filters: Sequence[Rule], parts: Sequence[tuple[Rule, bool]]) -> Survey:
    made_of = [quota(rule, place, seats=int(open_)) for place, (rule, open_) in enumerate(parts)]
    return survey(group(*made_of), filters=filters)


surveys = st.builds(made, st.lists(rules, max_size=2), groups)


@given(surveys.filter(lambda each: size(rules_of(each)) <= 5000))
def test_every_finding_is_so(made_up: Survey) -> None:
    """For every member that the rules can tell apart: not more is reported than is so, nor less."""
    found = lint(made_up)
    unreachable, shadowed = (
        pointers(found, f"{code}-quota") for code in ("unreachable", "shadowed")
    )
    nobody = bool(pointers(found, "unreachable-survey"))
    chosen: set[str] = set()
    can_have: set[str] = set()
    overlap = False
    by_id = {each.id: each for each in made_up.groups[0].quotas}
    for member in members(rules_of(made_up)):
        judged = judge(made_up, member)
        if judged.verdict is not Verdict.ELIGIBLE and not nobody:
            gate = [judge(replace(made_up, groups=()), member).verdict]
        else:
            gate = [judged.verdict]
        fits = {
            each.pointer
            for each in by_id.values()
            if gate == [Verdict.ELIGIBLE] and matches(each, member) is Truth.TRUE
        }
        overlap |= len(fits) > 1
        assert not fits & set(unreachable)
        if judged.verdict is Verdict.ELIGIBLE:
            assert not nobody
            chosen.add(by_id[judged.quota_ids[0]].pointer)
            can_have |= {pointer for pointer in fits if by_id[f"q{pointer[-1]}"].open}
    assert set(shadowed) == can_have - chosen
    lists = any(isinstance(predicate, InIds) for predicate in predicates_of(rules_of(made_up)))
    assert bool(pointers(found, "overlapping-quotas")) == overlap or lists


def nest(parts: Sequence[Any], pointer: str, depth: int) -> Group:
    """A group of quotas, each perhaps with a group nested in it; ids are pointers."""
    regime, required, inner = parts
    quotas_: list[Quota] = []
    for place, (rule, open_, nested) in enumerate(inner):
        at = f"{pointer}/{place}"
        within = [nest(nested, f"{at}/L", depth + 1)] if nested and not depth else []
        quotas_.append(Quota(at, rule, open_, int(open_), at, tuple(within)))
    return Group(tuple(quotas_), pointer, regime, required)


def group_parts(nested: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    inner = st.lists(st.tuples(rules, st.sampled_from([True, True, False]), nested), max_size=3)
    return st.tuples(st.sampled_from(Regime), st.booleans(), inner)


nested_surveys = st.builds(
    lambda filters, tops: survey(
        *(nest(parts, f"/quotas/{place}", 0) for place, parts in enumerate(tops)), filters=filters
    ),
    st.lists(rules, max_size=1),
    st.lists(group_parts(st.none() | group_parts(st.none())), min_size=1, max_size=2),
)


def all_quotas(groups_: Sequence[Group]) -> list[Quota]:
    inner = [each for outer in groups_ for each in outer.quotas]
    return inner + [each for outer in inner for each in all_quotas(outer.groups)]


def opened_up(outer: Group) -> Group:
    return replace(
        outer,
        quotas=tuple(
            replace(each, live=True, remaining=1, groups=tuple(map(opened_up, each.groups)))
            for each in outer.quotas
        ),
    )


def had(groups_: Sequence[Group], member: Member) -> set[str]:
    """The quotas that a member matches, and matches those that they are nested in."""
    found: set[str] = set()
    for outer in groups_:
        for each in outer.quotas:
            if matches(each, member) is Truth.TRUE:
                found |= {each.pointer} | had(each.groups, member)
    return found


def size_of(made_up: Survey) -> int:
    inner = [each.rule for each in all_quotas(made_up.groups)]
    return size([*(clause.rule for clause in made_up.gate), *inner])


@given(nested_surveys.filter(lambda each: size_of(each) <= 2000))
def test_what_is_reported_of_nested_quotas_is_so(made_up: Survey) -> None:
    found = lint(made_up)
    hidden = {*pointers(found, "unreachable-quota"), *pointers(found, "shadowed-quota")}
    unreachable = set(pointers(found, "unreachable-quota"))
    nobody = bool(pointers(found, "unreachable-survey"))
    shut = nobody or any(
        each.pointer in pointers(found, "no-open-quota") for each in made_up.groups
    )
    inner = [each.rule for each in all_quotas(made_up.groups)]
    if_open = replace(made_up, groups=tuple(map(opened_up, made_up.groups)))
    for member in members([*(clause.rule for clause in made_up.gate), *inner]):
        judged = judge(made_up, member)
        if judged.verdict is Verdict.ELIGIBLE:
            assert not shut
        if judge(if_open, member).verdict is Verdict.ELIGIBLE:
            assert not nobody
            assert not had(made_up.groups, member) & unreachable
        assert not set(judged.quota_ids) & hidden


def dynata(cells: Sequence[Mapping[str, Any]], filters: Any, quotas: Any) -> dict[str, Any]:
    tagged = [{"tag": str(number), **cell} for number, cell in enumerate(cells)]
    return {
        "id": 13231,
        "status": "OPEN",
        "locale": {"country": "US", "language": "en"},
        "devices": ["desktop"],
        "cells": tagged,
        "filters": [[{"cells": [str(cell)]}] for cell in filters],
        "quotas": [
            [
                {"id": f"q{cell}", "cells": [str(cell)], "count": 5, "status": "OPEN"}
                for cell in quotas
            ]
        ],
    }


def open_lint(payload: object, folder: Path) -> list[Diagnostic]:
    path = folder / "payload.json"
    path.write_text(json.dumps(payload))
    return lint_all(path)


def a_range(low: int, high: int) -> dict[str, Any]:
    return {"attribute_id": 80, "kind": "RANGE", "range": {"from": low, "to": high}}


def test_surveys_or_payloads_with_a_panel_or_without() -> None:
    """`lint` finds the same in files as in what was loaded of them."""
    demo = ROOT / "fixtures" / "demo"
    payloads = demo / "payloads" / "dynata.json"
    panel = open_panel(demo / "panel.toml", date(2026, 11, 21))
    loaded = load_surveys([payloads], panel.mapping)
    found = lint_all(loaded, panel)
    assert found == lint_all(str(payloads), panel) == lint_all([payloads], panel)
    codes = {finding.code for finding in found}
    assert codes > {finding.code for finding in lint_all(loaded)} > set()
    assert {"collection-missing", "history-not-applied"} & codes
    assert not {"collection-missing", "history-not-applied"} & {f.code for f in lint_all(payloads)}


def test_surveys_of_another_panel_are_refused() -> None:
    demo = ROOT / "fixtures" / "demo"
    panel = open_panel(demo / "panel.toml", date(2026, 11, 21))
    other = load_surveys([demo / "payloads" / "dynata.json"], MAPPING)
    with pytest.raises(InputError, match="loaded with another panel's mapping"):
        lint_all(other, panel)


class TestWithoutPanel:
    def test_ranges_are_of_one_number(self, tmp_path: Path) -> None:
        payload = dynata([a_range(18, 24), a_range(25, 31), a_range(9, 3)], [0], [0, 1])
        found = open_lint(payload, tmp_path)
        assert pointers(found, "unreachable-quota") == ["/quotas/0/1"]
        assert {each.code for each in found} == {"unused-tag", "unreachable-quota"}

    def test_values_may_be_several_or_one(self, tmp_path: Path) -> None:
        """Neither a contradiction nor an overlap is certain, unless one answer meets both."""
        cells = [
            {"attribute_id": 1, "kind": "VALUE", "value": "1"},
            {"attribute_id": 1, "kind": "VALUE", "value": "2"},
            {"attribute_id": 1, "kind": "ANSWERED"},
            {"attribute_id": 7, "kind": "COLLECTION", "collection": "2169971"},
        ]
        assert not open_lint(dynata(cells, [0, 2, 3], [1, 0]), tmp_path)
        assert not pointers(open_lint(dynata(cells, [2], [1, 0]), tmp_path), "overlapping-quotas")
        assert pointers(open_lint(dynata(cells, [], [1, 2]), tmp_path), "overlapping-quotas")

    def test_toluna(self, tmp_path: Path) -> None:
        questions: list[dict[str, Any]] = [
            {"QuestionID": 1001538, "AnswerValues": ["18-24", "25-34"]},
            {"QuestionID": 1001538, "AnswerValues": ["35 - 44"]},
            {"QuestionID": 1001042, "AnswerValues": ["1001", "10002", "10003"]},
            {"QuestionID": 1001042, "AnswerValues": ["99"]},
            {"QuestionID": 1001007, "AnswerIDs": [2000246]},
            {"QuestionID": 1001568, "AnswerValues": ["2112287", "2112087,2112088"]},
        ]
        layers = [[0, 1, 4], [0, 5], [2, 3]]
        payload = {
            "SurveyID": 1,
            "WaveID": 2,
            "Quotas": [
                {
                    "QuotaID": 3,
                    "EstimatedCompletesRemaining": 4,
                    "Layers": [
                        {
                            "SubQuotas": [
                                {
                                    "SubQuotaID": number,
                                    "CurrentCompletes": 0,
                                    "MaxTargetCompletes": 9,
                                    "QuestionsAndAnswers": [questions[number]],
                                }
                                for number in layer
                            ]
                        }
                        for layer in layers
                    ],
                }
            ],
        }
        found = open_lint({"Surveys": [payload]}, tmp_path)
        assert {each.code for each in found} == {"lost-leading-zero", "overlapping-quotas"}

    def test_rfg(self, tmp_path: Path) -> None:
        ages = [{"min": 14, "max": 17}, {"min": 18, "max": 20}, {"min": 9, "max": 3}]
        quotas = [
            {"id": f"q{place}", "limit": 3, "datapoints": [{"name": "Age", "values": [bounds]}]}
            for place, bounds in enumerate(ages)
        ]
        children = {"name": "Children", "values": [{"gender": 1, "min": 3, "max": 5}]}
        datapoints = [{"name": "Age", "values": ages[:1]}, children]
        payload = {"pid": "1", "state": 2, "datapoints": datapoints, "quotas": quotas}
        found = open_lint({"response": payload}, tmp_path)
        assert pointers(found, "unreachable-quota") == ["/quotas/1", "/quotas/2"]
        assert pointers(found, "inverted-range")
        assert len(found) == 3
        payload["datapoints"] = [{"name": "Asked", "values": []}]
        assert pointers(open_lint(payload, tmp_path), "unreachable-survey") == ["/datapoints/0"]

    def test_malformed_surveys_are_left_to_loading(self, tmp_path: Path) -> None:
        sound = {"pid": "1", "state": 2}
        found = open_lint([{"pid": []}, {"cells": 3}, 7, {"Surveys": [1]}, sound], tmp_path)
        assert {each.level for each in found} == {Level.ERROR}


AS_OF = date(2026, 6, 15)


def a_panel(
    folder: Path,
    columns: Mapping[str, Any],
    marketplaces: Mapping[str, Any] | None = None,
    **kinds: str,
) -> Panel:
    """A panel of these columns; attributes by name and type, as `kinds` has them."""
    ids = [f"m{number}" for number in range(len(next(iter(columns.values()))))]
    pq.write_table(pa.table({"member_id": ids, **columns}), folder / "members.parquet")
    return opened(folder, "members.parquet", kinds, marketplaces)


def opened(
    folder: Path,
    source: str,
    kinds: Mapping[str, str],
    marketplaces: Mapping[str, Any] | None = None,
) -> Panel:
    tables = {
        "panel": {"source": source},
        "attributes": {name: {"type": kind} for name, kind in kinds.items()},
        "constants": {"country": "us"},
        "marketplaces": {
            name: {"attributes": attributes} for name, attributes in (marketplaces or {}).items()
        },
    }
    file = parse_panel(tables, folder / "panel.toml")
    return Panel(file, open_source(folder / source), AS_OF)


def codes(found: Sequence[PanelFinding]) -> list[tuple[str, Level]]:
    return [(each.code, each.level) for each in found]


class TestPanel:
    def test_a_sound_panel(self, tmp_path: Path) -> None:
        columns = {
            "sex": ["M", "F", None],
            "dob": [date(1990, 2, 3), None, date(2000, 1, 1)],
            "hobbies": [["a", "b"], [], None],
            "income": [1.5, 2.5, None],
            "zip": ["01001", "10001", "10002"],
            "kids": [["1:7"], None, ["2:2020-01-01"]],
        }
        panel = a_panel(
            tmp_path,
            columns,
            sex="single",
            dob="birth_date",
            hobbies="multi",
            income="number",
            zip="text",
            kids="children",
        )
        assert not check_panel(panel)

    def test_every_unreadable_column_is_told(self, tmp_path: Path) -> None:
        columns = {
            "dob": ["1990-02-03", "yesterday", "tomorrow"],
            "income": ["1", "2", "1,000"],
            "kids": [["1:7"], ["girl"], None],
            "sex": [["M"], ["F"], None],
            "photo": [b"1", b"2", None],
        }
        panel = a_panel(
            tmp_path,
            columns,
            dob="birth_date",
            income="number",
            kids="children",
            sex="single",
            photo="text",
        )
        found = check_panel(panel)
        path = tmp_path / "members.parquet"
        assert [(each.code, each.place) for each in found] == [
            ("unreadable-value", f"{path}: row 2, column `dob`"),
            ("unreadable-value", f"{path}: row 3, column `income`"),
            ("unreadable-value", f"{path}: row 2, column `kids`"),
            ("column-type", f"{path}: column `sex`"),
            ("column-type", f"{path}: column `photo`"),
        ]
        assert {each.level for each in found} == {Level.ERROR}
        assert found[0].message == "`yesterday` is not a date (YYYY-MM-DD), and 1 more like it"

    def test_types_that_may_not_be_meant(self, tmp_path: Path) -> None:
        columns = {
            "zip": [10001, 10002, 10003],
            "size": [1.0, 2.0, None],
            "score": [1.5, 2.0, None],
            "cars": [1, 2, 3],
            "dob": ["1990-02-03", "1990-02-03", None],
            "income": ["5", "6", None],
        }
        panel = a_panel(
            tmp_path,
            columns,
            zip="text",
            size="single",
            score="single",
            cars="multi",
            dob="birth_date",
            income="number",
        )
        found = check_panel(panel)
        assert [each.code for each in found] == ["column-type"] * 6
        assert [each.level for each in found] == [
            Level.WARNING,
            Level.INFO,
            Level.WARNING,
            Level.INFO,
            Level.INFO,
            Level.INFO,
        ]

    @pytest.mark.parametrize("as_number", [True, False])
    def test_lost_leading_zeros(self, tmp_path: Path, as_number: bool) -> None:
        codes_ = [1001, 7820, 2138, *range(10001, 10020)]
        values: list[Any] = codes_ if as_number else [str(code) for code in codes_]
        found = check_panel(a_panel(tmp_path, {"zip": values}, zip="text"))
        assert codes(found) == [("lost-leading-zero", Level.WARNING)]
        kept = [*values, *(str(code) for code in ("02138",) * 5)]
        if not as_number:
            assert not check_panel(a_panel(tmp_path, {"zip": kept}, zip="text"))
        whole = [str(code).zfill(5) for code in codes_]
        assert not check_panel(a_panel(tmp_path, {"zip": whole}, zip="text"))

    def test_blank_and_empty(self, tmp_path: Path) -> None:
        columns = {
            "sex": ["M", " ", ""],
            "income": pa.array([1.0, float("nan"), None]),
            "region": pa.nulls(3, pa.string()),
            "cars": pa.nulls(3),
        }
        regions = {"1": {"attribute": "region", "answers": {"1": "north"}}}
        kinds = {"sex": "single", "income": "number", "region": "single", "cars": "multi"}
        found = check_panel(a_panel(tmp_path, columns, {"dynata": regions}, **kinds))
        assert codes(found) == [
            ("blank-answers", Level.INFO),
            ("blank-answers", Level.INFO),
            ("empty-attribute", Level.WARNING),
            ("empty-attribute", Level.WARNING),
        ]
        assert found[0].message == "2 blank values count as no answer"

    def test_separators(self, tmp_path: Path) -> None:
        (tmp_path / "members.csv").write_text(
            'member_id,hobbies,cars,pets,sex\n1,a|b,"x,y",cat,M|F\n2,c,"x,z",dog,F|M\n3,,"z",,M\n'
        )
        kinds = {"hobbies": "multi", "cars": "multi", "pets": "multi", "sex": "single"}
        found = check_panel(opened(tmp_path, "members.csv", kinds))
        assert [(each.code, each.level, each.place.split("`")[1]) for each in found] == [
            ("column-type", Level.WARNING, "cars"),
            ("column-type", Level.INFO, "pets"),
            ("single-with-separator", Level.WARNING, "sex"),
        ]

    def test_text_that_is_no_answer(self, tmp_path: Path) -> None:
        rows = ["1,nan,NULL|7,7.0,US,None", "2,M,7,8.0,NA,None", "3,N/A,{7},9,DE,7"]
        header = "member_id,sex,cars,size,country_of,plan\n"
        (tmp_path / "members.csv").write_text(header + "\n".join(rows) + "\n")
        kinds = {"sex": "single", "cars": "multi", "size": "single", "plan": "single"}
        answers = {"1": "None", "2": "7"}
        mapped = {"dynata": {"1": {"attribute": "plan", "answers": answers}}}
        found = check_panel(opened(tmp_path, "members.csv", kinds, mapped))
        assert [
            (each.code, each.place.split("`")[1], each.message, each.hint)
            for each in found
            if each.level is Level.WARNING
        ] == [
            (
                "null-word",
                "sex",
                "2 values are the text `N/A`, `nan`, which counts as an answer",
                'if it is none: null_values = ["N/A", "nan"] in [panel]',
            ),
            (
                "null-word",
                "cars",
                "1 values are the text `NULL`, which counts as an answer",
                'if it is none: null_values = ["NULL"] in [panel]',
            ),
            (
                "code-with-fraction",
                "size",
                "2 codes are written as `7.0`, which is another code than `7`",
                "write the column as integers, or map the codes as they are written",
            ),
        ]

    @pytest.mark.parametrize(
        ("born", "times", "zone"),
        [
            (["2008-11-24T23:00:00.000Z", "1990-07-01T22:00:00Z", None], 2, "Europe/Berlin"),
            (["1990-01-02 05:00:00", "1990-07-02T04:00:00"], 2, "America/New_York"),
            (["1990-01-02T18:30:00+00:00", None], 1, "Asia/Kolkata"),
            ([datetime(1990, 1, 1, 23), datetime(1990, 7, 1, 22), None], 2, "Europe/Berlin"),
            ([datetime(1990, 1, 1, 23, tzinfo=UTC), datetime(1990, 7, 1, 22, tzinfo=UTC)], 2,
             "Europe/Berlin"),
            (["1990-01-02T11:17:03Z", "1990-01-02T09:01:00Z"], 2, ""),
            (["1990-01-02T00:00:00Z", "1990-01-02T00:00:00+02:00", "1990-01-02"], 0, ""),
            ([datetime(1990, 1, 1), None], 0, ""),
        ],
    )  # fmt: skip
    def test_birth_dates_with_a_time(
        self, tmp_path: Path, born: list[object], times: int, zone: str
    ) -> None:
        found = check_panel(a_panel(tmp_path, {"dob": born}, dob="birth_date"))
        timed = [each for each in found if each.code != "column-type"]
        assert len(timed) == bool(times)
        for finding in timed:
            assert (finding.code, finding.level) == ("birth-date-with-time", Level.WARNING)
            assert finding.message.startswith(f"{times} birth dates have a time, which is cut off")
            assert (f"midnights in `{zone}`" in finding.message) == bool(zone)

    def test_members_twice_and_without_id(self, tmp_path: Path) -> None:
        (tmp_path / "members.csv").write_text("member_id,sex\n2,M\n1,F\n2,F\n")
        found = check_panel(opened(tmp_path, "members.csv", {"sex": "single"}))
        assert codes(found) == [("duplicate-member", Level.ERROR)]
        (tmp_path / "members.csv").write_text("member_id,sex\n2,M\n,F\n2,F\n")
        found = check_panel(opened(tmp_path, "members.csv", {"sex": "single"}))
        assert codes(found) == [("unreadable-value", Level.ERROR)]
        assert found[0].place.endswith("row 2, column `member_id`")
        (tmp_path / "members.csv").write_text("member_id,sex\n")
        assert codes(check_panel(opened(tmp_path, "members.csv", {"sex": "single"}))) == [
            ("empty-panel", Level.WARNING)
        ]

    def test_mapped_values_against_those_held(self, tmp_path: Path) -> None:
        dynata_ = {
            "1": {"attribute": "sex", "answers": {"1": "male", "2": "female"}},
            "2": {"attribute": "age", "answers": {"1": "-17", "2": "18-24", "3": "25-"}},
            "3": {"attribute": "country", "answers": {"1": "US", "2": "GB"}},
            "4": {"attribute": "hobbies", "answers": {"1": ["a", "b"], "2": "c"}},
            "5": {"attribute": "kids", "answers": {"1": "girl", "2": "boy"}},
            "6": {"attribute": "zip"},
        }
        columns = {
            "sex": ["male", "femal", "-3"],
            "age": [19, 20, 300],
            "hobbies": [["a", "c"], ["z"], ["z"]],
            "kids": [["girl:3", "x:4"], [], None],
            "zip": ["1", "2", "3"],
        }
        panel = a_panel(
            tmp_path,
            columns,
            {"dynata": dynata_},
            sex="single",
            age="number",
            hobbies="multi",
            kids="children",
            zip="text",
        )
        found = [each for each in check_panel(panel) if each.code.startswith("value-")]
        place = f"{tmp_path / 'panel.toml'}: marketplaces.dynata.attributes"
        messages = [
            (each.code, each.level, each.place.removeprefix(place), each.hint) for each in found
        ]
        assert messages == [
            ("value-not-in-panel", Level.WARNING, ".1", "did you mean `femal`?"),
            ("value-not-mapped", Level.INFO, "", ""),
            ("value-not-in-panel", Level.INFO, ".2", ""),
            ("value-not-in-panel", Level.INFO, ".3", ""),
            ("value-not-in-panel", Level.INFO, ".4", ""),
            ("value-not-mapped", Level.INFO, "", ""),
            ("value-not-in-panel", Level.INFO, ".5", ""),
            ("value-not-mapped", Level.INFO, "", ""),
        ]
        assert found[0].message == (
            "no member holds `female`, 1 of the 2 values that its answers stand for"
        )
        assert [each.message for each in found if each.code == "value-not-mapped"] == [
            "no dynata answer stands for `femal` of `sex`, held once",
            "no dynata answer stands for `z` of `hobbies`, held 2 times",
            "no dynata answer stands for `x` of `kids`, held once",
        ]

    def test_as_diagnostics(self, tmp_path: Path) -> None:
        panel = a_panel(tmp_path, {"income": ["x"]}, income="number")
        found = only(lint_panel(panel))
        assert found == Diagnostic(
            Level.ERROR,
            "unreadable-value",
            "`x` is not a number",
            file=f"{tmp_path / 'members.parquet'}: row 1, column `income`",
        )

    def test_number_lists(self, tmp_path: Path) -> None:
        columns = {"cars": [[1.0, 2.0], None], "income": [1.0, 2.0]}
        panel = a_panel(tmp_path, columns, cars="number", income="number")
        assert number_lists(panel) == {"cars"}
        one, two = (in_ranges("cars", [bounds]) for bounds in ((1, 1), (2, 2)))
        apart = survey(group_of(one), filters=[two])
        assert not lint_surveys([apart], panel.mapping, number_lists(panel))
        assert lint_surveys([apart], panel.mapping)

    def test_the_demo_panel(self) -> None:
        panel = open_panel(ROOT / "fixtures/demo/panel.toml", AS_OF)
        assert {each.level for each in check_panel(panel)} == {Level.INFO}


def test_a_survey_of_another_mapping_is_refused() -> None:
    with pytest.raises(KeyError):
        lint_surveys([survey(group_of(M))], PanelMapping(Schema({}, {}), {}, Collections()))
