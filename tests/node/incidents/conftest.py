"""A watch over incidents, closed in the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.incidents.watch import Watch


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    """One node's incidents."""
    made = Watch(tmp_path)
    yield made
    made.close()
