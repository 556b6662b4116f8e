"""Rows for a plan's registers: what each predicate means on one shard, evaluated once.

Three values take two rows: the members for whom a literal is true, and those for whom it is not
false. An exact verdict needs only the first, so `true` rows and `possible` rows are made apart.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from matcher.plan import Compound, Literal, Program
from matcher.rule import (
    Answered,
    Const,
    InIds,
    InRanges,
    Leaf,
    OneOf,
    StartsWith,
    Unusable,
)
from profiles.columns import Column, Mask, Row, Vocabulary, all_members, row_of, words
from profiles.panel import Shard
from profiles.values import is_negative_code, number_in

_LAST = chr(0x10FFFF)
Rows = NDArray[np.uint64]
"""`[registers, words]`: one packed row a register."""


@dataclass
class Bound:
    """A program's rows on one shard; kept with it, so that a later plan can take them over."""

    program: Program
    true: Rows
    possible: Rows | None = None


def bind(program: Program, shard: Shard, *, keep: bool = True) -> Bound:
    """The `true` rows of a program on a shard, made anew only where the last plan had them not.

    `keep`: leave them with the shard for the next plan.
    """
    last = shard.memo
    if isinstance(last, Bound) and last.program is program:
        return last
    known: dict[Literal, Row] = {}
    if isinstance(last, Bound):
        known = {
            each: row
            for each, row in zip(last.program.registers, last.true, strict=True)
            if isinstance(each, Literal)
        }
    bound = Bound(program, _rows(program, shard, known, possible=False))
    if keep:
        shard.memo = bound
    return bound


def possible_rows(bound: Bound, shard: Shard) -> Rows:
    """The `possible` rows of a bound program, made when first asked for."""
    if bound.possible is None:
        bound.possible = _rows(bound.program, shard, {}, possible=True)
    return bound.possible


def _rows(program: Program, shard: Shard, known: dict[Literal, Row], *, possible: bool) -> Rows:
    rows = np.empty((len(program.registers), words(shard.size)), np.uint64)
    everyone = all_members(shard.size)
    for row, register in zip(rows, program.registers, strict=True):
        if isinstance(register, Compound):
            combine = np.bitwise_or if register.any_of else np.bitwise_and
            np.copyto(row, rows[register.registers[0]])
            for other in register.registers[1:]:
                combine(row, rows[other], out=row)
        elif register in known:
            row[:] = known[register]
        else:
            _literal_row(register, shard, everyone, row, possible=possible)
    return rows


def _literal_row(
    literal: Literal, shard: Shard, everyone: Row, out: Row, *, possible: bool
) -> None:
    """Of a leaf that holds for H among the answered A: true is H, or A - H when negated."""
    holds, answered = _leaf_rows(literal.leaf, shard, everyone)
    if not literal.negated:
        np.copyto(out, holds)
        if possible:
            out |= everyone & ~answered
    else:
        np.invert(holds, out=out)
        np.bitwise_and(out, everyone if possible else answered, out=out)


def _leaf_rows(leaf: Leaf | Const, shard: Shard, everyone: Row) -> tuple[Row, Row]:
    """Members for whom a leaf holds, and those for whom it is known whether it does."""
    match leaf:
        case Const():
            nobody = np.zeros_like(everyone)
            return nobody, nobody
        case InIds(marketplace, name):
            listed = shard.on_list(marketplace, name)
            if listed is None:
                nobody = np.zeros_like(everyone)
                return nobody, nobody
            places, complete = listed
            on_it = row_of(np.array(places, np.int64), shard.size)
            without_id = row_of(np.array(shard.without_id(marketplace), np.int64), shard.size)
            return on_it, everyone & ~without_id if complete else on_it
        case Answered(attribute):
            return shard.columns[attribute].answered, everyone
        case Unusable(attribute, codes):
            column = shard.columns[attribute]
            negative = _negative(column.vocabulary, codes)
            return column.holding(negative) & ~column.holding(~negative), everyone
        case OneOf(attribute) | StartsWith(attribute) | InRanges(attribute):
            column = shard.columns[attribute]
            return column.holding(_wanted(leaf, column)), column.answered
        case _:
            assert_never(leaf)


def _negative(vocabulary: Vocabulary, codes: tuple[str, ...]) -> Mask:
    if isinstance(vocabulary, tuple):
        found = (is_negative_code(value) or value in codes for value in vocabulary)
        return np.fromiter(found, np.bool_, len(vocabulary))
    return vocabulary < 0


def _wanted(leaf: OneOf | StartsWith | InRanges, column: Column) -> Mask:
    """Which values of a column's vocabulary a leaf asks for."""
    vocabulary = column.vocabulary
    wanted = np.zeros(len(vocabulary), np.bool_)
    match leaf:
        case InRanges(_, ranges):
            numbers = _numbers(vocabulary)
            for low, high in ranges:
                wanted |= (numbers >= low) & (numbers <= high)
        case OneOf(_, values):
            places = column.places
            wanted[[places[value] for value in values if value in places]] = True
        case StartsWith(_, prefixes):
            for prefix in prefixes:
                start = bisect_left(vocabulary, prefix)
                wanted[start : bisect_left(vocabulary, prefix + _LAST, start)] = True
    return wanted


def _numbers(vocabulary: Vocabulary) -> NDArray[np.float64]:
    """The vocabulary as numbers; a code that reads as none is NaN, which no range holds."""
    if isinstance(vocabulary, tuple):
        read = (number_in(value) for value in vocabulary)
        return np.array([np.nan if number is None else number for number in read], np.float64)
    return vocabulary
