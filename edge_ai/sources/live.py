"""A live camera as a source: packets of the RTSP client, whole access units, the packet ring, pictures.

After damage nothing is shown up to the next key picture; another size or codec begins anew; a camera that says nothing for 10 s, or sends
nothing that can be shown for 30 s, is an error. Called by edge_ai/sources/opening.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol, TypeVar

from edge_ai.clock import Clock
from edge_ai.errors import SourceError
from edge_ai.picture import Pixels
from edge_ai.reasons import reason
from edge_ai.sources.decoder import StreamDecoder
from edge_ai.sources.packets import Packet, PacketRing
from edge_ai.sources.port import FPS_DEFAULT
from edge_ai.sources.rtsp.codec import AccessUnit, Codec
from edge_ai.sources.rtsp.rtp import RtpPacket
from edge_ai.sources.rtsp.sdp import VideoOffer
from edge_ai.sources.rtsp.units import UnitAssembler
from edge_ai.spec import DecodeMode
from sync.model import Instant

READ_S = 10.0
"""Seconds without a picture's worth of packets after which a camera has stalled."""
SHOW_S = 30.0
"""Seconds without anything that can be shown: key pictures of cameras are 1 to 10 s apart."""
BEHIND_S = 2.0
"""Age of packets from which on pictures are passed over, undecoded, up to a fresh key picture: old pictures alarm nobody in time."""
PASSED_MAX = 25
"""Pictures that wait to be decoded with the next one at most."""
DECODER_FAILURES_MAX = 5
"""Decoders in a row that gave no picture."""

_NAMES = {Codec.H264: "h264", Codec.H265: "h265", Codec.MPEG4: "mpeg4"}

T = TypeVar("T")


class PacketClient(Protocol):
    """What a live source needs of a client; RtspClient."""

    def next_packet(self, deadline: Instant) -> RtpPacket:
        """The next packet; raises SourceError."""

    def behind_s(self, now: Instant) -> float:
        """Seconds for which more has been waiting than was read."""

    def interrupt(self) -> None:
        """End whatever waits."""

    def close(self) -> None:
        """End the session."""


