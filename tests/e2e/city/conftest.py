"""What these modules share: the city."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync.model import Level
from tests.e2e.city.people import ENTERPRISE_COLUMNS, RESIDENT_COLUMNS, enterprises, residents
from tests.e2e.cluster import CHAIN, Cluster, Place

CITY = (*CHAIN, Place("qd-grid-2", Level.GRID, "370202001002001", "qd-street"))
"""One node of each level and a second grid."""


@pytest.fixture(scope="package")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The city, linked from top to bottom, its residents and enterprises handed in at their sources; stopped at the end of the package."""
    cluster = Cluster(tmp_path_factory.mktemp("city"))
    cluster.make(CITY)
    try:
        cluster.start()
        cluster.wait_linked()
        # Handed in first: the district's totals come at the end of a window of 15 s, which passes while other modules run.
        cluster["qd-street"].call("put", resource="residents", columns=RESIDENT_COLUMNS, rows=residents().rows)
        cluster["qingdao"].call("put", resource="enterprises", columns=ENTERPRISE_COLUMNS, rows=enterprises())
        yield cluster
    finally:
        cluster.stop()
