"""The last seconds of a camera as it sent them, compressed: a clip of what happened before an event costs no encoding.

Bounded in seconds and bytes. Written by the capture thread (live.py), read by evidence/clip_keeping.py and looks/passing.py.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

from edge_ai.sources.rtsp.codec import Codec, StreamFormat
from sync.model import Instant

RING_S = 10.0
RING_BYTES_MAX = 16 * 1_048_576
"""10 s at 12 Mbit/s; a stream of more keeps fewer seconds."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One compressed picture."""

    data: bytes = field(repr=False)
    """An access unit; a key one begins with its parameter sets."""
    at: Instant
    """Monotonic time of arrival: orders packets whatever the camera's clock does."""
    rtp_time: int
    """The camera's clock, 90 kHz, modulo 2^32."""
    is_key: bool
    format: StreamFormat


@dataclass(frozen=True, slots=True)
class KeptClip:
    """Packets from a key one on, all of one format: their joined data is a playable elementary stream."""

    format: StreamFormat
    packets: tuple[Packet, ...]

    @property
    def codec(self) -> Codec:
        """What it is compressed with."""
        return self.format.codec

    @property
    def data(self) -> bytes:
        """The elementary stream."""
        return b"".join(packet.data for packet in self.packets)

    @property
    def seconds(self) -> float:
        """From the first to the last packet."""
        return self.packets[-1].at.seconds_since(self.packets[0].at)


class PacketRing:
    """The newest packets of one camera."""

    def __init__(self, *, seconds: float = RING_S, bytes_max: int = RING_BYTES_MAX) -> None:
        self._seconds = seconds
        self._bytes_max = bytes_max
        self._lock = threading.Lock()
        self._packets: deque[Packet] = deque()
        self._bytes = 0

    @property
    def bytes_held(self) -> int:
        """Compressed bytes in memory."""
        with self._lock:
            return self._bytes

    def add(self, packet: Packet) -> None:
        """Keep `packet`, let the oldest go."""
        with self._lock:
            if self._packets and self._packets[-1].format != packet.format:
                self._packets.clear()
                self._bytes = 0
            self._packets.append(packet)
            self._bytes += len(packet.data)
            while self._bytes > self._bytes_max or packet.at.seconds_since(self._packets[0].at) > self._seconds:
                self._bytes -= len(self._packets.popleft().data)
                if not self._packets:
                    return

    def keep_clip(self, since: Instant | None = None) -> KeptClip | None:
        """What is held from the last key packet at or before `since` on (None: all of it); None while there is no key packet."""
        with self._lock:
            packets = list(self._packets)
        keys = [index for index, packet in enumerate(packets) if packet.is_key]
        if not keys:
            return None
        begin = max((index for index in keys if since is not None and packets[index].at <= since), default=keys[0])
        return KeptClip(packets[begin].format, tuple(packets[begin:]))

    def held(self) -> list[Packet]:
        """All that is held, all of one format, the oldest first."""
        with self._lock:
            return list(self._packets)

    def after(self, last: Packet) -> list[Packet] | None:
        """What came since `last`; None when it is not held any more or another format began: what is held is no continuation."""
        with self._lock:
            packets = list(self._packets)
        index = next((index for index in reversed(range(len(packets))) if packets[index] is last), None)
        return None if index is None else packets[index + 1 :]