class LiveSource:
    """The pictures of an open session. Raises SourceError at its end, saying why."""

    def __init__(self, client: PacketClient, offer: VideoOffer, mode: DecodeMode, clock: Clock) -> None:
        self.fps = offer.fps or FPS_DEFAULT
        self.codec = _NAMES[offer.codec]
        self.restarts = 0
        self.packets = PacketRing()
        self._client = client
        self._offer = offer
        self._mode = mode
        self._clock = clock
        self._assembler = UnitAssembler(offer.codec, offer.parameter_sets)
        self._ready: deque[AccessUnit] = deque()
        self._decoder: StreamDecoder | None = None
        self._now_playing: AccessUnit | None = None
        self._anew: AccessUnit | None = None
        """The first unit of another format."""
        self._trouble: SourceError | None = None
        self._owed = 0
        """Units in the decoder that gave no picture yet."""
        self._passed = 0
        """Pictures at the front of `_ready` that were passed over."""
        self._failures = 0
        self._late = 0
        self._is_behind = False
        self._shown_at = clock.now()

    @property
    def damaged(self) -> int:
        """Pictures left out because they, or what they build on, did not arrive whole, or could not be decoded in time."""
        return self._assembler.counts.damaged + self._assembler.counts.skipped + self._late

    def skip(self) -> bool:
        """Pass over a picture: wait for it now, decode it with the next one that is read.

        Decoded in one go pictures find code and tables in the processor's caches: one at a time costs a third more CPU.
        """
        if self._decoder is None or self._mode is not DecodeMode.FULL:
            return self._passed_over()
        # A decoder that failed let go of what was ready.
        self._passed = min(self._passed, len(self._ready))
        while len(self._ready) <= self._passed:
            self._receive()
        self._passed += 1
        if self._passed >= PASSED_MAX:
            self._catch_up()
        return True

    def read(self, room: Pixels | None = None) -> Pixels | None:
        """The next picture."""
        self._catch_up()
        return self._until_shown(lambda decoder: decoder.read(room))

    def ending(self) -> None:
        """A live source promises nothing."""

    def interrupt(self) -> None:
        """Let a read that waits end soon."""
        self._client.interrupt()

    def close(self) -> None:
        """Release the decoder and end the session."""
        if self._decoder is not None:
            self._decoder.close()
            self._decoder = None
        # An error holds what it came through, so this very source too: with it the last seconds would wait for the garbage collector.
        self._trouble = None
        self._client.close()

    def _catch_up(self) -> None:
        """Decode what was passed over."""
        passed, self._passed = self._passed, 0
        for _ in range(passed):
            if self._ready:
                self._passed_over()

    def _passed_over(self) -> bool:
        """Decode a picture without converting it."""
        return self._until_shown(lambda decoder: decoder.skip() or None)

    def _until_shown(self, show: Callable[[StreamDecoder], T | None]) -> T:
        while True:
            decoder = self._decoder or self._begin()
            shown = show(decoder)
            if shown is not None:
                self._owed, self._failures = max(0, self._owed - 1), 0
                self._shown_at = self._clock.now()
                return shown
            self._decoder_ended(decoder)

    def _begin(self) -> StreamDecoder:
        if self._trouble is not None:
            raise self._trouble
        first, self._anew = self._anew, None
        if first is None:
            first = self._next_unit()
            while not first.is_key:
                first = self._next_unit()
        if self._now_playing is not None and first.format != self._now_playing.format:
            self.restarts += 1
        self._now_playing, self._owed = first, 1
        self._decoder = StreamDecoder(first, self._more)
        return self._decoder

    def _decoder_ended(self, decoder: StreamDecoder) -> None:
        decoder.close()
        self._decoder = None
        if decoder.has_ended:
            return
        self._failures += 1
        if self._failures > DECODER_FAILURES_MAX:
            raise SourceError(reason("not-decodable-again", attempts=self._failures))
        self._ready.clear()
        self._assembler.wait_for_key()

    def _more(self) -> AccessUnit | None:
        """The decoder's next unit; None where this decoder's stream ends, for a reason that `_begin` goes on from."""
        if self._mode is not DecodeMode.FULL and self._owed:
            # A decoder that holds pictures back to sort them would show a key picture one or two groups later: end it, and it shows.
            return None
        try:
            unit = self._next_unit()
        except SourceError as error:
            self._trouble = error
            return None
        assert self._now_playing is not None
        if unit.format != self._now_playing.format:
            self._anew = unit
            return None
        self._owed += 1
        return unit

    def _next_unit(self) -> AccessUnit:
        """The next unit to be decoded, waiting for it; raises SourceError."""
        while True:
            while not self._ready:
                self._receive()
            unit = self._ready.popleft()
            if self._is_late(unit):
                self._late += 1
            elif self._mode is DecodeMode.FULL or unit.is_key:
                return unit

    def _is_late(self, unit: AccessUnit) -> bool:
        """True while this machine is too slow for the camera; it ends with a key picture, from which decoding may go on."""
        behind_s = self._client.behind_s(self._clock.now())
        if behind_s > BEHIND_S:
            self._is_behind = True
        elif unit.is_key:
            self._is_behind = False
        return self._is_behind

    def _receive(self) -> None:
        """Read packets until a unit is whole; raises SourceError."""
        now = self._clock.now()
        if now.seconds_since(self._shown_at) > SHOW_S:
            raise SourceError(reason("nothing-to-show", seconds=f"{SHOW_S:.0f}", damaged=self.damaged))
        deadline = now.plus(READ_S)
        while True:
            packet = self._client.next_packet(deadline)
            if packet.payload_type != self._offer.payload_type:
                raise SourceError(reason("other-payload", type=packet.payload_type))
            units = self._assembler.take(packet)
            for unit in units:
                self.packets.add(Packet(unit.data, self._clock.now(), unit.rtp_time, unit.is_key, unit.format))
            self._ready.extend(units)
            if units or packet.has_marker:
                return
