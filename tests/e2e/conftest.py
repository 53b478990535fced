"""What every end-to-end test shares: nodes and commands are forked from a process that has imported the product."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e import starter


@pytest.fixture(scope="session", autouse=True)
def _commands_are_forked() -> Iterator[None]:
    starter.begin()
    yield
    starter.end()
