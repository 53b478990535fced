"""What tests of several rooms of the node share: a journal on a real file, and the papers of six nodes, which take longest to make."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.identity.files import IdentityFiles
from tests.node.requests.borough import identities
from tests.node.shelf import Shelf, open_shelf


@pytest.fixture(scope="session")
def papers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, IdentityFiles]:
    """Keys and certificates of the six nodes of a borough."""
    return identities(tmp_path_factory.mktemp("papers"))


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """An open journal in the folder of the test."""
    opened = open_shelf(tmp_path)
    yield opened
    opened.journal.close()
