"""Access units out of RTP packets: put together by time and marker, and after any damage nothing up to the next key unit. Pure.

Called by edge_ai/sources/live.py with every packet of the video channel.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_ai.errors import SourceError
from edge_ai.reasons import reason
from edge_ai.sources.rtsp.codec import AccessUnit, Codec, DamagedPacket, Payloads, StreamFormat
from edge_ai.sources.rtsp.h264 import H264Payloads
from edge_ai.sources.rtsp.h265 import H265Payloads
from edge_ai.sources.rtsp.mpeg4 import Mpeg4Payloads
from edge_ai.sources.rtsp.rtp import RtpPacket, SequenceWatch

UNIT_BYTES_MAX = 8 * 1_048_576
"""Compressed bytes of one picture; a key picture of 8K has about 2 MiB."""
PARAMETER_SETS_MAX = 64

_PAYLOADS: dict[Codec, type[H264Payloads] | type[H265Payloads] | type[Mpeg4Payloads]] = {
    Codec.H264: H264Payloads,
    Codec.H265: H265Payloads,
    Codec.MPEG4: Mpeg4Payloads,
}


def payloads_for(codec: Codec) -> Payloads:
    """How `codec` lies in packets."""
    return _PAYLOADS[codec]()


@dataclass(slots=True)
class UnitCounts:
    """What became of the pictures of a session."""

    whole: int = 0
    damaged: int = 0
    """Pictures with a part missing or broken."""
    skipped: int = 0
    """Whole pictures that could not be shown because they build on a damaged one, or because no key picture came yet."""
    lost_packets: int = 0


class UnitAssembler:
    """The packets of one video stream, in order of arrival."""

    def __init__(self, codec: Codec, parameter_sets: tuple[bytes, ...] = ()) -> None:
        self.payloads = payloads_for(codec)
        self.counts = UnitCounts()
        self._watch = SequenceWatch()
        self._sets: dict[tuple[int, int], bytes] = self.payloads.read(list(parameter_sets)).sets if parameter_sets else {}
        self._format: StreamFormat | None = None
        self._parts: list[bytes] = []
        self._bytes = 0
        self._time: int | None = None
        self._is_damaged = False
        self._waits_for_key = True

    def take(self, packet: RtpPacket) -> list[AccessUnit]:
        """The units that this packet completes: none, one, or two where a marker was left out. Raises SourceError for absurd streams."""
        missing = self._watch.missing_before(packet.sequence)
        if missing is None:
            return []
        done: list[AccessUnit] = []
        was_open = self._time is not None
        if missing:
            self.counts.lost_packets += missing
            self._is_damaged = self._waits_for_key = True
        if self._time is not None and packet.timestamp != self._time:
            done += self._complete()
        if missing and self._time is None:
            # The lost packets may have been the first of this picture, unless it begins as only the first packet does.
            self._is_damaged = not self.payloads.begins(packet.payload)
            self.counts.damaged += not (self._is_damaged or was_open)
        self._time = packet.timestamp
        self._add(packet.payload)
        if packet.has_marker:
            done += self._complete()
        return done

    def wait_for_key(self) -> None:
        """The decoder failed: nothing up to the next key unit."""
        self._waits_for_key = True

    def _add(self, payload: bytes) -> None:
        self._bytes += len(payload)
        if self._bytes > UNIT_BYTES_MAX:
            self._parts.clear()
            self._is_damaged = True
            return
        try:
            self._parts += self.payloads.take(payload)
        except DamagedPacket:
            self._is_damaged = True

    def _complete(self) -> list[AccessUnit]:
        try:
            self.payloads.finish()
        except DamagedPacket:
            self._is_damaged = True
        parts, is_damaged, time = self._parts, self._is_damaged, self._time
        self._parts, self._bytes, self._is_damaged, self._time = [], 0, False, None
        if is_damaged:
            self.counts.damaged += 1
            self._waits_for_key = True
            return []
        assert time is not None
        return self._unit(parts, time) if parts else []

    def _unit(self, parts: list[bytes], time: int) -> list[AccessUnit]:
        picture = self.payloads.read(parts)
        if picture.sets:
            self._learn(picture.sets)
        if not picture.has_picture:
            return []
        if self._format is None:
            self._format = self._formed()
        if self._format is None or (self._waits_for_key and not picture.is_key):
            self.counts.skipped += 1
            return []
        self._waits_for_key = False
        self.counts.whole += 1
        data = self.payloads.joined(self._sets) + picture.body if picture.is_key else picture.body
        return [AccessUnit(data, picture.is_key, time, self._format)]

    def _learn(self, sets: dict[tuple[int, int], bytes]) -> None:
        head = self.payloads.head_of(sets)
        if head and head != self.payloads.head_of(self._sets):
            # Picture sets belong to their sequence set; those of the former one would lead the decoder astray.
            self._sets = {}
            self._format = None
            self._waits_for_key = True
        self._sets |= sets
        if len(self._sets) > PARAMETER_SETS_MAX:
            raise SourceError(reason("sets-many", count=len(self._sets), most=PARAMETER_SETS_MAX))
        self._format = self._formed()

    def _formed(self) -> StreamFormat | None:
        head = self.payloads.head_of(self._sets)
        if not head:
            return None
        width, height = self.payloads.size_of(head)
        return StreamFormat(self.payloads.codec, width, height, head)
