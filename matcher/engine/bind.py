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

from matcher.compiler import Compound, Conjunction, Literal, Program
from matcher.marketplaces import read_id_list
from matcher.rules import (
    Answered,
    Const,
    InIds,
    InRanges,
    OneOf,
    Predicate,
    StartsWith,
    TookPart,
    Unusable,
)
from profiles.encoding import BitRow, BitRows, Column, Mask, Vocabulary, row_of, words
from profiles.panel import Shard
from profiles.schema import is_negative_code, number_in


@dataclass
class Bound:
    """A program's rows on one shard, a row a register; a later plan can take them over."""

    program: Program
    true: BitRows
    possible: BitRows | None = None


def bind(program: Program, shard: Shard, room: BitRows | None = None) -> Bound:
    """The `true` rows of a program on a shard, reusing those that the last plan left with it.

    They are left with the shard for the next plan, unless they are written to `room`.
    """
    last = shard.memo
    if isinstance(last, Bound) and last.program is program:
        return last
    known: dict[Literal, BitRow] = {}
    if isinstance(last, Bound):
        known = {
            register: row
            for register, row in zip(last.program.registers, last.true, strict=True)
            if isinstance(register, Literal)
        }
    fresh = empty_rows(program, shard.size) if room is None else room[:, : words(shard.size)]
    _write_true(program, shard, known, fresh)
    bound = Bound(program, fresh)
    if room is None:
        shard.memo = bound
    return bound


def empty_rows(program: Program, members: int) -> BitRows:
    """Room for a row a register."""
    return np.empty((len(program.registers), words(members)), np.uint64)


def possible_rows(bound: Bound, shard: Shard, room: BitRows | None = None) -> BitRows:
    """The `possible` rows of a bound program, made when first asked for.

    A literal may hold for whom it does, and for whom it is unknown whether its predicate does.
    """
    if bound.possible is None:
        fresh = empty_rows(bound.program, shard.size) if room is None else room
        rows = fresh[:, : words(shard.size)]
        doubts: dict[str, BitRow] = {}
        for row, true, register in zip(rows, bound.true, bound.program.registers, strict=True):
            if isinstance(register, Compound):
                combine(register, rows, row)
            elif (doubt := _doubt(register.predicate, shard, doubts)) is None:
                np.copyto(row, true)
            else:
                np.bitwise_or(true, doubt, out=row)
        bound.possible = rows
    return bound.possible


def _write_true(
    program: Program, shard: Shard, known: dict[Literal, BitRow], rows: BitRows
) -> None:
    """A literal holds for whom its predicate does; a negated one for the others who are known.

    All predicates of an attribute are evaluated on its column together.
    """
    required: dict[str, list[tuple[Mask, int]]] = {}
    for number, register in enumerate(program.registers):
        if isinstance(register, Literal) and register not in known:
            predicate = register.predicate
            if isinstance(predicate, OneOf | StartsWith | InRanges):
                mask = _required(predicate, shard.columns[predicate.attribute])
                required.setdefault(predicate.attribute, []).append((mask, number))
            else:
                _write_predicate(predicate, shard, rows[number])
    for attribute, pairs in required.items():
        masks, numbers = zip(*pairs, strict=True)
        shard.columns[attribute].write_rows_for(masks, rows, numbers)
    for row, register in zip(rows, program.registers, strict=True):
        if isinstance(register, Compound):
            combine(register, rows, row)
        elif register in known:
            np.copyto(row, known[register])
        elif register.negated:
            np.bitwise_not(row, out=row)
            np.bitwise_and(row, _known_row(register.predicate, shard), out=row)


def meet(rows: BitRows, conjunction: Conjunction, base: BitRow, out: BitRow) -> None:
    """Members of a base for whom every register of a conjunction holds."""
    if not conjunction:
        np.copyto(out, base)
        return
    np.bitwise_and(base, rows[conjunction[0]], out=out)
    for register in conjunction[1:]:
        np.bitwise_and(out, rows[register], out=out)


