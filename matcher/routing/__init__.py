"""Routing one member through the whole inventory, which changes while it is asked.

`router` is the way in. A survey is compiled to ways (`ways`), ways to bits (`segment`, `leaves`),
and what is open stands beside them (`inventory`, `seats`).
"""

from matcher.routing.router import Router

__all__ = ["Router"]
