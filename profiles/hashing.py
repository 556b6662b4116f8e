"""Hashes of ids, the same everywhere, where a choice must not depend on order."""

from __future__ import annotations

GOLDEN = 0x9E3779B97F4A7C15
MULTIPLY = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_MASK = (1 << 64) - 1


def mix(number: int) -> int:
    """One step of the splitmix64 generator: 64 bits in, 64 well mixed bits out."""
    number = (number + GOLDEN) & _MASK
    number = ((number ^ (number >> 30)) * MULTIPLY[0]) & _MASK
    number = ((number ^ (number >> 27)) * MULTIPLY[1]) & _MASK
    return number ^ (number >> 31)


def hash_id(text: str) -> int:
    """A 64-bit hash of an id's text: splitmix over its UTF-8 bytes, eight at a time."""
    raw = text.encode()
    value = mix(len(raw))
    for at in range(0, len(raw), 8):
        value = mix(value ^ int.from_bytes(raw[at : at + 8], "little"))
    return value
