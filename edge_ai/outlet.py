"""The worker's end of the local socket: events out until acknowledged, states out, orders in.

The home of pyzmq in this package. Called by edge_ai/worker.py.
"""

from __future__ import annotations

import zmq

from edge_ai.errors import MessageError
from edge_ai.spool import Spool
from edge_ai.wire import StateRow, event_parts, parse_from_node, state_parts
from sync.model import Instant

SEND_QUEUE = 64
"""Messages the socket holds while the node is away; states beyond it are dropped, events stay in the spool."""
RECEIVE_BYTES_MAX = 65_536
ORDERS_PER_TURN_MAX = 1_000


class Outlet:
    """A DEALER toward the node."""

    def __init__(self, endpoint: str, identity: str, spool: Spool) -> None:
        self._spool = spool
        self._context = zmq.Context()
        self._socket: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.IDENTITY, identity.encode())
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.SNDHWM, SEND_QUEUE)
        self._socket.setsockopt(zmq.MAXMSGSIZE, RECEIVE_BYTES_MAX)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 100)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 2_000)
        self._socket.connect(endpoint)
        self.refused = 0
        """Messages from the node that made no sense."""

    def send_due(self, now: Instant) -> None:
        """Send the events whose turn it is; what the socket does not take now is sent again later."""
        for message in self._spool.due(now):
            self._send(event_parts(message))

    def send_state(self, row: StateRow) -> None:
        """Send a state; it is dropped when the node does not listen, the next second brings another."""
        self._send(state_parts(row))

    def orders(self) -> bool:
        """Take in what the node sent; True when it said stop."""
        for _ in range(ORDERS_PER_TURN_MAX):
            try:
                ack = parse_from_node(self._socket.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                return False
            except MessageError:
                self.refused += 1
                continue
            if ack is None:
                return True
            self._spool.acknowledge(ack)
        return False

    def close(self) -> None:
        """Close socket and context without waiting for the node."""
        self._socket.close()
        self._context.term()

    def _send(self, parts: list[bytes]) -> None:
        try:
            self._socket.send_multipart(parts, zmq.NOBLOCK)
        except zmq.Again:
            return
