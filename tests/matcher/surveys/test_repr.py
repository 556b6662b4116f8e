"""How objects are shown: what tells them apart, never all that they hold."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from matcher import Surveys, load_surveys
from matcher.marketplaces import Lowering, marketplaces, read_id_list
from matcher.rules import And, Member, Not, Or, Rule, in_ranges, one_of
from matcher.surveys import Clause, Findings, Quota, all_quotas, all_rules
from profiles.schema.panel_file import PanelFile, read_panel_file
from tests.support.corpus import ROOT

DEMO = ROOT / "fixtures" / "demo"
LONGEST = 200


@pytest.fixture(scope="module")
def file() -> PanelFile:
    return read_panel_file(DEMO / "panel.toml")


@pytest.fixture(scope="module")
def surveys(file: PanelFile) -> Surveys:
    return load_surveys(DEMO / "payloads", file.mapping)


def everything(file: PanelFile, surveys: Surveys) -> Iterator[object]:
    """What stands in the demo's panel file and payloads."""
    yield from (file, file.mapping, file.mapping.collections, surveys, Findings("dynata:1"))
    for name, marketplace in file.mapping.marketplaces.items():
        yield from (marketplace, *marketplace.attributes.values(), marketplaces()[name])
        yield Lowering(name, file.mapping)
    for path in (DEMO / "collections" / "dynata" / "invite").iterdir():
        yield read_id_list(file.mapping.collections, f"dynata/invite/{path.stem}")
    yield from surveys.diagnostics
    for survey in surveys:
        yield from (survey, *survey.gate, *survey.groups, *all_quotas(survey.groups))
        yield from all_rules(survey)
    yield Member("m1", {"pets": ("cat",) * 1000})


def test_what_the_demo_holds_is_shown_in_short(file: PanelFile, surveys: Surveys) -> None:
    shown = [repr(thing) for thing in everything(file, surveys)]
    assert len(shown) > 500
    assert not [text for text in shown if len(text) > LONGEST or "\n" in text]


def test_surveys_are_counted_and_iterated(surveys: Surveys) -> None:
    assert len(surveys) == len(surveys.surveys) == 46
    assert list(surveys) == list(surveys.surveys)
    assert (
        repr(surveys) == f"Surveys(46 surveys, 1 rejected, {len(surveys.diagnostics)} diagnostics)"
    )
    assert repr(surveys.surveys[0]).startswith(f"Survey({surveys.surveys[0].name}, open, ")


MEN = one_of("gender", ["M"])
MANY = one_of("zip", [f"{code:05}" for code in range(10_000)])


def nested(depth: int) -> Rule:
    rule: Rule = MEN
    for number in range(depth):
        rule = And((rule, Or((one_of("a", [str(number)]), Not(rule)))))
    return rule


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        (MEN, "OneOf('gender', ('M'))"),
        (Not(MEN), "Not(OneOf('gender', ('M')))"),
        (And(()), "And(())"),
        (
            Or((MEN, in_ranges("age", [(18, 24)]))),
            "Or((OneOf('gender', ('M')), InRanges('age', ((18.0, 24.0)))))",
        ),
    ],
)
def test_a_rule_is_shown_as_it_is_built(rule: Rule, shown: str) -> None:
    assert repr(rule) == shown


@pytest.mark.parametrize("rule", [MANY, nested(12), nested(80)], ids=["wide", "deep", "deeper"])
def test_a_large_rule_is_cut(rule: Rule) -> None:
    assert len(repr(rule)) == 120
    assert repr(rule).endswith("…")
    quota = Quota("q", rule, True, 1, "/quotas/0")
    assert repr(quota) == "Quota(q, 1 seat, open)"
    assert len(repr(Clause(rule, next(iter(marketplaces()["dynata"].rejection_codes)), "/"))) < 150
