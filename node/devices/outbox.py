"""What waits for devices at this node's door, in memory: the durable copy of every command is its case.

Owns the bounds: so many commands for one device, so many for the node. Refuses an answer that is none, or that names a command which was
never given to the device that answers. Implements `Outbox` of node/ingest/outgoing.py; filled by the command desk, asked by the door, both
on the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from node.ingest.outgoing import Outgoing
from node.ingest.sink import Verdict
from node.untrusted import UNREADABLE
from sync.model import MICROSECONDS

DEVICE_COMMANDS_MAX = 64
"""Commands of one device that are not settled."""
NODE_COMMANDS_MAX = 10_000
ANSWER_BYTES_MAX = 4_096
TEXT_CHARS_MAX = 500
SETTLED_REMEMBERED = 10_000
"""Commands settled last whose answers, sent again, are taken for what they are."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One command that is not settled."""

    id: str
    device: str
    name: str
    arguments: Mapping[str, object]
    expires_us: int
    is_ready: bool = True
    """False while the fact that it is queued is on its way: its place is taken, and it is not given yet."""
    is_handed: bool = False

    def outgoing(self) -> Outgoing:
        """As the door publishes it."""
        body = {"id": self.id, "name": self.name, "arguments": self.arguments, "expires": self.expires_us // MICROSECONDS}
        return Outgoing(self.id, self.name, msgspec.json.encode(body), expires_us=self.expires_us)


class Answer(msgspec.Struct):
    """What a device says about a command."""

    id: Annotated[str, Meta(min_length=1, max_length=64)]
    result: Literal["done", "refused", "failed"]
    text: Annotated[str, Meta(max_length=TEXT_CHARS_MAX)] = ""


Handed = Callable[[str], None]
Answered = Callable[[str, Answer, Callable[[], None]], None]


@dataclass(slots=True)
class CommandOutbox:
    """Everything that waits."""

    on_handed: Handed
    """Called with the id of a command that a device has."""
    on_answered: Answered
    """Called with the id of a command, its answer, and whom to call when that is durable."""
    _by_device: dict[str, dict[str, Waiting]] = field(default_factory=dict)
    _devices: dict[str, str] = field(default_factory=dict)
    """Device by command, of those that are not settled."""
    _settled: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._devices)

    def __contains__(self, command_id: str) -> bool:
        return command_id in self._devices

    def room_for(self, device: str) -> str:
        """Why no further command fits for a device; empty when one does."""
        if len(self._by_device.get(device, ())) >= DEVICE_COMMANDS_MAX:
            return f"{DEVICE_COMMANDS_MAX} commands wait for {device} already; withdraw some, or wait until they expire"
        return "" if len(self) < NODE_COMMANDS_MAX else f"{NODE_COMMANDS_MAX} commands wait at this node; wait until some are settled"

    def put(self, command: Waiting, *, is_handed: bool) -> None:
        """Keep a command; what was handed over stays so, also while the fact that says so is on its way."""
        queue = self._by_device.setdefault(command.device, {})
        known = queue.get(command.id)
        queue[command.id] = replace(command, is_handed=is_handed or (known is not None and known.is_handed))
        self._devices[command.id] = command.device

    def settle(self, command_id: str, device: str) -> None:
        """A command of this device needs nothing more."""
        if self._devices.pop(command_id, None) is not None:
            self._by_device[device].pop(command_id)
            if not self._by_device[device]:
                del self._by_device[device]
        self._settled[command_id] = device
        if len(self._settled) > SETTLED_REMEMBERED:
            del self._settled[next(iter(self._settled))]

    def counts(self) -> dict[str, int]:
        """Commands that are not settled, by device."""
        return {device: len(commands) for device, commands in self._by_device.items()}

    def all(self) -> Sequence[Waiting]:
        """Commands that are not settled."""
        return [command for commands in self._by_device.values() for command in commands.values()]

    # ---- what the door asks

    def waiting(self, client: str) -> Sequence[Outgoing]:
        """What waits for `client`, oldest first."""
        return [command.outgoing() for command in self._by_device.get(client, {}).values() if command.is_ready and not command.is_handed]

    def handed_over(self, client: str, message_id: str) -> None:
        """The device has it."""
        command = self._by_device.get(client, {}).get(message_id)
        if command is not None and not command.is_handed:
            self.put(command, is_handed=True)
            self.on_handed(message_id)

    def answered(self, client: str, payload: bytes, on_stored: Callable[[], None]) -> Verdict | None:
        """A device answers."""
        answer = _read(payload)
        if answer is None:
            on_stored()
            return Verdict.UNDECODABLE
        if self._settled.get(answer.id) == client:
            on_stored()
            return None
        if self._devices.get(answer.id) != client:
            # Saying it again would not help: acknowledged, and kept as a reject.
            on_stored()
            return Verdict.UNDECODABLE
        self.on_answered(answer.id, answer, on_stored)
        return None


def _read(payload: bytes) -> Answer | None:
    if len(payload) > ANSWER_BYTES_MAX:
        return None
    try:
        return msgspec.json.decode(payload, type=Answer)
    except UNREADABLE:
        return None
