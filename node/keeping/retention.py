"""What the journal lets go of, decided from values alone: by age once it is delivered, and for want of room.

Owns the order. Delivered batches go before anything else; what a hop has not got goes only for want of room, lowest lane first and oldest
first, and never for the sake of its own lane: where nothing lower is left, the lane's door closes and whoever sends keeps the data. Refuses
to free what a hop lacks because of age. Called by node/keeping/storage.py; knows no clock, file or engine.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from node.store.keeping import KeptBatch, KeptTime
from sync.model import Lane

FREED_PER_TURN_MAX = 512
"""Batches one plan frees, so that a turn of the node stays short."""
ROOM_SHARE: Mapping[Lane, float] = {Lane.CONTROL: 1.0, Lane.ALARM: 0.95}
"""Up to which part of the quota the reserved lanes may fill the journal."""
COMMON_SHARE = 0.85
"""The same for all other lanes together: what is above it is the reserve of alarm and control."""
SLACK_SHARE = 0.05
"""Freeing begins this far below a lane's share, and a closed door opens again there."""
STEP_US_MAX = 86_400_000_000
"""What the wall clock may have moved between two notes of the time, in microseconds of kept time: a day."""


@dataclass(frozen=True, slots=True)
class Look:
    """All that a plan is made from."""

    used_bytes: int
    """Pages of the journal in use."""
    quota_bytes: int
    """What the journal may use: the configured quota, or what the disk has, whichever is less."""
    delivered: Mapping[Lane, int]
    """By lane: the lsn up to which the parent has secured and every child has stored what is theirs."""
    kept: Mapping[str, Sequence[KeptBatch]]
    """The oldest batches that still have their payload, by resource, ascending; a window is enough."""
    aged: Mapping[str, int] = field(default_factory=dict)
    """By resource: the lsn up to which its retention is over; a resource that is kept for ever is not in it."""
    asking: frozenset[Lane] = frozenset()
    """Lanes that stored something since the last look, or whose senders wait at a closed door."""
    closed: frozenset[Lane] = frozenset()
    """Lanes whose door is closed now."""
    refused: frozenset[int] = frozenset()
    """lsns of batches that a hop refused and that go to it again: they count as not delivered until their time is over."""

    def is_delivered(self, batch: KeptBatch) -> bool:
        """True when no hop needs the batch any more."""
        return batch.lsn <= self.delivered.get(batch.lane, 0) and batch.lsn not in self.refused


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now."""

    retention: tuple[int, ...] = ()
    """lsns to free as RETENTION: their time is over, or they are delivered and the room is needed."""
    shed: tuple[int, ...] = ()
    """lsns to free as SHED: a hop has not got them."""
    closed: frozenset[Lane] = frozenset()
    """Lanes that take nothing until there is room again."""


def plan(look: Look) -> Plan:
    """What goes and which doors are closed; at most FREED_PER_TURN_MAX batches, the next look goes on."""
    every = sorted((batch for batches in look.kept.values() for batch in batches), key=lambda batch: batch.lsn)
    aged = [batch for batch in every if batch.lsn <= min(look.aged.get(batch.resource, 0), look.delivered.get(batch.lane, 0))]
    going = aged[:FREED_PER_TURN_MAX]
    gone = {batch.lsn for batch in going}
    left = [batch for batch in every if batch.lsn not in gone]
    used = look.used_bytes - sum(batch.payload_bytes for batch in going)
    needed = used - _freeing_begins(look)
    delivered = [batch for batch in _lowest_first(left) if look.is_delivered(batch)]
    going += _until(delivered, needed, FREED_PER_TURN_MAX - len(going))
    needed -= sum(batch.payload_bytes for batch in going[len(gone) :])
    shed = _until(_shed_order(look, left), needed, FREED_PER_TURN_MAX - len(going)) if needed > 0 else []
    freed_bytes = sum(batch.payload_bytes for batch in (*going, *shed))
    closed = closed_doors(look, look.used_bytes - freed_bytes)
    return Plan(tuple(batch.lsn for batch in going), tuple(batch.lsn for batch in shed), closed)


def lane_room(quota_bytes: int, lane: Lane) -> int:
    """Bytes of the journal in use up to which `lane` may still grow."""
    return int(quota_bytes * ROOM_SHARE.get(lane, COMMON_SHARE))


def aged_upto(times: Sequence[KeptTime], *, kept_us: int, retention_us: int) -> int:
    """The lsn up to which everything has been kept for `retention_us`; 0 when nothing has. `times` ascend, `kept_us` is now."""
    old = bisect_right(times, kept_us - retention_us, key=lambda mark: mark.kept_us)
    return times[old - 1].lsn if old else 0


def next_time(last: KeptTime | None, *, lsn: int, wall_us: int) -> KeptTime:
    """The note to make when the journal ends at `lsn`; `last` is the newest one.

    Kept time never runs backward, and a step of the wall clock counts as a day at most: a node that was off for a month keeps its data
    longer than it need, and a clock set forward by years frees nothing.
    """
    if last is None:
        return KeptTime(lsn, wall_us, 0)
    step = min(max(wall_us - last.wall_us, 0), STEP_US_MAX)
    return KeptTime(lsn, wall_us, last.kept_us + step)


def _freeing_begins(look: Look) -> int:
    """Bytes in use above which room is made: below the bound of the least lane that asks, so that doors stay open."""
    lanes = look.asking or frozenset(Lane)
    return int(min(lane_room(look.quota_bytes, lane) for lane in lanes) - look.quota_bytes * SLACK_SHARE)


def _lowest_first(batches: Iterable[KeptBatch]) -> list[KeptBatch]:
    return sorted(batches, key=lambda batch: (-batch.lane, batch.lsn))


def _shed_order(look: Look, left: Iterable[KeptBatch]) -> list[KeptBatch]:
    """What may be shed: lanes below the highest lane that asks and is short of room itself."""
    begins = look.quota_bytes * SLACK_SHARE
    short = [lane for lane in look.asking if look.used_bytes > lane_room(look.quota_bytes, lane) - begins]
    if not short:
        return []
    return [batch for batch in _lowest_first(left) if batch.lane > min(short) and not look.is_delivered(batch)]


def _until(batches: Iterable[KeptBatch], needed_bytes: int, batches_max: int) -> list[KeptBatch]:
    return list(_taken(batches, needed_bytes, batches_max))


def _taken(batches: Iterable[KeptBatch], needed_bytes: int, batches_max: int) -> Iterator[KeptBatch]:
    taken = 0
    for count, batch in enumerate(batches):
        if taken >= needed_bytes or count == batches_max:
            return
        taken += batch.payload_bytes
        yield batch


def closed_doors(look: Look, used_bytes: int) -> frozenset[Lane]:
    """Doors that are closed: those whose share is used up, and those that were and have not got the slack back yet."""
    slack = look.quota_bytes * SLACK_SHARE / 2
    return frozenset(
        lane for lane in Lane if used_bytes >= lane_room(look.quota_bytes, lane) - (slack if lane in look.closed else 0)
    )
