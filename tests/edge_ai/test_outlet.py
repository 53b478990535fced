"""A worker's end of the local socket: what the node sends is seen by the next wait, and a turn without mail does not ask the socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from edge_ai.outlet import Outlet
from edge_ai.wire.parts import STOP_PARTS, parts_of
from edge_ai.wire.states import Opens

PATIENCE_S = 20.0


@pytest.fixture
def node(tmp_path: Path) -> Iterator[zmq.Socket[bytes]]:
    with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.bind(f"ipc://{tmp_path}/ai.sock")
        yield socket


@pytest.fixture
def outlet(node: zmq.Socket[bytes], tmp_path: Path) -> Iterator[Outlet]:
    outlet = Outlet(f"ipc://{tmp_path}/ai.sock", "w")
    outlet.send([b"here"])
    assert node.recv_multipart() == [b"w", b"here"]
    yield outlet
    outlet.close()


def test_orders_that_come_after_a_wait_that_saw_none_are_seen_by_the_next(node: zmq.Socket[bytes], outlet: Outlet) -> None:
    outlet.wait(0)
    assert outlet.orders() == []
    for per_s in (1.0, 2.0):
        node.send_multipart([b"w", *parts_of(Opens(per_s=per_s))])
    came = list[object]()
    for _ in range(2):
        if len(came) < 2:
            outlet.wait(PATIENCE_S)
            came += outlet.orders()
    assert came == [Opens(per_s=1.0), Opens(per_s=2.0)]


def test_nonsense_is_counted_and_a_stop_is_remembered(node: zmq.Socket[bytes], outlet: Outlet) -> None:
    node.send_multipart([b"w", b"what?"])
    node.send_multipart([b"w", *STOP_PARTS])
    for _ in range(2):
        if not outlet.stopped:
            outlet.wait(PATIENCE_S)
            assert outlet.orders() == []
    assert outlet.stopped
    assert outlet.refused == 1
