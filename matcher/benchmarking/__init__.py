"""What an inventory costs on a panel."""

from matcher.benchmarking.benchmark import (
    Benchmark,
    Times,
    check_writable,
    file_of,
    read_benchmark,
    save_benchmark,
)
from matcher.benchmarking.compare import Change, Comparison, label, value_text
from matcher.benchmarking.measure import run_benchmark
from matcher.benchmarking.settings import Settings

__all__ = [
    "Benchmark",
    "Change",
    "Comparison",
    "Settings",
    "Times",
    "check_writable",
    "file_of",
    "label",
    "read_benchmark",
    "run_benchmark",
    "save_benchmark",
    "value_text",
]
