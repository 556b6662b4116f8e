"""An encoded panel on disk: written whole or not at all, updated, opened, read."""

from profiles.index.build import Indexed, build_index, update_index
from profiles.index.index import Index, open_index

__all__ = ["Index", "Indexed", "build_index", "open_index", "update_index"]
