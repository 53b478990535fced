"""A park of simulated devices against a real door: its ledger says what the door took, and a device that comes back sends again."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from node.clock import SystemClock
from simulations.devices.device import Habits, Obedience
from simulations.devices.faults import Fault
from simulations.devices.ledger import Ledger
from simulations.devices.packets import Kind, numbered, publish
from simulations.devices.park import Park, ParkOptions, plans_of
from tests.node.ingest.parts import Bench, make_bench, running_door

BEGINS_US = 1_760_000_000_000_000


class Server:
    """A scripted door: keeps every packet as (kind, flags, body), and answers as the test says."""

    def __init__(self) -> None:
        self.packets: list[tuple[int, int, bytes]] = []
        self.connects = 0
        self.port = 0
        self.acks: set[int] = {1, 2}
        """Connections whose PUBLISH packets are acknowledged."""
        self.breaks_after: dict[int, int] = {}
        """Connection -> PUBLISH packets after which it breaks."""
        self.commands: list[bytes] = []
        """Payloads that are sent after SUBSCRIBE."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connects += 1
        number, seen = self.connects, 0
        try:
            while True:
                head, length = await reader.readexactly(2)
                if length & 0x80:
                    length = (length & 0x7F) + (await reader.readexactly(1))[0] * 128
                body = await reader.readexactly(length)
                self.packets.append((head >> 4, head & 15, body))
                seen += head >> 4 == Kind.PUBLISH
                writer.write(self._answer(number, head, body))
                if seen == self.breaks_after.get(number):
                    writer.transport.abort()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, number: int, head: int, body: bytes) -> bytes:
        kind = head >> 4
        if kind == Kind.CONNECT:
            return b"\x20\x02\x00\x00"
        if kind == Kind.SUBSCRIBE:
            commands = [publish("command/p-00000/go", payload, 40 + place) for place, payload in enumerate(self.commands)]
            return b"\x90\x03" + body[:2] + b"\x01" + b"".join(commands)
        if kind == Kind.PUBLISH and number in self.acks:
            topic_end = 2 + int.from_bytes(body[:2], "big")
            return numbered(Kind.PUBACK if head & 6 == 2 else Kind.PUBREC, int.from_bytes(body[topic_end : topic_end + 2], "big"))
        return numbered(Kind.PUBCOMP, int.from_bytes(body, "big")) if kind == Kind.PUBREL else b""

    def of(self, kind: Kind) -> list[tuple[int, bytes]]:
        """(flags, body) of every packet of `kind`."""
        return [(flags, body) for found, flags, body in self.packets if found == kind]


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    """The scripted door on a free loopback port."""
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield server


def options(port: int, **changed: object) -> ParkOptions:
    habits = Habits("127.0.0.1", port, **{name: value for name, value in changed.items() if name in Habits.__slots__})  # type: ignore[arg-type]
    others = {name: value for name, value in changed.items() if name not in Habits.__slots__}
    base: dict[str, object] = {"count": 1, "seed": 5, "habits": habits, "every_s": 0.01, "seconds": 0.15, "ramp_s": 0.0, "prefix": "p"}
    return ParkOptions(**(base | others))  # type: ignore[arg-type]


