"""What one connection publishes: messages to the sink, acknowledgements out after the commit, in the order the packets came.

Owns the acknowledgements that wait, QoS 2 by the ids of the session, inbound topic aliases, and answers to commands. It writes only through
the connection that made it, which is what fences a connection that was taken over: once closed, nothing of it leaves any more.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from node.ingest.errors import PacketError
from node.ingest.mqtt.mqtt_v5 import RECEIVE_MAX
from node.ingest.mqtt.packets import AckKind, Codec, Goodbye, Publish
from node.ingest.mqtt.session import Session
from node.ingest.outgoing import ANSWER_NAME, COMMAND_ROOT, command_topic
from node.ingest.sink import Verdict
from node.store.door_book import Mark, MarkKind

if TYPE_CHECKING:
    from node.ingest.door import Door

PACKETS_A_TURN = 256
"""Packets of one connection that are taken before the others have their turn."""
PACKETS_A_TURN_COSTLY = 32
"""The same for a connection of whose last messages many were rejected, or came from devices that were never met."""
COSTLY_SHARE = 4
"""One in so many of these is many."""
NEWCOMERS_LEAST = 8
"""Fewer newcomers in one lot cost nothing that others notice: a device's own first message is one."""
SUSPECT_US = 1_000_000
"""How often, at most, a packet that says it comes again makes the sink gather what its client sent; microseconds."""
_COMMANDS = COMMAND_ROOT + "/"
_COMMANDS_CHARS = len(_COMMANDS)
_QOS_2_OR_DUP = 0x0C
_PUBACK_WORD = AckKind.PUBACK.value << 24 | 2 << 16
"""A PUBACK without a reason code as one number, its packet id in the low half; the same in both versions."""
_PUBREC = bytes((AckKind.PUBREC.value, 2))
"""How a PUBREC without a reason code begins."""


class Unacked:
    """The acknowledgements of one submission, in the order of its packets."""

    __slots__ = ("count", "data", "is_costly", "is_refused", "parts", "publishes")

    def __init__(self, publishes: Sequence[Publish], parts: int = 1) -> None:
        self.publishes = publishes
        self.count = 0
        """Acknowledgements in it, once they are known."""
        self.parts = parts
        """What still has to become durable before it leaves."""
        self.is_costly = False
        self.data: bytes | None = None
        """None until the verdicts are known; the sink may call back before it returns."""
        self.is_refused = False
        """True when a message of it gets no acknowledgement: the connection ends, so that the device keeps it."""


class Outlet(Protocol):
    """The connection, as its receiving half sees it."""

    def pour(self, acks: bytes, *, must_end: bool) -> None:
        """Write acknowledgements, in order; `must_end` when a message before them gets none, so that the device keeps it."""


