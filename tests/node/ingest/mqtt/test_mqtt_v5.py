"""The v5 codec: what the library reads, what the hot path reads, and text that would make the library panic."""

from __future__ import annotations

from random import Random

import mqtt5
import pytest

from node.ingest.errors import PacketError
from node.ingest.mqtt.mqtt_v5 import RECEIVE_MAX, TOPIC_ALIASES_MAX, Mqtt5
from node.ingest.mqtt.packets import (
    PACKET_BYTES_MAX,
    Accepted,
    Ack,
    AckKind,
    Connect,
    Delivery,
    Disconnect,
    Filter,
    Goodbye,
    Packet,
    PingRequest,
    Properties,
    Publish,
    Refusal,
    Subscribe,
    Unsubscribe,
    Will,
)
from node.ingest.sink import Verdict

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
        mqtt5.PublishPacket("t", b"4", message_expiry_interval=5, topic_alias=3, response_topic="r", payload_format_indicator=1),
        mqtt5.PublishPacket("", b"5", topic_alias=3, qos=mqtt5.QoS.EXACTLY_ONCE, packet_id=9),
        mqtt5.PubRelPacket(9),
        mqtt5.PubAckPacket(4, reason_code=mqtt5.PubAckReasonCode.QUOTA_EXCEEDED, reason_str="full"),
        mqtt5.SubscribePacket(1, [mqtt5.TopicFilter("a/#"), mqtt5.TopicFilter("b", no_local=True)], subscription_id=200),
        mqtt5.UnsubscribePacket(2, ["a/#"]),
        mqtt5.PingReqPacket(),
        mqtt5.DisconnectPacket(reason_str="bye"),
        mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.DISCONNECT_WITH_WILL_MESSAGE, session_expiry_interval=60),
    ]
    assert read(b"".join(packet.write() for packet in packets)) == [
        Connect("c", 9, True, "u", b"p", will=Will("w", b"x", 0, False, 0, Properties(user=(("a", "b"),)))),
        Publish("t", b"1", 0, 0, 0x30),
        Publish("t", b"2", 1, 7, 0x3B),
        Publish("t", b"3", 1, 8, 0x32, Properties(user=(("空", "气"),), content_type="json", correlation=b"\xff")),
        Publish("t", b"4", 0, 0, 0x30, Properties(expiry_s=5, alias=3, response_topic="r", payload_format=1)),
        Publish("", b"5", 2, 9, 0x34, Properties(alias=3)),
        Ack(AckKind.PUBREL, 9),
        Ack(AckKind.PUBACK, 4, is_refusal=True),
        Subscribe(1, (Filter("a/#", 2, retain_as_published=True), Filter("b", 2, True, True)), has_id=True),
        Unsubscribe(2, ("a/#",)),
        PingRequest(),
        Disconnect(),
        Disconnect(with_will=True, session_expiry_s=60),
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
        assert read(packet.write()) == [Publish(packet.topic, packet.payload, level, packet.packet_id or 0, 0x30 | level << 1)]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x30\x06\x00\x02\xff\xfe\x00x", "malformed_packet"),
        (b"\x30\x08\x00\x01a\x04\x03\x00\x01\xff", "malformed_packet"),
        (b"\x82\x07\x00\x01\x00\x00\x01\xff\x01", "malformed_packet"),
        (b"\x30\x07\x00\x01a\x03\x23\x00\x21", "topic_alias"),
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
    said = Accepted(session_present=True, assigned_client_id="given", session_expiry_s=60, keep_alive_s=30)
    connack, _ = mqtt5.read(memoryview(Mqtt5().accepted(said)))
    assert isinstance(connack, mqtt5.ConnAckPacket)
    assert (connack.receive_max, connack.max_packet_size, connack.topic_alias_max) == (RECEIVE_MAX, PACKET_BYTES_MAX, TOPIC_ALIASES_MAX)
    assert (connack.retain_available, connack.subscription_id_available, connack.shared_subscription_available) == (False, False, False)
    assert (connack.session_present, connack.assigned_client_id) == (True, "given")
    assert (connack.session_expiry_interval, connack.server_keep_alive) == (60, 30)


def test_a_delivery_is_written_with_its_properties() -> None:
    carried = Properties(payload_format=1, content_type="application/json", response_topic="r", correlation=b"7", user=(("a", "b"),))
    data = Mqtt5().publish(Delivery("t", b"x", 1, "key", False, None, carried), 5, is_resent=True, expiry_s=9, alias=2)
    packet, _ = mqtt5.read(memoryview(data))
    assert isinstance(packet, mqtt5.PublishPacket)
    assert (packet.packet_id, packet.duplicate, packet.message_expiry_interval, packet.topic_alias) == (5, True, 9, 2)
    assert (packet.response_topic, packet.correlation_data, packet.content_type) == ("r", b"7", "application/json")


@pytest.mark.parametrize("kind", list(AckKind))
@pytest.mark.parametrize("verdict", [None, *Verdict])
def test_every_acknowledgement_is_read_by_the_library(kind: AckKind, verdict: Verdict | None) -> None:
    packet, _ = mqtt5.read(memoryview(Mqtt5().ack(kind, 7, verdict)))
    assert isinstance(packet, mqtt5.PubAckPacket | mqtt5.PubRecPacket | mqtt5.PubRelPacket | mqtt5.PubCompPacket)
    assert (packet.packet_id, packet.reason_code.value >= 0x80) == (7, verdict is not None)


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
