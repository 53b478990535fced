"""Cameras found on a network, and what each says of its streams: ONVIF over WS-Discovery and HTTP.

Owns the sockets and their deadlines: one question by multicast on a named interface (or to one address), answers for some seconds, then
each camera asked in turn. Refuses redirects, long and slow answers, addresses of other hosts, and more cameras than CAMERAS_MAX. Blocking.
Called by `yunnao camera discover`.
"""

from __future__ import annotations

import http.client
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from node.cameras.credentials import Credentials
from node.cameras.errors import CameraRefused
from node.cameras.onvif_xml import (
    ANSWER_BYTES_MAX,
    GET_PROFILES,
    GET_SERVICES,
    GET_TIME,
    Found,
    Profile,
    ask,
    camera_time,
    get_stream,
    matches,
    media_service,
    probe,
    profiles,
    stream_address,
)
from node.clock import Clock
from sync.model import MICROSECONDS, Instant

MULTICAST = ("239.255.255.250", 3702)
"""WS-Discovery, section 2.4."""
PROBES = 2
"""Datagrams get lost; WS-Discovery asks for a repetition."""
CAMERAS_MAX = 256
DATAGRAM_BYTES_MAX = 65_507
HTTP_S = 5.0
"""Seconds for an answer from the first byte of the question to the last one of the answer."""
CAMERA_S = 20.0
"""Seconds after which a camera that answers each time at the last moment is asked no more."""
SKEW_MAX = timedelta(days=366 * 60)
"""A camera whose clock was never set says 1970 or 2000; its own time is used, whatever it is."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A profile with its address."""

    profile: Profile
    address: str


def discover(clock: Clock, *, interface: str, target: tuple[str, int] = MULTICAST, seconds: float, message_id: str) -> list[Found]:
    """Cameras that answer in so many seconds, each once. `interface` is the IPv4 address to ask from. Raises CameraRefused, OSError."""
    found: dict[str, Found] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        line.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface))
        line.bind((interface, 0))
        for _ in range(PROBES):
            line.sendto(probe(message_id), target)
        until = clock.now().plus(seconds)
        while len(found) < CAMERAS_MAX and (left_s := until.seconds_since(clock.now())) > 0:
            line.settimeout(left_s)
            try:
                data, sender = line.recvfrom(DATAGRAM_BYTES_MAX)
            except TimeoutError:
                break
            for camera in _read(data, message_id, str(sender[0])):
                found.setdefault(camera.endpoint or (camera.services or ("",))[0], camera)
    return list(found.values())


def _read(data: bytes, message_id: str, sender: str) -> list[Found]:
    """What a datagram says; one that cannot be read says nothing, because anybody on the network may send some.

    Nobody speaks for another host: who could would have us ask services of this box or of others, with a proof of the password.
    """
    try:
        found = matches(data, message_id)
    except CameraRefused:
        return []
    return [replace(each, services=tuple(one for one in each.services if urlsplit(one).hostname == sender)) for each in found]


@dataclass(frozen=True, slots=True)
class OnvifCamera:
    """One camera that can be asked."""

    service: str
    """Address of its device service."""
    credentials: Credentials | None
    clock: Clock
    nonce: Callable[[], bytes]

    def streams(self) -> list[Stream]:
        """Its streams with their addresses, without credentials. Raises CameraRefused with the reason."""
        until = self.clock.now().plus(CAMERA_S)
        skew = self._skew()
        media = media_service(self._call(self.service, GET_SERVICES, skew)) or self.service
        found = profiles(self._call(media, GET_PROFILES, skew))
        return [Stream(each, self._stream(media, each.token, skew, until)) for each in found]

    def _stream(self, media: str, token: str, skew: timedelta, until: Instant) -> str:
        if self.clock.now() >= until:
            raise CameraRefused(f"the camera took more than {CAMERA_S:g} s to name its streams: check that it is not overloaded")
        return self._checked(stream_address(self._call(media, get_stream(token), skew)))

    def _skew(self) -> timedelta:
        """How far its clock is from ours: a digest of another time is refused, and GetSystemDateAndTime needs none."""
        try:
            parts = camera_time(self._call(self.service, GET_TIME, timedelta(), with_login=False))
            theirs = datetime(*parts, tzinfo=UTC) if parts is not None else self._now()  # type: ignore[misc, arg-type]
        except (CameraRefused, ValueError):
            return timedelta()
        skew = theirs - self._now()
        return skew if abs(skew) <= SKEW_MAX else timedelta()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.wall_us() / MICROSECONDS, UTC)

    def _call(self, address: str, body: str, skew: timedelta, *, with_login: bool = True) -> bytes:
        created = (self._now() + skew).strftime("%Y-%m-%dT%H:%M:%SZ")
        asked = ask(body, self.credentials if with_login else None, nonce=self.nonce(), created=created)
        return post(self._checked(address), asked)

    def _checked(self, address: str) -> str:
        """Services of a camera are at the camera: an answer does not send us to another host."""
        named = urlsplit(address).hostname
        if named != urlsplit(self.service).hostname:
            raise CameraRefused(
                f"the camera names {str(named)[:80]} as the place of its streams: it is asked at its own address alone; where that is the "
                f"same camera, ask it there"
            )
        return address


def post(address: str, body: bytes) -> bytes:
    """The answer to a SOAP request; faults are answers, too. Raises CameraRefused."""
    parts = urlsplit(address)
    assert parts.hostname is not None, "checked by is_service"
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=HTTP_S)
    headers = {"Content-Type": "application/soap+xml; charset=utf-8", "Connection": "close"}
    try:
        connection.connect()
        with _ended_after(HTTP_S, connection.sock):
            connection.request("POST", parts.path or "/", body, headers)
            answer = connection.getresponse()
            data = answer.read(ANSWER_BYTES_MAX + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = str(error)[:80] or type(error).__name__
        raise CameraRefused(f"{parts.hostname} does not answer ({why}): check that ONVIF is on") from None
    finally:
        connection.close()
    if answer.status == 401:
        raise CameraRefused(f"{parts.hostname} refuses: user or password are wrong (HTTP 401)")
    if answer.status not in (200, 400, 500):
        raise CameraRefused(f"{parts.hostname} answers HTTP {answer.status}: check that ONVIF is on")
    return data


@contextmanager
def _ended_after(seconds: float, line: socket.socket) -> Iterator[None]:
    """End what is said on `line` after so many seconds: its own timeout begins anew with each byte, and a liar sends one now and then."""
    # A TLS socket cannot be copied, its descriptor can.
    with socket.socket(fileno=os.dup(line.fileno())) as held:
        watch = threading.Timer(seconds, _hang_up, [held])
        watch.start()
        try:
            yield
        finally:
            watch.cancel()
            watch.join()


def _hang_up(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
