"""One connection of a simulated device: bytes of its packets out, the server's packets in, as an asyncio protocol without a task.

It keeps no readings and decides nothing: what comes in goes to its owner, device.py. At most ANSWER_BYTES_MAX of an answer are held.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from simulations.devices.packets import Answer, read_answers

ANSWER_BYTES_MAX = 1 << 20
"""Of an answer that does not end."""


class Owner(Protocol):
    """Who is told what comes in."""

    def heard(self, link: DeviceLink, answers: Sequence[Answer]) -> None:
        """Packets of the server, in order."""

    def lost(self, link: DeviceLink) -> None:
        """The connection is gone, by whomever."""


class DeviceLink(asyncio.Protocol):
    """A socket to the door."""

    __slots__ = ("_buffer", "_owner", "_transport", "_version", "is_gone")

    def __init__(self, owner: Owner, version: int) -> None:
        self._owner = owner
        self._version = version
        self._buffer = bytearray()
        self._transport: asyncio.Transport
        self.is_gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open (and its TLS done)."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Bytes of the server."""
        self._buffer += data
        try:
            answers = read_answers(self._buffer, self._version)
        except ValueError:
            self.abort()
            return
        if len(self._buffer) > ANSWER_BYTES_MAX:
            self.abort()
        if answers:
            self._owner.heard(self, answers)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self.is_gone = True
        self._owner.lost(self)

    def send(self, data: bytes) -> None:
        """Write packets; nothing happens when the connection is gone."""
        if not self.is_gone:
            self._transport.write(data)

    def listen(self, *, is_on: bool) -> None:
        """Read what comes, or leave it in the socket."""
        if self.is_gone:
            return
        if is_on:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def close(self) -> None:
        """End it after what was written."""
        if not self.is_gone:
            self._transport.close()

    def abort(self) -> None:
        """End it at once, as a device that loses its network."""
        if not self.is_gone:
            self._transport.abort()
