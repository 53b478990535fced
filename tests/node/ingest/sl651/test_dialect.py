"""A station at the door over a loopback socket: the answer follows the commit, and a wrong password ends the connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from node.ingest.passwords import Passwords, make_entry
from node.ingest.report_door import ReportDoor
from node.ingest.sl651.dialect import Sl651
from node.ingest.sl651.frame import EOT
from node.ingest.sl651.packet import parse
from tests.node.ingest.parts import ListSink
from tests.node.ingest.sl651.station import HEARTBEAT, STATION, TEST, TIMED

WAIT_S = 5.0


@asynccontextmanager
async def opened(sink: ListSink, passwords: Passwords | None = None) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a door."""
    door = ReportDoor(Sl651(), [("127.0.0.1", 0)], sink, passwords=passwords, anonymous=passwords is None)
    ((host, port),) = await door.start()
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await door.stop()


async def test_a_report_is_answered_after_the_commit_and_a_link_keeper_is_not() -> None:
    sink = ListSink(stores_at_once=False)
    async with opened(sink) as (reader, writer):
        writer.write(HEARTBEAT + TEST)
        await asyncio.wait_for(sink.arrived.wait(), WAIT_S)
        assert [message.topic for message in sink.messages] == [f"sl651/{STATION}"]
        sink.waiting.pop()()
        answer = parse(TEST).answer(EOT)
        assert await asyncio.wait_for(reader.readexactly(len(answer)), WAIT_S) == answer


@pytest.mark.slow
async def test_the_password_of_a_station_counts(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.write_text(make_entry(STATION, "1234") + "\n")
    passwords = Passwords.load(file)
    sink = ListSink()
    async with opened(sink, passwords) as (reader, writer):
        writer.write(TEST)
        assert await asyncio.wait_for(reader.read(64), WAIT_S)
        writer.write(TIMED)
        assert await asyncio.wait_for(reader.read(64), WAIT_S) == b""
    assert len(sink.messages) == 1
