"""Commands out: only the own topics, QoS 1 with redelivery, the client's bounds, answers in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import mqtt5
import pytest

from node.ingest.outgoing import Outgoing
from node.ingest.sink import Verdict
from tests.node.ingest.mqtt.stand import DISCONNECT, NEW, PRESENT, PUBACK, PUBREC, Wire, number, packet, publish, standing, text
from tests.node.ingest.parts import NOW_US, StillClock

OWN = "command/a/#"


class ListOutbox:
    """An outbox in memory."""

    def __init__(self, *commands: Outgoing) -> None:
        self.commands = list(commands)
        self.answers: list[tuple[str, bytes]] = []
        self.waiting_answers: list[Callable[[], None]] = []
        self.verdict: Verdict | None = None

    def waiting(self, client: str) -> Sequence[Outgoing]:
        """Everything is for `a`."""
        return self.commands if client == "a" else []

    def handed_over(self, client: str, message_id: str) -> None:
        """Let it go."""
        self.commands = [each for each in self.commands if each.message_id != message_id]

    def answered(self, client: str, payload: bytes, on_stored: Callable[[], None]) -> Verdict | None:
        """Keep the answer until the test says so."""
        self.answers.append((client, payload))
        self.waiting_answers.append(on_stored)
        return self.verdict


def subscribe(*filters: str, qos: int = 1) -> bytes:
    """SUBSCRIBE with packet id 9."""
    return packet(0x82, number(9) + b"".join(text(each) + bytes([qos]) for each in filters))


def command(packet_id: int, payload: bytes, *, again: bool = False) -> bytes:
    """The PUBLISH that a client gets."""
    return publish(packet_id, payload, qos=1, topic="command/a/reboot", again=again)


async def test_only_the_own_command_topics_are_granted(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        stand.door.outbox = ListOutbox()
        wire = await stand.join("a", NEW)
        own = ["command/a/#", "command/a/reboot", "command/a/+"]
        others = ["command/b/#", "command/#", "#", "command/+/x", "air-quality/#", "$SYS/#", "$share/g/command/a/#", "command/a/x#"]
        await wire.says(subscribe(*own, *others), b"\x90\x0d" + number(9) + b"\1\1\1" + b"\x80" * 8)
        assert stand.door.refused["subscribe"] == 8


async def test_without_an_outbox_nobody_subscribes(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        wire = await stand.join("a", NEW)
        await wire.says(subscribe(OWN), b"\x90\x03\x00\x09\x80")


async def test_a_client_whose_name_is_a_wildcard_gets_no_commands(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        stand.door.outbox = ListOutbox(Outgoing("1", "reboot", b"x"))
        wire = await stand.join("+", NEW)
        await wire.says(subscribe("command/+/#"), b"\x90\x03\x00\x09\x80")


async def test_a_command_is_handed_over_by_its_puback(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        outbox = ListOutbox(Outgoing("1", "reboot", b"x"))
        stand.door.outbox = outbox
        wire = await stand.join("a", NEW)
        await wire.says(subscribe(OWN), b"\x90\x03\x00\x09\x01" + command(1, b"x"))
        assert outbox.commands
        wire.writer.write(PUBACK + number(1))
        await wire.is_silent()
        assert outbox.commands == []


async def test_what_is_new_is_handed_out_when_the_outbox_wakes_the_door(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        outbox = ListOutbox()
        stand.door.outbox = outbox
        wire = await stand.join("a", NEW)
        await wire.says(subscribe(OWN), b"\x90\x03\x00\x09\x01")
        outbox.commands.append(Outgoing("1", "reboot", b"x"))
        stand.door.wake("a")
        stand.door.wake("nobody")
        await wire.says(b"", command(1, b"x"))


async def test_what_was_not_acknowledged_comes_again_with_dup_and_the_same_id(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        outbox = ListOutbox(Outgoing("1", "reboot", b"x"), Outgoing("2", "reboot", b"y"))
        stand.door.outbox = outbox
        wire = await stand.join("a", NEW)
        await wire.says(subscribe(OWN), b"\x90\x03\x00\x09\x01" + command(1, b"x") + command(2, b"y"))
        wire.writer.write(PUBACK + number(1) + DISCONNECT)
        await wire.ended()
        wire = await stand.join("a", PRESENT)
        await wire.says(b"", command(2, b"y", again=True))
        wire.writer.write(PUBACK + number(2))
        await wire.is_silent()
        assert outbox.commands == []


async def test_a_subscription_outlives_a_restart_of_the_node(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        stand.door.outbox = ListOutbox()
        wire = await stand.join("a", NEW)
        await wire.says(subscribe(OWN), b"\x90\x03\x00\x09\x01")
        stand.commit()
    async with standing(tmp_path) as stand:
        stand.door.outbox = ListOutbox(Outgoing("1", "reboot", b"x"))
        wire = await stand.join("a", PRESENT)
        await wire.says(b"", command(1, b"x"))


async def test_a_subscription_that_was_ended_gets_nothing(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        outbox = ListOutbox()
        stand.door.outbox = outbox
        wire = await stand.join("a", NEW)
        await wire.says(subscribe(OWN), b"\x90\x03\x00\x09\x01")
        await wire.says(packet(0xA2, number(10) + text(OWN)), b"\xb0\x02" + number(10))
        outbox.commands.append(Outgoing("1", "reboot", b"x"))
        stand.door.wake("a")
        await wire.is_silent()


async def test_no_more_than_sixteen_are_in_flight(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        stand.door.outbox = ListOutbox(*(Outgoing(str(index), "reboot", b"x") for index in range(20)))
        wire = await stand.join("a", NEW)
        await wire.says(subscribe(OWN), b"\x90\x03\x00\x09\x01" + b"".join(command(index, b"x") for index in range(1, 17)))
        await wire.is_silent()


async def test_a_late_command_is_not_handed_out(tmp_path: Path) -> None:
    clock = StillClock()
    async with standing(tmp_path, clock=clock) as stand:
        stand.door.outbox = ListOutbox(Outgoing("1", "reboot", b"late", expires_us=NOW_US), Outgoing("2", "reboot", b"x"))
        wire = await stand.join("a", NEW)
        await wire.says(subscribe(OWN), b"\x90\x03\x00\x09\x01" + command(1, b"x"))


async def accepted_5(wire: Wire, asked: mqtt5.ConnectPacket) -> None:
    """A v5 client that is in and subscribed."""
    wire.writer.write(asked.write())
    await wire.reader.read(1_000)
    wire.writer.write(mqtt5.SubscribePacket(9, [mqtt5.TopicFilter(OWN, max_qos=mqtt5.QoS.AT_LEAST_ONCE)]).write())


async def test_v5_gets_expiry_answer_topic_and_its_own_receive_maximum(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        stand.door.outbox = ListOutbox(Outgoing("7f", "reboot", b"x", expires_us=NOW_US + 9_000_000), Outgoing("80", "reboot", b"y"))
        wire = await stand.dial()
        await accepted_5(wire, mqtt5.ConnectPacket("a", receive_max=1))
        said = memoryview(await wire.reader.read(1_000))
        _, size = mqtt5.read(said)
        first, more = mqtt5.read(said[size:])
        assert isinstance(first, mqtt5.PublishPacket)
        assert (first.message_expiry_interval, first.response_topic, first.correlation_data) == (9, "command/a/answer", b"7f")
        assert len(said) == size + more
        await wire.is_silent()


async def test_a_command_longer_than_the_client_takes_is_left_out(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        stand.door.outbox = ListOutbox(Outgoing("1", "reboot", bytes(200)), Outgoing("2", "reboot", b"y"))
        wire = await stand.dial()
        await accepted_5(wire, mqtt5.ConnectPacket("a", max_packet_size=150))
        said = memoryview(await wire.reader.read(1_000))
        _, size = mqtt5.read(said)
        only, more = mqtt5.read(said[size:])
        assert isinstance(only, mqtt5.PublishPacket)
        assert (only.payload, len(said)) == (b"y", size + more)


@pytest.mark.parametrize(("qos", "ack"), [(1, PUBACK), (2, PUBREC)])
async def test_an_answer_goes_to_the_outbox_and_is_acknowledged_when_it_is_durable(tmp_path: Path, qos: int, ack: bytes) -> None:
    async with standing(tmp_path) as stand:
        outbox = ListOutbox()
        stand.door.outbox = outbox
        wire = await stand.join("a", NEW)
        wire.writer.write(publish(3, b"{}", qos=qos, topic="command/a/answer"))
        await wire.is_silent()
        assert outbox.answers == [("a", b"{}")]
        outbox.waiting_answers.pop()()
        await wire.says(b"", ack + number(3))


@pytest.mark.parametrize("topic", ["command/b/answer", "command/a/reboot", "command/a/answer/x"])
async def test_nobody_publishes_on_another_command_topic(tmp_path: Path, topic: str) -> None:
    async with standing(tmp_path) as stand:
        stand.door.outbox = ListOutbox()
        wire = await stand.join("a", NEW)
        wire.writer.write(publish(3, b"{}", qos=1, topic=topic))
        assert await wire.ended() == b""
        assert stand.door.refused["not_admitted"] == 1
