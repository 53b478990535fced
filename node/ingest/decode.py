"""From a message to readings: one entry for every format. Pure; called by node/ingest/intake.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from node.ingest.hj212.packet import decode_hj212
from node.ingest.json_messages import decode_object, decode_readings
from node.ingest.jt808.location import decode_jt808
from node.ingest.profiles import Format, Profile
from node.ingest.senml import Record, readings_of
from node.ingest.senml_formats import parse_cbor, parse_json, parse_msgpack, parse_xml
from node.ingest.sink import Reading
from node.ingest.sl651.packet import decode_sl651

Decoder = Callable[[Profile, str, bytes, int], list[Reading]]


def _senml(parse: Callable[[bytes], Sequence[Record]]) -> Decoder:
    def decode_pack(profile: Profile, topic: str, payload: bytes, received_us: int) -> list[Reading]:
        return readings_of(parse(payload), profile, topic, received_us)

    return decode_pack


DECODERS: dict[Format, Decoder] = {
    Format.READING: decode_readings,
    Format.JSON: decode_object,
    Format.SENML: _senml(parse_json),
    Format.SENML_CBOR: _senml(parse_cbor),
    Format.SENML_XML: _senml(parse_xml),
    Format.SENML_MSGPACK: _senml(parse_msgpack),
    Format.HJ212: decode_hj212,
    Format.JT808: decode_jt808,
    Format.SL651: decode_sl651,
}


def decode(profile: Profile, topic: str, payload: bytes, received_us: int) -> list[Reading]:
    """The readings of one message of `profile`; raises DecodeError, and nothing else whatever the bytes are."""
    if profile.reader is not None:
        readings = profile.reader.readings(profile, topic, payload, received_us)
    elif profile.format is Format.READING:
        # By far the commonest at the door, and an enum's hash costs as much as reading a number.
        readings = decode_readings(profile, topic, payload, received_us)
    else:
        readings = DECODERS[profile.format](profile, topic, payload, received_us)
    return readings if profile.rules is None else profile.rules.applied(readings)
