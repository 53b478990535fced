"""Keys are made once for all tests: they take longest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from node.identity.files import IdentityFiles
from tests.node.sealed.line import Line, make_family
from tests.policies.test_sealed import city_gate, entry


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> dict[str, IdentityFiles]:
    """A province, a city, a district and a street."""
    return make_family(tmp_path_factory.mktemp("sealed-family"))


@pytest.fixture
def line(tmp_path: Path, family: dict[str, IdentityFiles]) -> Iterator[Line]:
    """Districts may not be returned enterprises that are closed."""
    with closing(Line(tmp_path, family, city_gate(entry(predicate="status = 'closed'")).book.ruleset)) as line:
        yield line
