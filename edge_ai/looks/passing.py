"""Live video for somebody who may see a camera unmasked: its own packets as pieces of one transport stream, nothing decoded or encoded.

Owns where a piece begins and ends, its times, and what is said of a gap. Keeps nothing of a view: how far it came is a mark that the node
brings back, so a piece can be made again while its packets are held. Refuses a mark of another codec: one stream has one. Called by
edge_ai/capture/worker.py.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import msgspec

from edge_ai.clock import Clock
from edge_ai.evidence.transport_stream import BEGIN_TICKS, SKEW_S_MAX, TICKS_PER_S, StreamWriter, camera_step
from edge_ai.sources.packets import Packet, PacketRing
from edge_ai.sources.rtsp.codec import Codec
from edge_ai.wire.views import VIDEO_BYTES_MAX, VideoMessage, VideoOrder, VideoRow

REORDER_MAX = 16
"""Pictures by which decoding may run ahead of showing (ITU-T H.264, A.3.1)."""
PICTURE_TICKS = TICKS_PER_S // 25
"""Between the times before the first picture, for streams that show pictures out of order."""
SAME, NO_PACKETS, NOT_CONNECTED, NO_KEY, OTHER_CODEC, TOO_LARGE = (
    "same", "no-packets", "not-connected", "no-key-picture", "other-codec", "too-large",
)  # fmt: skip
_TICKS_PER_US = TICKS_PER_S / 1_000_000

Ticks = Annotated[int, msgspec.Meta(ge=-(1 << 40), le=1 << 40)]
Count = Annotated[int, msgspec.Meta(ge=0, le=15)]


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """How far a view came: the last picture that was written, and the stream's clocks after it."""

    codec: str
    begin_us: int
    """Arrival of the view's first picture."""
    at_us: int
    """Arrival of the last one; with `rtp_time` it names the packet."""
    rtp_time: int
    shown: Ticks
    decoded: Ticks
    held: Annotated[tuple[Ticks, ...], msgspec.Meta(max_length=REORDER_MAX)]
    """Times that pictures to come are decoded at, where they are shown out of order."""
    counters: tuple[Count, Count, Count]
    by_arrival: bool = False
    """True once the camera's clock was found wrong: times of arrival count from then on."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Packets that follow a mark, perhaps behind a gap."""

    packets: Sequence[Packet]
    lost_s: float = 0.0


def piece(order: VideoOrder, ring: PacketRing | None, clock: Clock, *, has_packets: bool) -> VideoMessage:
    """The packets behind `order.mark`, or why there are none; `has_packets` is False for a source that never has any."""
    if ring is None or not has_packets:
        return _without(order, NOT_CONNECTED if has_packets else NO_PACKETS)
    mark = _read(order.mark)
    held = ring.held()
    stretch = _newest(held) if mark is None else _behind(mark, held)
    if not stretch.packets:
        return _without(order, NO_KEY if mark is None else SAME)
    if mark is not None and stretch.packets[0].format.codec.value != mark.codec:
        return _without(order, OTHER_CODEC)
    return _written(order, mark or _begun(stretch.packets[0], held), stretch, clock)


def _written(order: VideoOrder, mark: Mark, stretch: _Stretch, clock: Clock) -> VideoMessage:
    writer, parts, size = StreamWriter(Codec(mark.codec), mark.counters), list[bytes](), 0
    for packet in stretch.packets:
        is_broken = stretch.lost_s > 0 and not parts
        following = _after(mark, packet, is_broken=is_broken)
        part = writer.written(packet, max(following.shown, following.decoded), following.decoded, is_broken=is_broken)
        if size + len(part) > (order.bytes_max if parts else VIDEO_BYTES_MAX):
            break
        parts.append(part)
        size += len(part)
        mark = msgspec.structs.replace(following, counters=writer.counters)
    if not parts:
        return _without(order, TOO_LARGE)
    last = stretch.packets[len(parts) - 1]
    row = VideoRow(
        camera=order.camera, number=order.number, time_us=clock.wall_us() - round(clock.now().seconds_since(last.at) * 1e6),
        codec=mark.codec, pictures=len(parts), lost_s=round(stretch.lost_s, 3), more=len(parts) < len(stretch.packets),
        mark=msgspec.msgpack.encode(mark),
    )  # fmt: skip
    return VideoMessage(row, b"".join(parts))


