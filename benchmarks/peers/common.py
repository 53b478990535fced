"""What every peer program needs: messages in three forms, servers as processes, and waiting with a deadline.

Owns no figure. Raises PeerError naming the program when one does not start or does not finish.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Protocol

from benchmarks import workload
from benchmarks.workload import Spread

START_S_MAX = 20.0
FINISH_S_MAX = 120.0
POLL_S = 0.02
RECORD = b'{"device":"air-0001","resource":"air","ts":1790000000,"lon":120.3,"lat":36.11,"v":17,"g":1}'
"""One record of 91 bytes."""
PACK = 100
BATCH = 5_000


class PeerError(Exception):
    """A peer program did not do its part; the message names it."""


class Form(Enum):
    """How records become messages."""

    SINGLE = "one record a message"
    PACKED = "100 records a message"
    OPAQUE = "our Arrow batch of 5,000 as one opaque message"

    @property
    def records(self) -> int:
        """Records in one message."""
        return {Form.SINGLE: 1, Form.PACKED: PACK, Form.OPAQUE: BATCH}[self]

    def body(self) -> bytes:
        """One message."""
        if self is Form.OPAQUE:
            return workload.batches(1, rows=BATCH, spread=Spread.TOGETHER)[0].payload
        return b"\n".join([RECORD] * self.records)


class Peer(Protocol):
    """A program that moves records over a chain of its own servers."""

    name: str
    durability: str
    """What an acknowledgement means at each of its servers."""

    def missing(self) -> str:
        """The program that is not installed; empty when all are."""

    def catch_up(self, folder: Path, form: Form, *, hops: int, records: int) -> float:
        """Records per second from the opening of the links until the last server has everything."""


def absent(*programs: str) -> str:
    """The first of `programs` that is not installed; empty when all are."""
    return next((program for program in programs if shutil.which(program) is None), "")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(command: Sequence[str], *, port: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended with the context; waits until `port` listens."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if port is not None:
            wait_for(lambda: _listens(port), f"{command[0]} to listen on {port}", START_S_MAX)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for(done: Callable[[], bool], what: str, seconds: float = FINISH_S_MAX) -> float:
    """Poll until `done`; the moment it was. Raises PeerError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise PeerError(f"waited {seconds:g} s for {what}")
        time.sleep(POLL_S)
    return time.monotonic()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def connect(port: int) -> socket.socket:
    """A connection with small writes sent at once."""
    opened = socket.create_connection(("127.0.0.1", port), timeout=FINISH_S_MAX)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened
