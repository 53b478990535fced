"""The v5 codec: what the library reads, what the hot path reads, and text that would make the library panic."""

from __future__ import annotations

from random import Random

import mqtt5
import pytest

from node.ingest.errors import PacketError
from node.ingest.mqtt_v5 import RECEIVE_MAX, Mqtt5
from node.ingest.packets import (
    PACKET_BYTES_MAX,
    Connect,
    Disconnect,
    Goodbye,
    Packet,
    PingRequest,
    Publish,
    Refusal,
    Subscribe,
    Unsubscribe,
)

QOS_1 = mqtt5.QoS.AT_LEAST_ONCE


def read(data: bytes) -> list[Packet]:
    """All packets of `data`, which must be whole."""
    packets: list[Packet] = []
    assert Mqtt5().read(data, packets) == len(data)
    return packets


def test_every_packet_of_the_library_is_read() -> None:
    will = mqtt5.Will("w", payload=b"x", user_properties=[("a", "b")])
    packets: list[mqtt5.Packet] = [
        mqtt5.ConnectPacket("c", username="u", password=b"p", clean_start=True, keep_alive=9, will=will, user_properties=[("k", "v")]),
        mqtt5.PublishPacket("t", b"1"),
        mqtt5.PublishPacket("t", b"2", qos=QOS_1, packet_id=7, duplicate=True, retain=True),
        mqtt5.PublishPacket(
            "t", b"3", qos=QOS_1, packet_id=8, user_properties=[("空", "气")], content_type="json", correlation_data=b"\xff"
        ),
        mqtt5.SubscribePacket(1, [mqtt5.TopicFilter("a/#"), mqtt5.TopicFilter("b")], subscription_id=200),
        mqtt5.UnsubscribePacket(2, ["a/#"]),
        mqtt5.PingReqPacket(),
        mqtt5.DisconnectPacket(reason_str="bye"),
    ]
    assert read(b"".join(packet.write() for packet in packets)) == [
        Connect("c", 9, True, "u", b"p"),
        Publish("t", b"1", 0, 0),
        Publish("t", b"2", 1, 7),
        Publish("t", b"3", 1, 8),
        Subscribe(1, 2),
        Unsubscribe(2, 1),
        PingRequest(),
        Disconnect(),
    ]


def test_hot_path_reads_what_the_library_reads() -> None:
    rng = Random(5)
    for _ in range(500):
        level = rng.randint(0, 1)
        packet = mqtt5.PublishPacket(
            "t" * rng.randint(1, 200),
            rng.randbytes(rng.randint(0, 300)),
            qos=mqtt5.QoS(level),
            packet_id=rng.randint(1, 65_535) if level else None,
        )
        assert read(packet.write()) == [Publish(packet.topic, packet.payload, level, packet.packet_id or 0)]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x30\x06\x00\x02\xff\xfe\x00x", "malformed_packet"),
        (b"\x30\x08\x00\x01a\x04\x03\x00\x01\xff", "malformed_packet"),
        (b"\x82\x07\x00\x01\x00\x00\x01\xff\x01", "malformed_packet"),
        (b"\x30\x07\x00\x01a\x03\x23\x00\x01", "topic_alias"),
        (b"\x30\x03\x00\x00\x00", "bad_topic"),
        (b"\x32\x06\x00\x01a\x00\x00\x00", "malformed_packet"),
        (b"\xf0\x00", "protocol_error"),
        (b"\x20\x03\x00\x00\x00", "protocol_error"),
        (b"\x30\xff\xff\xff\x7f", "packet_too_large"),
        (b"\xc0\x01\x00", "malformed_packet"),
    ],
)
def test_violations_are_refused_before_the_library_can_panic(data: bytes, reason: str) -> None:
    with pytest.raises(PacketError) as refused:
        Mqtt5().read(data, [])
    assert refused.value.reason == reason


def test_connack_declares_what_is_off() -> None:
    connack, _ = mqtt5.read(memoryview(Mqtt5().accepted(assigned_client_id="given")))
    assert isinstance(connack, mqtt5.ConnAckPacket)
    assert (connack.max_qos, connack.receive_max, connack.max_packet_size) == (1, RECEIVE_MAX, PACKET_BYTES_MAX)
    off = (connack.retain_available, connack.wildcard_subscription_available, connack.shared_subscription_available)
    assert (off, connack.topic_alias_max, connack.session_present) == ((False, False, False), 0, False)
    assert connack.assigned_client_id == "given"


@pytest.mark.parametrize("refusal", list(Refusal))
def test_every_refusal_is_a_connack(refusal: Refusal) -> None:
    connack, _ = mqtt5.read(memoryview(Mqtt5().refused(refusal)))
    assert isinstance(connack, mqtt5.ConnAckPacket)
    assert connack.reason_code.value >= 128


@pytest.mark.parametrize("reason", list(Goodbye))
def test_every_goodbye_is_a_disconnect(reason: Goodbye) -> None:
    goodbye, _ = mqtt5.read(memoryview(Mqtt5().goodbye(reason)))
    assert isinstance(goodbye, mqtt5.DisconnectPacket)
    assert goodbye.reason_code.value >= 128
