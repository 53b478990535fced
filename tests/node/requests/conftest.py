"""The borough, made anew for each test; its nodes keep their keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.identity.files import IdentityFiles
from tests.node.requests.borough import Borough


@pytest.fixture
def borough(tmp_path: Path, papers: dict[str, IdentityFiles]) -> Iterator[Borough]:
    """Six nodes; the street badaguan asks, the street liaoyuan has residents."""
    found = Borough(tmp_path, papers)
    yield found
    found.close()
