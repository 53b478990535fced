"""Clips of events: the packets before one and some seconds after it, as the camera sent them, into a file for the node.

Owns which packets a clip has, its bounds, and the thread that writes: a slow disk must stop neither the reading of cameras nor the
process's heartbeat. A clip is kept in memory until it is whole, by reference to packets that the ring holds too; a process that ends before
leaves none. Called by edge_ai/capture/worker.py.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from edge_ai.clock import Clock
from edge_ai.evidence.handing import Handing
from edge_ai.evidence.transport_stream import transport_stream
from edge_ai.sources.packets import KeptClip, Packet, PacketRing
from edge_ai.wire.clips import CLIP_BYTES_MAX, CLIP_FACTS, CLIP_FILE, ClipFacts, ClipNote, ClipOrder
from sync.model import Instant

CLIPS_AT_ONCE_MAX = 4
"""Clips of one camera that are collected at a time."""
REMEMBERED_MAX = 256
"""Orders that are recognised when the node sends one again."""
CLOSE_S = 1.5
"""Longest wait for the disk at an ordered end; the node waits for the process as long as STOP_S of node/cameras/process.py."""
GRACE_S = 0.5
"""Seconds after a clip's end in which its last packets may still come."""
SHORT_S = 2.0
"""A clip that ends so much earlier than it should was cut."""
BEFORE_BYTES_MAX = CLIP_BYTES_MAX // 2
"""Of what was before the event: the event itself must fit, too."""
NO_PACKETS, NOT_CONNECTED, NO_KEY, BUSY, NOT_KEPT = "no-packets", "not-connected", "no-key-picture", "busy", "not-kept"
"""Reasons of an event without clip: a source without packets, a camera that is away, one that sent no key picture, too many at once, and a
process that was given no folder."""
TOO_LARGE, STREAM_ENDED = "too-large", "stream-ended"
"""Reasons of a clip that ends early."""
_OVERHEAD = 34
"""Bytes before the pictures' data in a file."""


@dataclass(slots=True)
class _Collecting:
    order: ClipOrder
    ring: PacketRing
    packets: list[Packet] = field(default_factory=list)
    bytes: int = 0
    cut: str = ""

    @property
    def until(self) -> Instant:
        return Instant(self.order.span.until_us)

    def take_in(self) -> None:
        """What came since the last look."""
        came = self._continued() if self.packets else self._begun()
        for packet in came:
            if packet.at > self.until or self.cut:
                return
            size = file_bytes(packet)
            if self.bytes + size > CLIP_BYTES_MAX:
                self.cut = TOO_LARGE
                return
            self.packets.append(packet)
            self.bytes += size

    def _begun(self) -> Sequence[Packet]:
        kept = self.ring.keep_clip(Instant(self.order.span.since_us))
        return () if kept is None else fitting(kept.packets, Instant(self.order.span.at_us), BEFORE_BYTES_MAX)

    def _continued(self) -> Sequence[Packet]:
        came = self.ring.after(self.packets[-1])
        if came is None or any(packet.format != self.packets[0].format for packet in came):
            self.cut = STREAM_ENDED
            return ()
        return came

    def is_done(self, now: Instant) -> bool:
        """True when nothing more belongs to it."""
        return bool(self.cut) or now >= self.until.plus(GRACE_S)

    def finished(self) -> KeptClip | None:
        """The clip; None when no key picture came."""
        if not self.packets:
            return None
        if not self.cut and self.until.seconds_since(self.packets[-1].at) > SHORT_S:
            self.cut = STREAM_ENDED
        return KeptClip(self.packets[0].format, tuple(self.packets))


