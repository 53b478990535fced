"""Parked vans of a real clip over loops and restarts of the process. Costs some 2 s."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge_ai.parked_vans import Street


@pytest.mark.slow
def test_each_parked_van_is_one_event_over_loops_and_restarts(tmp_path: Path) -> None:
    street = Street(tmp_path)
    for seconds in (110.0, 100.0, 40.0):
        street.watch(seconds)
    assert street.holds, street.told
