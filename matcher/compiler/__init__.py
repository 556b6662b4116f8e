"""Surveys to programs: every distinct predicate once, shared by all surveys."""

from matcher.compiler.compiler import compile_surveys
from matcher.compiler.program import Compiled, Compound, Conjunction, Literal, Program, Slot, Step

__all__ = [
    "Compiled",
    "Compound",
    "Conjunction",
    "Literal",
    "Program",
    "Slot",
    "Step",
    "compile_surveys",
]
