"""The SOAP of ONVIF as bytes: what is asked of cameras, and what their answers say. Pure.

Owns the bounds of what is read. Refuses document types before the parser sees them, so that nothing unfolds, and documents of more elements
than a camera has reason to send. Sources: WS-Discovery (2005/04), WS-Security UsernameToken Profile 1.0, ONVIF Core and Media
specifications. Called by discovery.py and the verb `camera discover`.
"""

from __future__ import annotations

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

from node.cameras.credentials import Credentials, shown, split_credentials
from node.cameras.errors import CameraRefused

ANSWER_BYTES_MAX = 262_144
ELEMENTS_MAX = 5_000
PROFILES_MAX = 16
ADDRESSES_MAX = 8
TEXT_CHARS_MAX = 512

_ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"
_DEVICE, _MEDIA = "http://www.onvif.org/ver10/device/wsdl", "http://www.onvif.org/ver10/media/wsdl"
_SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_UTILITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"


@dataclass(frozen=True, slots=True)
class Found:
    """A camera that answered a probe."""

    endpoint: str
    """What it calls itself, for good."""
    services: tuple[str, ...]
    """Addresses of its device service."""
    name: str
    hardware: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A stream of a camera."""

    token: str
    name: str
    codec: str
    width: int
    height: int


def probe(message_id: str) -> bytes:
    """A question for video transmitters on the network."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?><e:Envelope xmlns:e="{_ENVELOPE}" '
        'xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:n="http://www.onvif.org/ver10/network/wsdl"><e:Header>'
        f"<w:MessageID>uuid:{message_id}</w:MessageID><w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>"
        "<w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header>"
        "<e:Body><d:Probe><d:Types>n:NetworkVideoTransmitter</d:Types></d:Probe></e:Body></e:Envelope>"
    ).encode()


def matches(data: bytes, message_id: str) -> list[Found]:
    """The cameras in an answer to our probe; none where it answers another. Raises CameraRefused."""
    root = parsed(data)
    if message_id not in _text(root, "RelatesTo"):
        return []
    return [_found(match) for match in _named(root, "ProbeMatch")]


def _found(match: ET.Element) -> Found:
    words = [unquote(scope) for scope in _text(match, "Scopes").split()[:64]]
    services = [address for address in _text(match, "XAddrs").split()[:ADDRESSES_MAX] if is_service(address)]
    return Found(_text(match, "Address"), tuple(services), _scope(words, "name"), _scope(words, "hardware"))


def is_service(address: str) -> bool:
    """True for an address that may be asked: HTTP, with a host, and no credentials of its own."""
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None and len(address) <= TEXT_CHARS_MAX
    except ValueError:
        return False


def _scope(words: list[str], kind: str) -> str:
    head = f"onvif://www.onvif.org/{kind}/"
    return next((word.removeprefix(head)[:TEXT_CHARS_MAX] for word in words if word.startswith(head)), "")


def ask(body: str, credentials: Credentials | None, *, nonce: bytes, created: str) -> bytes:
    """A request with a digest of the password where there is one; `created` is UTC as YYYY-MM-DDThh:mm:ssZ."""
    head = ""
    if credentials is not None:
        proof = base64.b64encode(hashlib.sha1(nonce + created.encode() + credentials.password.encode(), usedforsecurity=False).digest())
        head = (
            f'<e:Header><s:Security xmlns:s="{_SECURITY}" e:mustUnderstand="1"><s:UsernameToken>'
            f'<s:Username>{escape(credentials.user)}</s:Username><s:Password Type="{_DIGEST}">{proof.decode()}</s:Password>'
            f'<s:Nonce>{base64.b64encode(nonce).decode()}</s:Nonce><u:Created xmlns:u="{_UTILITY}">{created}</u:Created>'
            "</s:UsernameToken></s:Security></e:Header>"
        )
    return f'<?xml version="1.0" encoding="utf-8"?><e:Envelope xmlns:e="{_ENVELOPE}">{head}<e:Body>{body}</e:Body></e:Envelope>'.encode()


GET_TIME = f'<GetSystemDateAndTime xmlns="{_DEVICE}"/>'
GET_SERVICES = f'<GetCapabilities xmlns="{_DEVICE}"><Category>Media</Category></GetCapabilities>'
GET_PROFILES = f'<GetProfiles xmlns="{_MEDIA}"/>'


