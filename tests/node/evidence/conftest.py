"""A desk for each test, and a borough for each file of those who ask for copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.evidence.keeping import KeepRules
from node.identity.files import IdentityFiles
from tests.node.evidence.office import ROOMY, Office
from tests.node.requests.borough import Borough

Make = Callable[[KeepRules], Office]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Opens a desk with rules of the test's."""
    made: list[Office] = []

    def opened(rules: KeepRules) -> Office:
        made.append(Office(tmp_path, rules))
        return made[-1]

    yield opened
    for one in made:
        one.close()


@pytest.fixture
def office(make: Make) -> Office:
    """A desk with room."""
    return make(ROOMY)


@pytest.fixture(scope="module")
def borough(tmp_path_factory: pytest.TempPathFactory, papers: dict[str, IdentityFiles]) -> Iterator[Borough]:
    """Six nodes; the street badaguan asks, the street liaoyuan has cameras."""
    found = Borough(tmp_path_factory.mktemp("borough"), papers)
    yield found
    found.close()
