"""A worker's end of the local socket: messages out, acks and orders in.

The home of pyzmq in this package. What the socket does not take is dropped: states come again each second, events stay in the spool.
Called by the capture and the analysis process.
"""

from __future__ import annotations

import zmq

from edge_ai.errors import MessageError
from edge_ai.wire.parts import Order, parse_from_node

SEND_QUEUE = 64
"""Messages the socket holds while the node is away."""
RECEIVE_BYTES_MAX = 65_536
ORDERS_PER_TURN_MAX = 1_000


class Outlet:
    """A DEALER toward the node."""

    def __init__(self, endpoint: str, identity: str) -> None:
        self._context = zmq.Context()
        self._socket: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.IDENTITY, identity.encode())
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.SNDHWM, SEND_QUEUE)
        self._socket.setsockopt(zmq.MAXMSGSIZE, RECEIVE_BYTES_MAX)
        self._socket.setsockopt(zmq.RECONNECT_IVL, 100)
        self._socket.setsockopt(zmq.RECONNECT_IVL_MAX, 2_000)
        self._socket.connect(endpoint)
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._may_have_mail = True
        """False when the newest wait saw nothing from the node: asking the socket again would cost more than the turn."""
        self.stopped = False
        """The node said stop."""
        self.refused = 0
        """Messages from the node that made no sense."""

    def send(self, parts: list[bytes]) -> None:
        """Send a message, or drop it when the node does not listen."""
        try:
            self._socket.send_multipart(parts, zmq.NOBLOCK)
        except zmq.Again:
            return

    def wait(self, seconds: float) -> None:
        """Return when the node has sent something or a watched handle has something to read, or after `seconds`."""
        ready = dict(self._poller.poll(round(seconds * 1_000)))
        self._may_have_mail = self._socket in ready

    def watch(self, handle: int) -> None:
        """Let `wait` return for this file handle too."""
        self._poller.register(handle, zmq.POLLIN)

    def orders(self) -> list[Order]:
        """What the node sent since the last call; a stop is remembered in `stopped`."""
        came: list[Order] = []
        for _ in range(ORDERS_PER_TURN_MAX if self._may_have_mail else 0):
            try:
                order = parse_from_node(self._socket.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                break
            except MessageError:
                self.refused += 1
                continue
            if order is None:
                self.stopped = True
            else:
                came.append(order)
        return came

    def close(self) -> None:
        """Close socket and context without waiting for the node."""
        self._socket.close()
        self._context.term()
