"""The ports of one demo on loopback: kept from the last start when they are free, else drawn anew.

Knows that a port free now may be taken a moment later: whoever starts the nodes tries again with new ones.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from node.files import write_durably
from simulations.demo.city import CHAIN, GRID, Place

LOOPBACK = "127.0.0.1"
DOOR = "door"


@dataclass(frozen=True, slots=True)
class Ports:
    """Port by use: `<node>/link` and `<node>/join` for every node with children, and the sensor door."""

    by_use: Mapping[str, int]

    def link(self, place: Place) -> str:
        """Where the children of `place` open their links."""
        return self._address(f"{place.id}/link")

    def join(self, place: Place) -> str:
        """Where new children of `place` ask to join."""
        return self._address(f"{place.id}/join")

    @property
    def door(self) -> str:
        """The sensor door of the grid node."""
        return self._address(DOOR)

    @property
    def door_port(self) -> int:
        """The port of the sensor door."""
        return self.by_use[DOOR]

    def _address(self, use: str) -> str:
        return f"{LOOPBACK}:{self.by_use[use]}"


USES = (*(f"{place.id}/{what}" for place in CHAIN if place != GRID for what in ("link", "join")), DOOR)


def choose_ports(path: Path) -> Ports:
    """The ports noted in `path` if all are free, else new ones, which are noted there."""
    noted = _noted(path)
    if noted is not None and _are_free(list(noted.by_use.values())):
        return noted
    drawn = Ports(dict(zip(USES, _draw(len(USES)), strict=True)))
    write_durably(path, msgspec.json.encode(drawn.by_use))
    return drawn


def _noted(path: Path) -> Ports | None:
    try:
        by_use = msgspec.json.decode(path.read_bytes(), type=dict[str, int])
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    return Ports(by_use) if set(by_use) == set(USES) else None


def _are_free(ports: Sequence[int]) -> bool:
    with ExitStack() as stack:
        try:
            for port in ports:
                _bound(stack, port)
        except OSError:
            return False
    return True


def _draw(count: int) -> list[int]:
    with ExitStack() as stack:
        return [_bound(stack, 0) for _ in range(count)]


def _bound(stack: ExitStack, port: int) -> int:
    probe = stack.enter_context(socket.socket())
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind((LOOPBACK, port))
    return int(probe.getsockname()[1])