def combine(compound: Compound, rows: BitRows, out: BitRow) -> None:
    """Write to `out` for whom a compound holds, given the rows of its registers."""
    join = np.bitwise_or if compound.any_of else np.bitwise_and
    np.copyto(out, rows[compound.registers[0]])
    for other in compound.registers[1:]:
        join(out, rows[other], out=out)


def _write_predicate(
    predicate: Answered | Unusable | InIds | TookPart | Const, shard: Shard, out: BitRow
) -> None:
    """Members for whom a predicate holds that is not about values."""
    match predicate:
        case Const():
            out[:] = 0
        case InIds(marketplace, name):
            listed = shard.on_list(marketplace, name, read_id_list)
            row_of(np.array(listed[0] if listed else [], np.int64), shard.size, out)
        case TookPart(marketplace, scope, ids, outcomes):
            row_of(shard.took_part(marketplace, scope, ids, outcomes), shard.size, out)
        case Answered(attribute):
            np.copyto(out, shard.columns[attribute].answered)
        case Unusable(attribute, codes):
            column = shard.columns[attribute]
            negative = _negative(column.vocabulary, codes)
            column.row_for(negative, out)
            np.bitwise_and(out, ~column.row_for(~negative), out=out)
        case _:
            assert_never(predicate)


def _known_row(predicate: Predicate | Const, shard: Shard) -> BitRow:
    """Members of whom it is known whether a predicate holds for them."""
    match predicate:
        case Const():
            return np.zeros_like(shard.everyone)
        case InIds(marketplace, name):
            listed = shard.on_list(marketplace, name, read_id_list)
            if listed is None:
                return np.zeros_like(shard.everyone)
            if not listed[1]:
                return row_of(np.array(listed[0], np.int64), shard.size)
            without_id = np.array(shard.without_id(marketplace), np.int64)
            return shard.everyone & ~row_of(without_id, shard.size)
        case Answered() | Unusable() | TookPart():
            return shard.everyone
        case OneOf(attribute) | StartsWith(attribute) | InRanges(attribute):
            return shard.columns[attribute].answered
        case _:
            assert_never(predicate)


def _doubt(predicate: Predicate | Const, shard: Shard, made: dict[str, BitRow]) -> BitRow | None:
    """Members of whom it is not known whether a predicate holds for them; None: there is none.

    `made`: those of attributes, made once.
    """
    match predicate:
        case Answered() | Unusable() | TookPart():
            return None
        case OneOf(attribute) | StartsWith(attribute) | InRanges(attribute):
            if attribute not in made:
                made[attribute] = shard.everyone & ~_known_row(predicate, shard)
            return made[attribute]
        case _:
            return shard.everyone & ~_known_row(predicate, shard)


def _negative(vocabulary: Vocabulary, codes: tuple[str, ...]) -> Mask:
    if isinstance(vocabulary, tuple):
        found = (is_negative_code(value) or value in codes for value in vocabulary)
        return np.fromiter(found, np.bool_, len(vocabulary))
    return vocabulary < 0


def _required(predicate: OneOf | StartsWith | InRanges, column: Column) -> Mask:
    """Which values of a column's vocabulary a predicate asks for."""
    vocabulary = column.vocabulary
    required = np.zeros(len(vocabulary), np.bool_)
    match predicate:
        case InRanges(_, ranges):
            numbers = _numbers(vocabulary)
            for low, high in ranges:
                required |= (numbers >= low) & (numbers <= high)
        case OneOf(_, values):
            places = column.places
            required[[places[value] for value in values if value in places]] = True
        case StartsWith(_, prefixes):
            for prefix in prefixes:
                start = bisect_left(vocabulary, prefix)
                cut = itemgetter(slice(len(prefix)))
                required[start : bisect_right(vocabulary, prefix, start, key=cut)] = True
    return required


def _numbers(vocabulary: Vocabulary) -> NDArray[np.float64]:
    """The vocabulary as numbers; a code that reads as none is NaN, which no range holds."""
    if isinstance(vocabulary, tuple):
        read = (number_in(value) for value in vocabulary)
        return np.array([np.nan if number is None else number for number in read], np.float64)
    return vocabulary
