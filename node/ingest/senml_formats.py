"""The four encodings of a SenML pack, each made into records with JSON labels. Called by node/ingest/decode.py.

XML with a document type is refused, so no entity is ever expanded.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from xml.parsers import expat

import cbor2
import msgspec

from node.ingest.errors import DecodeError
from node.ingest.fields import READINGS_PER_MESSAGE_MAX
from node.ingest.senml import Record

CBOR_LABELS = {
    -1: "bver",
    -2: "bn",
    -3: "bt",
    -4: "bu",
    -5: "bv",
    -6: "bs",
    0: "n",
    1: "u",
    2: "v",
    3: "vs",
    4: "vb",
    5: "s",
    6: "t",
    7: "ut",
    8: "vd",
}
"""RFC 8428 table 4."""

CBOR_DEPTH_MAX = 8
"""Nested containers of a CBOR pack; SenML needs two."""

XML_NAMESPACE = "urn:ietf:params:xml:ns:senml"

_XML_NUMBERS = frozenset({"bt", "bv", "bs", "v", "s", "t", "ut"})

_JSON = msgspec.json.Decoder()
_MSGPACK = msgspec.msgpack.Decoder()


def parse_json(payload: bytes) -> Sequence[Record]:
    """Records of a JSON pack (RFC 8428 section 5); raises DecodeError."""
    try:
        return _checked_pack(_JSON.decode(payload))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError("not_json", str(error)) from None


def parse_msgpack(payload: bytes) -> list[Record]:
    """Records of a MessagePack pack with JSON labels (not in the RFC, common in libraries); nulls count as absent."""
    try:
        return [_without_nulls(record) for record in _checked_pack(_MSGPACK.decode(payload))]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise DecodeError("not_msgpack", str(error)) from None


def parse_cbor(payload: bytes) -> list[Record]:
    """Records of a CBOR pack (section 6); integer and text labels are taken, nulls count as absent, bytes become base64url text."""
    try:
        content = cbor2.loads(payload, max_depth=CBOR_DEPTH_MAX)
    except (cbor2.CBORDecodeError, ValueError, TypeError, OverflowError, RecursionError, MemoryError) as error:
        raise DecodeError("not_cbor", str(error)) from None
    return [
        _without_nulls({_cbor_label(label): _cbor_value(value) for label, value in record.items()})
        for record in _checked_pack(content, any_labels=True)
    ]


def _checked_pack(content: object, *, any_labels: bool = False) -> list[dict[str, object]]:
    if not isinstance(content, list):
        raise DecodeError("not_a_pack", f"a SenML pack is an array, not {type(content).__name__}")
    if len(content) > READINGS_PER_MESSAGE_MAX:
        raise DecodeError("too_many_readings", f"{len(content)} records; at most {READINGS_PER_MESSAGE_MAX} in a pack")
    for record in content:
        if not isinstance(record, dict):
            raise DecodeError("not_a_pack", f"a SenML record is an object, not {type(record).__name__}")
        if not any_labels and not all(isinstance(label, str) for label in record):
            raise DecodeError("bad_field", "labels of a SenML record are text")
    return content


def _without_nulls(record: Record) -> Record:
    return {label: value for label, value in record.items() if value is not None}


def _cbor_label(label: object) -> str:
    if isinstance(label, str):
        return label
    if isinstance(label, int) and not isinstance(label, bool) and label in CBOR_LABELS:
        return CBOR_LABELS[label]
    return f"unknown{label!s:.20}"


def _cbor_value(value: object) -> object:
    if isinstance(value, bytes):
        return base64.urlsafe_b64encode(value).decode().rstrip("=")
    return value


def parse_xml(payload: bytes) -> list[Record]:
    """Records of an XML pack (section 7); raises DecodeError, also for any document type declaration."""
    records: list[Record] = []
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True

    def refuse_doctype(*_: object) -> None:
        raise DecodeError("xml_doctype", "a document type is not allowed in SenML")

    def start(name: str, attributes: dict[str, str]) -> None:
        if not records and name == f"{XML_NAMESPACE} sensml":
            return
        if name != f"{XML_NAMESPACE} senml":
            raise DecodeError("not_senml_xml", f"element {name[:80]!r} is not SenML")
        if len(records) == READINGS_PER_MESSAGE_MAX:
            raise DecodeError("too_many_readings", f"more than {READINGS_PER_MESSAGE_MAX} records in a pack")
        records.append({label: _xml_value(label, value) for label, value in attributes.items()})

    parser.StartDoctypeDeclHandler = refuse_doctype
    parser.StartElementHandler = start
    try:
        parser.Parse(payload, True)
    except expat.ExpatError as error:
        raise DecodeError("not_xml", str(error)) from None
    return records


def _xml_value(label: str, value: str) -> object:
    try:
        if label in _XML_NUMBERS:
            return float(value)
        if label == "bver":
            return int(value)
    except ValueError:
        raise DecodeError("bad_field", f"SenML field {label} must be a number, not {value[:40]!r}") from None
    if label == "vb":
        return {"true": True, "false": False}.get(value, value)
    return value
