"""Polls against a real Modbus server on loopback, and against one that answers as the specification prints it, says no, or says nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from random import Random
from typing import Any

import pytest

from node.ingest.modbus.line import Line, ModbusFault
from node.ingest.modbus.poller import Poller, PollSettings
from node.ingest.modbus.registers import Function, Register
from node.ingest.numbers import Shape
from tests.node.ingest.parts import NOW_US, ListSink, StillClock

LEVEL = Register("level", Function.HOLDING, 107, Shape("uint16", 2, scale=0.01), "m")
PUBLISHED_REQUEST, PUBLISHED_ANSWER = bytes.fromhex("03006B0003"), bytes.fromhex("0306022B00000064")
"""The example of MODBUS Application Protocol V1.1b3, section 6.3, as PDUs."""

Answer = Callable[[bytes], bytes]


@asynccontextmanager
async def served(answer: Answer, *, before: bytes = b"") -> AsyncIterator[int]:
    """A server that answers the PDU of each request, with `before` in front; nothing where `answer` gives no bytes."""

    talks: set[asyncio.Task[None] | None] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        while head := await reader.read(7):
            pdu = await reader.readexactly(int.from_bytes(head[4:6], "big") - 1)
            if said := answer(pdu):
                writer.write(before + head[:4] + (len(said) + 1).to_bytes(2, "big") + head[6:7] + said)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*filter(None, talks))


async def asked(answer: Answer, ask: Callable[[Line], Awaitable[object]], *, timeout_s: float = 2.0) -> object:
    """What `ask` brings from a server."""
    async with served(answer) as port:
        line = Line("127.0.0.1", port, timeout_s=timeout_s)
        try:
            return await ask(line)
        finally:
            line.close()


def read(line: Line) -> Awaitable[object]:
    """The request of the specification."""
    return line.read(Function.HOLDING, 107, 3, unit=1)


def poller(line: Line, sink: ListSink, *registers: Register) -> Poller:
    """A poller of one device."""
    return Poller(PollSettings("meter-1", 1, registers or (LEVEL,), 60.0), line, sink, StillClock(), Random(3))


@pytest.mark.slow
async def test_request_and_answer_are_those_of_the_specification() -> None:
    heard: list[bytes] = []

    def answer(pdu: bytes) -> bytes:
        heard.append(pdu)
        return PUBLISHED_ANSWER

    assert await asked(answer, read) == [0x022B, 0, 0x64]
    assert heard == [PUBLISHED_REQUEST]


@pytest.mark.parametrize(
    ("code", "name"),
    [(1, "illegal_function"), (2, "illegal_data_address"), (6, "server_device_busy"), (11, "gateway_target_failed_to_respond")],
)
async def test_exceptions_are_named(code: int, name: str) -> None:
    with pytest.raises(ModbusFault) as fault:
        await asked(lambda pdu: bytes([pdu[0] | 0x80, code]), read)
    assert fault.value.reason == name


async def test_a_device_that_says_nothing_or_is_not_there_is_a_fault_in_time() -> None:
    with pytest.raises(ModbusFault) as silent:
        await asked(lambda pdu: b"", read, timeout_s=0.1)
    with pytest.raises(ModbusFault) as absent:
        await Line("127.0.0.1", 1, timeout_s=0.5).read(Function.HOLDING, 0, 1, unit=1)
    assert (silent.value.reason, absent.value.reason) == ("timeout", "unreachable")


STRANGER = bytes.fromhex("777700000003018302")
"""The whole answer to another request."""


@pytest.mark.parametrize("said", [b"\x03\xff\x00", b"\x63\x00", b"\x83\x02\x00", b"\x03\x00\x00"])
async def test_a_malformed_answer_is_named_at_once_and_leaves_no_traceback(said: bytes) -> None:
    tracebacks: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: tracebacks.append(context))
    with pytest.raises(ModbusFault) as fault:
        await asked(lambda pdu: said, read, timeout_s=60.0)
    assert fault.value.reason == "malformed_answer"
    assert tracebacks == []


async def test_a_malformed_answer_behind_a_strangers_does_not_reach_the_library() -> None:
    tracebacks: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: tracebacks.append(context))
    async with served(lambda pdu: b"\x63\x00", before=STRANGER) as port:
        with pytest.raises(ModbusFault) as fault:
            await read(Line("127.0.0.1", port, timeout_s=60.0))
    assert fault.value.reason == "malformed_answer"
    assert tracebacks == []


async def test_the_polls_of_others_go_on_beside_a_device_that_sends_garbage() -> None:
    sink = ListSink()

    async def beside(broken_line: Line) -> object:
        async def poll_good(line: Line) -> object:
            broken, good = poller(broken_line, sink), poller(line, sink)
            await asyncio.gather(*(each.poll() for each in (broken, good, broken, good)))
            return broken.counts, good.counts

        return await asked(lambda pdu: bytes.fromhex("03020419"), poll_good)

    assert await asked(lambda pdu: b"\x03\xff\x00", beside) == ({"malformed_answer": 2}, {"polled": 2})


async def test_a_host_whose_name_cannot_be_encoded_is_unreachable() -> None:
    with pytest.raises(ModbusFault) as fault:
        await read(Line("meter..lan", 502, timeout_s=0.5))
    assert fault.value.reason == "unreachable"


async def test_a_poll_brings_readings_to_the_intake_under_the_devices_topic() -> None:
    sink = ListSink()

    async def poll(line: Line) -> float:
        return await poller(line, sink).poll()

    assert await asked(lambda pdu: bytes.fromhex("03020419"), poll) == 60.0
    (message,) = sink.messages
    assert message.topic == "modbus/meter-1"
    assert json.loads(message.payload) == [
        {"device": "meter-1", "time": NOW_US, "quantity": "level", "value": 10.49, "text": None, "unit": "m"}
    ]


async def test_a_failed_poll_is_counted_told_and_asked_again_with_growing_waits() -> None:
    sink = ListSink()
    asker = poller(Line("127.0.0.1", 1, timeout_s=0.5), sink)
    waits = [await asker.poll() for _ in range(12)]
    assert asker.counts == {"unreachable": 12}
    assert "check address" in asker.fault
    assert 1.0 <= min(waits) <= max(waits) <= 300.0
    assert max(waits) > 60.0
    assert sink.messages == []


async def test_a_poll_without_room_is_left_out_and_counted() -> None:
    sink = ListSink()
    sink.has_room = False
    made: list[Poller] = []

    async def poll(line: Line) -> float:
        made.append(poller(line, sink))
        return await made[0].poll()

    await asked(lambda pdu: bytes.fromhex("03020419"), poll)
    assert made[0].counts == {"no_room": 1}


async def test_a_line_opens_again_after_it_broke() -> None:
    answers = iter([b"", bytes.fromhex("03020419")])

    async def twice(line: Line) -> object:
        with pytest.raises(ModbusFault):
            await line.read(Function.HOLDING, 0, 1, unit=1)
        return await line.read(Function.HOLDING, 0, 1, unit=1)

    assert await asked(lambda pdu: next(answers), twice, timeout_s=0.2) == [0x0419]


async def test_a_server_of_the_library_is_read_whole() -> None:
    stores: Any = import_module("pymodbus.datastore")
    words, bits = (stores.ModbusSequentialDataBlock(1, held) for held in ([0x4148, 0, 7, 0xFFFF], [True, False]))
    device = stores.ModbusDeviceContext(hr=words, ir=words, co=bits, di=bits)
    servers: Any = import_module("pymodbus.server")
    server = servers.ModbusTcpServer(stores.ModbusServerContext(devices=device, single=True), address=("127.0.0.1", 0))
    await server.listen()
    sink = ListSink()
    line = Line("127.0.0.1", server.transport.sockets[0].getsockname()[1], timeout_s=2.0)
    registers = (
        Register("flow", Function.INPUT, 0, Shape("float32", 4), "m3/h"),
        Register("count", Function.HOLDING, 2, Shape("uint16", 2)),
        Register("offset", Function.HOLDING, 3, Shape("int16", 2)),
        Register("pump", Function.COIL, 0, Shape("uint8", 1, states={"1": "on"})),
        Register("beyond", Function.HOLDING, 4_000, Shape("uint16", 2)),
    )
    try:
        await poller(line, sink, *registers[:4]).poll()
        refused = poller(line, sink, registers[4])
        await refused.poll()
    finally:
        line.close()
        await server.shutdown()
    found = {entry["quantity"]: (entry["value"], entry["text"]) for entry in json.loads(sink.messages[0].payload)}
    assert found == {"flow": (12.5, None), "count": (7.0, None), "offset": (-1.0, None), "pump": (1.0, "on")}
    assert refused.counts == {"illegal_data_address": 1}