@pytest.mark.slow
async def test_what_is_acknowledged_is_what_the_door_stored_and_the_ledger_file_names_it(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()

    def commit_soon() -> None:
        loop.call_soon(bench.commit)

    bench = make_bench(tmp_path, on_data=commit_soon)
    file = io.StringIO()
    faults = frozenset(Fault) - {Fault.SILENCE, Fault.SLOW, Fault.DUPLICATE}
    async with running_door(bench.intake) as (_, port):
        chosen = options(
            port, count=25, faults=faults, share=0.8, has_both_versions=True, every_s=0.02, keep_alive_s=1.0, readings=8, seconds=60.0
        )
        park = Park(chosen, SystemClock(), ledger=Ledger(file))
        tend = asyncio.create_task(_keep_rejects(bench))
        ledger = await park.run()
        tend.cancel()
    bench.close()
    entries = [json.loads(line) for line in file.getvalue().splitlines()]
    sent, acked = ({entry["id"] for entry in entries if entry.get("acked", True) is word} for word in (False, True))
    stored = [str(row["text"]) for row in bench.rows if row.get("text")]
    assert (ledger.unanswered, ledger.connections >= 25, len(acked) > 100) == (0, True, True)
    assert acked <= set(stored) & sent
    assert len(stored) == len(set(stored))
    assert ledger.lies > 0


async def _keep_rejects(bench: Bench) -> None:
    """The runtime's timer: rejects are written a moment after they came."""
    while True:
        bench.run_later()
        await asyncio.sleep(0.02)


@pytest.mark.slow
async def test_a_device_that_comes_back_sends_what_was_not_acknowledged_in_order_with_dup() -> None:
    async with serving() as server:
        server.acks, server.breaks_after = {2}, {1: 3}
        ledger = await Park(options(server.port), SystemClock()).run()
    flags = [packet[0] for packet in server.of(Kind.PUBLISH)]
    bodies = [packet[1] for packet in server.of(Kind.PUBLISH)]
    again = bodies.index(bodies[0], 1)
    assert flags[:3] == [2, 2, 2]
    assert set(flags[again : again + 3]) == {10}
    assert bodies[again : again + 3] == bodies[:3]
    assert (server.connects, ledger.unanswered, ledger.acked) == (2, 0, ledger.sent)


@pytest.mark.slow
async def test_at_qos_2_a_reading_counts_when_it_is_received_and_is_released_then() -> None:
    async with serving() as server:
        ledger = await Park(options(server.port, qos=2), SystemClock()).run()
    assert ledger.acked == ledger.sent == len(server.of(Kind.PUBLISH)) == len(server.of(Kind.PUBREL)) > 0
    assert {flags for flags, _ in server.of(Kind.PUBREL)} == {2}


@pytest.mark.slow
@pytest.mark.parametrize(("obedience", "results"), [(Obedience.DONE, ["done", "done"]), (Obedience.IGNORED, [])])
async def test_commands_are_answered_or_ignored_as_the_device_is(obedience: Obedience, results: list[str]) -> None:
    async with serving() as server:
        server.commands = [b'{"id": "c1"}', b'{"id": "c2"}', b"no command"]
        ledger = await Park(options(server.port, obedience=obedience), SystemClock()).run()
    answers = [json.loads(body[26:]) for _, body in server.of(Kind.PUBLISH) if body.startswith(b"\0\x16command/p-00000/answer")]
    assert [answer["result"] for answer in answers] == results
    assert ledger.commands == {obedience.value: 2, "malformed": 1}
    assert len(server.of(Kind.PUBACK)) == 3


@pytest.mark.slow
async def test_a_door_that_answers_no_ping_is_left_and_found_again() -> None:
    async with serving() as server:
        ledger = await Park(options(server.port, keep_alive_s=0.1, every_s=0.5, seconds=0.4), SystemClock()).run()
    assert server.connects >= 2
    assert len(server.of(Kind.PINGREQ)) >= 2
    assert ledger.connections == server.connects


@pytest.mark.slow
async def test_a_door_that_never_acknowledges_leaves_readings_unanswered() -> None:
    async with serving() as server:
        server.acks = set()
        ledger = await Park(options(server.port, drain_s=0.05), SystemClock()).run()
    assert (ledger.acked, ledger.unanswered) == (0, ledger.sent)
    assert ledger.sent > 5


def test_the_plans_of_a_park_come_from_its_seed() -> None:
    chosen = options(1, count=50, faults=frozenset(Fault))
    assert plans_of(chosen, begins_us=BEGINS_US) == plans_of(chosen, begins_us=BEGINS_US)
    assert len({plan.seed for plan in plans_of(chosen, begins_us=BEGINS_US)}) == 50
    assert plans_of(chosen, begins_us=BEGINS_US)[1].neighbour == "p-00000"
