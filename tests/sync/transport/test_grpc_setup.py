"""Every channel option is one that the installed gRPC knows: it passes over names that it does not know without a word."""

from __future__ import annotations

from pathlib import Path

import pytest
from grpc._cython import cygrpc

from sync.transport.grpc_setup import CHANNEL, KEEPALIVE_MS, KEEPALIVE_TOLERATED_MS, SERVER

NAMES = sorted({name for name, _ in [*SERVER, *CHANNEL]})


@pytest.fixture(scope="module")
def library() -> bytes:
    """gRPC's core with the texts that it compares option names with."""
    return Path(cygrpc.__file__).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_the_library_knows_the_option(name: str, library: bytes) -> None:
    # A misspelt name once left the default in force: idle links fell every minute or so for "too many pings".
    assert name.encode() + b"\0" in library


def test_a_name_that_is_no_option_is_told_apart(library: bytes) -> None:
    assert b"grpc.http2.min_recv_ping_interval_without_data_ms\0" not in library


def test_a_server_takes_pings_more_often_than_they_are_sent() -> None:
    assert KEEPALIVE_TOLERATED_MS < KEEPALIVE_MS
