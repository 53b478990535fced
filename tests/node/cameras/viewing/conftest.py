"""Six nodes for all tests of live views: the street badaguan asks, the street liaoyuan has cameras."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from node.identity.files import IdentityFiles
from tests.node.cameras.viewing.yard import Yard
from tests.node.requests.borough import Borough


@pytest.fixture(scope="package")
def borough(tmp_path_factory: pytest.TempPathFactory, papers: dict[str, IdentityFiles]) -> Iterator[Borough]:
    found = Borough(tmp_path_factory.mktemp("borough"), papers)
    yield found
    found.close()


@pytest.fixture
def yard(borough: Borough) -> Yard:
    return Yard(borough)
