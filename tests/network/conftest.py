"""Fixtures of the network tests: a short folder, and a skip with a clear word where namespaces and TUN devices are not permitted."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.network.plant import why_not


@pytest.fixture(scope="session")
def permitted() -> None:
    """Skips the test where the kernel does not let us join namespaces."""
    if reason := why_not():
        pytest.skip(reason)


@pytest.fixture
def folder(permitted: None) -> Iterator[Path]:
    """A short folder: Unix socket paths are limited to about 100 bytes."""
    with tempfile.TemporaryDirectory(prefix="yn") as name:
        yield Path(name)
