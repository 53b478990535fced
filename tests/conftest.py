"""What every suite shares: property tests draw the same examples in every run and are not timed one by one."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("house", derandomize=True, deadline=None, database=None, print_blob=True)
settings.load_profile("house")
