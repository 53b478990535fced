"""Cameras found on a network, and what each says of its streams: ONVIF over WS-Discovery and HTTP.

Owns the sockets and their deadlines: one question by multicast on a named interface (or to one address), answers for some seconds, then
each camera asked in turn. Refuses redirects, long answers and more cameras than CAMERAS_MAX. Blocking. Called by `yunnao camera discover`.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from dataclasses import dataclass
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
from sync.model import MICROSECONDS

MULTICAST = ("239.255.255.250", 3702)
"""WS-Discovery, section 2.4."""
PROBES = 2
"""Datagrams get lost; WS-Discovery asks for a repetition."""
CAMERAS_MAX = 256
DATAGRAM_BYTES_MAX = 65_507
HTTP_S = 5.0
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
                data, _ = line.recvfrom(DATAGRAM_BYTES_MAX)
            except TimeoutError:
                break
            for camera in _read(data, message_id):
                found.setdefault(camera.endpoint or (camera.services or ("",))[0], camera)
    return list(found.values())


def _read(data: bytes, message_id: str) -> list[Found]:
    """What a datagram says; one that cannot be read says nothing, because anybody on the network may send some."""
    try:
        return matches(data, message_id)
    except CameraRefused:
        return []


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
        skew = self._skew()
        media = media_service(self._call(self.service, GET_SERVICES, skew)) or self.service
        found = profiles(self._call(media, GET_PROFILES, skew))
        return [Stream(each, stream_address(self._call(media, get_stream(each.token), skew))) for each in found]

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
            raise CameraRefused(f"the camera names {named} as the place of its streams: it is asked at its own address alone")
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
