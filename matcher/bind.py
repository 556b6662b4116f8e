"""Rows for a plan's registers: what each predicate means on one shard, evaluated once.

Three values take two rows: the members for whom a literal is true, and those for whom it is not
false. An exact verdict needs only the first, so `true` rows and `possible` rows are made apart.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from operator import itemgetter
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
    TookPart,
    Unusable,
)
from profiles.columns import Column, Mask, Row, Vocabulary, all_members, row_of, words
from profiles.panel import Shard
from profiles.values import is_negative_code, number_in

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
    bound = Bound(program, _true_rows(program, shard, known))
    if keep:
        shard.memo = bound
    return bound


def possible_rows(bound: Bound, shard: Shard) -> Rows:
    """The `possible` rows of a bound program, made when first asked for.

    A literal may hold for whom it does, and for whom it is not known whether its leaf does.
    """
    if bound.possible is None:
        everyone = all_members(shard.size)
        rows = np.empty_like(bound.true)
        for row, true, register in zip(rows, bound.true, bound.program.registers, strict=True):
            if isinstance(register, Compound):
                _combine(register, rows, row)
            else:
                np.bitwise_not(_known_row(register.leaf, shard, everyone), out=row)
                np.bitwise_and(row, everyone, out=row)
                np.bitwise_or(row, true, out=row)
        bound.possible = rows
    return bound.possible


def _true_rows(program: Program, shard: Shard, known: dict[Literal, Row]) -> Rows:
    """A literal holds for whom its leaf does; its negation for the others of whom that is known."""
    rows = np.empty((len(program.registers), words(shard.size)), np.uint64)
    everyone = all_members(shard.size)
    for row, register in zip(rows, program.registers, strict=True):
        if isinstance(register, Compound):
            _combine(register, rows, row)
        elif register in known:
            np.copyto(row, known[register])
        elif register.negated:
            np.bitwise_not(_leaf_row(register.leaf, shard, everyone), out=row)
            np.bitwise_and(row, _known_row(register.leaf, shard, everyone), out=row)
        else:
            np.copyto(row, _leaf_row(register.leaf, shard, everyone))
    return rows


def _combine(compound: Compound, rows: Rows, out: Row) -> None:
    combine = np.bitwise_or if compound.any_of else np.bitwise_and
    np.copyto(out, rows[compound.registers[0]])
    for other in compound.registers[1:]:
        combine(out, rows[other], out=out)


def _leaf_row(leaf: Leaf | Const, shard: Shard, everyone: Row) -> Row:
    """Members for whom a leaf holds."""
    match leaf:
        case Const():
            return np.zeros_like(everyone)
        case InIds(marketplace, name):
            listed = shard.on_list(marketplace, name)
            places = np.array(listed[0] if listed else [], np.int64)
            return row_of(places, shard.size)
        case TookPart(marketplace, scope, ids, outcomes):
            return row_of(shard.took_part(marketplace, scope, ids, outcomes), shard.size)
        case Answered(attribute):
            return shard.columns[attribute].answered
        case Unusable(attribute, codes):
            column = shard.columns[attribute]
            negative = _negative(column.vocabulary, codes)
            return column.holding(negative) & ~column.holding(~negative)
        case OneOf(attribute) | StartsWith(attribute) | InRanges(attribute):
            column = shard.columns[attribute]
            return column.holding(_wanted(leaf, column))
        case _:
            assert_never(leaf)


def _known_row(leaf: Leaf | Const, shard: Shard, everyone: Row) -> Row:
    """Members of whom it is known whether a leaf holds for them."""
    match leaf:
        case Const():
            return np.zeros_like(everyone)
        case InIds(marketplace, name):
            listed = shard.on_list(marketplace, name)
            if listed is None or not listed[1]:
                return _leaf_row(leaf, shard, everyone)
            without_id = np.array(shard.without_id(marketplace), np.int64)
            return everyone & ~row_of(without_id, shard.size)
        case Answered() | Unusable() | TookPart():
            return everyone
        case OneOf(attribute) | StartsWith(attribute) | InRanges(attribute):
            return shard.columns[attribute].answered
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
                cut = itemgetter(slice(len(prefix)))
                wanted[start : bisect_right(vocabulary, prefix, start, key=cut)] = True
    return wanted


def _numbers(vocabulary: Vocabulary) -> NDArray[np.float64]:
    """The vocabulary as numbers; a code that reads as none is NaN, which no range holds."""
    if isinstance(vocabulary, tuple):
        read = (number_in(value) for value in vocabulary)
        return np.array([np.nan if number is None else number for number in read], np.float64)
    return vocabulary
