"""QoS 2: stored once and acknowledged after the commit, over resends, takeovers and restarts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.node.ingest.mqtt.stand import (
    DISCONNECT,
    NEW,
    PRESENT,
    PUBACK,
    PUBCOMP,
    PUBREC,
    PUBREL,
    number,
    publish,
    reading_json,
    standing,
)


async def test_pubrec_leaves_after_the_commit_that_holds_reading_and_id(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.join("a", NEW)
        wire.writer.write(publish(5, reading_json()))
        await wire.is_silent()
        assert stand.held() == {}
        stand.commit()
        await wire.says(b"", PUBREC + number(5))
        assert (stand.held(), len(stand.bench.rows)) == ({"a": (5,)}, 1)


async def test_a_message_sent_again_is_answered_and_not_stored(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.join("a", NEW)
        wire.writer.write(publish(5, reading_json(1)) + publish(5, reading_json(2), again=True))
        await wire.is_silent()
        stand.commit()
        await wire.says(b"", (PUBREC + number(5)) * 2)
        await wire.says(publish(5, reading_json(3), again=True), PUBREC + number(5))
        stand.commit()
        assert [row["value"] for row in stand.bench.rows] == [1.0]


async def test_pubcomp_leaves_after_the_id_is_forgotten_for_good(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.join("a", NEW)
        wire.writer.write(publish(5, reading_json(1)))
        await wire.is_silent()
        stand.commit()
        await wire.says(b"", PUBREC + number(5))
        wire.writer.write(PUBREL + number(5))
        await wire.is_silent()
        stand.commit()
        await wire.says(b"", PUBCOMP + number(5))
        assert stand.held() == {"a": ()}
        wire.writer.write(publish(5, reading_json(2)))
        await wire.is_silent()
        stand.commit()
        assert [row["value"] for row in stand.bench.rows] == [1.0, 2.0]


async def test_a_crash_after_the_commit_stores_nothing_twice(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.join("a", NEW)
        wire.writer.write(publish(5, reading_json()))
        await wire.is_silent()
        stand.commit()
    async with standing(tmp_path) as stand:
        wire = await stand.join("a", PRESENT)
        await wire.says(publish(5, reading_json(), again=True), PUBREC + number(5))
        stand.commit()
        assert stand.bench.rows == []
        wire.writer.write(PUBREL + number(5))
        await wire.is_silent()
        stand.commit()
        await wire.says(b"", PUBCOMP + number(5))


async def test_a_crash_before_the_commit_loses_nothing(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.join("a", NEW)
        stand.commit()
        wire.writer.write(publish(5, reading_json()))
        await wire.is_silent()
    async with standing(tmp_path) as stand:
        wire = await stand.join("a", PRESENT)
        wire.writer.write(publish(5, reading_json(), again=True))
        await wire.is_silent()
        stand.commit()
        await wire.says(b"", PUBREC + number(5))
        assert len(stand.bench.rows) == 1


async def test_a_taken_over_connection_acknowledges_nothing_and_its_message_is_stored_once(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        older = await stand.join("a", NEW)
        older.writer.write(publish(5, reading_json(1)) + publish(6, reading_json(2), qos=1))
        await older.is_silent()
        newer = await stand.join("a", PRESENT)
        newer.writer.write(publish(5, reading_json(1), again=True))
        await newer.is_silent()
        stand.commit()
        await newer.says(b"", PUBREC + number(5))
        assert await older.ended() == b""
        assert [row["value"] for row in stand.bench.rows] == [1.0, 2.0]


async def test_a_clean_start_forgets_the_ids_of_the_session_before(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        older = await stand.join("a", NEW)
        older.writer.write(publish(5, reading_json(1)))
        await older.is_silent()
        newer = await stand.join("a", NEW, clean=True)
        newer.writer.write(publish(5, reading_json(2)))
        await newer.is_silent()
        stand.commit()
        await newer.says(b"", PUBREC + number(5))
        assert ([row["value"] for row in stand.bench.rows], stand.held()) == ([1.0, 2.0], {})


async def test_ids_of_a_clean_session_are_never_written(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.join("a", NEW, clean=True)
        wire.writer.write(publish(5, reading_json()))
        await wire.is_silent()
        stand.commit()
        await wire.says(b"", PUBREC + number(5))
        assert stand.held() == {}
        await wire.says(PUBREL + number(5), PUBCOMP + number(5))


async def test_acknowledgements_keep_the_order_of_the_packets(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.join("a", NEW)
        wire.writer.write(publish(1, reading_json(1), qos=1) + publish(2, reading_json(2)) + publish(3, reading_json(3), qos=1))
        await wire.is_silent()
        stand.commit()
        await wire.says(b"", PUBACK + number(1) + PUBREC + number(2) + PUBACK + number(3))


async def test_a_qos_1_message_sent_again_before_its_puback_is_stored_once(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.join("a", NEW, clean=True)
        wire.writer.write(publish(1, reading_json(), qos=1))
        await wire.is_silent()
        wire.writer.write(publish(1, reading_json(), qos=1, again=True))
        await wire.is_silent()
        stand.commit()
        await wire.says(b"", (PUBACK + number(1)) * 2)
        assert len(stand.bench.rows) == 1


async def test_an_undecodable_message_is_answered_and_its_id_is_free_after_pubrel(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.join("a", NEW)
        wire.writer.write(publish(5, b"not json"))
        await wire.is_silent()
        stand.bench.run_later()
        await wire.says(b"", PUBREC + number(5))
        await wire.says(DISCONNECT, b"")
        await wire.ended()
        assert stand.bench.rejects.counts()


@pytest.mark.slow
async def test_more_ids_than_the_receive_maximum_end_the_connection(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.join("a", NEW, clean=True)
        for first in range(1, 4_097, 512):
            wire.writer.write(b"".join(publish(packet_id, reading_json(packet_id)) for packet_id in range(first, first + 512)))
            await wire.is_silent()
            stand.commit()
            await wire.reader.readexactly(4 * 512)
        wire.writer.write(publish(5_000, reading_json()))
        assert await wire.ended() == b""
        assert stand.door.refused["receive_maximum_exceeded"] == 1