def get_stream(token: str) -> str:
    """The question for the address of a profile, by RTSP over TCP."""
    schema = "http://www.onvif.org/ver10/schema"
    way = f'<Stream xmlns="{schema}">RTP-Unicast</Stream><Transport xmlns="{schema}"><Protocol>RTSP</Protocol></Transport>'
    return f'<GetStreamUri xmlns="{_MEDIA}"><StreamSetup>{way}</StreamSetup><ProfileToken>{escape(token)}</ProfileToken></GetStreamUri>'


def media_service(data: bytes) -> str:
    """The address of the media service; empty when the answer names none. Raises CameraRefused."""
    media = next(_named(_answer(data), "Media"), None)
    address = _text(media, "XAddr") if media is not None else ""
    return address if is_service(address) else ""


def profiles(data: bytes) -> list[Profile]:
    """The streams in an answer to GetProfiles. Raises CameraRefused."""
    found = []
    for node in list(_named(_answer(data), "Profiles"))[:PROFILES_MAX]:
        video = next(_named(node, "VideoEncoderConfiguration"), None)
        size = [_text(video, key) if video is not None else "" for key in ("Width", "Height")]
        width, height = (int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0 for text in size)
        token = node.get("token", "")[:TEXT_CHARS_MAX]
        if token:
            found.append(Profile(token, _text(node, "Name"), _text(video, "Encoding") if video is not None else "", width, height))
    return found


def stream_address(data: bytes) -> str:
    """The RTSP address in an answer, without credentials. Raises CameraRefused for anything else."""
    address = _text(_answer(data), "Uri")
    if not address.startswith(("rtsp://", "rtsps://")):
        raise CameraRefused(f"the camera gives {shown(address)[:80]!r} as its stream, which is no RTSP address")
    return split_credentials(address)[0]


def camera_time(data: bytes) -> tuple[int, ...] | None:
    """Year, month, day, hour, minute, second UTC of the camera's clock; None where it does not say. Raises CameraRefused."""
    utc = next(_named(_answer(data), "UTCDateTime"), None)
    if utc is None:
        return None
    words = [_text(utc, key) for key in ("Year", "Month", "Day", "Hour", "Minute", "Second")]
    return tuple(int(word) for word in words) if all(word.isascii() and word.isdigit() and len(word) <= 4 for word in words) else None


def parsed(data: bytes) -> ET.Element:
    """A document of a camera. Raises CameraRefused."""
    if len(data) > ANSWER_BYTES_MAX:
        raise CameraRefused(f"an answer of more than {ANSWER_BYTES_MAX} bytes refused: that is no ONVIF camera")
    if b"<!" in data or b"\x00" in data:
        raise CameraRefused("an answer with a document type, an entity or a comment refused: that is no ONVIF camera")
    try:
        root = ET.fromstring(data)  # noqa: S314 - bounded, and without a document type
    except (ET.ParseError, ValueError, LookupError) as error:
        raise CameraRefused(f"an answer that is no XML refused ({str(error)[:80]})") from None
    if sum(1 for _ in root.iter()) > ELEMENTS_MAX:
        raise CameraRefused(f"an answer of more than {ELEMENTS_MAX} elements refused: that is no ONVIF camera")
    return root


def _answer(data: bytes) -> ET.Element:
    root = parsed(data)
    fault = next(_named(root, "Fault"), None)
    if fault is not None:
        words = " ".join(" ".join(fault.itertext()).split())[:160]
        hint = ": user or password are wrong, or its clock is" if re.search("NotAuthorized|not authorized|Unauthorized", words) else ""
        raise CameraRefused(f"the camera refuses ({words}){hint}")
    return root


def _named(root: ET.Element, name: str) -> Iterator[ET.Element]:
    """Elements of a local name, whatever their namespace: cameras differ in versions."""
    return (node for node in root.iter() if isinstance(node.tag, str) and node.tag.rpartition("}")[2] == name)


def _text(root: ET.Element, name: str) -> str:
    node = next(_named(root, name), None)
    words = " ".join((node.text or "").split()) if node is not None else ""
    return "".join(char for char in words if char.isprintable())[: TEXT_CHARS_MAX * ADDRESSES_MAX]
