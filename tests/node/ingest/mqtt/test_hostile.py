"""What bad clients do: slow packets, giant lengths, floods of topics and of ids. They end, are counted, and others do not notice."""

from __future__ import annotations

import asyncio
from pathlib import Path

import mqtt5
import pytest

from node.ingest.mqtt.connection import PACKET_TIMEOUT_S
from node.ingest.mqtt.greeting import CONNECT_BYTES_MAX
from node.ingest.mqtt.inbound import PACKETS_A_TURN, PACKETS_A_TURN_COSTLY
from tests.node.ingest.mqtt.stand import (
    NEW,
    PRESENT,
    PUBACK,
    PUBCOMP,
    PUBREL,
    Stand,
    connect,
    number,
    packet,
    publish,
    reading_json,
    standing,
    text,
)


async def serves_a_good_client(stand: Stand) -> None:
    """Another device is taken in as ever."""
    wire = await stand.join("good", NEW, clean=True)
    wire.writer.write(publish(1, reading_json(device="good"), qos=1))
    await wire.is_silent()
    stand.commit()
    await wire.says(b"", PUBACK + number(1))


async def test_a_packet_that_never_ends_ends_its_connection(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.join("slow", NEW)
        await wire.is_silent()
        wire.writer.write(b"\x30\xff\xff\x07\x00")
        await serves_a_good_client(stand)
        now = asyncio.get_running_loop().time()
        stand.door.look(now + PACKET_TIMEOUT_S - 1)
        assert stand.door.refused == {}
        stand.door.look(now + PACKET_TIMEOUT_S + 1)
        assert await wire.ended() == b""
        assert dict(stand.door.refused) == {"packet_timeout": 1}
        await serves_a_good_client(stand)


async def test_a_quiet_client_between_packets_is_not_slow(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.join("quiet", NEW)
        wire.writer.write(publish(1, reading_json(), qos=1)[:4])
        await serves_a_good_client(stand)
        wire.writer.write(publish(1, reading_json(), qos=1)[4:])
        await wire.is_silent()
        stand.door.look(asyncio.get_running_loop().time() + 10 * PACKET_TIMEOUT_S)
        await wire.is_silent()


@pytest.mark.parametrize(
    ("head", "reason"), [(b"\xf0\xff\x07", "protocol_error"), (b"\x83\x7f", "malformed_packet"), (b"\x36\xff\x07", "malformed_packet")]
)
async def test_a_packet_nobody_will_take_is_refused_before_its_body_came(tmp_path: Path, head: bytes, reason: str) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.join("a", NEW)
        wire.writer.write(head)
        assert await wire.ended() == b""
        assert stand.door.refused[reason] == 1


async def test_a_giant_connect_is_not_waited_for(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.dial()
        wire.writer.write(b"\x10\xff\xff\x07" + b"\0\4MQTT\4\2\0\0" + bytes(CONNECT_BYTES_MAX))
        assert await wire.ended() == b""
        assert stand.door.refused["packet_too_large"] == 1
        await serves_a_good_client(stand)


async def test_a_flood_of_topics_is_rejected_message_by_message(tmp_path: Path) -> None:
    async with standing(tmp_path, flushes=True) as stand:
        wire = await stand.join("flood", NEW, clean=True)
        wire.writer.write(b"".join(publish(0, b"x", qos=0, topic=f"nowhere/{index}") for index in range(400)))
        await wire.is_silent()
        assert stand.bench.intake.counts["no_route"] == 400
        await serves_a_good_client(stand)


async def test_a_client_that_pipelines_leaves_the_others_their_turns(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        greedy, modest = await stand.join("greedy", NEW, clean=True), await stand.join("modest", NEW, clean=True)
        greedy.writer.write(b"".join(publish(index + 1, reading_json(index), qos=1) for index in range(2_000)))
        await greedy.writer.drain()
        modest.writer.write(publish(1, reading_json(device="modest"), qos=1))
        await modest.is_silent()
        stand.commit()
        devices = [str(row["device"]) for row in stand.bench.rows]
        assert devices.index("modest") <= 2 * PACKETS_A_TURN


async def test_a_client_whose_messages_are_rejected_waits_for_each_lot(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        bad = await stand.join("bad", NEW, clean=True)
        bad.writer.write(b"".join(publish(0, b"x", qos=0, topic="nowhere") for _ in range(1_000)))
        await serves_a_good_client(stand)
        first = stand.bench.intake.counts["no_route"]
        assert 0 < first <= PACKETS_A_TURN
        stand.bench.run_later()
        await serves_a_good_client(stand)
        assert stand.bench.intake.counts["no_route"] == first + PACKETS_A_TURN_COSTLY


async def test_a_client_whose_every_message_names_a_new_device_waits_for_each_lot(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        flood, other = await stand.join("flood", NEW, clean=True), await stand.join("other", NEW, clean=True)
        flood.writer.write(b"".join(publish(0, reading_json(device=f"t{index}"), qos=0) for index in range(1_000)))
        await flood.writer.drain()
        await other.is_silent()
        assert stand.bench.devices.met == PACKETS_A_TURN_COSTLY
        stand.commit()
        await other.is_silent()
        assert stand.bench.devices.met == 2 * PACKETS_A_TURN_COSTLY
        await serves_a_good_client(stand)


async def test_two_clients_of_one_name_take_turns_and_nothing_else(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        await stand.join("twin", NEW)
        for _ in range(50):
            await stand.join("twin", PRESENT)
        assert (stand.door.refused["taken_over"], len(stand.door.sessions)) == (50, 1)
        await serves_a_good_client(stand)


async def test_a_pubrel_nobody_waits_for_is_answered(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.join("a", NEW)
        await wire.says(PUBREL + number(77) + PUBACK + number(78), PUBCOMP + number(77))
        await wire.is_silent()


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (mqtt5.PublishPacket("", b"x", topic_alias=5).write(), "topic_alias"),
        (packet(0x30, text("t") + b"\x03\x23\x00\x21x"), "topic_alias"),
        (mqtt5.SubscribePacket(1, [mqtt5.TopicFilter("a")], subscription_id=7).write(), "subscription_ids_not_supported"),
        (mqtt5.AuthPacket().write(), "protocol_error"),
        (mqtt5.ConnectPacket("a").write(), "protocol_error"),
        (packet(0x30, text("t") + b"\x00x") + mqtt5.PublishPacket("t", b"", user_properties=[("k", "v")] * 33).write(), "protocol_error"),
    ],
)
async def test_v5_is_told_why_its_connection_ends(tmp_path: Path, bad: bytes, reason: str) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.dial()
        wire.writer.write(mqtt5.ConnectPacket("a", clean_start=True).write())
        await wire.reader.read(1_000)
        wire.writer.write(bad)
        goodbye, _ = mqtt5.read(memoryview(await wire.ended()))
        assert isinstance(goodbye, mqtt5.DisconnectPacket)
        assert (goodbye.reason_str, stand.door.refused[reason]) == (reason, 1)
        await serves_a_good_client(stand)


async def test_an_expired_message_and_enhanced_authentication_are_refused_with_reasons(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.dial()
        wire.writer.write(mqtt5.ConnectPacket("a", authentication_method="x").write())
        connack, _ = mqtt5.read(memoryview(await wire.ended()))
        assert isinstance(connack, mqtt5.ConnAckPacket)
        assert connack.reason_code is mqtt5.ConnAckReasonCode.BAD_AUTHENTICATION_METHOD
        wire = await stand.dial()
        wire.writer.write(mqtt5.ConnectPacket("a").write())
        await wire.reader.read(1_000)
        late = mqtt5.PublishPacket(
            "air-quality/reading/a", reading_json(), qos=mqtt5.QoS.EXACTLY_ONCE, packet_id=3, message_expiry_interval=0
        )
        wire.writer.write(late.write())
        pubrec, _ = mqtt5.read(memoryview(await wire.reader.read(1_000)))
        assert isinstance(pubrec, mqtt5.PubRecPacket)
        assert (pubrec.reason_code.value, pubrec.reason_str) == (0x83, "expired before it was taken")
        assert stand.bench.intake.counts["accepted"] == 0


async def test_aliases_stand_for_their_topics(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.dial()
        wire.writer.write(mqtt5.ConnectPacket("a").write())
        await wire.reader.read(1_000)
        wire.writer.write(mqtt5.PublishPacket("air-quality/reading/d1", reading_json(1), topic_alias=2).write())
        wire.writer.write(mqtt5.PublishPacket("", reading_json(2), topic_alias=2).write())
        await wire.is_silent()
        stand.commit()
        assert [row["value"] for row in stand.bench.rows] == [1.0, 2.0]


async def test_a_message_sent_again_after_its_puback_is_stored_once(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.join("a", NEW)
        for again in (False, True):
            wire.writer.write(publish(1, reading_json(), qos=1, again=again))
            await wire.is_silent()
            stand.commit()
            await wire.says(b"", PUBACK + number(1))
        assert len(stand.bench.rows) == 1


async def test_a_connect_in_pieces_is_read(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.dial()
        for byte in connect("pieces"):
            wire.writer.write(bytes([byte]))
            await wire.writer.drain()
        await wire.says(b"", NEW)
