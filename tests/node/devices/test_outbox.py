"""What waits for devices, its bounds, and answers that are none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from node.devices import outbox as module
from node.devices.outbox import Answer, CommandOutbox, Waiting
from node.ingest.sink import Verdict


@pytest.fixture
def outbox() -> CommandOutbox:
    """An outbox with two commands, at which every answer is durable at once."""

    def answered(case_id: str, answer: Answer, on_stored: Callable[[], None]) -> None:
        on_stored()

    made = CommandOutbox(lambda case_id: None, answered)
    made.put(command("c1"), is_handed=False)
    made.put(command("c2"), is_handed=False)
    return made


def command(name: str, *, is_ready: bool = True) -> Waiting:
    """A command for lamp-1."""
    return Waiting(name, "lamp-1", "report", {}, 5_000_000, is_ready)


def waiting(outbox: CommandOutbox) -> list[str]:
    """Ids of what lamp-1 may be given."""
    return [message.message_id for message in outbox.waiting("lamp-1")]


def test_the_oldest_is_given_first_and_once(outbox: CommandOutbox) -> None:
    assert waiting(outbox) == ["c1", "c2"]
    outbox.handed_over("lamp-1", "c1")
    outbox.handed_over("lamp-1", "nobody's")
    assert waiting(outbox) == ["c2"]
    outbox.put(command("c1"), is_handed=False)
    assert waiting(outbox) == ["c2"], "the fact that it was handed over is on its way"


def test_what_is_not_queued_yet_takes_a_place_and_is_not_given(outbox: CommandOutbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEVICE_COMMANDS_MAX", 3)
    outbox.put(command("c3", is_ready=False), is_handed=False)
    assert waiting(outbox) == ["c1", "c2"]
    assert "3 commands wait for lamp-1 already" in outbox.room_for("lamp-1")
    assert outbox.room_for("lamp-2") == ""


def test_the_node_is_bounded(outbox: CommandOutbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NODE_COMMANDS_MAX", 2)
    assert "2 commands wait at this node" in outbox.room_for("lamp-2")


def test_what_is_settled_is_remembered_within_bounds(outbox: CommandOutbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLED_REMEMBERED", 1)
    outbox.settle("c1", "lamp-1")
    assert (waiting(outbox), outbox.counts()) == (["c2"], {"lamp-1": 1})
    late = b'{"id": "c1", "result": "done"}'
    assert outbox.answered("lamp-1", late, lambda: None) is None
    outbox.settle("c2", "lamp-1")
    assert outbox.answered("lamp-1", late, lambda: None) is Verdict.UNDECODABLE
    assert len(outbox) == 0


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b'{"id": "c1"}',
        b'{"id": "c1", "result": "maybe"}',
        b"\xff",
        b'{"id": "c9", "result": "done"}',
        b"[" * 4_000,
        b" " * 9_000,
    ],
)
def test_an_answer_that_is_none_is_not_taken_and_released(outbox: CommandOutbox, payload: bytes) -> None:
    released: list[int] = []
    assert outbox.answered("lamp-1", payload, lambda: released.append(1)) is Verdict.UNDECODABLE
    assert released == [1]
    assert len(outbox) == 2


def test_an_answer_of_another_device_is_not_taken(outbox: CommandOutbox) -> None:
    assert outbox.answered("lamp-2", b'{"id": "c1", "result": "done"}', lambda: None) is Verdict.UNDECODABLE
