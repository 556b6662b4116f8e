"""What rules ask, in the words of a marketplace."""

from __future__ import annotations

import pytest
from hypothesis import given

from matcher.rules import (
    INFINITY,
    TRUE,
    UNKNOWN,
    And,
    Answered,
    InIds,
    Not,
    Or,
    Rule,
    StartsWith,
    Unusable,
    Wording,
    in_ranges,
    one_of,
    took_part,
)
from profiles.schema import OUTCOMES, Attribute, AttributeMapping, Kind, MarketplaceMapping
from tests.support.rules import rules


def _attribute(name: str, kind: Kind = Kind.SINGLE) -> Attribute:
    return Attribute(name, kind, name)


DYNATA = MarketplaceMapping(
    "dynata",
    {
        "1": AttributeMapping(_attribute("gender"), {"1": ("M",), "2": ("F",)}),
        "80": AttributeMapping(_attribute("age", Kind.NUMBER)),
        "8": AttributeMapping(_attribute("zip", Kind.TEXT)),
        "81": AttributeMapping(
            _attribute("band", Kind.NUMBER),
            {"5": ((18.0, 24.0),), "6": ((65.0, INFINITY),), "7": ((40.0, 40.0),)},
        ),
        "9": AttributeMapping(
            _attribute("smoker"), {"1": ("daily", "former"), "2": ("never",), "3": ("daily",)}
        ),
        "10": AttributeMapping(_attribute("smoker"), {"x": ("rarely",)}),
    },
)
MEN = one_of("gender", ["M"])
TEXTS: dict[Rule, str] = {
    MEN: "attribute 1 (gender) is 1 (M)",
    Not(MEN): "attribute 1 (gender) is not 1 (M)",
    one_of("gender", ["M", "F"]): "attribute 1 (gender) is one of 1 (M), 2 (F)",
    Not(one_of("gender", ["M", "x"])): "attribute 1 (gender) is none of 1 (M), x",
    one_of("gender", []): "attribute 1 (gender) is one of no values",
    one_of("smoker", ["daily", "former"]): "attribute 9 (smoker) is 1 (daily, former)",
    one_of("smoker", ["rarely"]): "attribute 10 (smoker) is x (rarely)",
    one_of("smoker", ["x"]): "attribute 9 or 10 (smoker) is x",
    one_of("elsewhere", ["x"]): "elsewhere is x",
    one_of("zip", [f"{zip_code:05}" for zip_code in range(1000)]): (
        "attribute 8 (zip) is one of 1,000 values: 00000, 00001, 00002, …"
    ),
    StartsWith("zip", ("EC1",)): "attribute 8 (zip) begins with EC1",
    in_ranges("age", [(18, 24)]): "attribute 80 (age) is between 18 and 24",
    Not(in_ranges("age", [(18, 24)])): "attribute 80 (age) is not between 18 and 24",
    in_ranges("age", [(65, INFINITY)]): "attribute 80 (age) is at least 65",
    in_ranges("age", [(-INFINITY, 17.5)]): "attribute 80 (age) is at most 17.5",
    in_ranges("age", [(-INFINITY, INFINITY)]): "attribute 80 (age) is any number",
    in_ranges("age", [(25, 25)]): "attribute 80 (age) is 25",
    in_ranges("age", [(1, 2), (65, INFINITY)]): "attribute 80 (age) is one of 1-2, 65-",
    in_ranges("band", [(18, 24), (40, 40)]): "attribute 81 (band) is one of 5 (18-24), 7 (40)",
    in_ranges("band", [(18, 30)]): "attribute 81 (band) is between 18 and 30",
    Answered("age"): "attribute 80 (age) is answered",
    Not(Answered("age")): "attribute 80 (age) is not answered",
    And((Not(MEN), Not(Unusable("gender", ())))): (
        "attribute 1 (gender) is not 1 (M) and is a usable answer"
    ),
    Not(And((MEN, Answered("age")))): (
        "attribute 1 (gender) is not 1 (M) or attribute 80 (age) is not answered"
    ),
    Or((MEN, UNKNOWN)): (
        "attribute 1 (gender) is 1 (M) or is something not mapped or not known here"
    ),
    UNKNOWN: "something not mapped or not known here",
    TRUE: "anyone",
    And(()): "anyone",
    Or(()): "nobody",
    Not(TRUE): "nobody",
    InIds("dynata", "dynata/invite/1"): "the member is on the list `dynata/invite/1`",
    Not(took_part("dynata", "survey", ["7"], OUTCOMES)): (
        "the member has not taken part in survey 7"
    ),
    took_part("dynata", "category", ["7", "8"], ["complete", "dropout"]): (
        "the member has taken part in one of 2 categories: 7, 8 (complete, dropout)"
    ),
}


@pytest.mark.parametrize(("rule", "text"), TEXTS.items(), ids=TEXTS.values())
def test_a_rule_reads(rule: Rule, text: str) -> None:
    assert Wording(DYNATA).of(rule) == text


def test_without_a_mapping_the_panel_speaks() -> None:
    assert Wording().of(MEN) == "gender is M"


@given(rule=rules)
def test_every_rule_can_be_said(rule: Rule) -> None:
    for words in (Wording(), Wording(DYNATA)):
        text = words.of(rule)
        assert text
        assert "\n" not in text
