"""The cost of an inventory on a panel, in time, memory and work."""

from matcher.benchmarking.benchmark import (
    Benchmark,
    Times,
    check_writable,
    file_of,
    read_benchmark,
    save_benchmark,
)
from matcher.benchmarking.compare import BenchmarkComparison, FigureChange, label, value_text
from matcher.benchmarking.measure import run_benchmark
from matcher.benchmarking.settings import BenchmarkSettings, Timing

__all__ = [
    "Benchmark",
    "BenchmarkComparison",
    "BenchmarkSettings",
    "FigureChange",
    "Times",
    "Timing",
    "check_writable",
    "file_of",
    "label",
    "read_benchmark",
    "run_benchmark",
    "save_benchmark",
    "value_text",
]
