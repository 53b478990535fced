"""The XML of GB/T 28181: queries of a platform read, answers and notices written, in GB 18030 (2016 section 5, annex A). Pure.

Owns the bounds of what is read and how a point of the directory looks as an Item. Refuses document types and entities before the parser
sees them, so nothing can unfold. Called by dialogue.py.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape

from node.gb28181.errors import BodyError

BODY_BYTES_MAX = 16_384
"""A query is a few hundred bytes."""
ELEMENTS_MAX = 64
SN_DIGITS_MAX = 10
ENCODING = "GB18030"
CONTENT_TYPE = "Application/MANSCDP+xml"
PARENTAL, CAMERA_SECRECY = "0", "0"
_DECLARED = re.compile(rb'encoding\s*=\s*["\']([A-Za-z0-9._-]{1,20})["\']')
_CODECS = {"gb2312": "gb18030", "gbk": "gb18030", "gb18030": "gb18030", "utf-8": "utf-8", "utf8": "utf-8"}


@dataclass(frozen=True, slots=True)
class Query:
    """What a platform asks for."""

    command: str
    """CmdType: Catalog, DeviceInfo, DeviceStatus or another."""
    sequence: str
    """SN: the answer repeats it."""
    device: str


def read_query(body: bytes) -> Query:
    """The query in a body; raises BodyError."""
    if len(body) > BODY_BYTES_MAX:
        raise BodyError(f"body of {len(body)} bytes refused: a query has at most {BODY_BYTES_MAX}")
    if b"<!" in body:
        raise BodyError("body refused: it holds a document type, an entity or a comment")
    root = _parsed(body)
    facts = {child.tag: (child.text or "").strip() for child in root}
    sequence, device, command = facts.get("SN", ""), facts.get("DeviceID", ""), facts.get("CmdType", "")
    if root.tag not in ("Query", "Control", "Notify", "Response"):
        raise BodyError(f"body refused: <{root.tag[:20]}> is no query")
    if not (sequence.isascii() and sequence.isdigit() and len(sequence) <= SN_DIGITS_MAX):
        raise BodyError(f"body refused: SN {sequence[:20]!r} is no number")
    if not (len(device) <= 20 and device.isascii() and device.isdigit()):
        raise BodyError(f"body refused: DeviceID {device[:24]!r} is no code")
    return Query(command if root.tag == "Query" else f"{root.tag} {command}", sequence, device)


def _parsed(body: bytes) -> ET.Element:
    declared = _DECLARED.search(body[:200])
    codec = _CODECS.get(declared[1].decode().lower(), "") if declared else "gb18030"
    if not codec:
        raise BodyError("body refused: its encoding is neither GB 18030 nor UTF-8")
    try:
        text = body.decode(codec)
        root = ET.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))  # noqa: S314 - bounded, and without a document type
    except (UnicodeDecodeError, ET.ParseError, ExpatError, ValueError) as error:
        raise BodyError(f"body refused: no XML ({str(error)[:80]})") from None
    if sum(1 for _ in root.iter()) > ELEMENTS_MAX:
        raise BodyError(f"body refused: more than {ELEMENTS_MAX} elements")
    return root


def _document(root: str, facts: Sequence[tuple[str, str]], inner: str = "") -> bytes:
    lines = [f'<?xml version="1.0" encoding="{ENCODING}"?>', f"<{root}>"]
    lines += [f"<{name}>{_text(value)}</{name}>" for name, value in facts]
    return "\r\n".join([*lines, *([inner] if inner else []), f"</{root}>", ""]).encode(ENCODING, "replace")


def _text(value: object) -> str:
    """A value for XML: characters that XML has not are left out."""
    return escape("".join(char for char in str(value) if char.isprintable()))


def keepalive(sequence: int, device: str) -> bytes:
    """The notice that this device is alive (section 9.6)."""
    return _document("Notify", [("CmdType", "Keepalive"), ("SN", str(sequence)), ("DeviceID", device), ("Status", "OK")])


def device_info(query: Query, *, name: str, software: str, channels: int) -> bytes:
    """The answer to DeviceInfo."""
    facts = [
        ("CmdType", "DeviceInfo"), ("SN", query.sequence), ("DeviceID", query.device), ("DeviceName", name), ("Result", "OK"),
        ("Manufacturer", "Yunnao"), ("Model", "Yunnao"), ("Firmware", software), ("Channel", str(channels)),
    ]  # fmt: skip
    return _document("Response", facts)


def device_status(query: Query, *, time_text: str) -> bytes:
    """The answer to DeviceStatus; `time_text` is local time as YYYY-MM-DDThh:mm:ss."""
    facts = [
        ("CmdType", "DeviceStatus"), ("SN", query.sequence), ("DeviceID", query.device), ("Result", "OK"), ("Online", "ONLINE"),
        ("Status", "OK"), ("DeviceTime", time_text), ("Encode", "OFF"), ("Record", "OFF"),
    ]  # fmt: skip
    return _document("Response", facts)


def refused(query: Query) -> bytes:
    """The answer to a query that is not answered here."""
    facts = [("CmdType", query.command), ("SN", query.sequence), ("DeviceID", query.device), ("Result", "ERROR")]
    return _document("Response", facts)


def catalogue_page(query: Query, points: Sequence[Mapping[str, object]], *, total: int, parent: str) -> bytes:
    """One page of the answer to Catalog (annex A.2.6): `total` points in all pages, these in this one."""
    items = "\r\n".join(_item(point, parent) for point in points)
    inner = f'<DeviceList Num="{len(points)}">\r\n{items}\r\n</DeviceList>' if points else '<DeviceList Num="0"></DeviceList>'
    facts = [("CmdType", "Catalog"), ("SN", query.sequence), ("DeviceID", query.device), ("SumNum", str(total))]
    return _document("Response", facts, inner)


def _item(point: Mapping[str, object], parent: str) -> str:
    """Coordinates only in CGCS2000: the standard has no word for another datum, and a platform would draw them wrong."""
    code = str(point["code"])
    facts: list[tuple[str, object]] = [
        ("DeviceID", code), ("Name", point.get("name") or code), ("Manufacturer", point.get("maker") or "-"), ("Model", "-"),
        ("Owner", point.get("owner") or "-"), ("CivilCode", str(point.get("territory") or code)[:6]),
        ("Address", point.get("address") or "-"),
        ("Parental", PARENTAL), ("ParentID", parent), ("SafetyWay", "0"), ("RegisterWay", "1"), ("Secrecy", CAMERA_SECRECY),
        ("Status", "ON" if point.get("state") == "online" else "OFF"),
    ]  # fmt: skip
    if point.get("datum") == "CGCS2000" and point.get("longitude") is not None and point.get("latitude") is not None:
        facts += [("Longitude", point["longitude"]), ("Latitude", point["latitude"])]
    return "<Item>" + "".join(f"<{name}>{_text(value)}</{name}>" for name, value in facts) + "</Item>"
