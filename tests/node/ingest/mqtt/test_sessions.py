"""Sessions and wills: resumed, expired, bounded, taken over, and over a restart."""

from __future__ import annotations

from pathlib import Path

import mqtt5
import pytest

from node.ingest.mqtt import sessions
from node.ingest.mqtt.sessions import EXPIRY_S_MAX, RESTART_GRACE_S
from tests.node.ingest.mqtt.stand import (
    DISCONNECT,
    NEW,
    PRESENT,
    Stand,
    Wire,
    connect,
    publish,
    reading_json,
    standing,
)
from tests.node.ingest.parts import StillClock

SECOND_US = 1_000_000
WILL = ("air-quality/reading/d1", reading_json(99))
QOS_1 = mqtt5.QoS.AT_LEAST_ONCE


async def left(wire: Wire, stand: Stand, *, with_word: bool) -> None:
    """The client goes, with a DISCONNECT or without, and the door noticed."""
    if with_word:
        wire.writer.write(DISCONNECT)
        await wire.ended()
    else:
        wire.drop()
    probe = await stand.join("probe", NEW, clean=True)
    await probe.is_silent()


def values(stand: Stand) -> list[object]:
    """Committed values."""
    stand.commit()
    return [row["value"] for row in stand.bench.rows]


async def joined_5(stand: Stand, packet: mqtt5.ConnectPacket) -> tuple[Wire, mqtt5.ConnAckPacket]:
    """A v5 client and its CONNACK."""
    wire = await stand.dial()
    wire.writer.write(packet.write())
    connack, _ = mqtt5.read(memoryview(await wire.reader.read(1_000)))
    assert isinstance(connack, mqtt5.ConnAckPacket)
    return wire, connack


