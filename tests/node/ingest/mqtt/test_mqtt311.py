"""The 3.1.1 codec: against paho-mqtt's packets, against random bytes, and against its own limits."""

from __future__ import annotations

import socket
from random import Random

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from node.ingest.errors import PacketError
from node.ingest.mqtt.mqtt311 import Mqtt311
from node.ingest.mqtt.mqtt_v5 import Mqtt5
from node.ingest.mqtt.packets import (
    PINGRESP,
    Accepted,
    Ack,
    AckKind,
    Codec,
    Connect,
    Delivery,
    Disconnect,
    Filter,
    Granted,
    Packet,
    PingRequest,
    Publish,
    Refusal,
    Subscribe,
    Unsubscribe,
    Will,
)

CASES = 200
"""Random packets of the differential test."""


class PahoWire:
    """A real paho client on one end of a socket pair, fed and read by hand."""

    def __init__(self, **connect: object) -> None:
        self.ours, theirs = socket.socketpair()
        self.ours.settimeout(5)
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=str(connect.get("client_id", "c")))
        self.client._create_socket = lambda: theirs  # type: ignore[method-assign]

    def packets(self) -> list[Packet]:
        """What paho wrote since the last call, read by our codec."""
        packets: list[Packet] = []
        buffer = self.ours.recv(1 << 20)
        assert Mqtt311().read(buffer, packets) == len(buffer)
        return packets

    def close(self) -> None:
        """Close both ends."""
        self.client._sock_close()
        self.ours.close()


def connected() -> PahoWire:
    """A paho client whose CONNECT our codec accepted."""
    wire = PahoWire()
    wire.client.connect("door", 1883, keepalive=30)
    wire.packets()
    wire.ours.sendall(Mqtt311().accepted(Accepted()))
    wire.client.loop_read()
    assert wire.client.is_connected()
    return wire


def test_paho_connect_is_read_field_by_field() -> None:
    wire = PahoWire(client_id="传感器")
    wire.client.username_pw_set("user", "pass")
    wire.client.will_set("will/topic", b"gone", qos=1, retain=True)
    wire.client.connect("door", 1883, keepalive=77)
    assert wire.packets() == [Connect("传感器", 77, True, "user", b"pass", will=Will("will/topic", b"gone", 1, True))]
    wire.close()


def test_paho_publishes_are_read_as_sent() -> None:
    rng = Random(20_261_120)
    wire = connected()
    for _ in range(CASES):
        topic = "/".join(rng.choice(["a", "空气", "b-1", "x" * 40]) for _ in range(rng.randint(1, 5)))
        payload, qos = rng.randbytes(rng.choice([0, 1, 50, 127, 128, 5_000])), rng.randint(0, 2)
        is_retained = rng.random() < 0.5
        info = wire.client.publish(topic, payload, qos=qos, retain=is_retained)
        assert wire.packets() == [Publish(topic, payload, qos, info.mid if qos else 0, 0x30 | qos << 1 | is_retained)]
        if qos == 1:
            wire.ours.sendall(Mqtt311().ack(AckKind.PUBACK, info.mid))
        elif qos == 2:
            wire.ours.sendall(Mqtt311().ack(AckKind.PUBREC, info.mid))
            wire.client.loop_read()
            assert wire.packets() == [Ack(AckKind.PUBREL, info.mid)]
            wire.ours.sendall(Mqtt311().ack(AckKind.PUBCOMP, info.mid))
        if qos:
            wire.client.loop_read()
            assert info.is_published()
    wire.close()


def test_paho_reads_our_publishes_as_written_and_answers_them() -> None:
    rng, codec, wire = Random(20_261_121), Mqtt311(), connected()
    got: list[tuple[str, bytes, int, bool, bool]] = []
    wire.client.on_message = lambda *args: got.append((args[2].topic, args[2].payload, args[2].qos, args[2].retain, args[2].dup))
    for packet_id in range(1, CASES):
        qos, is_resent = rng.randint(0, 2), rng.random() < 0.5
        sent = Delivery(
            "/".join(["空"] * rng.randint(1, 70)), rng.randbytes(rng.choice([0, 1, 127, 128, 20_000])), qos, "", rng.random() < 0.5
        )
        data = codec.publish(sent, packet_id, is_resent=is_resent and qos > 0, expiry_s=None, alias=None)
        wire.ours.sendall(data)
        while not got and qos < 2:
            wire.client.loop_read()
        if qos == 2:
            while not wire.client.want_write() and not wire.client._in_messages:
                wire.client.loop_read()
            assert wire.packets() == [Ack(AckKind.PUBREC, packet_id)]
            wire.ours.sendall(codec.ack(AckKind.PUBREL, packet_id))
            wire.client.loop_read()
        if qos:
            assert wire.packets() == [Ack(AckKind.PUBACK if qos == 1 else AckKind.PUBCOMP, packet_id)]
        assert got == [(sent.topic, sent.payload, qos, sent.is_retained, is_resent and qos > 0)]
        got.clear()
    wire.close()


def test_paho_understands_every_answer() -> None:
    codec, wire = Mqtt311(), connected()
    answers: list[object] = []
    wire.client.on_subscribe = lambda *args: answers.append([code.value for code in args[3]])
    wire.client.on_unsubscribe = lambda *args: answers.append("unsubscribed")
    wire.client.subscribe([("a/#", 1), ("b/+", 0)])
    (subscribe,) = wire.packets()
    assert subscribe == Subscribe(1, (Filter("a/#", 1), Filter("b/+", 0)))
    wire.ours.sendall(codec.suback(1, [Granted.QOS_1, Granted.NOT_PERMITTED]))
    wire.client.loop_read()
    wire.client.unsubscribe("a/#")
    (unsubscribe,) = wire.packets()
    assert unsubscribe == Unsubscribe(2, ("a/#",))
    wire.ours.sendall(codec.unsuback(2, [True]) + PINGRESP)
    wire.client.loop_read(2)
    wire.client.disconnect()
    assert wire.packets() == [Disconnect()]
    assert answers == [[1, 128], "unsubscribed"]
    wire.close()


