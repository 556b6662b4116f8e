"""Routing one member through the whole inventory, which changes while it is asked.

`router` is the way in. A survey is compiled to ways (`ways`), ways to bits (`segment`, `leaves`),
and what is open stands beside them (`inventory`, `seats`).
"""

from matcher.routing.answer import Routed
from matcher.routing.disjuncts import DisjunctCompiler
from matcher.routing.inventory import locale_of
from matcher.routing.next_question import Question
from matcher.routing.respondent import MemberRow
from matcher.routing.router import Router
from matcher.routing.seats import Reservation

__all__ = [
    "DisjunctCompiler",
    "MemberRow",
    "Question",
    "Reservation",
    "Routed",
    "Router",
    "locale_of",
]
