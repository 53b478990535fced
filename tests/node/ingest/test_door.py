"""The sensor door with real clients over loopback sockets."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiomqtt
import mqtt5
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from node.ingest.mqtt.packets import PACKET_BYTES_MAX
from node.ingest.passwords import Passwords, make_entry
from node.ingest.sink import Verdict
from tests.node.ingest.parts import ListSink, running_door

VERSIONS = [aiomqtt.ProtocolVersion.V311, aiomqtt.ProtocolVersion.V5]
TOPIC = "air-quality/reading/d1"


async def raw(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A bare connection to the door."""
    return await asyncio.open_connection("127.0.0.1", port)


async def raw_311(port: int, *, client: bytes = b"raw", keep_alive_s: int = 0) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A bare 3.1.1 client that is accepted."""
    reader, writer = await raw(port)
    body = b"\0\4MQTT\4\2" + keep_alive_s.to_bytes(2, "big") + len(client).to_bytes(2, "big") + client
    writer.write(b"\x10" + bytes([len(body)]) + body)
    assert await reader.readexactly(4) == b"\x20\x02\x00\x00"
    return reader, writer


def publish_311(packet_id: int, payload: bytes = b"x", *, qos: int = 1) -> bytes:
    """A PUBLISH as bytes."""
    body = len(TOPIC).to_bytes(2, "big") + TOPIC.encode() + packet_id.to_bytes(2, "big") + payload
    return bytes([0x30 | qos << 1, len(body)]) + body


async def closed(reader: asyncio.StreamReader) -> bytes:
    """What the door still says before it closes."""
    return await asyncio.wait_for(reader.read(), 5)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("qos", [0, 1])
async def test_real_client_publishes(version: aiomqtt.ProtocolVersion, qos: int) -> None:
    sink = ListSink()
    async with running_door(sink) as (_, port), aiomqtt.Client("127.0.0.1", port, protocol=version, identifier="c1") as client:
        await client.publish(TOPIC, b"payload", qos=qos)
        await asyncio.wait_for(sink.arrived.wait(), 5)
    assert [(message.topic, message.payload) for message in sink.messages] == [(TOPIC, b"payload")]


@pytest.mark.parametrize("version", VERSIONS)
async def test_subscribe_is_refused_and_publishing_goes_on(version: aiomqtt.ProtocolVersion) -> None:
    sink = ListSink()
    async with running_door(sink) as (door, port), aiomqtt.Client("127.0.0.1", port, protocol=version) as client:
        granted = await client.subscribe("a/#", qos=1)
        await client.unsubscribe("a/#")
        await client.publish(TOPIC, b"1", qos=1)
        assert [getattr(code, "value", code) for code in granted] == [135 if version is aiomqtt.ProtocolVersion.V5 else 128]
        assert door.refused["subscribe"] == 1


async def test_puback_waits_for_the_commit() -> None:
    sink = ListSink(stores_at_once=False)
    async with running_door(sink) as (_, port):
        reader, writer = await raw_311(port)
        writer.write(publish_311(1) + publish_311(2) + b"\xc0\x00")
        assert await reader.readexactly(2) == b"\xd0\x00"
        sink.store_all()
        assert await reader.readexactly(8) == b"\x40\x02\x00\x01\x40\x02\x00\x02"
        writer.close()


async def test_pubacks_leave_in_the_order_of_the_publishes() -> None:
    sink = ListSink(stores_at_once=False)
    async with running_door(sink) as (_, port):
        reader, writer = await raw_311(port)
        for packet_id in (1, 2):
            writer.write(publish_311(packet_id) + b"\xc0\x00")
            await reader.readexactly(2)
        first, second = sink.waiting
        second()
        first()
        assert await reader.readexactly(8) == b"\x40\x02\x00\x01\x40\x02\x00\x02"
        writer.close()


async def test_verdicts_reach_a_v5_client() -> None:
    sink = ListSink()
    sink.verdicts = {0: Verdict.NOT_ADMITTED}
    async with running_door(sink) as (door, port):
        reader, writer = await raw(port)
        writer.write(mqtt5.ConnectPacket("c", clean_start=True).write())
        await reader.read(1_000)
        writer.write(mqtt5.PublishPacket(TOPIC, b"x", qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=7).write())
        puback, _ = mqtt5.read(memoryview(await reader.read(1_000)))
        assert isinstance(puback, mqtt5.PubAckPacket)
        assert (puback.packet_id, puback.reason_code) == (7, mqtt5.PubAckReasonCode.NOT_AUTHORIZED)
        assert door.messages["rejected"] == 1
        writer.close()


async def test_a_311_device_that_is_not_admitted_keeps_its_messages() -> None:
    sink = ListSink()
    sink.verdicts = {1: Verdict.NOT_ADMITTED}
    async with running_door(sink) as (door, port):
        reader, writer = await raw_311(port)
        writer.write(publish_311(1) + publish_311(2))
        assert await closed(reader) == b"\x40\x02\x00\x01"
        assert door.refused["device_not_admitted"] == 1
        writer.close()


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
async def test_password_decides_who_connects(tmp_path: Path, version: aiomqtt.ProtocolVersion) -> None:
    path = tmp_path / "passwords"
    path.write_text(make_entry("dev", "right") + "\n")
    async with running_door(ListSink(), passwords=Passwords.load(path), anonymous=False) as (door, port):
        async with aiomqtt.Client("127.0.0.1", port, protocol=version, username="dev", password="right") as client:
            await client.publish(TOPIC, b"1", qos=1)
        for username, password in [("dev", "wrong"), ("nobody", "right"), (None, None)]:
            with pytest.raises(aiomqtt.MqttError):
                async with aiomqtt.Client("127.0.0.1", port, protocol=version, username=username, password=password):
                    pass
        assert door.refused["bad_credentials"] == 3


def tls_contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server context and a client context that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    start = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return server, ssl.create_default_context(cafile=str(folder / "cert.pem"))


async def test_tls_carries_publishes(tmp_path: Path) -> None:
    server, client_context = tls_contexts(tmp_path)
    sink = ListSink()
    async with running_door(sink, tls=server) as (_, port), aiomqtt.Client("localhost", port, tls_context=client_context) as client:
        await client.publish(TOPIC, b"secret", qos=1)
    assert len(sink.messages) == 1


async def test_same_client_id_closes_the_older_connection() -> None:
    sink = ListSink()
    async with running_door(sink) as (door, port):
        older, writer = await raw_311(port, client=b"twin")
        younger, second = await raw_311(port, client=b"twin")
        assert await closed(older) == b""
        second.write(publish_311(5))
        assert await younger.readexactly(4) == b"\x40\x02\x00\x05"
        assert door.refused["taken_over"] == 1
        assert sink.clients.count("twin") == 2
        writer.close()
        second.close()


@pytest.mark.slow
async def test_silent_client_is_closed_after_one_and_a_half_keep_alives() -> None:
    async with running_door(ListSink()) as (door, port):
        reader, writer = await raw_311(port, keep_alive_s=1)
        assert await closed(reader) == b""
        assert door.refused["keep_alive_timeout"] == 1
        writer.close()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "protocol_error"),
        (b"\x10\x0c\x00\x06MQIsdp\x03\x02\x00\x00", "unsupported_version"),
        (b"\x10\xff\xff\xff\xff\x7f", "malformed_packet"),
        (b"\x10\xff\xff\xff\x7f", "packet_too_large"),
        (b"\x10\x0c\x00\x04MQTT\x04\x00\x00\x00\x00\x00", "bad_client_id"),
        (b"\x30\x03\x00\x01a", "protocol_error"),
    ],
)
async def test_nonsense_before_connect_is_counted_and_closed(data: bytes, reason: str) -> None:
    async with running_door(ListSink()) as (door, port):
        reader, writer = await raw(port)
        writer.write(data)
        await closed(reader)
        assert door.refused == {reason: 1}
        writer.close()


async def test_oversized_publish_closes_only_its_own_connection() -> None:
    sink = ListSink()
    async with running_door(sink) as (door, port):
        reader, writer = await raw_311(port, client=b"large")
        writer.write(b"\x32\xff\xff\x7f" + bytes(100))
        assert await closed(reader) == b""
        assert door.refused["packet_too_large"] == 1
        other, second = await raw_311(port, client=b"small")
        second.write(publish_311(1))
        assert await other.readexactly(4) == b"\x40\x02\x00\x01"
        writer.close()
        second.close()
    assert PACKET_BYTES_MAX < 0x1FFFFF


async def test_door_stops_reading_while_the_sink_has_no_room() -> None:
    sink = ListSink()
    sink.has_room = False
    async with running_door(sink) as (_, port):
        reader, writer = await raw_311(port)
        writer.write(publish_311(1))
        other, second = await raw_311(port, client=b"other")
        second.write(publish_311(2))
        await asyncio.wait_for(sink.two_wait_for_room.wait(), 5)
        assert sink.messages == []
        sink.has_room = True
        for callback in sink.room_callbacks:
            callback()
        assert await reader.readexactly(4) == b"\x40\x02\x00\x01"
        assert await other.readexactly(4) == b"\x40\x02\x00\x02"
        writer.close()
        second.close()


async def test_a_connection_whose_data_meets_a_full_sink_is_read_no_further() -> None:
    sink = ListSink()
    async with running_door(sink) as (door, port):
        _, writer = await raw_311(port)
        (connection,) = door.clients
        assert connection._transport.is_reading()
        sink.has_room = False
        connection.data_received(publish_311(1))
        assert not connection._transport.is_reading()
        assert sink.messages == []
        writer.close()


@pytest.mark.slow
async def test_client_may_have_no_more_than_the_receive_maximum_in_flight() -> None:
    sink = ListSink(stores_at_once=False)
    async with running_door(sink) as (_, port):
        reader, writer = await raw_311(port)
        writer.write(b"".join(publish_311(1 + number % 60_000) for number in range(50_000)))
        while len(sink.messages) < 4_096:
            sink.arrived.clear()
            await asyncio.wait_for(sink.arrived.wait(), 5)
        taken = len(sink.messages)
        assert taken < 50_000
        while len(sink.messages) < 50_000:
            sink.store_all()
            await asyncio.sleep(0)
        sink.store_all()
        assert len(await reader.readexactly(4 * 50_000)) == 200_000
        writer.close()
