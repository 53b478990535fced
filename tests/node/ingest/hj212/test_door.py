"""The door for HJ 212 monitors over loopback sockets: an answer follows the commit, and a bad device ends only its own connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from node.ingest import report_door as door_module
from node.ingest.hj212.dialect import Hj212
from node.ingest.hj212.frame import Framer, framed
from node.ingest.hj212.packet import Packet, parse
from node.ingest.passwords import Passwords, make_entry
from node.ingest.profiles import Format, Profile
from node.ingest.report_door import ReportDoor
from node.ingest.sink import Verdict
from tests.node.ingest.hj212.test_packet import report
from tests.node.ingest.parts import TERRITORY, ListSink, make_bench

WAIT_S = 5.0
REPORT = report("DataTime=20160801120000;w01018-Rtd=36.1,w01018-Flag=N")
DEVICE = "010000A8900016F000169DC0"


class Line:
    """A monitor's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._framer = Framer()
        self._heard: list[bytes] = []

    def send(self, *segments: bytes) -> None:
        """Send data segments in frames."""
        self.send_bytes(b"".join(framed(segment) for segment in segments))

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)

    async def answer(self) -> Packet:
        """The next packet from the door."""
        while not self._heard:
            data = await asyncio.wait_for(self._reader.read(4_096), WAIT_S)
            assert data, "the door closed the connection"
            self._heard += self._framer.feed(data)
        return parse(self._heard.pop(0))

    async def end(self) -> bytes:
        """What the door still says before it closes."""
        return await asyncio.wait_for(self._reader.read(), WAIT_S)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


@asynccontextmanager
async def opened(sink: ListSink, passwords: Passwords | None = None, *, anonymous: bool = True) -> AsyncIterator[tuple[ReportDoor, Line]]:
    """A door and one connection to it."""
    door = ReportDoor(Hj212(), [("127.0.0.1", 0)], sink, passwords=passwords, anonymous=anonymous)
    ((host, port),) = await door.start()
    line = Line(*await asyncio.open_connection(host, port))
    try:
        yield door, line
    finally:
        line.close()
        await door.stop()


async def test_an_answer_waits_for_the_commit() -> None:
    sink = ListSink(stores_at_once=False)
    async with opened(sink) as (door, line):
        line.send(REPORT)
        await asyncio.wait_for(sink.arrived.wait(), WAIT_S)
        assert [(message.topic, message.payload) for message in sink.messages] == [(f"hj212/32/{DEVICE}", REPORT)]
        waiting = asyncio.ensure_future(line.answer())
        assert not waiting.done()
        sink.store_all()
        packet = await waiting
        assert (packet.command, packet.request, packet.device) == ("9014", "20160801085857223", DEVICE)
        assert door.facts()["accepted"] == 1


async def test_a_report_that_wants_no_answer_gets_none() -> None:
    sink = ListSink()
    async with opened(sink) as (_, line):
        line.send(report("DataTime=20160801120000", flag=4), REPORT)
        assert (await line.answer()).request == "20160801085857223"
        assert len(sink.messages) == 2


async def test_requests_and_answers_of_a_device_are_ignored_and_reports_go_on() -> None:
    sink = ListSink()
    async with opened(sink) as (door, line):
        line.send(report("", "9014"), report("", "1013"), REPORT)
        await line.answer()
        assert (len(sink.messages), door.facts()["ignored"]) == (1, 2)


def passwords_of(tmp_path: Path) -> Passwords:
    """A password file with the one device."""
    path = tmp_path / "passwords"
    path.write_text(make_entry(DEVICE, "123456") + "\n", "utf-8")
    return Passwords.load(path)


async def test_a_device_of_the_password_file_reports(tmp_path: Path) -> None:
    sink = ListSink()
    async with opened(sink, passwords_of(tmp_path), anonymous=False) as (door, line):
        line.send(REPORT, REPORT)
        await line.answer()
        await line.answer()
        assert sink.clients == [f"hj212/{DEVICE}"]
        assert len(door.clients) == 1
        line.close()
        await asyncio.wait_for(wait_for(lambda: not sink.clients), WAIT_S)
    assert not door.clients


@pytest.mark.parametrize(
    "segment",
    [REPORT.replace(b"PW=123456", b"PW=000000"), REPORT.replace(b"PW=123456;", b""), REPORT.replace(b"DC0", b"DC1")],
)
async def test_a_wrong_password_an_absent_one_and_an_unknown_device_end_the_connection(segment: bytes, tmp_path: Path) -> None:
    sink = ListSink()
    async with opened(sink, passwords_of(tmp_path), anonymous=False) as (door, line):
        line.send(segment)
        assert await line.end() == b""
        assert (door.refused["bad_credentials"], sink.messages) == (1, [])


