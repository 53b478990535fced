"""Commands to devices: queued, handed over, answered, expired, over restarts and from above."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from node.cases.errors import CaseRefused
from node.devices.commands import UNHEARD_US, CommandDesk
from node.devices.errors import CommandRefused, CommandUnknown, DeviceUnknown
from node.devices.kind import COMMAND
from node.devices.outbox import DEVICE_COMMANDS_MAX
from node.devices.views import line_of, listed, named, shown
from node.ingest.handing_in import NoRoom
from node.ingest.sink import Row, Verdict
from policies.catalogue import Resource
from tests.node.devices.office import Office, order

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """One node."""
    made = Office(tmp_path)
    made.add("grid")
    yield made
    await made.close()


def states(desk: CommandDesk) -> list[str]:
    """The state of each command, the newest first."""
    return [line["state"] for line in listed(desk.cases, states=(), limit=99)]


def answer(case_id: str, result: str = "done", text: str = "") -> bytes:
    """What a device publishes."""
    return json.dumps({"id": case_id, "result": result, "text": text}).encode()


async def test_a_command_is_queued_handed_over_and_done(office: Office) -> None:
    desk, stored = office.desks["grid"], []
    case = await desk.issue(order())
    await desk.look()
    assert (states(desk), office.woken) == (["queued"], ["lamp-1"])
    (message,) = desk.outbox.waiting("lamp-1")
    body = json.loads(message.payload)
    assert body == {"id": case.id, "name": "dim", "arguments": {"share": 0.5}, "expires": case.data["expires_us"] // 1_000_000}  # type: ignore[operator]
    desk.outbox.handed_over("lamp-1", case.id)
    assert desk.outbox.waiting("lamp-1") == []
    await desk.look()
    assert states(desk) == ["handed"]
    assert desk.outbox.answered("lamp-1", answer(case.id, text="at 50 %"), lambda: stored.append(1)) is None
    assert stored == [], "the acknowledgement waits for the journal"
    await desk.look()
    assert (states(desk), stored) == (["done"], [1])
    line = shown(desk.cases, case.id)
    assert (line["why"], [fact["by"] for fact in line["history"]]) == ("at 50 %", ["li", "yunnao", "yunnao", "device lamp-1"])


async def test_an_answer_that_is_repeated_is_taken_once(office: Office) -> None:
    desk, stored = office.desks["grid"], []
    case = await desk.issue(order())
    await desk.look()
    for _ in range(3):
        desk.outbox.answered("lamp-1", answer(case.id, "failed", "no power"), lambda: stored.append(1))
    await desk.look()
    desk.outbox.answered("lamp-1", answer(case.id, "failed"), lambda: stored.append(1))
    assert (states(desk), stored) == (["failed"], [1] * 4)


async def test_a_device_answers_only_for_itself(office: Office) -> None:
    desk = office.desks["grid"]
    case = await desk.issue(order())
    await desk.look()
    assert desk.outbox.answered("lamp-2", answer(case.id), lambda: None) is Verdict.UNDECODABLE
    desk.outbox.handed_over("lamp-2", case.id)
    assert len(desk.outbox.waiting("lamp-1")) == 1


async def test_what_a_profile_does_not_allow_is_not_issued(office: Office) -> None:
    desk = office.desks["grid"]
    with pytest.raises(CommandRefused, match="its profile allows switch, dim"):
        await desk.issue(order(name="explode"))
    assert states(desk) == []


async def test_only_admitted_devices_get_commands(office: Office) -> None:
    desk = office.desks["grid"]
    with pytest.raises(CommandRefused, match="command refused: nowhere was not found"):
        await desk.issue(order(node="nowhere"))
    with pytest.raises(DeviceUnknown, match="'ghost' is not known here"):
        await desk.issue(order("ghost"))
    desk.registry.retire("lamp-1", by="li", now_us=1)
    with pytest.raises(CommandRefused, match="lamp-1 is retired"):
        await desk.issue(order())
    monitor = desk.registry.known("lamp-2")
    assert monitor is not None
    monitor.protocol = "hj212"
    with pytest.raises(CommandRefused, match="speaks hj212, and commands go out by MQTT alone"):
        await desk.issue(order("lamp-2"))


async def test_the_queue_of_a_device_is_bounded(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.devices.outbox.DEVICE_COMMANDS_MAX", 2)
    desk = office.desks["grid"]
    for _ in range(3):
        await desk.issue(order())
    await desk.look()
    assert sorted(states(desk)) == ["queued", "queued", "refused"], "what was issued at once is judged one by one"
    with pytest.raises(CommandRefused, match=f"{DEVICE_COMMANDS_MAX}|2 commands wait for lamp-1"):
        await desk.issue(order())
    await desk.issue(order("lamp-2"))


async def test_a_command_expires_before_and_after_it_was_handed_over(office: Office) -> None:
    desk = office.desks["grid"]
    first, _ = await desk.issue(order(expires_s=5)), await desk.issue(order("lamp-2", expires_s=5))
    await desk.look()
    desk.outbox.handed_over("lamp-1", first.id)
    office.town.clock.wall += 6_000_000
    await desk.look()
    assert states(desk) == ["expired", "expired"]
    assert (len(desk.outbox), desk.outbox.waiting("lamp-2")) == (0, [])
    stored: list[int] = []
    assert desk.outbox.answered("lamp-1", answer(first.id), lambda: stored.append(1)) is None
    assert (stored, states(desk)) == ([1], ["expired", "expired"]), "too late is too late, and it need not be said again"


async def test_a_command_is_withdrawn_until_the_device_has_it(office: Office) -> None:
    desk = office.desks["grid"]
    first, second = await desk.issue(order()), await desk.issue(order())
    await desk.look()
    await desk.withdraw(first.id, by="li", why="wrong lamp")
    desk.outbox.handed_over("lamp-1", second.id)
    await desk.look()
    with pytest.raises(CommandUnknown, match="'nobody' is not here"):
        await desk.withdraw("nobody", by="li", why="")
    with pytest.raises(CommandRefused, match="may wait from a moment to 30 days"):
        await desk.issue(order(expires_s=1e9))
    with pytest.raises(CaseRefused, match="that is handed takes no withdraw"):
        await desk.withdraw(second.id, by="li", why="")
    assert len(desk.outbox) == 1


async def test_a_restart_goes_on_with_what_was_queued(office: Office) -> None:
    desk = office.desks["grid"]
    handed, waiting = await desk.issue(order()), await desk.issue(order())
    await desk.look()
    desk.outbox.handed_over("lamp-1", handed.id)
    await desk.look()
    again = CommandDesk(desk.cases, desk.registry, desk.profile, desk.find, office.town.clock, wake=office.woken.append)
    await again.load()
    assert [message.message_id for message in again.outbox.waiting("lamp-1")] == [waiting.id]
    again.outbox.answered("lamp-1", answer(handed.id), lambda: None)
    await again.look()
    assert states(again) == ["queued", "done"]


async def test_a_fact_that_finds_no_room_is_said_later_and_releases_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, stored = office.desks["grid"], []
    case = await desk.issue(order())
    await desk.look()
    storing = desk.cases.handing_in

    class Full:
        async def store(self, resource: Resource, rows: list[Row]) -> None:
            raise NoRoom("no room")

    desk.cases.handing_in = Full()  # type: ignore[assignment]
    desk.outbox.answered("lamp-1", answer(case.id), lambda: stored.append(1))
    with pytest.raises(NoRoom):
        await desk.look()
    assert stored == []
    desk.cases.handing_in = storing
    await desk.look()
    assert (states(desk), stored) == (["done"], [1])


async def test_waiting_for_the_end_of_a_command(office: Office) -> None:
    desk = office.desks["grid"]
    case = await desk.issue(order())
    await desk.look()
    assert (await desk.wait_settled(case, 0.001)).state == "queued"
    desk.outbox.answered("lamp-1", answer(case.id, "refused", "not now"), lambda: None)
    await desk.look()
    settled = await desk.wait_settled(case, 5.0) if case.state in COMMAND.final else desk.cases.case(COMMAND, case.id)
    assert (settled.state, line_of(settled)["why"]) == ("refused", "not now")


# ---- from above


@pytest_asyncio.fixture
async def city(tmp_path: Path) -> AsyncIterator[Office]:
    """Three nodes above each other."""
    made = Office(tmp_path)
    made.add("city")
    made.add("district", "city")
    made.add("grid", "district")
    yield made
    await made.close()


async def test_a_command_from_above_reaches_the_device_and_its_answer_comes_back(city: Office) -> None:
    above, below = city.desks["city"], city.desks["grid"]
    case = await above.issue(order(node="grid"))
    await city.settle()
    (message,) = below.outbox.waiting("lamp-1")
    assert json.loads(message.payload)["arguments"] == {"share": 0.5}
    assert len(city.desks["district"].outbox) == 0
    below.outbox.answered("lamp-1", answer(case.id), lambda: None)
    await city.settle()
    assert [states(desk) for desk in city.desks.values()] == [["done"]] * 3
    wrong = await above.issue(order(name="explode", node="grid"))
    await city.settle()
    found = shown(above.cases, wrong.id)
    assert (found["state"], found["why"]) == ("refused", "command 'explode' refused: its profile allows switch, dim")
    assert [line["id"] for line in named(below.cases, below.recent("lamp-1"), states={"done"})] == [case.id]


async def test_a_command_that_nobody_below_took_expires_at_its_issuer(city: Office) -> None:
    above = city.desks["city"]
    await above.issue(order(node="grid", expires_s=5))
    await above.look()
    city.town.clock.wall += 5_000_000 + UNHEARD_US + 1
    await above.look()
    assert states(above) == ["expired"]
    await city.settle()
    assert states(city.desks["grid"]) == ["expired"]
