"""One RTSP session over TCP: the only module of this package that opens a socket to a camera.

Every open has 5 s in all and every wait for a packet the caller's deadline; the password is only in `Login`. Called by
edge_ai/sources/opening.py. Sources: RFC 2326 (RTSP 1.0), 10.12 (interleaved).
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
from collections import deque
from random import Random

from edge_ai.clock import Clock
from edge_ai.errors import SourceError
from edge_ai.reasons import reason, system_reason
from edge_ai.sources.rtsp.address import Address, Credentials
from edge_ai.sources.rtsp.digest import Login, read_challenge
from edge_ai.sources.rtsp.framing import VERSION, Interleaved, Message, RtspReader, encode_message
from edge_ai.sources.rtsp.rtp import RtpPacket, read_rtp
from edge_ai.sources.rtsp.sdp import VideoOffer, read_offer
from sync.model import Instant

OPEN_S = 5.0
"""Seconds from the first packet to the answer to PLAY."""
CLOSE_S = 0.5
"""Seconds a camera has to take TEARDOWN."""
SESSION_S = 60.0
"""Timeout of a session whose camera names none (RFC 2326 12.37)."""
SESSION_S_MIN = 5.0
KEEP_ALIVE_SHARE = 0.4
"""Part of the session's timeout after which it is renewed."""
PLACES_MAX = 4
"""Numbers of one name that are tried, each for its part of OPEN_S."""
RECEIVE_BYTES = 65_536
EARLY_PACKETS_MAX = 4_096
"""Packets that may come before the answer to PLAY."""
AGENT = "yunnao"
_TIMEOUT = re.compile(r"timeout\s*=\s*(\d{1,6})")


