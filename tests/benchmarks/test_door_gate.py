"""The gates of the sensor door: what publishers send, how ratios are made, and that a peer which is not there is skipped with a word."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from benchmarks import door_gate, door_peers, gates, hostile_devices, idle_devices
from benchmarks.door_load import CONNECTION_WINDOW, DEVICES, Load, Pace, connect_packet, packet, pipelined, scattered
from node.ingest.mqtt.mqtt311 import Mqtt311
from node.ingest.mqtt.packets import Connect, Packet, Publish
from tests.node.ingest.parts import ListSink, running_door


def paces(*pairs: tuple[float, float]) -> list[Pace]:
    return [Pace(rate, cpu_s) for rate, cpu_s in pairs]


def test_the_publisher_writes_packets_of_one_reading_at_qos_1() -> None:
    found: list[Packet] = []
    data = b"".join(packet(number, number + 1, 4) for number in range(DEVICES + 5))
    assert Mqtt311().read(data, found) == len(data)
    assert all(isinstance(each, Publish) and each.qos == 1 for each in found)
    assert len(set(found)) == DEVICES + 5
    opened: list[Packet] = []
    Mqtt311().read(connect_packet("pub-499", 4), opened)
    assert isinstance(opened[0], Connect)
    assert (opened[0].client_id, opened[0].keep_alive_s) == ("pub-499", 0)


@pytest.mark.parametrize(("send", "connections"), [(pipelined, 1), (scattered, 7)])
async def test_a_publisher_ends_when_everything_is_acknowledged(send: Callable[[int, Load], float], connections: int) -> None:
    sink = ListSink()
    async with running_door(sink) as (_, port):
        messages = 3 * CONNECTION_WINDOW * connections
        seconds = await asyncio.to_thread(send, port, Load(messages, connections=connections))
    assert (len(sink.messages), len({message.payload for message in sink.messages})) == (messages, messages)
    assert seconds > 0


def test_a_ratio_is_of_one_round_and_its_cpu_stands_beside_it() -> None:
    rates = door_gate.Rates(paces((100.0, 1.0), (60.0, 2.0)), {"aiomqtt": paces((10.0, 8.0), (5.0, 8.0))})
    target = door_gate._target("aiomqtt", 1, rates)
    assert (target.values, target.verdict, target.bound) == ((10.0, 12.0), "PASS", 10.0)
    assert target.notes[1].endswith(": 6.0")


def test_a_peer_that_is_not_installed_is_skipped_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: "/somewhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    target = door_gate._target("gmqtt", 500, door_gate.Rates(paces((1.0, 1.0)), {"gmqtt": []}))
    assert (target.verdict, target.notes) == ("SKIPPED", ("gmqtt is not installed (pip: gmqtt)",))
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert door_peers.missing("gmqtt") == "mosquitto is not installed (Debian: mosquitto)"


def test_memory_of_idle_devices_is_told_for_each() -> None:
    assert idle_devices.Idle(150.0, 250.0, 10_000).each_kb == pytest.approx(10.24)
    assert gates.GATES["g8-idle"] is idle_devices.targets


def test_good_devices_may_notice_a_little_of_an_attack_and_no_more() -> None:
    row = hostile_devices.Row("flood", [(5.0, 20.0), (5.0, 40.0)], [(9.0, 60.0), (9.0, 80.0)], {"rejected": 4, "taken_over": 9})
    assert (row.ratio, row.passes) == (2.5, True)
    assert row.line() == "| `flood` | 5 / 30 | 9 / 70 | 2.5 | PASS | taken_over 9, rejected 4 |"
    row.hit[:] = [(9.0, 200.0), (9.0, 300.0)]
    assert not row.passes