@pytest.mark.parametrize("refusal", list(Refusal))
def test_refusals_are_connacks_with_a_return_code(refusal: Refusal) -> None:
    packet = Mqtt311().refused(refusal)
    assert packet[:3] == b"\x20\x02\x00"
    assert 1 <= packet[3] <= 5


@pytest.mark.parametrize("codec", [Mqtt311(), Mqtt5()])
def test_random_bytes_never_raise_anything_but_packet_errors(codec: Codec) -> None:
    rng = Random(7)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(20_000):
        size = rng.randrange(30)
        head = rng.choice([0x10, 0x30, 0x32, 0x62, 0x82, 0xA2, 0xC0, 0xE0, rng.randrange(256)])
        data = bytes([head, size]) + rng.randbytes(size - rng.randint(0, 1) if size else 0)
        packets: list[Packet] = []
        try:
            assert 0 <= codec.read(data, packets) <= len(data)
            outcomes["read"] += 1
        except PacketError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 100


@pytest.mark.parametrize("codec", [Mqtt311(), Mqtt5()])
def test_a_mutated_stream_never_raises_anything_but_packet_errors(codec: Codec) -> None:
    rng = Random(11)
    body = b"\0\1a\0\1payload" if isinstance(codec, Mqtt311) else b"\0\1a\0\1\0payload"
    stream = (b"\x32" + bytes([len(body)]) + body) * 5 + b"\xc0\x00\x82\x06\x00\x01\x00\x01a\x01"
    refused = 0
    for _ in range(5_000):
        mutated = bytearray(stream)
        for _ in range(rng.randint(1, 3)):
            mutated[rng.randrange(len(mutated))] = rng.randrange(256)
        packets: list[Packet] = []
        try:
            assert codec.read(mutated, packets) <= len(mutated)
        except PacketError:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("split", range(1, 30))
def test_a_stream_cut_anywhere_reads_the_same(split: int) -> None:
    stream = b"\x32\x0a\x00\x03a/b\x00\x07xyz"[:12] + b"\x30\x05\x00\x01aXY" + b"\xc0\x00" + b"\x30\x80\x01\x00\x01b" + bytes(125)
    whole: list[Packet] = []
    assert Mqtt311().read(stream, whole) == len(stream)
    pieces: list[Packet] = []
    buffer = bytearray(stream[:split])
    del buffer[: Mqtt311().read(buffer, pieces)]
    buffer += stream[split:]
    del buffer[: Mqtt311().read(buffer, pieces)]
    assert pieces == whole
    assert not buffer
    assert isinstance(whole[2], PingRequest)


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"\x30\x04\x00\x02a+", "bad_topic"),
        (b"\x30\x02\x00\x00", "bad_topic"),
        (b"\x30\x05\x00\x03a\x00b", "malformed_packet"),
        (b"\x30\x04\x00\x02\xff\xfe", "malformed_packet"),
        (b"\x32\x05\x00\x01a\x00\x00", "malformed_packet"),
        (b"\x36\x05\x00\x01a\x00\x01", "malformed_packet"),
        (b"\x30\x01\x00", "malformed_packet"),
        (b"\x32\x04\x00\x01a\x00", "malformed_packet"),
        (b"\x30\x03\x00\x09a", "malformed_packet"),
        (b"\x80\x06\x00\x01\x00\x01a\x01", "malformed_packet"),
        (b"\x82\x06\x00\x00\x00\x01a\x01", "malformed_packet"),
        (b"\x82\x02\x00\x01", "malformed_packet"),
        (b"\x82\x06\x00\x01\x00\x01a\x03", "malformed_packet"),
        (b"\xc0\x01\x00", "malformed_packet"),
        (b"\x60\x02\x00\x01", "malformed_packet"),
        (b"\x62\x02\x00\x00", "malformed_packet"),
        (b"\x40\x03\x00\x01\x00", "malformed_packet"),
        (b"\x10\x11\x00\x04MQTT\x04\x06\x00\x00\x00\x00\x00\x01#\x00\x00", "bad_topic"),
        (b"\x20\x02\x00\x00", "protocol_error"),
        (b"\x30\xff\xff\xff\xff", "malformed_packet"),
        (b"\x30\xff\xff\xff\x7f", "packet_too_large"),
        (b"\x10\x0c\x00\x04MQTT\x04\x03\x00\x00\x00\x00", "malformed_packet"),
        (b"\x10\x0c\x00\x04MQTT\x04\x42\x00\x00\x00\x00", "malformed_packet"),
    ],
)
def test_violations_are_refused_with_their_reason(packet: bytes, reason: str) -> None:
    with pytest.raises(PacketError) as refused:
        Mqtt311().read(packet, [])
    assert refused.value.reason == reason


def test_packets_before_a_bad_one_are_not_lost() -> None:
    packets: list[Packet] = []
    with pytest.raises(PacketError):
        Mqtt311().read(b"\x30\x04\x00\x01ab\x30\x02\x00\x00", packets)
    assert packets == [Publish("a", b"b", 0, 0, 0x30)]
