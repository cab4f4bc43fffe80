"""Property tests that do not fail because the machine is busy, and leave no folder behind."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("core", deadline=None, max_examples=60, database=None)
settings.load_profile("core")
