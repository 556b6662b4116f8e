"""What an inventory costs on a panel: measured, saved, compared; counters exactly."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import matcher
from matcher.benchmarking import (
    Benchmark,
    BenchmarkComparison,
    BenchmarkSettings,
    Times,
    Timing,
    measure,
    read_benchmark,
    run_benchmark,
    save_benchmark,
)
from matcher.benchmarking.benchmark import Circumstances, Inputs, Time
from matcher.benchmarking.compare import LEAST_MEMORY
from matcher.benchmarking.memory import measure_memory
from matcher.benchmarking.timing import (
    bit_work,
    mean_seconds,
    measure_rounds,
    median_time,
    object_work,
)
from matcher.surveys import ChoiceStrategy
from profiles.encoding import Engine
from profiles.errors import InputError
from profiles.panel import draw_members, open_panel
from tests.support.commandline import (
    ADULT_MEN,
    AS_OF,
    MEMBERS,
    PANEL,
    Result,
    command,
    finish,
    listing,
    process,
    put,
    put_panel,
)
from tests.support.corpus import ROOT
from tests.support.interpreter import loaded_by

DEMO = ROOT / "fixtures" / "demo"
BASELINE = ROOT / "benchmarks" / "demo.json"
COMMON = ("--panel", "panel.toml", "--as-of", AS_OF)
FEMALE = {**ADULT_MEN, "id": "2", "filters": [[{"cells": ["men"]}]]}


QUICK = Timing(enough=0.0, round=0.001, calibration=0.001)
SETTINGS = BenchmarkSettings(date.fromisoformat(AS_OF), rounds=1, timing=QUICK)


def run_quickly(
    payloads: Sequence[str], panel: Path, settings: BenchmarkSettings = SETTINGS
) -> Benchmark:
    """Short rounds, and no process of its own for memory."""
    settings = replace(settings, timing=QUICK)
    return run_benchmark(payloads, panel, settings, lambda *_: LEAST_MEMORY)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command measures quickly."""
    monkeypatch.setattr(import_module("matcher.cli.bench"), "run_benchmark", run_quickly)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a panel and a payload of two open surveys."""
    monkeypatch.chdir(tmp_path)
    put_panel(tmp_path)
    put(tmp_path, "payload.json", [ADULT_MEN, FEMALE])
    return tmp_path


def bench(*flags: str | Path) -> Result:
    return command("bench", "payload.json", *COMMON, "--rounds", "1", *flags)


def edit(file: Path, **changes: Any) -> None:
    """Change keys of a saved benchmark by hand; `a__b` is `b` in `a`."""
    document = json.loads(file.read_text())
    for path, value in changes.items():
        *outer, last = path.split("__")
        inside = document
        for key in outer:
            inside = inside[key]
        inside[last] = value
    file.write_text(json.dumps(document))


def made(**changes: Any) -> Benchmark:
    """A benchmark in which every time is one loop."""
    times = Times(*[Time(1.0, 1.0, 5)] * 8)
    inputs = Inputs("p", "m", "n", None, None, AS_OF, "first", 0, False, None)
    circumstances = Circumstances("0.1.0", "3.11.0", "2.2.0", "numpy", 1)
    whole = Benchmark(inputs, circumstances, {"surveys": 2}, times, LEAST_MEMORY)
    return replace(whole, **changes)


# What is committed


def test_the_demo_takes_the_work_of_the_baseline() -> None:
    """`make baseline` saves it again, on purpose."""
    arguments = (DEMO / "payloads", "--panel", DEMO / "panel.toml", "--as-of", AS_OF)
    done = command("bench", *arguments, "--compare", BASELINE, "--rounds", "1", "--json")
    compared = done.document["comparison"]
    assert done.status == 0
    assert compared["inputs"] == {}, "the demo has changed: make baseline"
    assert compared["counters"] == {}
    assert done.document["counters"] == read_benchmark(BASELINE).counters


@pytest.mark.parametrize(("engine", "workers"), [("numpy", 1), ("numpy", 2), ("numba", 1)])
def test_counters_depend_on_neither_engine_nor_threads(engine: Engine, workers: int) -> None:
    if engine == "numba":
        pytest.importorskip("numba")
    settings = replace(SETTINGS, workers=workers, engine=engine)
    found = run_quickly([str(DEMO / "payloads")], DEMO / "panel.toml", settings)
    assert len(repr(found)) < 200
    assert found.counters == read_benchmark(BASELINE).counters
    assert found.circumstances.engine == engine
    assert found.circumstances.workers == workers


def test_the_baseline_names_no_machine() -> None:
    text = BASELINE.read_text()
    assert "/" not in text
    assert read_benchmark(BASELINE).inputs.history is not None
    assert set(json.loads(text)["circumstances"]) == {
        *("matcher", "python", "numpy", "engine", "workers")
    }


# Counters


def test_the_router_finds_what_the_batch_counts() -> None:
    """Of few members all are drawn."""
    counters = bench("--json").document["counters"]
    assert counters["members"] == counters["routed_members"] == len(MEMBERS["member_id"])
    assert counters["routed_surveys"] == counters["eligible_pairs"] > 0


def test_counters_count_what_the_plan_is_made_of() -> None:
    """Both surveys ask for men, one of them for adults: a shared predicate counts once."""
    counters = bench("--json").document["counters"]
    expected = {
        "surveys": 2,
        "quotas": 4,
        "predicates": 2,
        "value_predicates": 1,
        "range_predicates": 1,
        "registers": 2,
        "compounds": 0,
        "register_reads": 2 * (len(["gate", "admits"]) + len(["matches", "takes"])),
        "shards": 1,
        "rows": 2,
        "ways": 4,
        "judged_whole": 0,
    }
    assert {name: counters[name] for name in expected} == expected


def test_a_survey_that_is_set_aside_is_reported(here: Path) -> None:
    put(here, "payload.json", [ADULT_MEN, {**FEMALE, "filters": [[{"cells": ["nothing"]}]]}])
    done = bench("--strict")
    assert done.status == 1
    assert "undefined-tag" in done.err
    assert bench("--json").document["counters"]["set_aside"] == 1


@given(st.permutations(range(40)), st.integers(1, 45), st.integers(0, 1 << 64))
def test_members_are_drawn_by_their_ids(order: list[int], most: int, seed: int) -> None:
    """In any order of rows and any batches."""
    ids = pa.array([f"m{number}" for number in order])
    batch = pa.record_batch({"member_id": ids, "sex": ["M"] * len(order)})

    def batches(columns: list[str], distinct: frozenset[str]) -> Any:
        assert distinct == {"member_id"}
        for start in (0, 7, 19):
            part = batch.select(columns).slice(start, {0: 7, 7: 12, 19: 21}[start])
            yield SimpleNamespace(
                data=part,
                slice=lambda row, rows, part=part: SimpleNamespace(data=part.slice(row, rows)),
            )

    mapping: Any = SimpleNamespace(
        schema=SimpleNamespace(
            member_id="member_id", attributes={"gender": SimpleNamespace(column="sex")}
        ),
        marketplaces={},
    )
    source: Any = SimpleNamespace(batches=batches)
    drawn = [row["member_id"] for row in draw_members(source, mapping, most, seed)]
    assert len(set(drawn)) == len(drawn) == min(most, 40)
    batch = batch.take(pa.array(sorted(range(40), key=order.__getitem__)))
    assert [row["member_id"] for row in draw_members(source, mapping, most, seed)] == drawn


# Times


@given(*[st.floats(1e-6, 1e3)] * 3)
def test_a_ratio_is_between_times_in_loops(seconds: float, loop: float, speed: float) -> None:
    """A machine that does everything at another speed has the ratio 1; slower work shows."""
    before = Time(seconds, loop, 5)
    assert Time(seconds * speed, loop * speed, 7).ratio(before) == pytest.approx(1)
    assert Time(seconds * 3, loop, 5).ratio(before) == pytest.approx(3)
    assert Time(seconds, loop * 2, 5).ratio(before) == pytest.approx(0.5)


def test_the_round_of_the_median_ratio_counts() -> None:
    """Rounds of 6, 20 and 9 loops; each is compared with the mean of the loops around it."""
    assert median_time([12.0, 40.0, 9.0], [1.0, 3.0, 1.0, 1.0]) == Time(9.0, 1.0, 3)


def test_rounds_go_on_until_the_figure_is_stable() -> None:
    seconds = iter(range(1, 1_000))

    def one_round() -> tuple[float, float]:
        time.sleep(0.01)
        return (number := float(next(seconds))), 2 * number

    once, twice = measure_rounds(one_round, lambda: None, replace(QUICK, enough=0.05), rounds=3)
    assert 3 <= once.rounds == twice.rounds <= 5
    assert twice.seconds in {2.0 * number for number in range(1, once.rounds + 1)}
    (few,) = measure_rounds(lambda: (1.0,), lambda: None, QUICK, rounds=4)
    assert (few.seconds, few.rounds) == (1.0, 4)


def test_preparation_is_not_timed() -> None:
    def burn() -> None:
        end = time.process_time() + 0.02
        while time.process_time() < end:
            pass

    assert mean_seconds(lambda: None, 0.05, burn) < 0.005
    assert mean_seconds(burn, 0.05) >= 0.02


def test_calibration_is_always_the_same_work() -> None:
    assert object_work() == object_work() == 8_000
    assert bit_work() == bit_work() > 0


def test_memory_is_that_of_matching_alone(here: Path) -> None:
    """In a process of its own: a panel of a few members takes little beside Python."""
    small = run_benchmark(["payload.json"], here / "panel.toml", SETTINGS).memory
    many = {name: column * 50_000 for name, column in MEMBERS.items()}
    many["member_id"] = [f"m{number}" for number in range(200_000)]
    pq.write_table(pa.table(many), here / "members.parquet")
    large = run_benchmark(["payload.json"], here / "panel.toml", SETTINGS).memory
    assert large > small + 5_000_000


def test_a_process_that_fails_is_reported(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(InputError) as caught:
        run_benchmark(["payload.json"], here / "panel.toml", SETTINGS)
    assert str(caught.value) == "the process that memory is measured in: it ended with 1"


def test_a_system_that_does_not_report_memory(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has neither /proc nor the module `resource`."""
    monkeypatch.setattr(Path, "exists", lambda _: False)
    monkeypatch.setitem(sys.modules, "resource", None)
    plan = matcher.compile(())
    with pytest.raises(InputError, match="memory cannot be measured on this system"):
        measure_memory(plan, here / "panel.toml", SETTINGS)