async def test_a_session_that_is_not_clean_is_there_again(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        await left(await stand.join("a", NEW), stand, with_word=True)
        await stand.join("a", PRESENT)
        assert stand.door.sessions.counts["resumed"] == 1


async def test_a_clean_session_is_gone_with_its_connection(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        await left(await stand.join("a", NEW, clean=True), stand, with_word=False)
        await stand.join("a", NEW)


async def test_a_session_of_311_ends_after_thirty_days(tmp_path: Path) -> None:
    clock = StillClock()
    async with standing(tmp_path, clock=clock) as stand:
        await left(await stand.join("a", NEW), stand, with_word=True)
        clock.us += EXPIRY_S_MAX * SECOND_US - 1
        stand.door.sessions.tick()
        assert stand.door.sessions.known("a") is not None
        clock.us += 1
        stand.door.sessions.tick()
        stand.commit()
        assert (stand.door.sessions.known("a"), stand.held()) == (None, {})


async def test_a_session_is_there_after_a_restart_and_still_expires(tmp_path: Path) -> None:
    clock = StillClock()
    async with standing(tmp_path, clock=clock) as stand:
        await left(await stand.join("a", NEW), stand, with_word=True)
        stand.commit()
    clock.us += EXPIRY_S_MAX * SECOND_US // 2
    async with standing(tmp_path, clock=clock) as stand:
        assert stand.door.sessions.known("a") is not None
        clock.us += EXPIRY_S_MAX * SECOND_US // 2 + 1
        stand.door.sessions.tick()
        stand.commit()
        assert stand.held() == {}
        await stand.join("a", NEW)


async def test_a_v5_client_is_told_how_long_its_session_lasts(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire, connack = await joined_5(stand, mqtt5.ConnectPacket("a", session_expiry_interval=99_999_999))
        assert connack.session_expiry_interval == EXPIRY_S_MAX
        wire.writer.write(mqtt5.DisconnectPacket(session_expiry_interval=0).write())
        await wire.ended()
        _, connack = await joined_5(stand, mqtt5.ConnectPacket("a"))
        assert not connack.session_present


async def test_a_session_cannot_be_made_to_last_by_the_goodbye(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire, _ = await joined_5(stand, mqtt5.ConnectPacket("a"))
        wire.writer.write(mqtt5.DisconnectPacket(session_expiry_interval=60).write())
        goodbye, _ = mqtt5.read(memoryview(await wire.ended()))
        assert isinstance(goodbye, mqtt5.DisconnectPacket)
        assert goodbye.reason_code is mqtt5.DisconnectReasonCode.PROTOCOL_ERROR


async def test_the_session_absent_longest_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "ABSENT_MAX", 2)
    async with standing(tmp_path) as stand:
        for client in ("a", "b", "c"):
            await left(await stand.join(client, NEW), stand, with_word=True)
        stand.commit()
        assert (sorted(stand.held()), stand.door.sessions.counts["evicted"]) == (["b", "c"], 1)
        await stand.join("a", NEW)


async def test_a_will_is_taken_in_when_the_connection_breaks(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        await left(await stand.join("a", NEW, clean=True, will=WILL), stand, with_word=False)
        assert (values(stand), stand.held()) == ([99.0], {})


async def test_a_will_is_dropped_by_a_goodbye_and_sent_by_the_goodbye_that_asks_for_it(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        await left(await stand.join("a", NEW, will=WILL), stand, with_word=True)
        assert values(stand) == []
        will = mqtt5.Will(WILL[0], payload=WILL[1], qos=QOS_1)
        wire, _ = await joined_5(stand, mqtt5.ConnectPacket("b", will=will))
        wire.writer.write(mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.DISCONNECT_WITH_WILL_MESSAGE).write())
        await wire.ended()
        assert values(stand) == [99.0]


async def test_a_delayed_will_is_not_sent_when_the_client_is_back(tmp_path: Path) -> None:
    clock = StillClock()
    will = mqtt5.Will(WILL[0], payload=WILL[1], will_delay_interval=30)
    asked = mqtt5.ConnectPacket("a", will=will, session_expiry_interval=600)
    async with standing(tmp_path, clock=clock) as stand:
        for wait_s, expected in ((29, []), (30, [99.0])):
            wire, _ = await joined_5(stand, asked)
            await left(wire, stand, with_word=False)
            clock.us += wait_s * SECOND_US
            stand.door.sessions.tick()
            assert values(stand) == expected


async def test_a_will_is_sent_no_later_than_its_session_ends(tmp_path: Path) -> None:
    clock = StillClock()
    asked = mqtt5.ConnectPacket("a", will=mqtt5.Will(WILL[0], payload=WILL[1], will_delay_interval=600), session_expiry_interval=5)
    async with standing(tmp_path, clock=clock) as stand:
        wire, _ = await joined_5(stand, asked)
        await left(wire, stand, with_word=False)
        clock.us += 5 * SECOND_US
        stand.door.sessions.tick()
        assert (values(stand), stand.held()) == ([99.0], {})


async def test_a_will_outlives_the_node_and_is_stored_once(tmp_path: Path) -> None:
    clock = StillClock()
    async with standing(tmp_path, clock=clock) as stand:
        await stand.join("a", NEW, clean=True, will=WILL)
        stand.commit()
    for expected in ([99.0], []):
        async with standing(tmp_path, clock=clock) as stand:
            stand.door.sessions.tick()
            assert values(stand) == []
            clock.us += RESTART_GRACE_S * SECOND_US
            stand.door.sessions.tick()
            assert values(stand) == expected


async def test_a_client_that_comes_back_after_a_restart_leaves_no_will(tmp_path: Path) -> None:
    clock = StillClock()
    async with standing(tmp_path, clock=clock) as stand:
        await stand.join("a", NEW, will=WILL)
        stand.commit()
    async with standing(tmp_path, clock=clock) as stand:
        await stand.join("a", PRESENT)
        clock.us += RESTART_GRACE_S * SECOND_US
        stand.door.sessions.tick()
        assert values(stand) == []


async def test_a_will_of_a_topic_without_a_profile_is_a_reject_like_any_message(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        await left(await stand.join("a", NEW, will=("nowhere", b"x")), stand, with_word=False)
        assert values(stand) == []
        stand.bench.run_later()
        assert stand.bench.intake.counts["no_route"] == 1


async def test_the_client_taken_over_leaves_its_will_and_no_late_acknowledgement(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        older = await stand.join("a", NEW, clean=True, will=WILL)
        older.writer.write(publish(1, reading_json(1), qos=1))
        await older.is_silent()
        await stand.join("a", NEW, clean=True)
        assert values(stand) == [1.0, 99.0]
        assert await older.ended() == b""


async def test_a_session_that_cannot_be_read_is_dropped_and_counted(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        await left(await stand.join("a", NEW), stand, with_word=True)
        stand.commit()
        stand.journal.enter("test", lambda connection: connection.execute("UPDATE door_session SET facts = '{}'"))
    async with standing(tmp_path) as stand:
        stand.commit()
        assert (stand.door.sessions.counts["unreadable"], stand.held()) == (1, {})


@pytest.mark.parametrize("client", ["a\x07b", "a\nb", "\u202ea"])
async def test_a_client_id_with_signs_that_do_not_show_is_refused(tmp_path: Path, client: str) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.dial()
        await wire.says(connect(client), b"\x20\x02\x00\x02")
        assert stand.door.refused["bad_client_id"] == 1


async def test_a_will_that_is_too_long_is_refused(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.dial()
        asked = mqtt5.ConnectPacket("a", will=mqtt5.Will("t", payload=bytes(17_000)))
        wire.writer.write(asked.write())
        connack, _ = mqtt5.read(memoryview(await wire.ended()))
        assert isinstance(connack, mqtt5.ConnAckPacket)
        assert connack.reason_code is mqtt5.ConnAckReasonCode.QUOTA_EXCEEDED
