"""How a router cuts an inventory into parts, and how much it remembers; no answer depends on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RouterSizes:
    """Sizes of a router; the defaults suit inventories of ten rules and of a million."""

    max_disjuncts: int = 1 << 9
    """A survey with more disjuncts is judged whole."""

    first_block: int = 1 << 11
    """Disjuncts in a segment's first block; each block is `block_growth` times as large as the one
    before it, up to `largest_block`."""
    block_growth: int = 4
    largest_block: int = 1 << 17

    piece: int = 1 << 11
    """Bits out of which disjuncts are taken together, a multiple of 8."""

    page: int = 1 << 8
    """Surveys of a layer that are copied together when one of them changes."""

    layer_ratio: int = 2
    """A layer is at least so many times as large as the next, or they are merged."""

    recent_surveys: int = 1 << 11
    """Compiled surveys that are kept for the next merge of layers."""

    row_bytes: int = 1 << 22
    """Bytes of rows that a block keeps for each attribute, but never fewer than `fewest_rows`."""
    fewest_rows: int = 1 << 7

    sparse: int = 32
    """In blocks larger than `dense_block`, fewer disjuncts than one in so many are listed by
    number, not as bits."""
    dense_block: int = 1 << 13

    known_values: int = 1 << 14
    """Values of an attribute whose predicates are remembered, before all are forgotten."""

    known_answers: int = 1 << 16
    """Raw values of an attribute whose answers are remembered, before all are forgotten."""


DEFAULT_SIZES = RouterSizes()