def test_what_measures_needs_no_module_that_a_system_may_lack() -> None:
    assert "resource" not in loaded_by("import matcher.benchmarking, matcher.benchmarking.memory")


def test_settings_reach_the_process_that_measures_memory() -> None:
    settings = replace(SETTINGS, choose=ChoiceStrategy.BALANCED, uncertain=True, workers=3)
    assert BenchmarkSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


# Saving and comparing


def test_the_same_work_is_as_before(here: Path) -> None:
    assert bench("--save", "first").status == 0
    assert "first.json" in listing(here)
    done = bench("--compare", "first.json", "--save", "first.json", "--json")
    assert done.status == 0
    assert done.document["comparison"]["counters"] == {}
    assert done.document["comparison"]["inputs"] == {}
    assert read_benchmark(here / "first.json").to_json() == {
        key: done.document[key] for key in json.loads((here / "first.json").read_text())
    }
    printed = bench("--compare", "first").out
    assert "counters as before" in printed
    assert "inputs differ" not in printed


def test_a_saved_benchmark_is_read_back(tmp_path: Path) -> None:
    save_benchmark(made(), tmp_path / "it.json")
    assert read_benchmark(tmp_path / "it.json") == made()


def test_a_stage_that_became_slower(monkeypatch: pytest.MonkeyPatch) -> None:
    bench("--save", "before")
    compiling = matcher.compile

    def slow(surveys: Any) -> Any:
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
        return compiling(surveys)

    monkeypatch.setattr(measure, "compile_plan", slow)
    assert bench("--compare", "before", "--quiet").status == 0
    done = bench("--compare", "before", "--fail-over", "900%", "--quiet")
    assert done.status == 1
    (line,) = done.err.splitlines()
    assert line.startswith("over: compile: ")
    assert line.endswith(" times what it was, more than 900 % above")


