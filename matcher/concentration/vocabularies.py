"""Distinct vocabularies of columns: of many shards, each may have one of its own."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from profiles.encoding import Vocabulary


class Vocabularies:
    """Distinct vocabularies, numbered in order of appearance.

    `compared` counts the pairs of vocabularies that were compared value by value.
    """

    def __init__(self) -> None:
        self.distinct: list[Vocabulary] = []
        self.compared = 0
        self._candidates: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self.distinct)

    def number(self, vocabulary: Vocabulary) -> int:
        """The number of a vocabulary; a new one gets the next number."""
        candidates = self._candidates[len(vocabulary), *vocabulary[:1], *vocabulary[-1:]]
        for number in candidates:
            if self._same(self.distinct[number], vocabulary):
                return number
        candidates.append(len(self.distinct))
        self.distinct.append(vocabulary)
        return candidates[-1]

    def _same(self, one: Vocabulary, other: Vocabulary) -> bool:
        if one is other:
            return True
        self.compared += 1
        if isinstance(one, tuple) or isinstance(other, tuple):
            return isinstance(one, tuple) and isinstance(other, tuple) and one == other
        return np.array_equal(one, other)
