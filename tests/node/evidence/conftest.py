"""A desk for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.evidence.keeping import KeepRules
from tests.node.evidence.office import ROOMY, Office

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