def test_a_counter_that_differs_is_a_finding(here: Path) -> None:
    bench("--save", "before")
    edit(here / "before.json", counters__predicates=7)
    assert bench("--compare", "before").status == 0
    done = bench("--compare", "before", "--fail-over", "100000")
    assert done.status == 1
    assert "over: predicates: 7 before, 2 now\n" in done.err


def test_inputs_that_differ_are_reported_first(here: Path) -> None:
    bench("--save", "before")
    put(here, "payload.json", [ADULT_MEN])
    done = bench("--compare", "before", "--fail-over", "100000", "--seed", "3")
    assert done.status == 0, "counters cannot be equal, and are not compared"
    assert done.out.splitlines()[0] == (
        "inputs differ: payloads, seed (0 before, 3 now); counters are shown but not compared"
    )
    assert "surveys" in done.out
    compared = bench("--compare", "before", "--json").document["comparison"]
    assert set(compared["inputs"]) == {"payloads"}
    assert compared["counters"]["surveys"] == {"before": 2, "after": 1}


@pytest.mark.parametrize(
    ("flags", "differs"),
    [
        (("--as-of", "2026-11-22"), "as_of"),
        (("--choose", "balanced"), "choose"),
        (("--choose", "scarcest"), "choose"),
        (("--uncertain",), "uncertain"),
        (("--marketplace", "dynata"), "marketplace"),
    ],
)
def test_every_flag_that_changes_a_result_is_an_input(flags: tuple[str, ...], differs: str) -> None:
    common = ("bench", "payload.json", "--panel", "panel.toml", "--rounds", "1")
    as_of = () if "--as-of" in flags else ("--as-of", AS_OF)
    command(*common, "--as-of", AS_OF, "--save", "before")
    done = command(*common, *as_of, *flags, "--compare", "before", "--json")
    assert set(done.document["comparison"]["inputs"]) == {differs}