class RtspClient:
    """The client's end of one session; for one thread, but `interrupt` may come from any."""

    def __init__(self, address: Address, credentials: Credentials | None, clock: Clock, rng: Random) -> None:
        self._address = address
        self._credentials = credentials
        self._clock = clock
        self._rng = rng
        self._reader = RtspReader()
        self._early: deque[RtpPacket] = deque(maxlen=EARLY_PACKETS_MAX)
        self._socket: socket.socket | None = None
        self._login: Login | None = None
        self._sequence = 0
        self._session = ""
        self._session_s = SESSION_S
        self._renewed_at = self._caught_up_at = clock.now()
        self._can_get = False
        self._channel = 0
        self._control = address.url
        self._is_interrupted = False

    def open(self) -> VideoOffer:
        """Connect, log in and let it play; raises SourceError within OPEN_S."""
        deadline = self._clock.now().plus(OPEN_S)
        try:
            self._connect(deadline)
            return self._begin(deadline)
        except OSError as error:
            self.close()
            raise SourceError(reason("no-connection", what=system_reason(error))) from error
        except SourceError:
            self.close()
            raise

    def next_packet(self, deadline: Instant) -> RtpPacket:
        """The next packet of the video; raises SourceError when none came by `deadline` or the camera ended."""
        self._renew()
        while not self._early:
            item = self._next_item(deadline)
            if isinstance(item, Interleaved):
                self._keep(item)
            else:
                self._heard(item)
        return self._early.popleft()

    def behind_s(self, now: Instant) -> float:
        """Seconds for which more has been waiting than was read: how old the packets may be that come now, at most."""
        return now.seconds_since(self._caught_up_at)

    def interrupt(self) -> None:
        """End whatever waits, from any thread."""
        self._is_interrupted = True
        if (connection := self._socket) is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Say goodbye if there is somebody, and let go of the socket; may be called twice."""
        connection, self._socket = self._socket, None
        if connection is None:
            return
        with contextlib.suppress(OSError):
            if self._session and not self._is_interrupted:
                connection.settimeout(CLOSE_S)
                connection.sendall(self._request("TEARDOWN", self._control))
        connection.close()

    def _connect(self, deadline: Instant) -> None:
        places = socket.getaddrinfo(self._address.host, self._address.port, type=socket.SOCK_STREAM)[:PLACES_MAX]
        for place in places:
            self._socket = socket.socket(place[0], socket.SOCK_STREAM)
            try:
                self._socket.settimeout(self._left(deadline) / len(places))
                self._socket.connect(place[4])
                break
            except OSError:
                self._socket.close()
                self._socket = None
                if place is places[-1]:
                    raise
        assert self._socket is not None, "the last place connected or raised"
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._is_interrupted:
            raise SourceError(reason("opening-interrupted"))

    def _begin(self, deadline: Instant) -> VideoOffer:
        url = self._address.url
        self._can_get = "GET_PARAMETER" in self._ask("OPTIONS", url, deadline).header("public").upper()
        described = self._ask("DESCRIBE", url, deadline, {"Accept": "application/sdp"})
        base = described.header("content-base") or described.header("content-location") or url
        offer = read_offer(described.body.decode("utf-8", "replace"), base)
        transport = {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"}
        self._take_setup(self._ask("SETUP", offer.control, deadline, transport))
        self._control = offer.session_control
        self._ask("PLAY", self._control, deadline, {"Range": "npt=0.000-"})
        self._renewed_at = self._clock.now()
        return offer

    def _take_setup(self, answer: Message) -> None:
        session, _, rest = answer.header("session").partition(";")
        if not session.strip():
            raise SourceError(reason("no-session"))
        self._session = session.strip()
        if found := _TIMEOUT.search(rest):
            self._session_s = max(SESSION_S_MIN, float(found[1]))
        if channel := re.search(r"interleaved\s*=\s*(\d{1,3})", answer.header("transport")):
            self._channel = int(channel[1])

    def _ask(self, method: str, url: str, deadline: Instant, headers: dict[str, str] | None = None) -> Message:
        """Send a request and wait for its answer, logging in where the camera asks for it."""
        answer = self._exchange(method, url, deadline, headers or {})
        if answer.status == 401 and self._credentials is not None:
            challenge = read_challenge(answer.all_of("www-authenticate"))
            if self._login is None or challenge.is_stale:
                self._login = Login(self._credentials, challenge, self._rng)
                answer = self._exchange(method, url, deadline, headers or {})
        if answer.status == 401:
            raise SourceError(reason("login-wanted" if self._credentials is None else "login-refused"))
        if not 200 <= answer.status < 300:
            way_out = reason(_WAYS_OUT.get(answer.status, "check-path"))
            raise SourceError(reason("answers", method=method, status=answer.status, words=answer.first[2][:60], way_out=way_out))
        return answer

    def _exchange(self, method: str, url: str, deadline: Instant, headers: dict[str, str]) -> Message:
        self._send(self._request(method, url, headers), deadline)
        wanted = str(self._sequence)
        for _ in range(EARLY_PACKETS_MAX):
            item = self._next_item(deadline)
            if isinstance(item, Interleaved):
                self._keep(item)
            elif item.is_response and item.header("cseq") in (wanted, ""):
                return item
            else:
                self._heard(item)
        raise SourceError(reason("no-answer-to", messages=EARLY_PACKETS_MAX, method=method))

    def _request(self, method: str, url: str, headers: dict[str, str] | None = None) -> bytes:
        self._sequence += 1
        lines = {"CSeq": str(self._sequence), "User-Agent": AGENT, **(headers or {})}
        if self._session:
            lines["Session"] = self._session
        if self._login is not None:
            lines["Authorization"] = self._login.header(method, url)
        return encode_message(f"{method} {url} {VERSION}", lines)

    def _renew(self) -> None:
        """Keep the session alive; the answer is read among the packets."""
        now = self._clock.now()
        if now.seconds_since(self._renewed_at) >= self._session_s * KEEP_ALIVE_SHARE:
            self._renewed_at = now
            self._send(self._request("GET_PARAMETER" if self._can_get else "OPTIONS", self._control), now.plus(OPEN_S))

    def _heard(self, message: Message) -> None:
        """A message between packets: the answer to a renewal, or a request of the camera."""
        if not message.is_response:
            self._send(encode_message(f"{VERSION} 501 Not Implemented", {"CSeq": message.header("cseq")}), self._clock.now().plus(OPEN_S))
        elif message.status == 454:
            raise SourceError(reason("session-forgotten"))
        elif message.status == 401 and self._credentials is not None:
            # Its nonce grew old; the next renewal, still within the session's time, uses the new one.
            self._login = Login(self._credentials, read_challenge(message.all_of("www-authenticate")), self._rng)

    def _keep(self, item: Interleaved) -> None:
        if item.channel == self._channel and (packet := read_rtp(item.data)) is not None:
            self._early.append(packet)

    def _send(self, data: bytes, deadline: Instant) -> None:
        connection = self._connected()
        try:
            connection.settimeout(self._left(deadline))
            connection.sendall(data)
        except OSError as error:
            raise SourceError(reason("connection-broke", what=system_reason(error))) from error

    def _next_item(self, deadline: Instant) -> Message | Interleaved:
        while (item := self._reader.next_item()) is None:
            connection = self._connected()
            try:
                if not _has_bytes(connection):
                    self._caught_up_at = self._clock.now()
                connection.settimeout(self._left(deadline))
                data = connection.recv(RECEIVE_BYTES)
            except TimeoutError as error:
                raise SourceError(reason("silent")) from error
            except OSError as error:
                raise SourceError(reason("connection-broke", what=system_reason(error))) from error
            if not data:
                raise SourceError(reason("reading-interrupted" if self._is_interrupted else "connection-closed"))
            self._reader.feed(data)
        return item

    def _connected(self) -> socket.socket:
        if self._socket is None or self._is_interrupted:
            raise SourceError(reason("reading-interrupted"))
        return self._socket

    def _left(self, deadline: Instant) -> float:
        left_s = deadline.seconds_since(self._clock.now())
        if left_s <= 0:
            raise SourceError(reason("silent"))
        return left_s


def _has_bytes(connection: socket.socket) -> bool:
    """True when a read would not wait."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


_WAYS_OUT = {
    403: "allow-user",
    404: "check-path",
    453: "no-bandwidth",
    461: "allow-tcp",
    503: "no-place",
}
