"""What a camera offers, read from its session description. Pure. Called by client.py.

Sources: RFC 8866 (SDP), RFC 2326 C.1 (control), RFC 6184 8.1, RFC 7798 7.1 and RFC 6416 7.1 (parameter sets in `fmtp`).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from edge_ai.errors import SourceError
from edge_ai.reasons import reason
from edge_ai.sources.rtsp.codec import Codec
from edge_ai.sources.rtsp.framing import is_number

LINES_MAX = 1_000
FPS_MAX = 240.0
_SPROP = {Codec.H264: ("sprop-parameter-sets",), Codec.H265: ("sprop-vps", "sprop-sps", "sprop-pps"), Codec.MPEG4: ()}


@dataclass(frozen=True, slots=True)
class VideoOffer:
    """The video stream to be asked for."""

    codec: Codec
    payload_type: int
    control: str
    """Absolute address for SETUP."""
    session_control: str
    """Absolute address for PLAY and what follows."""
    parameter_sets: tuple[bytes, ...]
    """What the description brings already; a stream may bring others."""
    fps: float | None
    """None when the camera does not say."""


@dataclass(slots=True)
class _Media:
    kind: str
    payload_types: list[str]
    attributes: list[tuple[str, str]] = field(default_factory=list)


def read_offer(text: str, base_url: str) -> VideoOffer:
    """The first video stream that can be decoded; raises SourceError naming what is offered instead."""
    session, media = _parts(text)
    offered: list[str] = []
    for entry in media:
        if entry.kind != "video":
            continue
        for payload_type in entry.payload_types:
            name = _value(entry, "rtpmap", payload_type).partition("/")[0].upper() or f"payload type {payload_type}"
            if name in (codec.value for codec in Codec):
                return _offer(entry, Codec(name), payload_type, _joined(base_url, _control(session, "*")))
            offered.append(name)
    told = ", ".join(offered) or reason("no-video")
    raise SourceError(reason("offers-other", offered=told))


def _parts(text: str) -> tuple[_Media, list[_Media]]:
    session = _Media("", [])
    media: list[_Media] = []
    for line in text.splitlines()[:LINES_MAX]:
        key, _, value = line.strip().partition("=")
        words = value.split()
        if key == "m" and len(words) >= 4:
            media.append(_Media(words[0], words[3:]))
        elif key == "a":
            name, _, rest = value.partition(":")
            (media[-1] if media else session).attributes.append((name, rest))
    return session, media


def _offer(entry: _Media, codec: Codec, payload_type: str, session_url: str) -> VideoOffer:
    if not is_number(payload_type) or int(payload_type) > 127:
        raise SourceError(reason("offers-payload", type=repr(payload_type[:16])))
    parameters = _format_parameters(_value(entry, "fmtp", payload_type))
    control = _joined(session_url, _control(entry, ""))
    return VideoOffer(codec, int(payload_type), control, session_url, _parameter_sets(codec, parameters), _fps(entry))


def _format_parameters(text: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}


def _parameter_sets(codec: Codec, parameters: dict[str, str]) -> tuple[bytes, ...]:
    try:
        if codec is Codec.MPEG4:
            config = bytes.fromhex(parameters.get("config", ""))
            return (config,) if config else ()
        texts = [text for name in _SPROP[codec] for text in parameters.get(name, "").split(",")]
        return tuple(data for text in texts if (data := base64.b64decode(text + "=" * (-len(text) % 4), validate=True)))
    except (ValueError, binascii.Error):
        # What comes in the stream itself counts; many cameras describe themselves carelessly.
        return ()


def _value(entry: _Media, name: str, payload_type: str) -> str:
    for key, value in entry.attributes:
        of, _, rest = value.strip().partition(" ")
        if key == name and of == payload_type:
            return rest.strip()
    return ""


def _control(entry: _Media, default: str) -> str:
    return next((value.strip() for key, value in entry.attributes if key == "control"), default)


def _joined(base: str, control: str) -> str:
    if control in ("", "*"):
        return base
    if "://" in control:
        return control
    return base.rstrip("/") + "/" + control.lstrip("/")


def _fps(entry: _Media) -> float | None:
    text = next((value for key, value in entry.attributes if key == "framerate"), "")
    try:
        fps = float(text)
    except ValueError:
        return None
    return fps if 0 < fps <= FPS_MAX else None