def test_all_that_is_read_is_an_input(here: Path) -> None:
    """The members, the mapping and collections, each by itself; not their folder."""
    (here / "one" / "lists").mkdir(parents=True)
    text = PANEL + '\n[collections]\nfolder = "lists"\n'
    put_panel(here / "one", text)
    put(here, "one/lists/dynata/collection/5.txt", "10001")

    def inputs(folder: str) -> Inputs:
        return run_quickly(["payload.json"], here / folder / "panel.toml").inputs

    before = inputs("one")
    (here / "one").rename(here / "two")
    assert inputs("two") == before
    put(here, "two/lists/dynata/collection/5.txt", "10002")
    after = inputs("two")
    assert after == replace(before, collections=after.collections) != before
    put_panel(here / "two", text, {**MEMBERS, "sex": ["F"] * 4})
    assert inputs("two") == replace(after, members=inputs("two").members) != after
    before = inputs("two")
    put(here, "two/panel.toml", text.replace('2 = "F" } }\n80', '3 = "F" } }\n80'))
    assert inputs("two") == replace(before, mapping=inputs("two").mapping) != before


def test_circumstances_that_differ_are_reported(here: Path) -> None:
    bench("--save", "before")
    edit(here / "before.json", circumstances__python="3.9.1", circumstances__workers=64)
    done = bench("--compare", "before", "--fail-over", "1000000")
    assert done.status == 0
    assert "measured differently: python (3.9.1 before, " in done.out
    assert "workers (64 before, 1 now)" in done.out


@pytest.mark.parametrize(
    ("before", "after", "ratio"), [(LEAST_MEMORY, 3 * LEAST_MEMORY, 3.0), (0, 5, 1.0)]
)
def test_little_memory_counts_as_the_least(before: int, after: int, ratio: float) -> None:
    compared = BenchmarkComparison(made(memory=before), made(memory=after))
    assert compared.ratios["memory"] == ratio
    assert len([*compared.findings(20)]) == (ratio > 1)


def test_a_ratio_at_the_limit_is_within_it() -> None:
    before = made()
    slower = replace(before.times, match_warm=Time(1.25, 1.0, 5))
    compared = BenchmarkComparison(before, replace(before, times=slower))
    assert compared.ratios["match_warm"] == 1.25
    assert [*compared.findings(25)] == []
    assert [*compared.findings(24.9)] == [
        "match warm: 1.25 times what it was, more than 24.9 % above"
    ]


def test_a_counter_that_only_one_benchmark_has() -> None:
    compared = BenchmarkComparison(made(), made(counters={"surveys": 2, "ways": 1_000}))
    assert [*compared.findings(20)] == ["ways: none before, 1,000 now"]


