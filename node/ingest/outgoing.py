"""What the sensor door hands out to devices: commands, asked from an outbox that keeps them.

Owned here: the shape of a message on its way to a device, the topics of commands, and the interface of whoever keeps them. The door keeps
no second durable queue: a message waits in the outbox until the device's PUBACK came, and is given again on the next connection.
Implemented by the node's command store; asked by node/ingest/door.py and its connections, on the event loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from node.ingest.sink import Verdict

COMMAND_ROOT = "command"
"""First level of the topics of commands: command/<device>/<name>."""
ANSWER_NAME = "answer"
"""Last level of the topic that a device answers on."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message for one device."""

    message_id: str
    """Names it at the outbox; the correlation data of the PUBLISH in v5."""
    name: str
    """Last level of its topic: one level, without wildcards."""
    payload: bytes
    qos: int = 1
    """0 or 1. At 0 it counts as handed over once it is written to the socket."""
    expires_us: int | None = None
    """Wall time after which it is not handed out; None for never."""


class Outbox(Protocol):
    """Keeps what waits for devices. When something new waits for a client, whoever keeps it calls `Door.wake(client)`."""

    def waiting(self, client: str) -> Sequence[Outgoing]:
        """What waits for `client`, oldest first, bounded by the outbox; what was handed over or expired is not in it."""

    def handed_over(self, client: str, message_id: str) -> None:
        """The device has the message (its PUBACK came): it is not given again. Unknown ids are ignored."""

    def answered(self, client: str, payload: bytes, on_stored: Callable[[], None]) -> Verdict | None:
        """`client` published `payload` at its answer topic. Call `on_stored` once, when the answer is durable or never will be; only that
        releases the acknowledgement. Returns why the answer is not taken, or None; an answer is bytes from outside and never raises."""


def command_topic(device: str, name: str) -> str:
    """Where a command is published, and with ANSWER_NAME where the device answers."""
    return f"{COMMAND_ROOT}/{device}/{name}"
