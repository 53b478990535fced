"""A child and its parent, linked, for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.equality.city import City, city


@pytest.fixture
def linked(tmp_path: Path) -> Iterator[City]:
    """Both with their journals; the child's records at the parent."""
    with city(tmp_path) as made:
        yield made
