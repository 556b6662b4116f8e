"""What a survey pays, from what each marketplace writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import matcher
from matcher.marketplaces.price import pay_per_minute
from matcher.surveys import Findings
from profiles.schema.panel_file import parse_panel
from tests.matcher.loading.test_files import RFG, TOLUNA
from tests.support.commandline import ADULT_MEN, put


def pay_of(cost: Any, incidence: Any, length: Any) -> tuple[float | None, list[str]]:
    """What it pays, and where something cannot be read."""
    findings = Findings(None)
    pay = pay_per_minute((cost, "/cost"), (incidence, "/share"), (length, "/length"), findings)
    assert {each.code for each in findings.all} <= {"no-price"}
    return pay, [each.pointer for each in findings.all]


@pytest.mark.parametrize(
    "cost", [9, 9.0, "9", "9.00", " 9.0 ", "$9.00", "€ 9", "9.00 USD", "US$9"], ids=str
)
def test_a_price_is_a_number_however_it_is_written(cost: Any) -> None:
    pay, found = pay_of(cost, 50, 10)
    assert pay == pytest.approx(0.45)
    assert found == []


def test_incidence_is_in_percent() -> None:
    assert pay_of(2, "100%", 1) == (2.0, [])


@pytest.mark.parametrize(
    "parts", [(None, 50, 10), (9, None, 10), (9, 50, None), (9, 50, 0), (9, 50, "0.0")], ids=str
)
def test_what_is_missing_or_0_makes_no_price(parts: tuple[Any, Any, Any]) -> None:
    assert pay_of(*parts) == (None, [])


@pytest.mark.parametrize(
    "cost",
    ["", "free", "-9", -9, "$-9", "1,000", "9.0.0", True, [9], {"a": 9}, 1e400, "1e3"],
    ids=str,
)
def test_what_cannot_be_read_is_told(cost: Any) -> None:
    assert pay_of(cost, 50, 10) == (None, ["/cost"])
    assert pay_of(9, cost, cost) == (None, ["/share", "/length"])


def test_a_survey_that_pays_nothing_is_known_to() -> None:
    assert pay_of(0, 50, 10) == (0.0, [])
    assert pay_of(1e300, 1e300, 1e-300) == (None, [])


def test_where_each_marketplace_writes_it(tmp_path: Path) -> None:
    dynata = {"cost_per_interview": 3.5, "incidence_rate": 20, "length_of_interview": 7}
    toluna = {"Price": {"Amount": 3.5, "CurrencyID": 1}, "IR": 20, "LOI": 7}
    rfg = {"cpi": "$3.50", "ir": 20, "lengthOfInterview": 7}
    mapping = parse_panel({"panel": {"source": "."}, "attributes": {}}, tmp_path / "p.toml").mapping
    both = [ADULT_MEN | dynata, TOLUNA | toluna, RFG | rfg, ADULT_MEN | {"id": "2"}]
    loaded = matcher.load_surveys([put(tmp_path, "p.json", both)], mapping)
    assert [survey.pay for survey in loaded.surveys] == [pytest.approx(0.1)] * 3 + [None]
    assert "no-price" not in {each.code for each in loaded.diagnostics}
    toluna["Price"] = "3.5 USD an hour"
    loaded = matcher.load_surveys([put(tmp_path, "p.json", TOLUNA | toluna)], mapping)
    (found,) = [each for each in loaded.diagnostics if each.code == "no-price"]
    assert (found.pointer, found.message) == (
        "/Price",
        "`3.5 USD an hour` cannot be read; the survey counts as paying least",
    )
