"""The draws of `matcher.surveys.choice.Balanced` for many members at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.surveys import Balanced, Group, Survey
from profiles.encoding import mix_all


def draw_all(
    choice: Balanced,
    survey: Survey,
    group: Group,
    takes: NDArray[np.bool_],
    members: NDArray[np.uint64],
) -> NDArray[np.int64]:
    """What `choice.pick` gives each of many members: the index of their quota in the group.

    `takes[q, m]`: quota q would take member m, at least one does; `members`: hashes of ids.
    """
    seats = np.array(choice.weights(group), np.uint64)[:, None] * takes
    reaches = np.cumsum(seats, axis=0)
    drawn = mix_all(members ^ np.uint64(choice.salt(survey, group))) >> np.uint64(32)
    falls_on = (drawn * reaches[-1]) >> np.uint64(32)
    picked: NDArray[np.int64] = np.argmax(reaches > falls_on, axis=0)
    return picked
