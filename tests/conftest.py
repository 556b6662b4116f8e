"""What all tests share: hypothesis draws the same examples on every run, and has no deadline.

`HYPOTHESIS_PROFILE=search` looks for new examples, and for longer.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_NOT_OURS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.differing_executors]

settings.register_profile(
    "default",
    deadline=None,
    derandomize=True,
    max_examples=75,
    print_blob=True,
    suppress_health_check=_NOT_OURS,
)
settings.register_profile(
    "search",
    deadline=None,
    max_examples=500,
    print_blob=True,
    suppress_health_check=_NOT_OURS,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