class Inbound:
    """The receiving half of one connection."""

    __slots__ = ("_aliases", "_codec", "_costly", "_door", "_outlet", "_session", "_suspected_us", "_unacked", "_unacked_count", "share")

    def __init__(self, door: Door, codec: Codec, session: Session, outlet: Outlet) -> None:
        self._door = door
        self._codec = codec
        self._session = session
        self._outlet = outlet
        self._aliases: dict[int, str] | None = None
        self._unacked: deque[Unacked] | None = deque()
        """None when the connection is over."""
        self._unacked_count = 0
        self._costly = 0
        """Submissions with many rejects or newcomers that are not on the disk yet."""
        self.share = PACKETS_A_TURN_COSTLY
        """Packets that are taken in one turn of the loop."""
        self._suspected_us = 0

    @property
    def is_full(self) -> bool:
        """True while the client has as much unacknowledged as it may, or a costly lot of it waits for the disk."""
        return self._unacked_count >= RECEIVE_MAX or self._costly > 0

    def clear(self) -> None:
        """The connection is over: nothing is acknowledged any more."""
        self._unacked = None

    def take(self, publishes: list[Publish]) -> Goodbye | None:
        """Hand `publishes` to the sink; a reason when the connection has to end for one of them, with those before it taken."""
        if not publishes:
            return None
        for publish in publishes:
            # QoS 2, DUP, properties or a command topic: more to do than to store it. Written out, because it is asked of every message.
            if publish.head & _QOS_2_OR_DUP or publish.properties is not None or publish.topic[:_COMMANDS_CHARS] == _COMMANDS:
                return self._take_one_by_one(publishes)
        self._submit(publishes)
        return None

    def release(self, packet_id: int) -> None:
        """PUBREL: the id is free once the journal has forgotten it, and then PUBCOMP leaves."""
        session = self._session
        was_held = session.releases(packet_id)
        entry = self._enter(())
        self._know(entry, [self._codec.ack(AckKind.PUBCOMP, packet_id, None if was_held else Verdict.NO_ROUTE)], count=0)
        if was_held and session.expiry_s:
            self._door.sink.keep((Mark(MarkKind.RELEASE_ID, session.client, packet_id),), lambda: self._durable(entry))
        else:
            self._durable(entry)

    def _submit(self, publishes: list[Publish]) -> None:
        # The hot path: QoS 0 and 1, nothing to look up.
        entry, known = self._enter(publishes), self._door.sink.newcomers
        verdicts = self._door.submit(self._session, publishes, lambda: self._durable(entry))
        self._judge(entry, len(verdicts), self._door.sink.newcomers - known)
        if verdicts:
            ack, puback = self._codec.ack, AckKind.PUBACK
            acks = [ack(puback, publish.packet_id, verdicts.get(index)) for index, publish in enumerate(publishes) if publish.qos]
            self._know(entry, acks, count=len(acks))
        else:
            words = [_PUBACK_WORD | publish.packet_id for publish in publishes if publish.qos]
            self._know(entry, (struct.pack(f">{len(words)}I", *words),), count=len(words), is_refused=False)

    def _take_one_by_one(self, publishes: list[Publish]) -> Goodbye | None:
        plan, goodbye = _Plan(), None
        for publish in publishes:
            try:
                goodbye = self._plan(plan, self._named(publish))
            except PacketError:
                goodbye = Goodbye.TOPIC_ALIAS
            if goodbye is not None:
                break
        self._carry_out(plan)
        return goodbye

    def _plan(self, plan: _Plan, publish: Publish) -> Goodbye | None:
        session, position = self._session, len(plan.publishes)
        if publish.qos == 2 and not session.knows(publish.packet_id) and session.held >= RECEIVE_MAX:
            return Goodbye.RECEIVE_MAX
        plan.publishes.append(publish)
        if publish.qos == 2 and session.knows(publish.packet_id):
            plan.waits = plan.waits or (session.storing is not None and publish.packet_id in session.storing)
        elif publish.qos == 1 and publish.is_resent and self._is_waiting(publish, plan):
            pass
        elif (verdict := self._refusal(publish)) is not None:
            self._door.count_refused(verdict.value)
            plan.verdicts[position] = verdict
        else:
            if publish.is_resent:
                self._suspect()
            (plan.answers if publish.topic.startswith(_COMMANDS) and not self._door.is_open else plan.messages).append(position)
            mark = session.begins(publish.packet_id) if publish.qos == 2 else None
            if mark is not None:
                plan.marks[position] = (mark,)
        return None

    def _suspect(self) -> None:
        """A message comes again after its acknowledgement left: the sink compares what comes with what the client sent until now."""
        now_us = self._door.wall_us()
        if abs(now_us - self._suspected_us) >= SUSPECT_US:
            self._suspected_us = now_us
            self._door.sink.connected(self._session.client)

    def _refusal(self, publish: Publish) -> Verdict | None:
        """Why `publish` goes to nobody; None for what the sink or the outbox is asked about."""
        if publish.properties is not None and publish.properties.expiry_s == 0:
            return Verdict.EXPIRED
        if not publish.topic.startswith(_COMMANDS) or self._door.is_open:
            return None
        is_answer = self._door.commands.outbox is not None and publish.topic == command_topic(self._session.client, ANSWER_NAME)
        return None if is_answer else Verdict.NOT_ADMITTED

    def _carry_out(self, plan: _Plan) -> None:
        entry = self._enter(plan.publishes, parts=bool(plan.messages) + len(plan.answers) + plan.waits)
        fates = [_Fate(self._session, plan.publishes[position]) for position in (*plan.messages, *plan.answers)]

        def durable(part: Sequence[_Fate]) -> None:
            for fate in part:
                fate.is_durable()
            self._part_durable(entry)

        known = self._door.sink.newcomers
        if plan.messages:
            stored = fates[: len(plan.messages)]
            verdicts = self._door.submit(
                self._session,
                [plan.publishes[position] for position in plan.messages],
                lambda: durable(stored),
                marks={index: plan.marks[position] for index, position in enumerate(plan.messages) if position in plan.marks},
            )
            plan.verdicts.update({plan.messages[index]: verdict for index, verdict in verdicts.items()})
        for position, fate in zip(plan.answers, fates[len(plan.messages) :], strict=True):
            self._hand_in(plan, position, partial(durable, (fate,)))
        if plan.waits:
            self._door.sink.keep((), lambda: self._part_durable(entry))
        self._judge(entry, len(plan.verdicts), self._door.sink.newcomers - known)
        acks = [self._acked(plan, position) for position in range(len(plan.publishes))]
        for position, fate in zip((*plan.messages, *plan.answers), fates, strict=True):
            fate.is_known(is_taken=position not in plan.verdicts or acks[position][:2] == _PUBREC)
        self._know(entry, [ack for ack in acks if ack], count=len(acks), is_refused=self._lacks_ack(plan, acks))

    def _acked(self, plan: _Plan, position: int) -> bytes:
        publish = plan.publishes[position]
        if not publish.qos:
            return b""
        kind = AckKind.PUBREC if publish.qos == 2 else AckKind.PUBACK
        return self._codec.ack(kind, publish.packet_id, plan.verdicts.get(position))

    def _lacks_ack(self, plan: _Plan, acks: list[bytes]) -> bool:
        return any(publish.qos and not ack for publish, ack in zip(plan.publishes, acks, strict=True))

    def _hand_in(self, plan: _Plan, position: int, on_stored: Callable[[], None]) -> None:
        outbox = self._door.commands.outbox
        assert outbox is not None, "the plan asked for it"
        verdict = outbox.answered(self._session.client, plan.publishes[position].payload, on_stored)
        if verdict is not None:
            plan.verdicts[position] = verdict
        self._door.count_taken(1, int(verdict is not None))

    def _is_waiting(self, publish: Publish, plan: _Plan) -> bool:
        """True when the same packet is on its way into the journal: sent again before its PUBACK could come."""
        waiting = (other for entry in self._unacked or () for other in entry.publishes)
        return any(
            publish.packet_id == other.packet_id and other.qos == 1 and publish.payload == other.payload
            for other in chain(plan.publishes[:-1], waiting)
        )

    def _named(self, publish: Publish) -> Publish:
        """`publish` with the topic its alias stands for; raises PacketError for an alias that stands for none."""
        alias = None if publish.properties is None else publish.properties.alias
        if alias is None:
            return publish
        self._aliases = self._aliases or {}
        if publish.topic:
            self._aliases[alias] = publish.topic
            return publish
        topic = self._aliases.get(alias)
        if topic is None:
            raise PacketError("topic_alias", f"topic alias {alias} stands for no topic in this connection")
        return publish._replace(topic=topic)

    def _enter(self, publishes: Sequence[Publish], parts: int = 1) -> Unacked:
        entry = Unacked(publishes, parts)
        if self._unacked is not None:
            self._unacked.append(entry)
        return entry

    def _judge(self, entry: Unacked, rejected: int, newcomers: int) -> None:
        """A client that sends much that is costly gets smaller lots and waits for each: others share loop and disk with it."""
        met = newcomers if newcomers >= NEWCOMERS_LEAST else 0
        entry.is_costly = (rejected + met) * COSTLY_SHARE >= len(entry.publishes) > 0
        self._costly += entry.is_costly
        self.share = PACKETS_A_TURN_COSTLY if entry.is_costly else PACKETS_A_TURN

    def _know(self, entry: Unacked, acks: Sequence[bytes], *, count: int, is_refused: bool | None = None) -> None:
        """The verdicts are in: these are its acknowledgements."""
        entry.count, entry.data = count, b"".join(acks)
        entry.is_refused = not all(acks) if is_refused is None else is_refused
        self._unacked_count += count
        self._leave()

    def _durable(self, entry: Unacked) -> None:
        entry.parts = 0
        self._leave()

    def _part_durable(self, entry: Unacked) -> None:
        entry.parts -= 1
        self._leave()

    def _leave(self) -> None:
        unacked = self._unacked
        if not unacked or unacked[0].parts or unacked[0].data is None:
            return
        ready: list[bytes] = []
        is_refused = False
        while unacked and not unacked[0].parts and unacked[0].data is not None:
            entry = unacked.popleft()
            self._unacked_count -= entry.count
            self._costly -= entry.is_costly
            ready.append(entry.data or b"")
            is_refused = is_refused or entry.is_refused
        self._outlet.pour(b"".join(ready), must_end=is_refused)