async def test_without_a_password_file_nobody_reports_unless_anonymous_devices_may() -> None:
    async with opened(ListSink(), anonymous=False) as (door, line):
        line.send(REPORT)
        assert await line.end() == b""
        assert door.refused["bad_credentials"] == 1


async def test_a_device_that_waits_for_admission_gets_no_answer_and_keeps_its_report() -> None:
    sink = ListSink()
    sink.verdicts = {0: Verdict.NOT_ADMITTED}
    async with opened(sink) as (door, line):
        line.send(REPORT)
        assert await line.end() == b""
        assert (door.refused["not_admitted"], door.facts()["rejected"]) == (1, 1)


@pytest.mark.parametrize("verdict", [Verdict.UNDECODABLE, Verdict.NO_ROUTE])
async def test_a_report_that_can_never_be_used_is_answered_once_it_is_kept(verdict: Verdict) -> None:
    sink = ListSink()
    sink.verdicts = {0: verdict}
    async with opened(sink) as (door, line):
        line.send(REPORT)
        assert (await line.answer()).command == "9014"
        assert door.facts()["rejected"] == 1


async def test_a_full_node_takes_no_report_until_there_is_room() -> None:
    sink = ListSink()
    sink.has_room = False
    async with opened(sink) as (_, line):
        line.send(REPORT)
        await asyncio.wait_for(wait_for(lambda: bool(sink.room_callbacks)), WAIT_S)
        assert sink.messages == []
        sink.has_room = True
        sink.room_callbacks.pop()()
        await line.answer()


async def test_a_device_that_is_far_ahead_of_the_journal_is_read_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "UNANSWERED_MAX", 2)
    sink = ListSink(stores_at_once=False)
    async with opened(sink) as (_, line):
        line.send(*(report(f"DataTime=2016080112000{number};w01018-Rtd=36.1") for number in range(5)))
        await asyncio.wait_for(wait_for(lambda: len(sink.messages) == 2), WAIT_S)
        sink.stores_at_once = True
        sink.store_all()
        for _ in range(5):
            await line.answer()


async def test_a_silent_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "FIRST_PACKET_TIMEOUT_S", 0.01)
    async with opened(ListSink()) as (door, line):
        assert await line.end() == b""
        assert door.refused["silent"] == 1


async def test_a_crowded_door_turns_further_devices_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "CONNECTIONS_MAX", 0)
    async with opened(ListSink()) as (door, line):
        assert await line.end() == b""
        assert door.refused["crowded"] == 1


async def test_an_address_that_is_taken_opens_nothing() -> None:
    async with opened(ListSink()) as (door, _):
        (taken,) = [socket.getsockname()[:2] for server in door._servers for socket in server.sockets]
        other = ReportDoor(Hj212(), [("127.0.0.1", 0), taken], ListSink(), passwords=None, anonymous=True)
        with pytest.raises(OSError, match="address already in use"):
            await other.start()
        assert other._servers == []


async def test_a_report_sent_again_after_a_broken_connection_is_stored_once(tmp_path: Path) -> None:
    bench = make_bench(tmp_path)
    bench.intake._profiles.add([Profile("monitors", "hj212/#", Format.HJ212, "air-quality", TERRITORY)])
    door = ReportDoor(Hj212(), [("127.0.0.1", 0)], bench.intake, passwords=None, anonymous=True)
    ((host, port),) = await door.start()
    for _ in range(2):
        line = Line(*await asyncio.open_connection(host, port))
        line.send(REPORT)
        await asyncio.wait_for(wait_for(lambda: bool(bench.inbox.waiting or bench.intake.counts["repeated"])), WAIT_S)
        bench.commit()
        await line.answer()
        line.close()
    assert [(row["device"], row["quantity"], row["value"]) for row in bench.rows] == [(DEVICE, "w01018", 36.1)]
    known = bench.devices.known(DEVICE)
    assert known is not None
    assert known.protocol == "hj212"
    await door.stop()
    bench.close()


async def wait_for(holds: Callable[[], bool]) -> None:
    """Return once `holds`."""
    while not holds():  # noqa: ASYNC110 - the door's task makes it true, and tells nobody
        await asyncio.sleep(0)


async def test_noise_ends_only_its_own_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "PASSED_OVER_MAX", 100)
    sink = ListSink()
    async with opened(sink) as (door, line):
        line.send_bytes(b"GET / HTTP/1.1\r\n" * 20)
        assert await line.end() == b""
        assert door.refused["not_hj212"] == 1


async def test_damaged_frames_are_not_answered_and_many_end_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "DAMAGED_MAX", 2)
    sink = ListSink()
    async with opened(sink) as (door, line):
        damaged = framed(REPORT).replace(b"36.1", b"99.9")
        line.send_bytes(damaged * 2)
        line.send(REPORT)
        await line.answer()
        assert len(sink.messages) == 1
        line.send_bytes(damaged)
        assert await line.end() == b""
        assert door.refused["damaged_frames"] == 1
