"""The device's side of MQTT: what it writes, the door's own codecs read; what a server says, it reads, whatever the pieces."""

from __future__ import annotations

import asyncio

import pytest

from simulations.devices import packets
from simulations.devices.packets import V5, V311, Answer, Kind, read_answers
from tests.node.ingest.parts import ListSink, running_door


@pytest.mark.parametrize("version", [V311, V5])
async def test_a_door_understands_every_packet_of_a_device(version: int) -> None:
    sink = ListSink()
    async with running_door(sink) as (door, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        will = ("air-quality/json/d", b"gone")
        writer.write(packets.connect("d1", version=version, will=will, session_expiry_s=60, keep_alive_s=30))
        writer.write(packets.publish("air-quality/reading/d1", b"{}" * 100, 7, version=version, is_again=True))
        writer.write(packets.publish("air-quality/reading/d1", b"zero", version=version, qos=0))
        writer.write(packets.plain(Kind.PINGREQ))
        writer.write(packets.subscribe(9, "command/d1/#", version=version))
        found = await _answers(reader, version, 4)
        writer.close()
    assert {Kind(answer.kind): answer.packet_id for answer in found} == {Kind.CONNACK: 0, Kind.PUBACK: 7, Kind.PINGRESP: 0, Kind.SUBACK: 9}
    assert {answer.reason for answer in found if answer.kind != Kind.SUBACK} == {0}
    assert [(message.topic, message.payload) for message in sink.messages] == [
        ("air-quality/reading/d1", b"{}" * 100),
        ("air-quality/reading/d1", b"zero"),
    ]
    assert not door.refused["malformed_packet"]


async def _answers(reader: asyncio.StreamReader, version: int, count: int) -> list[Answer]:
    found: list[Answer] = []
    buffer = bytearray()
    async with asyncio.timeout(5):
        while len(found) < count:
            buffer += await reader.read(1)
            found += read_answers(buffer, version)
    return found


@pytest.mark.parametrize("version", [V311, V5])
def test_a_command_is_read_with_topic_payload_and_qos(version: int) -> None:
    data = bytearray(packets.publish("command/d1/reboot", b'{"id":"c1"}', 300, version=version))
    assert read_answers(data, version) == [Answer(Kind.PUBLISH, 300, topic="command/d1/reboot", payload=b'{"id":"c1"}', qos=1)]
    assert not data


def test_a_refusal_of_v5_gives_its_reason() -> None:
    assert read_answers(bytearray(b"\x40\x03\x00\x05\x99"), V5) == [Answer(Kind.PUBACK, 5, 0x99)]
    assert read_answers(bytearray(b"\x90\x04\x00\x05\x00\x87"), V5) == [Answer(Kind.SUBACK, 5, 0x87)]
    assert read_answers(bytearray(b"\xe0\x02\x8e\x00"), V5) == [Answer(Kind.DISCONNECT, reason=0x8E)]


@pytest.mark.parametrize("data", [b"\x10\x02ab", b"\x40\xff\xff\xff\xff\x01"])
def test_what_no_server_sends_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"packet type 1|more than four bytes"):
        read_answers(bytearray(data), V311)
