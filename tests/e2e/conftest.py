"""What the end-to-end suite shares: one running city for every module that leaves it as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync.model import Level
from tests.e2e.cluster import CHAIN, Cluster, Place

CITY = (*CHAIN, Place("qd-grid-2", Level.GRID, "370202001002001", "qd-street"))
"""One node of each level and a second grid."""


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The city, linked from top to bottom; stopped at the end of the suite."""
    cluster = Cluster(tmp_path_factory.mktemp("city"))
    cluster.make(CITY)
    try:
        cluster.start()
        cluster.wait_linked()
        yield cluster
    finally:
        cluster.stop()
