"""What `bench` prints: one JSON document for programs, tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from rich.console import Console
from rich.table import Table

from matcher.benchmarking import (
    Benchmark,
    BenchmarkComparison,
    FigureChange,
    Times,
    label,
    value_text,
)
from matcher.reports.json_document import document
from matcher.reports.markup import shown
from matcher.surveys import Diagnostic
from profiles.plural import plural

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_DIGESTS = frozenset({"payloads", "mapping", "members", "history", "collections"})


def benchmark_json(
    benchmark: Benchmark,
    comparison: BenchmarkComparison | None,
    findings: Sequence[str],
    diagnostics: Iterable[Diagnostic],
) -> bytes:
    """The document of `bench --json`: the saved file, and how it compares."""
    compared = None
    if comparison is not None:
        compared = {
            "inputs": _changes_json(comparison.inputs),
            "circumstances": _changes_json(comparison.circumstances),
            "counters": _changes_json(comparison.counters),
            "ratios": comparison.ratios,
            "before": comparison.before.to_json(),
            "findings": findings,
        }
    return document(
        {
            **benchmark.to_json(),
            "comparison": compared,
            "diagnostics": [finding.to_json() for finding in diagnostics],
        }
    )


def _changes_json(changes: Mapping[str, FigureChange]) -> dict[str, Any]:
    return {name: {"before": old, "after": new} for name, (old, new) in changes.items()}


def print_benchmark(
    console: Console, benchmark: Benchmark, comparison: BenchmarkComparison | None
) -> None:
    """Tables of figures and of work; in a comparison only of the work that differs."""
    where = benchmark.circumstances
    if comparison is not None:
        for line in _unlike(comparison):
            console.print(line, soft_wrap=True)
    console.print(_figures(benchmark, comparison))
    console.print()
    if comparison is None or comparison.counters:
        console.print(_work(benchmark, comparison))
    if comparison is not None:
        same = len(benchmark.counters.keys() - comparison.counters.keys())
        console.print(f"[dim]{plural(same, 'counter')} as before[/dim]")
    console.print(
        f"\n{plural(benchmark.counters['members'], 'member')} · "
        f"{plural(benchmark.counters['surveys'], 'survey')} · {where.engine}, "
        f"{plural(where.workers, 'thread')}",
        soft_wrap=True,
    )


def _unlike(comparison: BenchmarkComparison) -> Iterator[str]:
    """What makes two benchmarks hard to compare, in a line each."""
    if comparison.inputs:
        changes = ", ".join(_difference(*change) for change in comparison.inputs.items())
        yield f"[yellow]inputs differ[/yellow]: {changes}; counters are shown but not compared"
    if comparison.circumstances:
        changes = ", ".join(_difference(*change) for change in comparison.circumstances.items())
        yield f"[dim]measured differently: {changes}[/dim]"


def _difference(name: str, change: FigureChange) -> str:
    if name in _DIGESTS:
        return label(name)
    before, after = change
    return shown(f"{label(name)} ({value_text(before)} before, {value_text(after)} now)")


def _figures(benchmark: Benchmark, comparison: BenchmarkComparison | None) -> Table:
    """Times and memory; in a comparison with those before and the ratios."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("", no_wrap=True, min_width=12)
    for name in ("now", "loops") if comparison is None else ("now", "before", "ratio"):
        table.add_column(name, justify="right", no_wrap=True, min_width=9)
    for stage in fields(Times):
        time = getattr(benchmark.times, stage.name)
        line = [label(stage.name), _seconds(time.seconds)]
        if comparison is None:
            line.append(f"{time.seconds / time.calibration:.3f}")
        else:
            before = getattr(comparison.before.times, stage.name)
            line += [_seconds(before.seconds), _ratio(comparison.ratios[stage.name])]
        table.add_row(*line)
    line = ["memory", _megabytes(benchmark.memory)]
    if comparison is not None:
        line += [_megabytes(comparison.before.memory), _ratio(comparison.ratios["memory"])]
    table.add_row(*line)
    return table


def _work(benchmark: Benchmark, comparison: BenchmarkComparison | None) -> Table:
    """Counters: all that are not zero, or those that differ."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("", no_wrap=True, min_width=12)
    if comparison is None:
        table.add_column("work", justify="right", no_wrap=True, min_width=9)
        for name, count in benchmark.counters.items():
            if count:
                table.add_row(label(name), f"{count:,}")
        return table
    for name in ("now", "before"):
        table.add_column(name, justify="right", no_wrap=True, min_width=9)
    for name, (before, after) in comparison.counters.items():
        table.add_row(shown(label(name)), value_text(after), value_text(before))
    return table


def _seconds(seconds: float) -> str:
    size, unit = next((unit for unit in _UNITS if seconds >= unit[0]), _UNITS[-1])
    return f"{seconds / size:.3g} {unit}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"


def _ratio(ratio: float) -> str:
    return f"{ratio:.2f}"
