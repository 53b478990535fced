"""A vehicle at the door over loopback sockets: register, log in, report; the answer to a position follows the commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from node.ingest.jt808.dialect import Jt808
from node.ingest.jt808.frame import Framer, framed
from node.ingest.jt808.packet import Kind, Packet, parse
from node.ingest.passwords import Passwords, make_entry
from node.ingest.report_door import ReportDoor
from tests.node.ingest.jt808.terminal import PHONE, message, report
from tests.node.ingest.parts import ListSink

WAIT_S = 5.0
STORED, FAILED, UNSUPPORTED = (bytes((0, 7, kind >> 8, kind & 255, result)) for kind, result in ((0x0200, 0), (0x0200, 1), (0x0900, 3)))


class Line:
    """A terminal's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._framer = Framer()
        self._heard: list[bytes] = []

    def send(self, *messages: bytes) -> None:
        self.writer.write(b"".join(map(framed, messages)))

    async def answer(self) -> Packet:
        while not self._heard:
            data = await asyncio.wait_for(self._reader.read(4_096), WAIT_S)
            assert data, "the door closed the connection"
            self._heard += self._framer.feed(data)
        return parse(self._heard.pop(0))

    async def is_closed(self) -> bool:
        return not await asyncio.wait_for(self._reader.read(), WAIT_S)


@asynccontextmanager
async def opened(sink: ListSink, passwords: Passwords | None = None) -> AsyncIterator[tuple[ReportDoor, Line]]:
    is_open = passwords is None
    door = ReportDoor(Jt808(gives_codes=is_open), [("127.0.0.1", 0)], sink, passwords=passwords, anonymous=is_open)
    ((host, port),) = await door.start()
    line = Line(*await asyncio.open_connection(host, port))
    try:
        yield door, line
    finally:
        line.writer.close()
        await door.stop()


def known(tmp_path: Path) -> Passwords:
    (tmp_path / "passwords").write_text(make_entry(PHONE, "code-1") + "\n", "utf-8")
    return Passwords.load(tmp_path / "passwords")


async def test_where_anyone_is_let_in_a_vehicle_gets_a_code_and_reports() -> None:
    sink = ListSink()
    async with opened(sink) as (_, line):
        line.send(message(Kind.REGISTER))
        code = (await line.answer()).body[3:]
        line.send(message(Kind.LOGIN, code), report())
        assert [(await line.answer()).body[4] for _ in range(2)] == [0, 0]
        assert [each.topic for each in sink.messages] == [f"jt808/{PHONE}"]


async def test_the_answer_to_a_position_waits_for_the_commit() -> None:
    sink = ListSink(stores_at_once=False)
    async with opened(sink) as (door, line):
        line.send(report())
        await asyncio.wait_for(sink.arrived.wait(), WAIT_S)
        waiting = asyncio.ensure_future(line.answer())
        assert not waiting.done()
        sink.store_all()
        assert (await waiting).body == STORED
        assert door.facts()["accepted"] == 1


async def test_a_position_that_comes_again_on_the_line_is_stored_once_and_answered_each_time() -> None:
    sink = ListSink(stores_at_once=False)
    async with opened(sink) as (door, line):
        line.send(report(), report(), message(Kind.HEARTBEAT))
        await line.answer()
        sink.store_all()
        assert (await line.answer()).body == STORED
        line.send(report())
        assert (await line.answer()).body == STORED
        assert (len(sink.messages), door.facts()["repeated"]) == (1, 2)


async def test_with_a_password_file_only_the_right_code_opens_the_line(tmp_path: Path) -> None:
    passwords, sink = known(tmp_path), ListSink()
    async with opened(sink, passwords) as (_, line):
        line.send(message(Kind.REGISTER), message(Kind.LOGIN, b"code-1"), report())
        assert [(await line.answer()).body[-1] for _ in range(3)] == [3, 0, 0]
        assert len(sink.messages) == 1


async def test_a_position_before_the_login_and_a_wrong_code_end_the_connection(tmp_path: Path) -> None:
    passwords = known(tmp_path)
    for first in (report(), message(Kind.LOGIN, b"code-2")):
        sink = ListSink()
        async with opened(sink, passwords) as (door, line):
            line.send(first, report())
            assert (await line.answer()).body[-1] == 1
            assert await line.is_closed()
            assert (sink.messages, door.refused["bad_credentials"]) == ([], 1)


async def test_what_is_not_understood_is_answered_so_and_the_line_stands() -> None:
    async with opened(ListSink()) as (door, line):
        line.send(message(0x0900), message(Kind.HEARTBEAT))
        assert (await line.answer()).body == UNSUPPORTED
        assert (await line.answer()).body[-1] == 0
        assert door.facts()["ignored"] == 2


async def test_what_is_encrypted_is_counted_and_not_answered() -> None:
    async with opened(ListSink()) as (door, line):
        line.send(message(Kind.POSITION, properties=0x0400), message(Kind.HEARTBEAT))
        assert (await line.answer()).body[2:4] == b"\x00\x02"
        assert door.refused["encrypted"] == 1