def _newest(held: Sequence[Packet]) -> _Stretch:
    """From the newest key picture on."""
    begin = next((index for index in reversed(range(len(held))) if held[index].is_key), len(held))
    return _Stretch(held[begin:])


def _behind(mark: Mark, held: Sequence[Packet]) -> _Stretch:
    """What follows the marked packet; where that is not held any more, a gap and what there is from the newest key picture on."""
    last = (mark.at_us, mark.rtp_time)
    known = next((index for index in reversed(range(len(held))) if (held[index].at.us, held[index].rtp_time) == last), None)
    if known is not None:
        return _Stretch(held[known + 1 :])
    newest = _newest([packet for packet in held if packet.at.us > mark.at_us])
    return replace(newest, lost_s=(newest.packets[0].at.us - mark.at_us) / 1e6) if newest.packets else newest


def _begun(first: Packet, held: Sequence[Packet]) -> Mark:
    """A mark just before `first`, whose time is BEGIN_TICKS."""
    before = _ahead_of(BEGIN_TICKS, _depth(held))
    return Mark(
        codec=first.format.codec.value, begin_us=first.at.us, at_us=first.at.us, rtp_time=first.rtp_time,
        shown=BEGIN_TICKS, decoded=min((BEGIN_TICKS, *before)) - 1, held=before, counters=(0, 0, 0),
    )  # fmt: skip


def _ahead_of(shown: int, depth: int) -> tuple[int, ...]:
    """Times for `depth` pictures that are decoded before the one shown at `shown`."""
    return tuple(shown - back * PICTURE_TICKS for back in range(depth, 0, -1))


def _depth(held: Sequence[Packet]) -> int:
    """By how many pictures decoding runs ahead of showing, as the last seconds tell."""
    depth, time, recent = 0, 0, list[int]()
    for index, packet in enumerate(held):
        time += camera_step(held[index - 1].rtp_time, packet.rtp_time) if index else 0
        depth = max(depth, sum(earlier > time for earlier in recent))
        recent = [*recent[-REORDER_MAX + 1 :], time]
    return depth


def _after(mark: Mark, packet: Packet, *, is_broken: bool) -> Mark:
    """The clocks after `packet`: by the camera's clock while it keeps to the times of arrival, and else by these."""
    arrived = BEGIN_TICKS + round((packet.at.us - mark.begin_us) * _TICKS_PER_US)
    passed = round((packet.at.us - mark.at_us) * _TICKS_PER_US)
    shown = mark.shown + (passed if is_broken else camera_step(mark.rtp_time, packet.rtp_time))
    by_arrival = mark.by_arrival or abs(shown - arrived) > SKEW_S_MAX * TICKS_PER_S
    if by_arrival:
        shown = arrived
    waiting = list(_ahead_of(shown, len(mark.held)) if is_broken else mark.held)
    insort(waiting, shown)
    decoded = max(waiting.pop(0), mark.decoded + 1)
    return msgspec.structs.replace(
        mark, at_us=packet.at.us, rtp_time=packet.rtp_time, shown=shown, decoded=decoded, held=tuple(waiting), by_arrival=by_arrival
    )


def _read(data: bytes) -> Mark | None:
    """A mark that this program wrote; None for none, and for one that an older program wrote: the view begins anew."""
    try:
        return msgspec.msgpack.decode(data, type=Mark) if data else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _without(order: VideoOrder, why: str) -> VideoMessage:
    return VideoMessage(VideoRow(camera=order.camera, number=order.number, missing=why))
