"""Routing one member at a time through the whole inventory, which changes meanwhile.

`router` is where to start. A survey is compiled to disjuncts (`disjuncts`), disjuncts to bits
(`segment`, `attribute_rows`); what is open is kept beside them (`inventory`, `seats`).
"""

from matcher.routing.answer import Routed
from matcher.routing.disjuncts import DisjunctCompiler
from matcher.routing.inventory import locale_of
from matcher.routing.next_question import Question
from matcher.routing.of_panel import explain_member, open_router
from matcher.routing.respondent import MemberRow
from matcher.routing.router import Router
from matcher.routing.seats import Reservation
from matcher.routing.sizes import RouterSizes

__all__ = [
    "DisjunctCompiler",
    "MemberRow",
    "Question",
    "Reservation",
    "Routed",
    "Router",
    "RouterSizes",
    "explain_member",
    "locale_of",
    "open_router",
]
