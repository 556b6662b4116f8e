"""A router in an async process: the event loop routes members, threads take in changes."""

import asyncio
from typing import Any

from matcher import Router


class Service:
    """Handlers of a web framework: with FastAPI, `app.post("/surveys")(service.surveys)`."""

    def __init__(self, router: Router) -> None:
        self.router = router

    async def surveys(self, member: dict[str, Any]) -> dict[str, list[str]]:
        """Where a member may be sent, with the quotas. It waits for nobody: no thread is needed."""
        routed = self.router.match(member, limit=10)
        return {offer.survey: list(offer.quota_ids) for offer in routed.eligible}

    async def enter(self, member_id: str, survey: str, quota_ids: list[str]) -> str | None:
        """Hold a seat for half an hour; None: there is none any more."""
        held = await asyncio.to_thread(self.router.reserve, member_id, survey, quota_ids, 1800)
        return None if held is None else held.id

    async def leave(self, reservation_id: str, *, completed: bool) -> bool:
        """The session has ended; False: its seat had been given back before."""
        end = self.router.complete if completed else self.router.release
        return await asyncio.to_thread(end, reservation_id)

    async def change(self, batch: list[dict[str, Any]]) -> list[str]:
        """Take in what a marketplace sends; gives what is wrong with it."""
        applied = await asyncio.to_thread(self.router.apply, batch)
        return [str(finding) for finding in applied.diagnostics]
