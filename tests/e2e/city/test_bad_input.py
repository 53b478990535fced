"""Nonsense on every port of real nodes: each gives one clear word, and the node goes on."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Callable
from random import Random

import aiomqtt
import pytest

from node.clock import SystemClock
from node.identity.chance import new_id
from node.identity.files import IdentityFiles
from sync.model import LinkError
from sync.transport.credentials import TlsCredentials
from sync.transport.link_dialer import dial
from sync.transport.session import PeerIdentity
from tests.e2e.cluster import HOST, Cluster, Node, Plain, is_linked

pytestmark = pytest.mark.slow

STREET, GRID = "qd-street", "qd-grid-2"
GARBAGE = Random(20260501).randbytes(64 << 10)
ANSWER_TIMEOUT_S = 15.0
CONNECT_311 = bytes.fromhex("101000044d51545404020 03c 0004 6e6f6973".replace(" ", ""))
"""An MQTT 3.1.1 CONNECT of client "nois" with a clean session."""
PUBLISH_OF_256_MIB = bytes.fromhex("32ffffff7f0001")
"""The head of a QoS 1 PUBLISH that announces 268,435,455 bytes (MQTT 3.1.1 section 2.2.3)."""


def speak(port: int, *pieces: bytes, tls: ssl.SSLContext | None = None, name: str | None = None) -> bytes:
    """Send the pieces, one after each answer, until the other side closes; what it said. Raises TimeoutError when it does neither."""
    heard = b""
    plain = socket.create_connection((HOST, port), ANSWER_TIMEOUT_S)
    with plain if tls is None else tls.wrap_socket(plain, server_hostname=name) as stream:
        try:
            for piece in pieces:
                stream.sendall(piece)
                heard += stream.recv(65_536)
            while data := stream.recv(65_536):
                heard += data
        except (ConnectionError, ssl.SSLError):
            return heard
    return heard


def door(node: Node) -> Plain:
    """What the node says of its door."""
    return dict(node.call("status")["door"])


def wait_counted(city: Cluster, node: Node, count: Callable[[], int], before: int) -> None:
    """Wait until a counter has moved."""
    city.wait(f"{node.id} to count it", lambda: count() > before)


async def test_malformed_payloads_are_kept_with_their_reason_and_acknowledged(city: Cluster) -> None:
    node = city[GRID]
    before = sum(door(node)["rejects"].values())
    payloads = [b"{", b"\xff\xfe\x00", b'{"device": "x", "time": "yesterday", "quantity": "q", "value": 1}', b"[" * 10_000]
    async with aiomqtt.Client(HOST, node.ports["door"]) as client:
        for payload in payloads:
            await client.publish("air-quality/reading/x", payload, qos=1, timeout=ANSWER_TIMEOUT_S)
    wait_counted(city, node, lambda: sum(door(node)["rejects"].values()), before + len(payloads) - 1)


async def test_the_door_takes_good_readings_after_all_of_it(city: Cluster) -> None:
    node = city[GRID]
    assert speak(node.ports["door"], GARBAGE) == b""
    reading = {"device": "after", "time": 1_760_000_000, "quantity": "PM2.5", "value": 1.5}
    async with aiomqtt.Client(HOST, node.ports["door"]) as client:
        await client.publish("air-quality/reading/after", json.dumps(reading), qos=1, timeout=ANSWER_TIMEOUT_S)
    rows = node.call("readings", resource="air-quality", limit=10)["rows"]
    assert any("after" in row for row in rows)
    city.wait_records("air-quality", 1, "shandong")


def test_an_oversized_publish_is_refused_by_its_head(city: Cluster) -> None:
    node = city[GRID]
    before = door(node)["refused"]
    assert speak(node.ports["door"], CONNECT_311, PUBLISH_OF_256_MIB) == bytes.fromhex("20020000")
    wait_counted(city, node, lambda: int(door(node)["refused"]), before)


def test_garbage_on_every_port_leaves_the_node_as_it_was(city: Cluster) -> None:
    node = city[STREET]
    for port in node.ports.values():
        speak(port, GARBAGE)
        speak(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert is_linked(node)
    assert node.call("tree")["self"] == STREET


def test_an_admitted_peer_that_speaks_nonsense_after_tls_is_cut_off(city: Cluster) -> None:
    node, files = city[STREET], IdentityFiles(city[GRID].folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=files.root_pem().decode())
    context.load_cert_chain(files.certificate("tls"), files.key("tls"))
    context.set_alpn_protocols(["h2"])
    name = files.parent(now_us=SystemClock().wall_us()).tls_name
    speak(node.ports["link"], GARBAGE, tls=context, name=name)
    assert is_linked(city[GRID])


async def test_an_admitted_peer_that_sends_frames_of_nonsense_is_told_why(city: Cluster) -> None:
    node, files = city[STREET], IdentityFiles(city[GRID].folder)
    material = files.tls()
    parent = files.parent(now_us=SystemClock().wall_us())
    session = await dial(
        f"{HOST}:{node.ports['link']}",
        TlsCredentials(material.key_pem, material.chain_pem, material.root_pem),
        server_name=parent.tls_name,
        session_id=new_id(),
        node=GRID,
        authorise=lambda pem, declared: PeerIdentity(parent.node, parent.level, parent.territory.code),
    )
    await session.send(GARBAGE[:1_000], urgent=True)
    with contextlib.suppress(LinkError):
        async for _ in session.incoming():
            pass
    assert session.closed.done()
    city.wait("the street to say why", lambda: "link from a child ended" in node.log)
    assert is_linked(city[GRID])


def test_a_foreign_certificate_opens_no_link(city: Cluster) -> None:
    foreign = Cluster(city.folder / "foreign")
    foreign.make()
    files = IdentityFiles(foreign[GRID.removesuffix("-2")].folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(files.certificate("tls"), files.key("tls"))
    context.set_alpn_protocols(["h2"])
    assert speak(city[STREET].ports["link"], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", tls=context) == b""


def test_no_node_has_printed_a_traceback(city: Cluster) -> None:
    assert [node.id for node in city.nodes.values() if "Traceback" in node.log] == []