class ClipKeeper:
    """All clips of one capture process."""

    def __init__(self, handing: Handing | None, clock: Clock) -> None:
        self._handing = handing
        self._clock = clock
        self._collecting: list[_Collecting] = []
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._refused: list[ClipNote] = []
        self._to_write: queue.SimpleQueue[tuple[ClipOrder, KeptClip, str, int] | None] = queue.SimpleQueue()
        self._written: queue.SimpleQueue[ClipNote] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None

    def take(self, order: ClipOrder, ring: PacketRing | None, *, has_packets: bool) -> None:
        """Begin a clip from what `ring` holds; `has_packets` is False for a source that never has any. One that is known is ignored."""
        if order.event_id in self._seen:
            return
        self._seen[order.event_id] = None
        if len(self._seen) > REMEMBERED_MAX:
            self._seen.popitem(last=False)
        if why := self._reason_against(order.camera, ring, has_packets=has_packets):
            self._refused.append(ClipNote(order.event_id, order.camera, why))
            return
        assert ring is not None
        self._collecting.append(_Collecting(order, ring))

    def turn(self, now: Instant) -> list[ClipNote]:
        """Take in what came, write what is whole; what became of clips since the last call."""
        for clip in self._collecting:
            clip.take_in()
        done = [clip for clip in self._collecting if clip.is_done(now)]
        self._collecting = [clip for clip in self._collecting if clip not in done]
        for clip in done:
            self._finish(clip, now)
        notes, self._refused = self._refused, []
        while not self._written.empty():
            notes.append(self._written.get())
        return notes

    def close(self) -> list[ClipNote]:
        """Write what there is of each clip, at an ordered end, and wait for it; what became of clips since the last turn."""
        for clip in self._collecting:
            clip.take_in()
            clip.cut = clip.cut or STREAM_ENDED
        notes = self.turn(self._clock.now())
        if self._writer is not None:
            self._to_write.put(None)
            self._writer.join(CLOSE_S)
        return notes + self.turn(self._clock.now())

    def _reason_against(self, camera: str, ring: PacketRing | None, *, has_packets: bool) -> str:
        if not has_packets:
            return NO_PACKETS
        if self._handing is None:
            return NOT_KEPT
        if ring is None:
            return NOT_CONNECTED
        open_here = Counter(clip.order.camera for clip in self._collecting)[camera]
        return BUSY if open_here >= CLIPS_AT_ONCE_MAX else ""

    def _finish(self, clip: _Collecting, now: Instant) -> None:
        kept = clip.finished()
        if kept is None:
            self._refused.append(ClipNote(clip.order.event_id, clip.order.camera, NO_KEY))
            return
        wall_us = self._clock.wall_us() - round(now.seconds_since(kept.packets[0].at) * 1e6)
        self._to_write.put((clip.order, kept, clip.cut, wall_us))
        if self._writer is None:
            self._writer = threading.Thread(target=self._write_all, name="clips", daemon=True)
            self._writer.start()

    def _write_all(self) -> None:
        assert self._handing is not None
        while (job := self._to_write.get()) is not None:
            order, kept, cut, wall_us = job
            why = write_clip_files(self._handing, order, kept, cut=cut, wall_us=wall_us)
            self._written.put(ClipNote(order.event_id, order.camera, why))


def write_clip_files(handing: Handing, order: ClipOrder, kept: KeptClip, *, cut: str, wall_us: int) -> str:
    """The clip, then what is known of it: a clip without the second file is one that was cut off. The reason why not."""
    data = transport_stream(kept)
    facts = ClipFacts(
        event_id=order.event_id,
        camera=order.camera,
        codec=kept.codec.value,
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        pictures=len(kept.packets),
        seconds=round(kept.seconds, 3),
        began_us=kept.packets[0].at.us,
        wall_us=wall_us,
        cut=cut,
    )
    return handing.lay(f"{order.event_id}{CLIP_FILE}", data) or handing.lay(f"{order.event_id}{CLIP_FACTS}", msgspec.json.encode(facts))


def fitting(packets: Sequence[Packet], at: Instant, bytes_max: int) -> Sequence[Packet]:
    """`packets` from the first key one on from which all up to `at` fit; from the last key one before `at` where none does."""
    begin = 0
    for begin in [index for index, packet in enumerate(packets) if packet.is_key and (packet.at <= at or not index)]:
        if sum(file_bytes(packet) for packet in packets[begin:] if packet.at <= at) <= bytes_max:
            break
    return packets[begin:]


def file_bytes(packet: Packet) -> int:
    """What a packet takes in the file, at most: whole packets of 188 bytes, and the tables before a key one."""
    return -(-(len(packet.data) + _OVERHEAD) // 184) * 188 + (2 * 188 if packet.is_key else 0)
