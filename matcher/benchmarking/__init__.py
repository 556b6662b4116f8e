"""What an inventory costs on a panel."""

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
from matcher.benchmarking.settings import BenchmarkSettings

__all__ = [
    "Benchmark",
    "BenchmarkComparison",
    "BenchmarkSettings",
    "FigureChange",
    "Times",
    "check_writable",
    "file_of",
    "label",
    "read_benchmark",
    "run_benchmark",
    "save_benchmark",
    "value_text",
]
