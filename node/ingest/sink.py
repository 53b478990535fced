"""What ways in (sensor door, Mosquitto, feeds) hand to the node, and the interface they hand it to.

Owned here: the shape of a message and of a reading. The implementation of `Sink` is node/ingest/intake.py; tests script their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple, Protocol

from node.store.door_book import Mark

Row = tuple[object, ...]
"""One record, its fields in the order of the resource's schema."""


class Reading(NamedTuple):
    """One measured value. The fields stand in the order of a sensor resource's schema, so a reading is its own row."""

    event_time_us: int
    """Microseconds since 1970-01-01 UTC; the time of receipt when the message carries none."""
    territory: str
    grade: int
    device: str
    quantity: str
    value: float | None
    text: str | None
    unit: str | None


class Posted(Protocol):
    """What a sink takes: a message, or a packet that holds one."""

    @property
    def topic(self) -> str:
        """Where it was published."""

    @property
    def payload(self) -> bytes:
        """What was published."""


class Rights(Protocol):
    """What one client may say."""

    @property
    def identity(self) -> str:
        """Who it is, by password or certificate; empty for an anonymous client."""

    @property
    def is_free(self) -> bool:
        """True when every topic and device passes; only devices that the registry binds to somebody do not."""

    def may_publish(self, topic: str) -> bool:
        """True when it may publish on `topic`."""

    def speaks_for(self, device: str) -> bool:
        """True when it may hand in readings of `device`."""


class Message(NamedTuple):
    """One MQTT message as it came in."""

    topic: str
    payload: bytes


class Verdict(Enum):
    """Why a message was kept as a reject and its readings not stored."""

    UNDECODABLE = "undecodable"
    NO_ROUTE = "no_route"
    NOT_ADMITTED = "not_admitted"
    EXPIRED = "expired"
    NO_ROOM = "no_room"


NO_MARKS: Mapping[int, Sequence[Mark]] = MappingProxyType({})
"""What most submissions carry."""


class Sink(Protocol):
    """Where ways in put messages. All calls happen on the event loop's thread."""

    @property
    def has_room(self) -> bool:
        """False while no message may be submitted: stop reading and wait for `call_when_room`."""

    @property
    def newcomers(self) -> int:
        """Devices that were met for the first time since the start: each costs far more than a message of a known one."""

    def connected(self, client: str) -> None:
        """`client` begins to send; its first messages may repeat earlier ones."""

    def gone(self, client: str) -> None:
        """`client` sends no more on this connection."""

    def submit(
        self,
        client: str,
        messages: Sequence[Posted],
        on_stored: Callable[[], None],
        *,
        rights: Rights | None = None,
        marks: Mapping[int, Sequence[Mark]] = NO_MARKS,
    ) -> Mapping[int, Verdict]:
        """Take `messages` of `client` whole. Call `on_stored` once, when every reading is committed and every reject is kept; it may be
        called before this returns.

        `rights` of None lets everything pass, also for devices that are bound to somebody; `marks`, by index, become durable with the
        readings of their message or not at all. Returns the verdicts on messages that were not stored, by index; usually empty. Submit
        only while `has_room`.
        """

    def keep(self, marks: Sequence[Mark], on_kept: Callable[[], None]) -> None:
        """Make `marks` durable, after all that was submitted before; `on_kept` is called once when they are. No marks: only wait."""

    def call_when_room(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, when there is room again."""