# What is refused


@pytest.mark.parametrize("written", ["", "much", "-5", "20%%", "% 20", "nan", "1e3", "٢٠"])
def test_no_percentage(written: str) -> None:
    done = bench("--compare", "none", f"--fail-over={written}")
    assert done.status == 2
    assert done.err == f"matcher: `--fail-over`: `{written}` is not a percentage, such as 20%\n"


def test_a_limit_needs_something_to_compare_with() -> None:
    done = bench("--fail-over", "20%")
    assert (done.status, done.err) == (2, "matcher: `--fail-over` goes with `--compare`\n")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "no such file"),
        ("", "not a benchmark"),
        ("[1]", "not a benchmark"),
        ("{}", "not a benchmark"),
        ('{"format": "quota-matcher plan", "version": 1}', "not a benchmark"),
        ('{"format": "quota-matcher benchmark"}', "not a benchmark"),
        ('{"format": "quota-matcher benchmark", "version": 1}', "not a benchmark"),
        ('{"format": "quota-matcher benchmark", "version": 2}', "a benchmark of version 2, not 1"),
    ],
)
def test_a_file_that_is_not_a_benchmark(content: str | None, why: str, here: Path) -> None:
    if content is not None:
        put(here, "before.json", content)
    done = bench("--compare", "before")
    assert (done.status, done.err) == (2, f"matcher: before.json: {why}\n")


@pytest.mark.parametrize(
    "changes",
    [
        {"times__compile__calibration": 0.0},
        {"times__compile__seconds": -1.0},
        {"times__compile": None},
        {"memory": -1},
        {"counters__surveys": "2"},
        {"counters": [2]},
        {"inputs__seed": None},
    ],
)
def test_an_impossible_saved_value_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "it.json"
    save_benchmark(made(), file)
    edit(file, **changes)
    with pytest.raises(InputError, match=r"not a benchmark$"):
        read_benchmark(file)


def test_a_file_that_is_not_a_benchmark_is_not_replaced(here: Path) -> None:
    done = bench("--save", "payload")
    assert done.status == 2
    assert done.err == ("matcher: payload.json: is not a benchmark, so it is not replaced\n")
    (here / "folder.json").mkdir()
    assert bench("--save", "folder").err == (
        "matcher: folder.json: cannot be written: it is a folder\n"
    )
    assert bench("--save", "none/it").err == "matcher: none/it.json: no such folder `none`\n"
    assert bench("--save", "").err == "matcher: the name of a benchmark is empty\n"
    assert json.loads((here / "payload.json").read_text()) == [ADULT_MEN, FEMALE]


def test_saved_whole_or_not_at_all(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench("--save", "it")
    before = (here / "it.json").read_bytes()

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    done = bench("--save", "it", "--seed", "1")
    assert done.status == 2
    assert done.err.startswith("matcher: it.json: cannot be written: ")
    assert (here / "it.json").read_bytes() == before
    assert listing(here) == ["it.json", "members.parquet", "panel.toml", "payload.json"]


def test_a_panel_without_members(here: Path) -> None:
    nobody = pq.read_table(here / "members.parquet").slice(0, 0)
    pq.write_table(nobody, here / "members.parquet")
    done = bench("--save", "it")
    assert done.status == 2
    assert "no members, so there is nothing to measure" in done.err
    assert "it.json" not in listing(here)


def test_a_payload_on_standard_input(here: Path) -> None:
    """It is read once and lowered in every round; the process for memory does not read it."""
    started = process("bench", "-", *COMMON, "--rounds", "1", "--json", cwd=here, env=environment())
    done = finish(started, json.dumps([ADULT_MEN, FEMALE]).encode())
    assert done.status == 0
    assert done.document["counters"]["surveys"] == 2


def environment() -> dict[str, str]:
    """One in which a process finds the packages of this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_an_index_takes_the_same_work(here: Path) -> None:
    command("index", "--panel", "panel.toml", "-o", "index")
    once = bench("--json").document
    again = command(
        *("bench", "payload.json", "--panel", "index", "--as-of", AS_OF, "--rounds", "1", "--json")
    ).document
    assert again["counters"] == once["counters"]
    assert open_panel(here / "index").is_index
