"""A loop that receives notifications, takes them in, and acknowledges what is settled."""

from collections.abc import Callable
from typing import Any

from matcher import Level, Router

Notification = dict[str, Any]


def listen(
    router: Router,
    receive: Callable[[], list[Notification] | None],
    acknowledge: Callable[[list[Notification]], None],
    save: Callable[[bytes], None],
    log: Callable[[str], None],
) -> None:
    """Until `receive` gives None. What is not acknowledged stays with the marketplace.

    Settled is what was taken in, and what was set aside because a survey is malformed: sent again,
    it would be so again. What cannot be known to be about a survey is kept. Whatever fails before
    the acknowledgement leaves all as it was: notifications that come again change nothing.
    """
    while (received := receive()) is not None:
        applied = router.apply(received)
        errors = [found for found in applied.diagnostics if found.level is Level.ERROR]
        for error in errors:
            log(str(error))
        save(router.to_bytes())
        kept = {int(error.at.split("/")[1]) for error in errors if error.survey is None}
        acknowledge([sent for place, sent in enumerate(received) if place not in kept])