class _Plan:
    """What is to be done with the packets of one read; positions are those in `publishes`."""

    __slots__ = ("answers", "marks", "messages", "publishes", "verdicts", "waits")

    def __init__(self) -> None:
        self.publishes: list[Publish] = []
        self.messages: list[int] = []
        self.answers: list[int] = []
        self.verdicts: dict[int, Verdict] = {}
        self.marks: dict[int, Sequence[Mark]] = {}
        self.waits = False
        """True when one was sent before, by this or an older connection, and is not durable yet."""


class _Fate:
    """What becomes of a QoS 2 packet id: it is held when its message is taken and durable, whether the connection is still there or not."""

    __slots__ = ("_is_durable", "_is_taken", "_packet_id", "_session")

    def __init__(self, session: Session, publish: Publish) -> None:
        self._session = session
        self._packet_id = publish.packet_id if publish.qos == 2 else 0
        self._is_durable = False
        self._is_taken: bool | None = None

    def is_durable(self) -> None:
        """The journal has it."""
        self._is_durable = True
        self._settle()

    def is_known(self, *, is_taken: bool) -> None:
        """The verdict is in; a message that is not taken frees its id at once."""
        self._is_taken = is_taken
        if not is_taken and self._packet_id:
            self._session.refuses(self._packet_id)
        self._settle()

    def _settle(self) -> None:
        if self._packet_id and self._is_durable and self._is_taken:
            self._session.is_stored(self._packet_id)
